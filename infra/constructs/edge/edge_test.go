package edge_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/infra/constructs/edge"
	"github.com/evenkeel/evenkeel/spec"
)

func TestDistribution(t *testing.T) {
	eachFile(t, func(t *testing.T, env *spec.Environment, made template) {
		d := made.distribution(t)
		for key, want := range map[string]any{
			"Enabled":     true,
			"HttpVersion": "http2and3",
			"IPV6Enabled": true,
			"PriceClass":  "PriceClass_100",
			"WebACLId":    webACL,
			"Aliases":     []any{env.Domain},
		} {
			if diff := cmp.Diff(want, at(d, key)); diff != "" {
				t.Errorf("%s: %s", key, diff)
			}
		}
		if r := at(d, "Restrictions"); r != nil {
			t.Errorf("restrictions %v", r)
		}
	})
}

func TestCertificateAndRecords(t *testing.T) {
	eachFile(t, func(t *testing.T, env *spec.Environment, made template) {
		certificate, properties := made.one(t, "AWS::CertificateManager::Certificate")
		want := object{
			"DomainName": env.Domain, "ValidationMethod": "DNS",
			"DomainValidationOptions": []any{object{"DomainName": env.Domain, "HostedZoneId": env.DNS.ZoneID}},
		}
		if diff := cmp.Diff(want, properties); diff != "" {
			t.Errorf("certificate: %s", diff)
		}
		viewer := object{"AcmCertificateArn": object{"Ref": certificate}, "SslSupportMethod": "sni-only", "MinimumProtocolVersion": "TLSv1.2_2021"}
		if diff := cmp.Diff(viewer, at(made.distribution(t), "ViewerCertificate")); diff != "" {
			t.Errorf("viewers: %s", diff)
		}

		distribution, _ := made.one(t, "AWS::CloudFront::Distribution")
		var kinds []string
		for _, r := range made["AWS::Route53::RecordSet"] {
			kinds = append(kinds, fmt.Sprint(r["Type"]))
			if r["Name"] != env.Domain+"." || r["HostedZoneId"] != env.DNS.ZoneID || at(r, "AliasTarget", "DNSName", "Fn::GetAtt", 0) != distribution ||
				at(r, "AliasTarget", "HostedZoneId") != "Z2FDTNDATAQYW2" {
				t.Errorf("record %v", r)
			}
		}
		slices.Sort(kinds)
		if !slices.Equal(kinds, []string{"A", "AAAA"}) {
			t.Errorf("records of types %q", kinds)
		}
	})
}

func TestLog(t *testing.T) {
	eachFile(t, func(t *testing.T, env *spec.Environment, made template) {
		id, bucket := made.one(t, "AWS::S3::Bucket")
		logging := at(made.distribution(t), "Logging")
		if at(logging, "Bucket", "Fn::GetAtt", 0) != id || at(logging, "IncludeCookies") != false {
			t.Errorf("logging %v", logging)
		}
		if days := at(bucket, "LifecycleConfiguration", "Rules", 0, "ExpirationInDays"); days != float64(env.AWS.LogRetentionDays) {
			t.Errorf("kept for %v days, want %d", days, env.AWS.LogRetentionDays)
		}
		if at(bucket, "BucketEncryption") == nil {
			t.Error("the log is not encrypted")
		}
		// CloudFront writes by an ACL, which bucket owner enforced forbids.
		if o := at(bucket, "OwnershipControls", "Rules", 0, "ObjectOwnership"); o != "BucketOwnerPreferred" {
			t.Errorf("ownership %v", o)
		}
		for key, on := range bucket["PublicAccessBlockConfiguration"].(object) {
			if on != true {
				t.Errorf("%s is %v", key, on)
			}
		}
	})
}

func TestOrigins(t *testing.T) {
	eachFile(t, func(t *testing.T, env *spec.Environment, made template) {
		origins := items(at(made.distribution(t), "Origins"))
		if len(origins) != 1+len(env.Edge.Static) {
			t.Fatalf("%d origins for %d paths of files", len(origins), len(env.Edge.Static))
		}
		balancer := origins[0]
		if at(balancer, "DomainName") != originDomain || at(balancer, "VpcOriginConfig") != nil {
			t.Errorf("load balancer %v", balancer)
		}
		custom := at(balancer, "CustomOriginConfig")
		if at(custom, "OriginProtocolPolicy") != "https-only" || at(custom, "OriginSSLProtocols", 0) != "TLSv1.2" || at(custom, "OriginSSLProtocols", 1) != nil {
			t.Errorf("connections to the load balancer: %v", custom)
		}
		for i, s := range env.Edge.Static {
			o := origins[i+1]
			if want := bucket(s.Path) + ".s3." + env.AWS.Region + ".amazonaws.com"; at(o, "DomainName") != want {
				t.Errorf("files of %s come from %v, want %s", s.Path, at(o, "DomainName"), want)
			}
			access, properties := made.one(t, "AWS::CloudFront::OriginAccessControl")
			if at(o, "OriginAccessControlId", "Fn::GetAtt", 0) != access || at(o, "S3OriginConfig", "OriginAccessIdentity") != "" {
				t.Errorf("files of %s are read by %v", s.Path, o)
			}
			config := properties["OriginAccessControlConfig"]
			if at(config, "SigningBehavior") != "always" || at(config, "SigningProtocol") != "sigv4" || at(config, "OriginAccessControlOriginType") != "s3" {
				t.Errorf("access %v", config)
			}
		}
	})
}

// TestOriginTimeouts holds CloudFront's patience against the load balancer's: it waits for
// answers longer and keeps idle connections shorter, within what CloudFront can.
func TestOriginTimeouts(t *testing.T) {
	for _, row := range []struct{ idle, read, keepalive time.Duration }{
		{1 * time.Second, 6 * time.Second, 1 * time.Second},
		{30 * time.Second, 35 * time.Second, 25 * time.Second},
		{60 * time.Second, 65 * time.Second, 55 * time.Second},
		{4000 * time.Second, 120 * time.Second, 60 * time.Second},
	} {
		env := load(t, files[0])
		env.LoadBalancer.Attributes.IdleTimeout = row.idle
		_, made := build(t, propsOf(env))
		config := at(made.distribution(t), "Origins", 0, "CustomOriginConfig")
		if at(config, "OriginReadTimeout") != row.read.Seconds() || at(config, "OriginKeepaliveTimeout") != row.keepalive.Seconds() {
			t.Errorf("idle timeout %v: %v", row.idle, config)
		}
	}
}

func TestVPCOrigin(t *testing.T) {
	props := propsOf(load(t, files[0]))
	props.VPCOriginID = "vo_0123456789abcdefghijkl"
	_, made := build(t, props)
	balancer := at(made.distribution(t), "Origins", 0)
	if at(balancer, "CustomOriginConfig") != nil || at(balancer, "DomainName") != originDomain ||
		at(balancer, "VpcOriginConfig", "VpcOriginId") != props.VPCOriginID || at(balancer, "VpcOriginConfig", "OriginReadTimeout") != 65.0 {
		t.Errorf("origin %v", balancer)
	}
}

func TestBuckets(t *testing.T) {
	props := propsOf(load(t, files[0]))
	// One bucket for two paths, in another region.
	for i := range props.Files {
		props.Files[i].BucketName, props.Files[i].Region = "files", "eu-north-1"
	}
	_, made := build(t, props)
	origins := items(at(made.distribution(t), "Origins"))
	if len(origins) != 2 || at(origins[1], "DomainName") != "files.s3.eu-north-1.amazonaws.com" {
		t.Errorf("origins %v", origins)
	}
	for _, b := range made.behaviors(t) {
		if at(b, "TargetOriginId") != at(origins[1], "Id") {
			t.Errorf("behaviour %v", b)
		}
	}
}

// TestOnlyWhatIsAsked makes an edge of nothing but the load balancer, without a firewall.
func TestOnlyWhatIsAsked(t *testing.T) {
	env := load(t, files[2])
	env.Edge = spec.Edge{Compression: env.Edge.Compression}
	env.Edge.Compression.Enabled = false
	props := propsOf(env)
	props.WebACLARN = ""
	_, made := build(t, props)
	d := made.distribution(t)
	if at(d, "WebACLId") != nil || at(d, "CacheBehaviors") != nil || at(d, "DefaultCacheBehavior", "ResponseHeadersPolicyId") != nil ||
		at(d, "DefaultCacheBehavior", "Compress") != false {
		t.Errorf("distribution %v", d)
	}
	for _, kind := range []string{"OriginAccessControl", "CachePolicy", "ResponseHeadersPolicy"} {
		if n := len(made["AWS::CloudFront::"+kind]); n != 0 {
			t.Errorf("%d of %s", n, kind)
		}
	}
}

func TestHandles(t *testing.T) {
	env := load(t, files[0])
	_, stack := newStack(t, env)
	made, err := edge.New(stack, "Edge", propsOf(env))
	if err != nil {
		t.Fatal(err)
	}
	for name, handle := range map[string]string{"DistributionID": made.DistributionID, "DomainName": made.DomainName, "CertificateARN": made.CertificateARN} {
		if unresolved := cdk.Token_IsUnresolved(handle); unresolved == nil || !*unresolved {
			t.Errorf("%s is %q, want a reference", name, handle)
		}
	}
}
