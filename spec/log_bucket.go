package spec

import "regexp"

// LogBucket is an S3 bucket that gets logs; off when Bucket is empty. AWS only.
type LogBucket struct {
	// Bucket is the bucket's name. Default: off. ALB: *.s3.enabled and *.s3.bucket.
	Bucket string `yaml:"bucket"`
	// Prefix begins the names of the objects; without AWSLogs, which follows it. Default: none.
	// ALB: *.s3.prefix.
	Prefix string `yaml:"prefix"`
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
var (
	bucketShape = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	prefixShape = regexp.MustCompile(`^[A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*$`)
)

func (b *LogBucket) absent() bool { return *b == LogBucket{} }

func (b *LogBucket) limits() limits {
	return limits{
		"bucket": required(like(bucketShape, "the name of an S3 bucket")),
		"prefix": like(prefixShape, "folders without a slash first or last"),
	}
}
