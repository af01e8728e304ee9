package loadbalancer

import (
	"strconv"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	acm "github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	elbv2 "github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/spec"
)

// newListener makes one listener, its further certificates and its rules.
func (b *LoadBalancer) newListener(this constructs.Construct, props Props, l *spec.Listener) {
	env := props.Environment
	arns := make([]string, len(l.Certificates))
	for i, name := range l.Certificates {
		arns[i] = b.certificate(this, env, name)
	}
	listener := elbv2.NewCfnListener(this, new("Listener-"+l.Name), &elbv2.CfnListenerProps{
		LoadBalancerArn:    &b.ARN,
		Port:               jsii.Number(l.Port),
		Protocol:           &l.Protocol,
		SslPolicy:          convert.Optional(l.SSLPolicy),
		Certificates:       defaultCertificate(arns),
		ListenerAttributes: listenerAttributes(l),
		DefaultActions:     convert.Union(b.listenerAction(&l.DefaultAction)),
		Tags:               &[]*cdk.CfnTag{{Key: new("Name"), Value: &l.Name}},
	})
	if len(arns) > 1 {
		further := make([]*elbv2.CfnListenerCertificate_CertificateProperty, len(arns)-1)
		for i, arn := range arns[1:] {
			further[i] = &elbv2.CfnListenerCertificate_CertificateProperty{CertificateArn: &arn}
		}
		elbv2.NewCfnListenerCertificate(this, new("ListenerCertificates-"+l.Name), &elbv2.CfnListenerCertificateProps{
			ListenerArn: listener.Ref(), Certificates: convert.Union(further...),
		})
	}
	if props.Aggregate != nil && l.Protocol == spec.ProtocolHTTPS {
		elbv2.NewCfnListenerRule(this, new("Rule-"+l.Name+"-health-aggregate"), &elbv2.CfnListenerRuleProps{
			ListenerArn: listener.Ref(),
			Priority:    jsii.Number(spec.AggregatePriority),
			Conditions: convert.Union(&elbv2.CfnListenerRule_RuleConditionProperty{
				Field:             new("path-pattern"),
				PathPatternConfig: &elbv2.CfnListenerRule_PathPatternConfigProperty{Values: jsii.Strings(props.Aggregate.Path)},
			}),
			Actions: convert.Union(&elbv2.CfnListenerRule_ActionProperty{Type: new("forward"), TargetGroupArn: &props.Aggregate.TargetGroupARN}),
		})
	}
	for i := range l.Rules {
		b.newRule(this, l, *listener.Ref(), &l.Rules[i])
	}
}

// certificate is the ARN of the certificate of that name: one that exists, or one that ACM is
// asked for, once.
func (b *LoadBalancer) certificate(this constructs.Construct, env *spec.Environment, name string) string {
	c := env.Certificates[name].ACM
	if c.ARN != "" {
		return c.ARN
	}
	if arn, made := b.Certificates[name]; made {
		return arn
	}
	certificate := acm.NewCfnCertificate(this, new("Certificate-"+name), &acm.CfnCertificateProps{
		DomainName:       &c.Domain,
		ValidationMethod: new("DNS"),
		DomainValidationOptions: convert.Union(&acm.CfnCertificate_DomainValidationOptionProperty{
			DomainName: &c.Domain, HostedZoneId: &env.DNS.ZoneID,
		}),
		KeyAlgorithm: new("EC_prime256v1"),
	})
	b.Certificates[name] = *certificate.Ref()
	return *certificate.Ref()
}

func defaultCertificate(arns []string) any {
	if len(arns) == 0 {
		return nil
	}
	return convert.Union(&elbv2.CfnListener_CertificateProperty{CertificateArn: &arns[0]})
}

// listenerAttributes are those of header modification. A header that the file does not
// manage is left out: an empty value would remove the target's.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ListenerAttribute.html
func listenerAttributes(l *spec.Listener) any {
	list := []attribute{{"routing.http.response.server.enabled", strconv.FormatBool(l.ServerHeader)}}
	h := &l.ResponseHeaders
	for _, header := range []attribute{
		{"strict_transport_security", h.StrictTransportSecurity},
		{"access_control_allow_origin", h.AccessControlAllowOrigin},
		{"access_control_allow_methods", h.AccessControlAllowMethods},
		{"access_control_allow_headers", h.AccessControlAllowHeaders},
		{"access_control_allow_credentials", h.AccessControlAllowCredentials},
		{"access_control_expose_headers", h.AccessControlExposeHeaders},
		{"access_control_max_age", h.AccessControlMaxAge},
		{"content_security_policy", h.ContentSecurityPolicy},
		{"x_content_type_options", h.XContentTypeOptions},
		{"x_frame_options", h.XFrameOptions},
	} {
		if header.value != "" {
			list = append(list, attribute{"routing.http.response." + header.key + ".header_value", header.value})
		}
	}
	props := make([]*elbv2.CfnListener_ListenerAttributeProperty, len(list))
	for i, a := range list {
		props[i] = &elbv2.CfnListener_ListenerAttributeProperty{Key: &a.key, Value: &a.value}
	}
	return convert.Union(props...)
}
