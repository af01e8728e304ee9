package data

import (
	"cmp"
	"strings"
	"time"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	iam "github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	s3 "github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/spec"
)

// maxBucketName bounds a bucket's name, in characters.
//
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
const maxBucketName = 63

// How long S3 keeps what nobody sees: versions that were replaced or deleted, and uploads
// that never ended.
const (
	oldVersions       = 30 * 24 * time.Hour
	unfinishedUploads = 7 * 24 * time.Hour
)

// leastTLS is the oldest version of TLS that a bucket takes.
const leastTLS = 1.2

// Files is a bucket that CloudFront serves a path of requests from. An object's key is the
// request's path without its first slash.
type Files struct {
	// Path of requests, as in the environment file.
	Path string
	// BucketName and BucketARN are known before the bucket is made, so that stacks in other
	// regions can name it.
	BucketName, BucketARN string
	// variable names the bucket to the application: STATIC_BUCKET.
	variable string
}

// newFiles makes a bucket for each path.
func newFiles(this constructs.Construct, props Props) []Files {
	var list []Files
	taken := map[string]bool{}
	for i := range props.Environment.Edge.Static {
		f, id := files(props.Environment, &props.Environment.Edge.Static[i], taken)
		newBucket(this, id, props.Environment.AWS.Account, f)
		list = append(list, f)
	}
	return list
}

// files names the bucket of a path: of /static/* <app>-<environment>-static-<account>. Of two
// paths that would be called the same, the second is called after its hash as well.
func files(env *spec.Environment, static *spec.Static, taken map[string]bool) (Files, string) {
	label := cmp.Or(slug(static.Path), "files")
	if taken[label] {
		label += "-" + hash(static.Path)
	}
	taken[label] = true
	suffix := ""
	if env.AWS.Account != "" {
		suffix = "-" + env.AWS.Account
	}
	name := resourceName(env, label, maxBucketName-len(suffix)) + suffix
	return Files{
		Path:       static.Path,
		BucketName: name,
		BucketARN:  "arn:aws:s3:::" + name,
		variable:   strings.ToUpper(strings.ReplaceAll(label, "-", "_")) + "_BUCKET",
	}, "Files-" + label
}

// newBucket makes a bucket that outlives its stack: what users upload is nowhere else.
func newBucket(this constructs.Construct, id, account string, f Files) {
	bucket := s3.NewBucket(this, &id, &s3.BucketProps{
		BucketName:        &f.BucketName,
		BlockPublicAccess: s3.BlockPublicAccess_BLOCK_ALL(),
		ObjectOwnership:   s3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		Encryption:        s3.BucketEncryption_S3_MANAGED,
		EnforceSSL:        new(true),
		MinimumTLSVersion: jsii.Number(leastTLS),
		Versioned:         new(true),
		LifecycleRules: convert.List(&s3.LifecycleRule{
			Id:                                  new("forget-what-nobody-sees"),
			NoncurrentVersionExpiration:         convert.Duration(oldVersions),
			AbortIncompleteMultipartUploadAfter: convert.Duration(unfinishedUploads),
			ExpiredObjectDeleteMarker:           new(true),
		}),
		RemovalPolicy: cdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE,
	})
	nag.Acknowledge(bucket, "AwsSolutions-S1", "Readers come through CloudFront, which logs their requests; nobody but instances writes.")
	letCloudFrontRead(bucket, account)
}

// letCloudFrontRead admits the account's distributions. Which of them it is cannot be said:
// the distribution stands in another region and needs the bucket first. That they may list
// the bucket makes a file that is not there a 404, not a 403. The account is in the ARN;
// CloudFront documents no more than that, so that the second condition holds if it is sent.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
func letCloudFrontRead(bucket s3.Bucket, account string) {
	owner := cmp.Or(account, *cdk.Aws_ACCOUNT_ID())
	for _, grant := range []struct{ sid, action, resource string }{
		{"CloudFrontReads", "s3:GetObject", *bucket.ArnForObjects(new("*"))},
		{"CloudFrontTellsMissingFromForbidden", "s3:ListBucket", *bucket.BucketArn()},
	} {
		bucket.AddToResourcePolicy(iam.NewPolicyStatement(&iam.PolicyStatementProps{
			Sid:        &grant.sid,
			Principals: convert.List[iam.IPrincipal](iam.NewServicePrincipal(new("cloudfront.amazonaws.com"), nil)),
			Actions:    jsii.Strings(grant.action),
			Resources:  jsii.Strings(grant.resource),
			Conditions: &map[string]any{
				"ArnLike":              map[string]any{"aws:SourceArn": "arn:aws:cloudfront::" + owner + ":distribution/*"},
				"StringEqualsIfExists": map[string]any{"aws:SourceAccount": owner},
			},
		}))
	}
}
