package edge

import (
	route53 "github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	targets "github.com/aws/aws-cdk-go/awscdk/v2/awsroute53targets"
	"github.com/aws/constructs-go/constructs/v10"
)

// newRecords points the domain to the distribution, over IPv4 and IPv6.
//
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-to-cloudfront-distribution.html
func newRecords(this constructs.Construct, props Props, distribution string) {
	for _, kind := range []string{"A", "AAAA"} {
		route53.NewCfnRecordSet(this, new("Record-"+kind), &route53.CfnRecordSetProps{
			HostedZoneId: &props.HostedZoneID,
			Name:         new(props.Environment.Domain + "."),
			Type:         new(kind),
			AliasTarget: &route53.CfnRecordSet_AliasTargetProperty{
				DnsName: &distribution,
				// All distributions are in this zone of CloudFront's.
				HostedZoneId:         targets.CloudFrontTarget_CLOUDFRONT_ZONE_ID(),
				EvaluateTargetHealth: new(false),
			},
		})
	}
}
