package edge

import (
	"strconv"
	"strings"

	cf "github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/spec"
)

// listenerHeaders are those that the load balancer sets on what goes through it. Files do
// not, so that the edge sets the same on them: what users have uploaded is to be sniffed and
// framed no more than the application's own answers.
func listenerHeaders(env *spec.Environment) spec.ResponseHeaders {
	for i := range env.LoadBalancer.Listeners {
		if l := &env.LoadBalancer.Listeners[i]; l.Protocol == spec.ProtocolHTTPS {
			return l.ResponseHeaders
		}
	}
	return spec.ResponseHeaders{}
}

// secure adds the listener's security headers to a policy's. Those of cross-origin requests
// are for answers of the application, which decides whom it answers.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/understanding-response-headers-policies.html
func secure(security *cf.CfnResponseHeadersPolicy_SecurityHeadersConfigProperty, h spec.ResponseHeaders) (set bool) {
	if age, subdomains, preload, ok := parseStrictTransportSecurity(h.StrictTransportSecurity); ok {
		security.StrictTransportSecurity = &cf.CfnResponseHeadersPolicy_StrictTransportSecurityProperty{
			AccessControlMaxAgeSec: jsii.Number(age), IncludeSubdomains: &subdomains, Preload: &preload, Override: new(true),
		}
		set = true
	}
	if h.XContentTypeOptions != "" {
		security.ContentTypeOptions = &cf.CfnResponseHeadersPolicy_ContentTypeOptionsProperty{Override: new(true)}
		set = true
	}
	// CloudFront knows no ALLOW-FROM, and neither does any browser of today.
	if h.XFrameOptions == "DENY" || h.XFrameOptions == "SAMEORIGIN" {
		security.FrameOptions = &cf.CfnResponseHeadersPolicy_FrameOptionsProperty{FrameOption: &h.XFrameOptions, Override: new(true)}
		set = true
	}
	if h.ContentSecurityPolicy != "" {
		security.ContentSecurityPolicy = &cf.CfnResponseHeadersPolicy_ContentSecurityPolicyProperty{
			ContentSecurityPolicy: &h.ContentSecurityPolicy, Override: new(true),
		}
		set = true
	}
	return set
}

// parseStrictTransportSecurity reads the header of RFC 6797; it is not ok without a max-age.
//
// https://www.rfc-editor.org/rfc/rfc6797#section-6.1
func parseStrictTransportSecurity(value string) (age int, subdomains, preload, ok bool) {
	for directive := range strings.SplitSeq(value, ";") {
		name, number, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "max-age":
			n, err := strconv.Atoi(strings.Trim(strings.TrimSpace(number), `"`))
			age, ok = n, err == nil && n >= 0
		case "includesubdomains":
			subdomains = true
		case "preload":
			preload = true
		}
	}
	return age, subdomains, preload, ok
}
