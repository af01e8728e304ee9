package stacks

import (
	"github.com/evenkeel/evenkeel/infra/constructs/alarm"
	"github.com/evenkeel/evenkeel/infra/constructs/edge"
	"github.com/evenkeel/evenkeel/infra/constructs/waf"
)

// newEdge makes the stack of us-east-1: the distribution and what CloudFront and CloudWatch
// look for there alone. It names what is in the environment's region and refers to nothing
// of it but a VPC origin, whose id AWS chooses.
func (b *builder) newEdge() error {
	env := b.Environment
	if !env.Edge.Present() {
		return nil
	}
	b.edgeStack = b.stack("edge", edgeRegion, "CloudFront distribution of "+env.App+" "+env.Name)
	stack := b.edgeStack
	subjects := alarm.Subjects{}
	props := edge.Props{
		Environment:  env,
		OriginDomain: originLabel + env.Domain,
		VPCOriginID:  b.vpcOrigin,
		HostedZoneID: env.DNS.ZoneID,
	}
	for _, f := range b.data.Files {
		props.Files = append(props.Files, edge.FileOrigin{Path: f.Path, BucketName: f.BucketName, Region: env.AWS.Region})
	}
	if env.WAF.Present() {
		acl, err := waf.New(stack, "Firewall", waf.Props{Environment: env, Scope: waf.Cloudfront})
		if err != nil {
			return err
		}
		props.WebACLARN = acl.ARN
		subjects.WebACL = &alarm.WebACL{MetricName: acl.Name}
	}
	made, err := edge.New(stack, "Edge", props)
	if err != nil {
		return err
	}
	stack.AddStackDependency(b.balancerStack, new("CloudFront tries its origin's name"))
	subjects.Certificates = []alarm.Certificate{{Name: "edge", ARN: made.CertificateARN}}
	subjects.Distribution = &alarm.Distribution{ID: made.DistributionID}
	topic := alarm.NewTopic(stack, "Topic", alarm.TopicProps{Environment: env, Name: alarm.EdgeTopicName})
	alarm.New(stack, "Alarms", alarm.Props{Environment: env, Subjects: subjects, TopicARN: topic.ARN})
	output(stack, "Address", "Where people reach the application", "https://"+env.Domain+"/")
	output(stack, "Distribution", "The CloudFront distribution", made.DistributionID)
	b.edge = made
	b.edgeACL = subjects.WebACL
	return nil
}
