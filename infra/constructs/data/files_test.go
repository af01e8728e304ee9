package data_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestEveryPathHasABucket(t *testing.T) {
	each(t, func(t *testing.T, m made) {
		static := m.env.Edge.Static
		if len(m.data.Files) != len(static) || len(m.of("AWS::S3::Bucket")) != len(static) {
			t.Fatalf("%d buckets and %d handles, want %d", len(m.of("AWS::S3::Bucket")), len(m.data.Files), len(static))
		}
		for i, f := range m.data.Files {
			if f.Path != static[i].Path || f.BucketARN != "arn:aws:s3:::"+f.BucketName {
				t.Errorf("handle %+v of path %s", f, static[i].Path)
			}
			if !strings.HasSuffix(f.BucketName, "-"+m.env.AWS.Account) {
				t.Errorf("%s: no account in the name, which is the whole world's", f.BucketName)
			}
			bucket := m.named(t, "AWS::S3::Bucket", "BucketName", f.BucketName)
			bucket.want(t, map[string]any{
				"VersioningConfiguration": map[string]any{"Status": "Enabled"},
				"OwnershipControls":       map[string]any{"Rules": []any{map[string]any{"ObjectOwnership": "BucketOwnerEnforced"}}},
				"LifecycleConfiguration": map[string]any{"Rules": []any{map[string]any{
					"Id": "forget-what-nobody-sees", "Status": "Enabled", "ExpiredObjectDeleteMarker": true,
					"NoncurrentVersionExpiration":    map[string]any{"NoncurrentDays": 30},
					"AbortIncompleteMultipartUpload": map[string]any{"DaysAfterInitiation": 7},
				}}},
			})
		}
	})
}

func TestBucketsAreNamedAfterPaths(t *testing.T) {
	for file, want := range map[string][]string{
		prod:    {"syncapp-prod-static-123456789012", "syncapp-prod-media-123456789012"},
		staging: {"syncapp-staging-static-222222222222", "syncapp-staging-media-222222222222"},
	} {
		var got []string
		for _, f := range build(t, file).data.Files {
			got = append(got, f.BucketName)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", file, got, want)
		}
	}
}

// Who may do what with a bucket: anybody nothing without TLS 1.2, and the account's
// distributions read.
func TestOnlyCloudFrontReads(t *testing.T) {
	each(t, func(t *testing.T, m made) {
		for _, f := range m.data.Files {
			bucket := m.named(t, "AWS::S3::Bucket", "BucketName", f.BucketName)
			policy := policyOf(t, m, bucket)
			arn := attribute(bucket.id, "Arn")
			objects := map[string]any{"Fn::Join": []any{"", []any{arn, "/*"}}}
			from := map[string]any{
				"ArnLike":              map[string]any{"aws:SourceArn": "arn:aws:cloudfront::" + m.env.AWS.Account + ":distribution/*"},
				"StringEqualsIfExists": map[string]any{"aws:SourceAccount": m.env.AWS.Account},
			}
			cloudfront := map[string]any{"Service": "cloudfront.amazonaws.com"}
			for _, want := range []map[string]any{
				{"Effect": "Deny", "Principal": map[string]any{"AWS": "*"}, "Action": "s3:*", "Resource": []any{arn, objects}, "Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}}},
				{"Effect": "Deny", "Principal": map[string]any{"AWS": "*"}, "Action": "s3:*", "Resource": []any{arn, objects}, "Condition": map[string]any{"NumericLessThan": map[string]any{"s3:TlsVersion": 1.2}}},
				{"Sid": "CloudFrontReads", "Effect": "Allow", "Principal": cloudfront, "Action": "s3:GetObject", "Resource": objects, "Condition": from},
				{"Sid": "CloudFrontTellsMissingFromForbidden", "Effect": "Allow", "Principal": cloudfront, "Action": "s3:ListBucket", "Resource": arn, "Condition": from},
			} {
				i := slices.Index(policy, text(t, want))
				if i < 0 {
					t.Errorf("%s: no statement %s", f.BucketName, text(t, want))
					continue
				}
				policy = slices.Delete(policy, i, i+1)
			}
			for _, s := range policy {
				t.Errorf("%s: says %s as well", f.BucketName, s)
			}
		}
	})
}

// policyOf are the statements about a bucket.
func policyOf(t *testing.T, m made, bucket resource) []string {
	t.Helper()
	var list []string
	for _, r := range m.of("AWS::S3::BucketPolicy") {
		if text(t, r.Properties["Bucket"]) != text(t, ref(bucket.id)) {
			continue
		}
		for _, s := range r.Properties["PolicyDocument"].(map[string]any)["Statement"].([]any) {
			list = append(list, text(t, s))
		}
	}
	return list
}

func TestInstancesGetWhatTheyNeed(t *testing.T) {
	for file, want := range map[string][]string{
		prod: {
			"BROKER_HOST", "BROKER_PORT", "BROKER_SECRET_ARN",
			"CACHE_HOST", "CACHE_PORT", "CACHE_READER_HOST", "CACHE_SECRET_ARN",
			"DATABASE_HOST", "DATABASE_NAME", "DATABASE_PORT", "DATABASE_REPLICA_HOSTS", "DATABASE_REPLICA_PORT", "DATABASE_SECRET_ARN",
			"MEDIA_BUCKET", "STATIC_BUCKET",
		},
		dev: {
			"BROKER_HOST", "BROKER_PORT", "BROKER_SECRET_ARN",
			"CACHE_HOST", "CACHE_PORT", "CACHE_READER_HOST", "CACHE_SECRET_ARN",
			"DATABASE_HOST", "DATABASE_NAME", "DATABASE_PORT", "DATABASE_SECRET_ARN",
		},
		existing: {
			"BROKER_HOST", "BROKER_PORT", "BROKER_SECRET_ARN", "CACHE_HOST", "CACHE_PORT", "DATABASE_HOST", "DATABASE_PORT", "DATABASE_SECRET_ARN",
		},
	} {
		m := build(t, file)
		if got := slices.Sorted(maps.Keys(m.data.Access().Environment)); !slices.Equal(got, want) {
			t.Errorf("%s: variables %v, want %v", file, got, want)
		}
	}
	each(t, func(t *testing.T, m made) {
		access := m.data.Access()
		for name, value := range access.Environment {
			if value == "" || strings.Contains(m.shown(t, value), "resolve:secretsmanager") {
				t.Errorf("%s = %q", name, m.shown(t, value))
			}
		}
		var secrets []string
		for name, value := range access.Environment {
			if strings.HasSuffix(name, "_SECRET_ARN") {
				secrets = append(secrets, value)
			}
		}
		slices.Sort(secrets)
		if got := slices.Sorted(slices.Values(access.Secrets)); !slices.Equal(got, secrets) {
			t.Errorf("instances read %v, and are told of %v", got, secrets)
		}
		if len(access.Buckets) != len(m.data.Files) {
			t.Errorf("instances write to %d buckets of %d", len(access.Buckets), len(m.data.Files))
		}
	})
}
