package loadbalancer

import (
	"maps"
	"slices"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	iam "github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	s3 "github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/spec"
)

// logBuckets makes every bucket that logs are to go to, once, and returns their policies.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
func logBuckets(this constructs.Construct, env *spec.Environment) []cdk.CfnResource {
	a := &env.LoadBalancer.Attributes
	prefixes := map[string][]string{}
	for _, logs := range []spec.LogBucket{a.AccessLogs, a.ConnectionLogs, a.HealthCheckLogs} {
		if logs.Bucket != "" && !slices.Contains(prefixes[logs.Bucket], logs.Prefix) {
			prefixes[logs.Bucket] = append(prefixes[logs.Bucket], logs.Prefix)
		}
	}
	var policies []cdk.CfnResource
	for _, name := range slices.Sorted(maps.Keys(prefixes)) {
		bucket := s3.NewBucket(this, new("Logs-"+name), &s3.BucketProps{
			BucketName: &name,
			// The load balancer writes with S3's own keys and with no others.
			Encryption:        s3.BucketEncryption_S3_MANAGED,
			BlockPublicAccess: s3.BlockPublicAccess_BLOCK_ALL(),
			EnforceSSL:        new(true),
			MinimumTLSVersion: jsii.Number(1.2),
			ObjectOwnership:   s3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
			RemovalPolicy:     cdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE,
			LifecycleRules: &[]*s3.LifecycleRule{{
				Id:                                  new("expire"),
				Expiration:                          cdk.Duration_Days(jsii.Number(env.AWS.LogRetentionDays)),
				AbortIncompleteMultipartUploadAfter: cdk.Duration_Days(jsii.Number(1)),
			}},
		})
		var objects []*string
		for _, prefix := range prefixes[name] {
			path := "AWSLogs/" + env.AWS.Account + "/*"
			if prefix != "" {
				path = prefix + "/" + path
			}
			objects = append(objects, bucket.ArnForObjects(&path))
		}
		bucket.AddToResourcePolicy(iam.NewPolicyStatement(&iam.PolicyStatementProps{
			Sid:        new("LoadBalancerLogs"),
			Principals: &[]iam.IPrincipal{iam.NewServicePrincipal(new("logdelivery.elasticloadbalancing.amazonaws.com"), nil)},
			Actions:    jsii.Strings("s3:PutObject"),
			Resources:  &objects,
			Conditions: &map[string]any{"ArnLike": map[string]any{
				"aws:SourceArn": "arn:aws:elasticloadbalancing:" + env.AWS.Region + ":" + env.AWS.Account + ":loadbalancer/*",
			}},
		}))
		nag.Acknowledge(bucket, "AwsSolutions-S1", "This bucket holds the access logs; logging the log bucket's own access would never end.")
		if policy, ok := bucket.Policy().Node().DefaultChild().(cdk.CfnResource); ok {
			policies = append(policies, policy)
		}
	}
	return policies
}
