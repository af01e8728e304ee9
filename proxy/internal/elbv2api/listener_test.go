package elbv2api_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// acm is the ARN of the certificate shop, named the name of the other one.
const (
	acm   = "arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
	named = "arn:aws:acm:eu-west-1:123456789012:certificate/other"
)

func forward(arn string) []types.Action {
	return []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: &arn}}
}

var teapot = []types.Action{{
	Type: types.ActionTypeEnumFixedResponse, FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: aws.String("418")},
}}

// loadBalancer makes the load balancer of an empty container.
func (r *running) loadBalancer() string {
	r.t.Helper()
	out, err := r.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{
		Name: aws.String("shop-alb"), Subnets: []string{"subnet-0aaaaaaa1", "subnet-0aaaaaaa2"}, SecurityGroups: []string{"sg-0aaaaaaa1"},
		Scheme: types.LoadBalancerSchemeEnumInternetFacing, Type: types.LoadBalancerTypeEnumApplication, IpAddressType: types.IpAddressTypeIpv4,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return *out.LoadBalancers[0].LoadBalancerArn
}

func (r *running) listen(lb string, port int32, actions []types.Action) string {
	r.t.Helper()
	out, err := r.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: &lb, Protocol: types.ProtocolEnumHttp, Port: &port, DefaultActions: actions})
	if err != nil {
		r.t.Fatal(err)
	}
	return *out.Listeners[0].ListenerArn
}

// TestPage follows the page that this replaces, in its order and with its options.
func TestPage(t *testing.T) {
	r := start(t, empty)
	web := r.group("web")
	if err := r.register(web, instance1, instance2); err != nil {
		t.Fatal(err)
	}
	lb := r.loadBalancer()
	if got := r.arn("web"); got != web {
		t.Errorf("the group's ARN was %s and is %s", web, got)
	}
	out := must[*elb.CreateListenerOutput](t)(r.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: &lb, Protocol: types.ProtocolEnumHttps, Port: aws.Int32(443), SslPolicy: aws.String("ELBSecurityPolicy-TLS-1-2-2017-01"),
		Certificates: []types.Certificate{{CertificateArn: aws.String(acm)}}, DefaultActions: forward(web),
	}))
	if l := out.Listeners[0]; *l.SslPolicy != "ELBSecurityPolicy-TLS-1-2-2017-01" || *l.Certificates[0].CertificateArn != acm || *l.DefaultActions[0].TargetGroupArn != web {
		t.Errorf("got %+v", l)
	}
	r.listen(lb, 80, []types.Action{{Type: types.ActionTypeEnumRedirect, RedirectConfig: &types.RedirectActionConfig{
		Protocol: aws.String("HTTPS"), Port: aws.String("443"), StatusCode: types.RedirectActionStatusCodeEnumHttp301,
	}}})
	r.wantHealth(web, instance1+":8000 healthy; "+instance2+":8000 healthy")
	env := r.plane.env
	if l := &env.LoadBalancer.Listeners[0]; env.ListenAddress(l) != "127.0.0.1:8443" || l.Name != "https-443" {
		t.Errorf("%s listens on %s", l.Name, env.ListenAddress(l))
	}
	listed := must[*elb.DescribeListenersOutput](t)(r.DescribeListeners(ctx, &elb.DescribeListenersInput{LoadBalancerArn: &lb}))
	if len(listed.Listeners) != 2 || *listed.Listeners[0].DefaultActions[0].RedirectConfig.Host != "#{host}" {
		t.Errorf("got %+v", listed.Listeners)
	}
	groups := must[*elb.DescribeTargetGroupsOutput](t)(r.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{LoadBalancerArn: &lb}))
	if len(groups.TargetGroups) != 1 || groups.TargetGroups[0].LoadBalancerArns[0] != lb {
		t.Errorf("got %+v", groups.TargetGroups)
	}
}

func TestListenerRefusals(t *testing.T) {
	r := start(t, empty)
	web, lb := r.group("web"), r.loadBalancer()
	first := r.listen(lb, 80, forward(web))
	if again := r.listen(lb, 80, forward(web)); again != first {
		t.Errorf("the same settings made %s, then %s", first, again)
	}
	in := func(f func(in *elb.CreateListenerInput)) *elb.CreateListenerInput {
		in := &elb.CreateListenerInput{LoadBalancerArn: &lb, Protocol: types.ProtocolEnumHttps, Port: aws.Int32(443), DefaultActions: forward(web), Certificates: []types.Certificate{{CertificateArn: aws.String(acm)}}}
		f(in)
		return in
	}
	for code, f := range map[string]func(in *elb.CreateListenerInput){
		"DuplicateListener":    func(in *elb.CreateListenerInput) { in.Port = aws.Int32(80) },
		"LoadBalancerNotFound": func(in *elb.CreateListenerInput) { in.LoadBalancerArn = aws.String(lb + "0") },
		"TargetGroupNotFound":  func(in *elb.CreateListenerInput) { in.DefaultActions = forward(web + "0") },
		"CertificateNotFound":  func(in *elb.CreateListenerInput) { in.Certificates[0].CertificateArn = aws.String(acm + "0") },
		"SSLPolicyNotFound":    func(in *elb.CreateListenerInput) { in.SslPolicy = aws.String("ELBSecurityPolicy-None") },
		"UnsupportedProtocol":  func(in *elb.CreateListenerInput) { in.Protocol = types.ProtocolEnumTcp },
		"ValidationError":      func(in *elb.CreateListenerInput) { in.Certificates = nil },
		"TooManyActions":       func(in *elb.CreateListenerInput) { in.DefaultActions = append(forward(web), teapot...) },
		"TooManyCertificates": func(in *elb.CreateListenerInput) {
			in.Certificates = append(in.Certificates, types.Certificate{CertificateArn: aws.String(named)})
		},
		"InvalidLoadBalancerAction": func(in *elb.CreateListenerInput) {
			in.DefaultActions = []types.Action{{Type: types.ActionTypeEnumRedirect, RedirectConfig: &types.RedirectActionConfig{Protocol: aws.String("HTTP"), StatusCode: types.RedirectActionStatusCodeEnumHttp301}}}
		},
		"InvalidConfigurationRequest": func(in *elb.CreateListenerInput) {
			in.MutualAuthentication = &types.MutualAuthenticationAttributes{Mode: aws.String("verify")}
		},
	} {
		_, err := r.CreateListener(ctx, in(f))
		refused(t, err, code)
	}
	_, err := r.CreateListener(ctx, in(func(in *elb.CreateListenerInput) {
		in.DefaultActions = []types.Action{{Type: types.ActionTypeEnumAuthenticateOidc, Order: aws.Int32(1)}, forward(web)[0]}
	}))
	refused(t, err, "InvalidLoadBalancerAction")
	_, err = r.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: &web})
	refused(t, err, "ResourceInUse")
	_, err = r.DescribeListeners(ctx, &elb.DescribeListenersInput{ListenerArns: []string{first + "0"}})
	refused(t, err, "ListenerNotFound")
}

func TestModifyListener(t *testing.T) {
	r := start(t, empty)
	web, lb := r.group("web"), r.loadBalancer()
	arn := r.listen(lb, 80, teapot)
	rule := r.rule(arn, 5, forward(web))
	out := must[*elb.ModifyListenerOutput](t)(r.ModifyListener(ctx, &elb.ModifyListenerInput{
		ListenerArn: &arn, Port: aws.Int32(443), Protocol: types.ProtocolEnumHttps, Certificates: []types.Certificate{{CertificateArn: aws.String(named)}},
	}))
	if l := out.Listeners[0]; *l.ListenerArn != arn || *l.Port != 443 || *l.Certificates[0].CertificateArn != named {
		t.Errorf("got %+v", l)
	}
	rules := must[*elb.DescribeRulesOutput](t)(r.DescribeRules(ctx, &elb.DescribeRulesInput{ListenerArn: &arn}))
	if len(rules.Rules) != 2 || *rules.Rules[0].RuleArn != rule {
		t.Errorf("got %+v", rules.Rules)
	}
	_, err := r.DeleteListener(ctx, &elb.DeleteListenerInput{ListenerArn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.DescribeRules(ctx, &elb.DescribeRulesInput{RuleArns: []string{rule}})
	refused(t, err, "RuleNotFound")
	_, err = r.DeleteListener(ctx, &elb.DeleteListenerInput{ListenerArn: &arn})
	refused(t, err, "ListenerNotFound")
}

func TestListenerCertificates(t *testing.T) {
	r := start(t, empty)
	lb := r.loadBalancer()
	out := must[*elb.CreateListenerOutput](t)(r.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: &lb, Protocol: types.ProtocolEnumHttps, Port: aws.Int32(443), DefaultActions: teapot,
		Certificates: []types.Certificate{{CertificateArn: aws.String(acm)}},
	}))
	arn := out.Listeners[0].ListenerArn
	list := func() []types.Certificate {
		return must[*elb.DescribeListenerCertificatesOutput](t)(r.DescribeListenerCertificates(ctx, &elb.DescribeListenerCertificatesInput{ListenerArn: arn})).Certificates
	}
	_, err := r.AddListenerCertificates(ctx, &elb.AddListenerCertificatesInput{ListenerArn: arn, Certificates: []types.Certificate{{CertificateArn: aws.String(named)}}})
	if got := list(); err != nil || len(got) != 2 || !*got[0].IsDefault || *got[0].CertificateArn != acm || *got[1].IsDefault {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = r.RemoveListenerCertificates(ctx, &elb.RemoveListenerCertificatesInput{ListenerArn: arn, Certificates: []types.Certificate{{CertificateArn: aws.String(acm)}}})
	refused(t, err, "OperationNotPermitted")
	_, err = r.RemoveListenerCertificates(ctx, &elb.RemoveListenerCertificatesInput{ListenerArn: arn, Certificates: []types.Certificate{{CertificateArn: aws.String(named)}}})
	if got := list(); err != nil || len(got) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = r.AddListenerCertificates(ctx, &elb.AddListenerCertificatesInput{ListenerArn: arn, Certificates: []types.Certificate{{CertificateArn: aws.String(acm + "1")}}})
	refused(t, err, "CertificateNotFound")
}

func TestListenerAttributes(t *testing.T) {
	r := start(t, empty)
	arn := r.listen(r.loadBalancer(), 80, teapot)
	out := must[*elb.ModifyListenerAttributesOutput](t)(r.ModifyListenerAttributes(ctx, &elb.ModifyListenerAttributesInput{ListenerArn: &arn, Attributes: []types.ListenerAttribute{
		{Key: aws.String("routing.http.response.server.enabled"), Value: aws.String("false")},
		{Key: aws.String("routing.http.response.x_frame_options.header_value"), Value: aws.String("DENY")},
	}}))
	if l := r.plane.env.LoadBalancer.Listeners[0]; l.ServerHeader || l.ResponseHeaders.XFrameOptions != "DENY" || len(out.Attributes) != 11 {
		t.Errorf("got %+v, %d attributes", l, len(out.Attributes))
	}
	_, err := r.ModifyListenerAttributes(ctx, &elb.ModifyListenerAttributesInput{ListenerArn: &arn, Attributes: []types.ListenerAttribute{
		{Key: aws.String("routing.http.response.x_frame_options.header_value"), Value: aws.String("MAYBE")},
	}})
	refused(t, err, "InvalidConfigurationRequest")
	got := must[*elb.DescribeListenerAttributesOutput](t)(r.DescribeListenerAttributes(ctx, &elb.DescribeListenerAttributesInput{ListenerArn: &arn}))
	if last := got.Attributes[10]; *last.Value != "DENY" {
		t.Errorf("got %s %s", *last.Key, *last.Value)
	}
}

// TestRefusedByTheLoadBalancer has the data plane refuse what the rules allow.
func TestRefusedByTheLoadBalancer(t *testing.T) {
	r := start(t, empty)
	lb := r.loadBalancer()
	before, applied := r.api.Environment(), r.plane.applied
	r.plane.refuse = errors.New("address already in use")
	_, err := r.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: &lb, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), DefaultActions: teapot})
	refused(t, err, "InvalidConfigurationRequest")
	if r.api.Environment() != before || r.plane.applied != applied {
		t.Error("something has changed")
	}
	r.plane.refuse = nil
	r.listen(lb, 80, teapot)
}
