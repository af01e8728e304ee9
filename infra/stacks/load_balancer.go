package stacks

import (
	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	cf "github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	route53 "github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/constructs/loadbalancer"
	"github.com/evenkeel/evenkeel/infra/constructs/waf"
	"github.com/evenkeel/evenkeel/spec"
)

// originLabel begins the name by which CloudFront reaches the load balancer: origin.<domain>.
const originLabel = "origin."

func (b *builder) newLoadBalancer() error {
	env := b.Environment
	stack := b.stack("load-balancer", env.AWS.Region, "Application Load Balancer of "+env.App+" "+env.Name)
	subnets := b.network.PublicSubnets
	if env.LoadBalancer.Scheme == spec.SchemeInternal {
		subnets = b.network.PrivateSubnets
	}
	b.balancerStack = stack
	props := loadbalancer.Props{
		Environment:   env,
		VPCID:         b.network.ID,
		Subnets:       subnets,
		SecurityGroup: b.network.Groups.LoadBalancer,
	}
	if b.health != nil {
		props.Aggregate = &loadbalancer.Aggregate{Path: spec.AggregatePath, TargetGroupARN: b.health.TargetGroupARN}
	}
	b.balancer = loadbalancer.New(stack, "LoadBalancer", props)
	if env.WAF.Present() && !env.Edge.Present() {
		// Behind an edge the firewall is there, where it sees who the client is.
		var err error
		if b.acl, err = waf.New(stack, "Firewall", waf.Props{Environment: env, Scope: waf.Regional}); err != nil {
			return err
		}
		b.acl.Associate(stack, "FirewallAssociation", b.balancer.ARN)
	}
	if env.Edge.Present() && env.LoadBalancer.Scheme == spec.SchemeInternal {
		b.newVPCOrigin(stack)
	}
	if env.DNS.ZoneID != "" && env.Domain != "" {
		name := env.Domain
		if env.Edge.Present() {
			name = originLabel + env.Domain
		}
		b.record(stack, "Record", name, route53.RecordType_A)
		if env.LoadBalancer.IPAddressType != spec.IPAddressTypeIPv4 {
			b.record(stack, "RecordIPv6", name, route53.RecordType_AAAA)
		}
		output(stack, "OriginName", "The name that leads to the load balancer itself", name)
	}
	output(stack, "DNSName", "The load balancer's own name", b.balancer.DNSName)
	output(stack, "ARN", "The load balancer", b.balancer.ARN)
	for i := range env.TargetGroups {
		name := env.TargetGroups[i].Name
		output(stack, "TargetGroup-"+name, "Target group "+name, b.balancer.TargetGroups[name].ARN)
	}
	return nil
}

// newVPCOrigin lets CloudFront into the network, to a load balancer that nobody else reaches.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-vpc-origins.html
func (b *builder) newVPCOrigin(stack cdk.Stack) {
	origin := cf.NewCfnVpcOrigin(stack, new("VPCOrigin"), &cf.CfnVpcOriginProps{
		VpcOriginEndpointConfig: &cf.CfnVpcOrigin_VpcOriginEndpointConfigProperty{
			Name:                 new(b.Environment.ResourceName("load-balancer")),
			Arn:                  &b.balancer.ARN,
			HttpsPort:            jsii.Number(443),
			OriginProtocolPolicy: new("https-only"),
			OriginSslProtocols:   jsii.Strings("TLSv1.2"),
		},
	})
	b.vpcOrigin = *origin.AttrId()
}

// record points a name at the load balancer.
func (b *builder) record(stack cdk.Stack, id, name string, kind route53.RecordType) {
	route53.NewCfnRecordSet(stack, &id, &route53.CfnRecordSetProps{
		HostedZoneId: &b.Environment.DNS.ZoneID,
		Name:         &name,
		Type:         new(string(kind)),
		AliasTarget: &route53.CfnRecordSet_AliasTargetProperty{
			DnsName: &b.balancer.DNSName, HostedZoneId: &b.balancer.HostedZoneID, EvaluateTargetHealth: new(true),
		},
	})
}
