package edge

import (
	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	s3 "github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/spec"
)

// newLogBucket makes the bucket of the access log. It outlives the environment until its
// log has expired.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging-legacy-s3.html
func newLogBucket(this constructs.Construct, env *spec.Environment) s3.Bucket {
	bucket := s3.NewBucket(this, new("Logs"), &s3.BucketProps{
		// CloudFront writes with S3's own keys and with no others that AWS manages.
		Encryption:        s3.BucketEncryption_S3_MANAGED,
		BlockPublicAccess: s3.BlockPublicAccess_BLOCK_ALL(),
		EnforceSSL:        new(true),
		MinimumTLSVersion: jsii.Number(1.2),
		// CloudFront gives itself leave to write by an ACL, so those are on.
		ObjectOwnership: s3.ObjectOwnership_BUCKET_OWNER_PREFERRED,
		RemovalPolicy:   cdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE,
		LifecycleRules: &[]*s3.LifecycleRule{{
			Id:                                  new("expire"),
			Expiration:                          cdk.Duration_Days(jsii.Number(env.AWS.LogRetentionDays)),
			AbortIncompleteMultipartUploadAfter: cdk.Duration_Days(jsii.Number(1)),
		}},
	})
	nag.Acknowledge(bucket, "AwsSolutions-S1",
		"This bucket holds the access log; logging the log bucket's own access would never end.")
	return bucket
}
