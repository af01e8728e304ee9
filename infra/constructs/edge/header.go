package edge

import (
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strings"

	cf "github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/spec"
)

// Names in edge.response_headers that are more than a name and a value to CloudFront.
const (
	cacheControl   = "cache_control"
	referrerPolicy = "referrer_policy"
	xssProtection  = "x_xss_protection"
)

// maxCustomHeaders bounds the headers of a policy, those aside that CloudFront has a
// property for.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
const maxCustomHeaders = 10

// referrerPolicies are the values of Referrer-Policy that CloudFront takes.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/understanding-response-headers-policies.html
var referrerPolicies = []string{
	"no-referrer", "no-referrer-when-downgrade", "origin", "origin-when-cross-origin",
	"same-origin", "strict-origin", "strict-origin-when-cross-origin", "unsafe-url",
}

// headersOf are the headers to set where files have the value of Cache-Control, empty for
// none of their own: those of the file's edge, and theirs instead of the edge's.
func headersOf(edge map[string]string, fileCacheControl string) map[string]string {
	all := maps.Clone(edge)
	if fileCacheControl != "" {
		if all == nil {
			all = map[string]string{}
		}
		all[cacheControl] = fileCacheControl
	}
	return all
}

// headersPolicy sets the edge's headers over those of the answer, which may have one of the
// name. It is nil without headers.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudfront-responseheaderspolicy.html
func (b *behaviors) headersPolicy() *string {
	return b.policy("all", b.env.Edge.ResponseHeaders, spec.ResponseHeaders{})
}

// fileHeadersPolicy sets on files what headersPolicy does, their own Cache-Control, and what
// the load balancer would set if they came through it.
func (b *behaviors) fileHeadersPolicy(fileCacheControl string) *string {
	return b.policy(strings.TrimSpace("files "+fileCacheControl), headersOf(b.env.Edge.ResponseHeaders, fileCacheControl), listenerHeaders(b.env))
}

func (b *behaviors) policy(id string, all map[string]string, listener spec.ResponseHeaders) *string {
	security := &cf.CfnResponseHeadersPolicy_SecurityHeadersConfigProperty{}
	secured := secure(security, listener)
	if len(all) == 0 && !secured {
		return nil
	}
	if b.headers[id] != nil {
		return b.headers[id]
	}
	scope := constructs.NewConstruct(b.headerPolicies, &id)
	config := &cf.CfnResponseHeadersPolicy_ResponseHeadersPolicyConfigProperty{Name: policyName(scope)}
	if custom := customHeaders(all); len(custom) > 0 {
		var items []any
		for _, name := range custom {
			items = append(items, &cf.CfnResponseHeadersPolicy_CustomHeaderProperty{
				Header:   new(headerName(name)),
				Value:    new(all[name]),
				Override: new(true),
			})
		}
		config.CustomHeadersConfig = &cf.CfnResponseHeadersPolicy_CustomHeadersConfigProperty{Items: convert.Union(items...)}
	}
	if secured || len(customHeaders(all)) < len(all) {
		if value := all[referrerPolicy]; value != "" {
			security.ReferrerPolicy = &cf.CfnResponseHeadersPolicy_ReferrerPolicyProperty{ReferrerPolicy: &value, Override: new(true)}
		}
		if value := all[xssProtection]; value != "" {
			// Check has refused what cannot be read.
			security.XssProtection, _ = parseXSSProtection(value)
		}
		config.SecurityHeadersConfig = security
	}
	b.headers[id] = cf.NewCfnResponseHeadersPolicy(scope, new("Resource"), &cf.CfnResponseHeadersPolicyProps{
		ResponseHeadersPolicyConfig: config,
	}).Ref()
	return b.headers[id]
}

// customHeaders are the names, in order, that CloudFront takes as names and values.
func customHeaders(headers map[string]string) []string {
	names := slices.Sorted(maps.Keys(headers))
	return slices.DeleteFunc(names, func(name string) bool { return name == referrerPolicy || name == xssProtection })
}

// headerName is the header of a name in the file: X-Robots-Tag of x_robots_tag.
func headerName(name string) string {
	return textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(name, "_", "-"))
}

// parseXSSProtection reads a value of X-XSS-Protection: 0, 1, 1; mode=block or
// 1; report=URI.
func parseXSSProtection(value string) (*cf.CfnResponseHeadersPolicy_XSSProtectionProperty, bool) {
	first, rest, more := strings.Cut(value, ";")
	rest = strings.TrimSpace(rest)
	property := &cf.CfnResponseHeadersPolicy_XSSProtectionProperty{Override: new(true), Protection: new(true)}
	report, reports := strings.CutPrefix(rest, "report=")
	switch first = strings.TrimSpace(first); {
	case first == "0" && !more:
		property.Protection = new(false)
	case first != "1":
		return nil, false
	case !more:
	case rest == "mode=block":
		property.ModeBlock = new(true)
	case reports && report != "":
		property.ReportUri = &report
	default:
		return nil, false
	}
	return property, true
}

// checkHeaders tells what of the headers CloudFront does not take.
func checkHeaders(edge map[string]string, filesCacheControl []string) []error {
	var problems []error
	if value, ok := edge[xssProtection]; ok {
		if _, known := parseXSSProtection(value); !known {
			problems = append(problems, fmt.Errorf("edge.response_headers.%s: is none that CloudFront sets (got %q, want 0, 1, 1; mode=block or 1; report=URI)", xssProtection, value))
		}
	}
	if value, ok := edge[referrerPolicy]; ok && !slices.Contains(referrerPolicies, value) {
		problems = append(problems, fmt.Errorf("edge.response_headers.%s: is none that CloudFront sets (got %q, want %s)", referrerPolicy, value, strings.Join(referrerPolicies, ", ")))
	}
	most := len(customHeaders(edge))
	for _, value := range filesCacheControl {
		most = max(most, len(customHeaders(headersOf(edge, value))))
	}
	if most > maxCustomHeaders {
		problems = append(problems, fmt.Errorf("edge.response_headers: are more than CloudFront sets on an answer (got %d with Cache-Control of files, want at most %d)", most, maxCustomHeaders))
	}
	return problems
}
