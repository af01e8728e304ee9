package elbv2api_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

func (r *running) group(name string) string {
	r.t.Helper()
	out, err := r.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
		Name: &name, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(8000), VpcId: aws.String("vpc-01234567"),
		HealthCheckPath: aws.String("/health/"), HealthyThresholdCount: aws.Int32(2), TargetType: types.TargetTypeEnumInstance,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return *out.TargetGroups[0].TargetGroupArn
}

func TestCreateTargetGroup(t *testing.T) {
	r := start(t, empty)
	arn := r.group("web")
	if again := r.group("web"); again != arn {
		t.Errorf("the same settings made %s, then %s", arn, again)
	}
	out := must[*elb.DescribeTargetGroupsOutput](t)(r.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{Names: []string{"web"}}))
	g := out.TargetGroups[0]
	if *g.HealthCheckPath != "/health/" || *g.Matcher.HttpCode != "200" || *g.HealthCheckIntervalSeconds != 30 || *g.VpcId != "vpc-01234567" ||
		*g.ProtocolVersion != "HTTP1" || *g.HealthyThresholdCount != 2 {
		t.Errorf("got %+v", g)
	}
	_, err := r.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String("web"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(8001)})
	refused(t, err, "DuplicateTargetGroupName")
	_, err = r.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String("x"), Protocol: types.ProtocolEnumTcp, Port: aws.Int32(1)})
	refused(t, err, "InvalidConfigurationRequest")
	_, err = r.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String("x"), Port: aws.Int32(1)})
	refused(t, err, "ValidationError")
	_, err = r.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String("x"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(1), HealthCheckIntervalSeconds: aws.Int32(4)})
	refused(t, err, "ValidationError")
	_, err = r.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{Names: []string{"none"}})
	refused(t, err, "TargetGroupNotFound")
}

func TestModifyAndDeleteTargetGroup(t *testing.T) {
	r := start(t, empty)
	arn := r.group("web")
	out := must[*elb.ModifyTargetGroupOutput](t)(r.ModifyTargetGroup(ctx, &elb.ModifyTargetGroupInput{
		TargetGroupArn: &arn, HealthCheckPath: aws.String("/up"), Matcher: &types.Matcher{HttpCode: aws.String("200-204")},
	}))
	if g := out.TargetGroups[0]; *g.HealthCheckPath != "/up" || *g.Matcher.HttpCode != "200-204" {
		t.Errorf("got %+v", g)
	}
	_, err := r.ModifyTargetGroup(ctx, &elb.ModifyTargetGroupInput{TargetGroupArn: &arn, Matcher: &types.Matcher{HttpCode: aws.String("99")}})
	refused(t, err, "ValidationError")
	_, err = r.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.plane.env.TargetGroups) > 0 {
		t.Error("the group is still there")
	}
	_, err = r.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: &arn})
	if err != nil {
		t.Errorf("deleting what is not there: %v", err)
	}
	if again := r.group("web"); again == arn {
		t.Error("another group has the same ARN")
	}
}

func TestTargetGroupAttributes(t *testing.T) {
	r := start(t, empty)
	arn := r.group("web")
	set := func(pairs ...string) (map[string]string, error) {
		var list []types.TargetGroupAttribute
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, types.TargetGroupAttribute{Key: &pairs[i], Value: &pairs[i+1]})
		}
		out, err := r.ModifyTargetGroupAttributes(ctx, &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &arn, Attributes: list})
		if err != nil {
			return nil, err
		}
		all := map[string]string{}
		for _, a := range out.Attributes {
			all[*a.Key] = *a.Value
		}
		return all, nil
	}
	all, err := set("deregistration_delay.timeout_seconds", "20", "stickiness.type", "app_cookie", "stickiness.app_cookie.cookie_name", "sid")
	if err != nil || all["deregistration_delay.timeout_seconds"] != "20" || all["stickiness.enabled"] != "false" || all["stickiness.type"] != "app_cookie" ||
		all["load_balancing.algorithm.type"] != "round_robin" || all["target_group_health.dns_failover.minimum_healthy_targets.percentage"] != "off" {
		t.Errorf("got %v, %v", all, err)
	}
	if s := r.plane.env.TargetGroup("web").Stickiness; s.Type != "" {
		t.Errorf("stickiness is on: %+v", s)
	}
	if _, err = set("stickiness.enabled", "true", "stickiness.app_cookie.duration_seconds", "60"); err != nil {
		t.Fatal(err)
	}
	if s := r.plane.env.TargetGroup("web").Stickiness; s.CookieName != "sid" || s.Duration.Seconds() != 60 {
		t.Errorf("got %+v", s)
	}
	for _, c := range []struct{ key, value, code string }{
		{"slow_start.duration_seconds", "10", "InvalidConfigurationRequest"},
		{"load_balancing.algorithm.type", "weighted_random", "InvalidConfigurationRequest"}, // not with stickiness
		{"deregistration_delay.timeout_seconds", "3601", "InvalidConfigurationRequest"},
		{"none.such", "1", "ValidationError"},
	} {
		_, err := set(c.key, c.value)
		refused(t, err, c.code)
	}
	if got := r.plane.env.TargetGroup("web").DeregistrationDelay.Seconds(); got != 20 {
		t.Errorf("the delay is %v", got)
	}
}

func TestTargetGroupPages(t *testing.T) {
	r := start(t, empty)
	for _, name := range []string{"c", "a", "e", "b", "d"} {
		r.group(name)
	}
	pages := elb.NewDescribeTargetGroupsPaginator(r.Client, &elb.DescribeTargetGroupsInput{PageSize: aws.Int32(2)})
	var names []string
	for n := 0; pages.HasMorePages(); n++ {
		out := must[*elb.DescribeTargetGroupsOutput](t)(pages.NextPage(ctx))
		for _, g := range out.TargetGroups {
			names = append(names, *g.TargetGroupName)
			// What has been seen may go without the next page noticing.
			if _, err := r.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: g.TargetGroupArn}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := strings.Join(names, " "); got != "a b c d e" {
		t.Errorf("got %s", got)
	}
	_, err := r.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{PageSize: aws.Int32(401)})
	refused(t, err, "ValidationError")
	_, err = r.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{Marker: aws.String("!")})
	refused(t, err, "ValidationError")
}

// TestLengths bounds what is kept and nothing else looks at.
func TestLengths(t *testing.T) {
	r := start(t, empty)
	lb, long := r.loadBalancer(), strings.Repeat("x", 5000)
	_, err := r.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String("web"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: aws.String("vpc-" + long)})
	refused(t, err, "ValidationError")
	_, err = r.ModifyLoadBalancerAttributes(ctx, &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &lb, Attributes: []types.LoadBalancerAttribute{
		{Key: aws.String("access_logs.s3.bucket"), Value: &long},
	}})
	refused(t, err, "ValidationError")
	_, err = r.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: &lb, Protocol: types.ProtocolEnumHttps, Port: aws.Int32(443), DefaultActions: teapot,
		Certificates: []types.Certificate{{CertificateArn: aws.String("arn:" + long + "/shop")}},
	})
	refused(t, err, "ValidationError")
}

// TestPagesOfCertificates walks one by one: the default certificate comes first, and others
// after it.
func TestPagesOfCertificates(t *testing.T) {
	r := start(t, empty)
	lb := r.loadBalancer()
	arn := func(name string) []types.Certificate {
		return []types.Certificate{{CertificateArn: aws.String("arn:aws:acm:eu-west-1:123456789012:certificate/" + name)}}
	}
	listener := must[*elb.CreateListenerOutput](t)(r.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: &lb, Protocol: types.ProtocolEnumHttps, Port: aws.Int32(443), DefaultActions: teapot, Certificates: arn("shop"),
	})).Listeners[0].ListenerArn
	if _, err := r.AddListenerCertificates(ctx, &elb.AddListenerCertificatesInput{ListenerArn: listener, Certificates: arn("other")}); err != nil {
		t.Fatal(err)
	}
	var got []string
	pages := elb.NewDescribeListenerCertificatesPaginator(r.Client, &elb.DescribeListenerCertificatesInput{ListenerArn: listener, PageSize: aws.Int32(1)})
	for pages.HasMorePages() {
		page := must[*elb.DescribeListenerCertificatesOutput](t)(pages.NextPage(ctx))
		for _, c := range page.Certificates {
			got = append(got, (*c.CertificateArn)[strings.LastIndexByte(*c.CertificateArn, '/')+1:])
		}
	}
	if !slices.Equal(got, []string{"shop", "other"}) {
		t.Errorf("got %q", got)
	}
}
