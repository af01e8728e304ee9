// Package edge makes what stands before the load balancer on AWS: a CloudFront distribution
// with its certificate, its record, its log and its policies, all in us-east-1.
//
// CloudFront takes the first behaviour whose path matches, as this package lists them:
// first edge.static and then edge.cache, either in the file's order, and last the load
// balancer for all else. So a path of edge.static wins over any of edge.cache.
package edge

import (
	"errors"
	"fmt"
	"slices"
	"time"

	acm "github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	cf "github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/spec"
)

// Props is what a distribution is made from.
type Props struct {
	// Environment has the behaviours in its Edge.
	Environment *spec.Environment
	// OriginDomain is the load balancer's DNS name, to which requests go by HTTPS. Its
	// certificate is for the environment's domain, which requests carry as their Host.
	OriginDomain string
	// VPCOriginID is the VPC origin of an internal load balancer. Default: the load balancer
	// is internet-facing.
	VPCOriginID string
	// Files are the buckets of edge.static, one for each path of it.
	Files []FileOrigin
	// HostedZoneID is the zone in Route 53 that proves the domain to be ours and gets its
	// records.
	HostedZoneID string
	// WebACLARN is the firewall, of scope CLOUDFRONT. Default: none.
	WebACLARN string
}

// FileOrigin is the bucket that holds the files of a path. The key of a file is its whole
// path without the first slash: static/site.css of /static/site.css.
type FileOrigin struct {
	// Path is one of edge.static.
	Path string
	// BucketName is the bucket, whose policy lets CloudFront read.
	BucketName string
	// Region is the bucket's. Default: the environment's.
	Region string
}

// Edge is the distribution's handles.
type Edge struct {
	// DistributionID is what invalidations and metrics name.
	DistributionID string
	// DomainName is CloudFront's own name of the distribution.
	DomainName string
	// CertificateARN is that of the certificate which is made for the domain.
	CertificateARN string
}

// New makes the distribution and all that belongs to it. The error is Check's, or says what
// the props lack.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudfront-distribution.html
func New(scope constructs.Construct, id string, props Props) (*Edge, error) {
	env := props.Environment
	if err := errors.Join(Check(env), checkProps(props)); err != nil {
		return nil, err
	}
	this := constructs.NewConstruct(scope, &id)
	logs := newLogBucket(this, env)
	b := newBehaviors(this, env)
	certificate := newCertificate(this, props)
	distribution := cf.NewCfnDistribution(this, new("Distribution"), &cf.CfnDistributionProps{
		DistributionConfig: &cf.CfnDistribution_DistributionConfigProperty{
			Enabled:     new(true),
			Comment:     new(env.ResourceName("edge")),
			Aliases:     convert.List(&env.Domain),
			HttpVersion: new("http2and3"),
			Ipv6Enabled: new(true),
			PriceClass:  new("PriceClass_100"),
			WebAclId:    convert.Optional(props.WebACLARN),
			ViewerCertificate: &cf.CfnDistribution_ViewerCertificateProperty{
				AcmCertificateArn: certificate.Ref(),
				SslSupportMethod:  new("sni-only"),
				// TLS 1.2 with AEAD ciphers, and 1.3.
				// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html
				MinimumProtocolVersion: new("TLSv1.2_2021"),
			},
			Origins:              newOrigins(this, props),
			CacheBehaviors:       b.paths(props),
			DefaultCacheBehavior: b.all(),
			CustomErrorResponses: errorResponses(env),
			Logging: &cf.CfnDistribution_LoggingProperty{
				Bucket: logs.BucketRegionalDomainName(),
				// Cookies hold sessions.
				IncludeCookies: new(false),
			},
		},
	})
	nag.Acknowledge(distribution, "AwsSolutions-CFR1",
		"The application is for every country; countries to keep out are the firewall's to name in waf.geo_match.")
	if props.WebACLARN == "" {
		nag.Acknowledge(distribution, "AwsSolutions-CFR2",
			"The environment file has no rules for a firewall, so there is no web ACL to put before the distribution.")
	}
	made := &Edge{
		DistributionID: *distribution.Ref(),
		DomainName:     *distribution.AttrDomainName(),
		CertificateARN: *certificate.Ref(),
	}
	newRecords(this, props, made.DomainName)
	return made, nil
}

// checkProps holds what the caller gives against what the file wants.
func checkProps(props Props) error {
	var problems []error
	if props.HostedZoneID == "" {
		problems = append(problems, errors.New("dns.zone_id: is missing (got none, want the hosted zone that proves the domain for the edge's certificate)"))
	}
	for _, s := range props.Environment.Edge.Static {
		if !slices.ContainsFunc(props.Files, func(f FileOrigin) bool { return f.Path == s.Path }) {
			problems = append(problems, fmt.Errorf("edge: no bucket is given for the files of %s", s.Path))
		}
	}
	return errors.Join(problems...)
}

// newCertificate asks for the domain's certificate, which CloudFront wants in us-east-1.
func newCertificate(this constructs.Construct, props Props) acm.CfnCertificate {
	domain := props.Environment.Domain
	return acm.NewCfnCertificate(this, new("Certificate"), &acm.CfnCertificateProps{
		DomainName:       &domain,
		ValidationMethod: new("DNS"),
		DomainValidationOptions: convert.Union(&acm.CfnCertificate_DomainValidationOptionProperty{
			DomainName:   &domain,
			HostedZoneId: &props.HostedZoneID,
		}),
	})
}

// loadBalancerOrigin is the origin's id.
const loadBalancerOrigin = "load-balancer"

// Limits of what CloudFront waits for and how long it keeps connections to the load
// balancer.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesOrigin.html
const (
	maxReadTimeout      = 120 * time.Second
	maxKeepaliveTimeout = 60 * time.Second
	minKeepaliveTimeout = 1 * time.Second
)

// timeoutMargin keeps CloudFront's timeouts clear of the load balancer's idle timeout:
// CloudFront waits longer, so that a slow target's 504 is the load balancer's, and drops
// idle connections sooner, so that no request goes into one that is being closed.
const timeoutMargin = 5 * time.Second

func newOrigins(this constructs.Construct, props Props) any {
	env := props.Environment
	idle := env.LoadBalancer.Attributes.IdleTimeout
	read := convert.Seconds(min(idle+timeoutMargin, maxReadTimeout))
	keepalive := convert.Seconds(min(max(idle-timeoutMargin, minKeepaliveTimeout), maxKeepaliveTimeout))
	balancer := &cf.CfnDistribution_OriginProperty{Id: new(loadBalancerOrigin), DomainName: &props.OriginDomain}
	if props.VPCOriginID != "" {
		// How to connect is the VPC origin's own.
		balancer.VpcOriginConfig = &cf.CfnDistribution_VpcOriginConfigProperty{
			VpcOriginId:            &props.VPCOriginID,
			OriginReadTimeout:      read,
			OriginKeepaliveTimeout: keepalive,
		}
	} else {
		balancer.CustomOriginConfig = &cf.CfnDistribution_CustomOriginConfigProperty{
			OriginProtocolPolicy:   new("https-only"),
			OriginSslProtocols:     convert.Strings([]string{"TLSv1.2"}),
			OriginReadTimeout:      read,
			OriginKeepaliveTimeout: keepalive,
		}
	}
	origins := []*cf.CfnDistribution_OriginProperty{balancer}
	if len(env.Edge.Static) == 0 {
		return convert.Union(origins...)
	}
	access := cf.NewCfnOriginAccessControl(this, new("OriginAccessControl"), &cf.CfnOriginAccessControlProps{
		OriginAccessControlConfig: &cf.CfnOriginAccessControl_OriginAccessControlConfigProperty{
			Name:                          new(env.ResourceName("files")),
			OriginAccessControlOriginType: new("s3"),
			SigningBehavior:               new("always"),
			SigningProtocol:               new("sigv4"),
		},
	})
	var seen []string
	for _, s := range env.Edge.Static {
		f := props.files(s.Path)
		if slices.Contains(seen, f.BucketName) {
			continue
		}
		seen = append(seen, f.BucketName)
		origins = append(origins, &cf.CfnDistribution_OriginProperty{
			Id:                    new(f.BucketName),
			DomainName:            new(f.BucketName + ".s3." + f.Region + ".amazonaws.com"),
			OriginAccessControlId: access.AttrId(),
			// Empty, as access is not by the identity that came before origin access control.
			S3OriginConfig: &cf.CfnDistribution_S3OriginConfigProperty{OriginAccessIdentity: new("")},
		})
	}
	return convert.Union(origins...)
}

// files is the bucket of a path of edge.static.
func (p Props) files(path string) FileOrigin {
	for _, f := range p.Files {
		if f.Path == path {
			if f.Region == "" {
				f.Region = p.Environment.AWS.Region
			}
			return f
		}
	}
	return FileOrigin{}
}
