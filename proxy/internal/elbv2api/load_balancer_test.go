package elbv2api_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

func TestCreateLoadBalancer(t *testing.T) {
	r := start(t, empty)
	if got := must[*elb.DescribeLoadBalancersOutput](t)(r.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{})); len(got.LoadBalancers) > 0 {
		t.Errorf("an empty container has %+v", got.LoadBalancers)
	}
	arn := r.loadBalancer()
	if again := r.loadBalancer(); again != arn {
		t.Errorf("the same settings made %s, then %s", arn, again)
	}
	in := &elb.DescribeLoadBalancersInput{Names: []string{"shop-alb"}}
	if err := elb.NewLoadBalancerAvailableWaiter(r.Client).Wait(ctx, in, time.Second); err != nil {
		t.Error(err)
	}
	lb := must[*elb.DescribeLoadBalancersOutput](t)(r.DescribeLoadBalancers(ctx, in)).LoadBalancers[0]
	if *lb.DNSName != "shop-alb.elb.local" || lb.State.Code != types.LoadBalancerStateEnumActive || lb.SecurityGroups[0] != "sg-0aaaaaaa1" ||
		*lb.AvailabilityZones[1].ZoneName != "localb" || *lb.AvailabilityZones[1].SubnetId != "subnet-0aaaaaaa2" || time.Since(*lb.CreatedTime) > time.Minute ||
		!strings.HasPrefix(arn, "arn:aws:elasticloadbalancing:local:000000000000:loadbalancer/app/shop-alb/") || lb.IpAddressType != types.IpAddressTypeIpv4 {
		t.Errorf("got %+v", lb)
	}
	create := func(f func(in *elb.CreateLoadBalancerInput)) error {
		in := &elb.CreateLoadBalancerInput{Name: aws.String("shop-alb"), Subnets: []string{"subnet-0aaaaaaa1", "subnet-0aaaaaaa2"}}
		f(in)
		_, err := r.CreateLoadBalancer(ctx, in)
		return err
	}
	refused(t, create(func(in *elb.CreateLoadBalancerInput) { in.Name = aws.String("another") }), "TooManyLoadBalancers")
	refused(t, create(func(in *elb.CreateLoadBalancerInput) { in.Scheme = types.LoadBalancerSchemeEnumInternal }), "DuplicateLoadBalancerName")
	refused(t, create(func(in *elb.CreateLoadBalancerInput) { in.Subnets = in.Subnets[:1] }), "ValidationError")
	refused(t, create(func(in *elb.CreateLoadBalancerInput) { in.Subnets[0] = "subnet-x" }), "InvalidSubnet")
	refused(t, create(func(in *elb.CreateLoadBalancerInput) { in.SecurityGroups = []string{"x"} }), "InvalidSecurityGroup")
	refused(t, create(func(in *elb.CreateLoadBalancerInput) { in.Type = types.LoadBalancerTypeEnumNetwork }), "InvalidConfigurationRequest")
	refused(t, create(func(in *elb.CreateLoadBalancerInput) { in.Name = aws.String("internal-x") }), "ValidationError")

	r.listen(arn, 80, teapot)
	if _, err := r.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &arn}); err != nil {
		t.Fatal(err)
	}
	if n := len(r.plane.env.LoadBalancer.Listeners); n > 0 {
		t.Errorf("%d listeners are left", n)
	}
	if err := elb.NewLoadBalancersDeletedWaiter(r.Client).Wait(ctx, in, time.Second); err != nil {
		t.Error(err)
	}
	if again := r.loadBalancer(); again == arn {
		t.Error("another load balancer has the same ARN")
	}
}

func TestLoadBalancerSettings(t *testing.T) {
	r := start(t, empty)
	arn := r.loadBalancer()
	set := func(pairs ...string) error {
		var list []types.LoadBalancerAttribute
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, types.LoadBalancerAttribute{Key: &pairs[i], Value: &pairs[i+1]})
		}
		_, err := r.ModifyLoadBalancerAttributes(ctx, &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &arn, Attributes: list})
		return err
	}
	if err := set("idle_timeout.timeout_seconds", "7", "access_logs.s3.bucket", "logs", "deletion_protection.enabled", "true", "routing.http.xff_client_port.enabled", "true"); err != nil {
		t.Fatal(err)
	}
	if a := r.plane.env.LoadBalancer.Attributes; a.IdleTimeout != 7*time.Second || a.AccessLogs.Bucket != "" || !a.XFFClientPort {
		t.Errorf("got %+v", a)
	}
	if err := set("access_logs.s3.enabled", "true"); err != nil || r.plane.env.LoadBalancer.Attributes.AccessLogs.Bucket != "logs" {
		t.Errorf("got %+v, %v", r.plane.env.LoadBalancer.Attributes, err)
	}
	refused(t, set("connection_logs.s3.enabled", "true"), "InvalidConfigurationRequest")
	refused(t, set("idle_timeout.timeout_seconds", "0"), "InvalidConfigurationRequest")
	refused(t, set("ipv6.deny_all_igw_traffic", "true"), "InvalidConfigurationRequest")
	refused(t, set("none", "0"), "ValidationError")
	out := must[*elb.DescribeLoadBalancerAttributesOutput](t)(r.DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &arn}))
	all := map[string]string{}
	for _, a := range out.Attributes {
		all[*a.Key] = *a.Value
	}
	if all["idle_timeout.timeout_seconds"] != "7" || all["routing.http2.enabled"] != "true" || all["access_logs.s3.bucket"] != "logs" || len(all) != 23 {
		t.Errorf("got %d: %v", len(all), all)
	}
	_, err := r.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &arn})
	refused(t, err, "OperationNotPermitted")

	groups := must[*elb.SetSecurityGroupsOutput](t)(r.SetSecurityGroups(ctx, &elb.SetSecurityGroupsInput{LoadBalancerArn: &arn, SecurityGroups: []string{"sg-0bbbbbbb1"}}))
	subnets := must[*elb.SetSubnetsOutput](t)(r.SetSubnets(ctx, &elb.SetSubnetsInput{LoadBalancerArn: &arn, Subnets: []string{"subnet-0bbbbbbb1", "subnet-0bbbbbbb2", "subnet-0bbbbbbb3"}}))
	ips := must[*elb.SetIpAddressTypeOutput](t)(r.SetIpAddressType(ctx, &elb.SetIpAddressTypeInput{LoadBalancerArn: &arn, IpAddressType: types.IpAddressTypeDualstack}))
	if groups.SecurityGroupIds[0] != "sg-0bbbbbbb1" || len(subnets.AvailabilityZones) != 3 || ips.IpAddressType != types.IpAddressTypeDualstack {
		t.Errorf("got %v %v %v", groups.SecurityGroupIds, subnets.AvailabilityZones, ips.IpAddressType)
	}
	lb := must[*elb.DescribeLoadBalancersOutput](t)(r.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{arn}})).LoadBalancers[0]
	if lb.SecurityGroups[0] != "sg-0bbbbbbb1" || len(lb.AvailabilityZones) != 3 || lb.IpAddressType != types.IpAddressTypeDualstack {
		t.Errorf("got %+v", lb)
	}
	_, err = r.SetSubnets(ctx, &elb.SetSubnetsInput{LoadBalancerArn: aws.String(arn + "0"), Subnets: []string{"subnet-0bbbbbbb1", "subnet-0bbbbbbb2"}})
	refused(t, err, "LoadBalancerNotFound")
}

// TestDeclared wants what the file declares to be shown and left alone.
func TestDeclared(t *testing.T) {
	r := start(t, full)
	lb := must[*elb.DescribeLoadBalancersOutput](t)(r.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{})).LoadBalancers[0]
	listener, web := r.declaredListener(), r.arn("web")
	rules := must[*elb.DescribeRulesOutput](t)(r.DescribeRules(ctx, &elb.DescribeRulesInput{ListenerArn: &listener})).Rules
	arns := []string{*lb.LoadBalancerArn, listener, web, *rules[0].RuleArn, *rules[1].RuleArn}
	tags := must[*elb.DescribeTagsOutput](t)(r.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: arns}))
	for i, d := range tags.TagDescriptions {
		got := map[string]string{}
		for _, tag := range d.Tags {
			got[*tag.Key] = *tag.Value
		}
		if *d.ResourceArn != arns[i] || got["evenkeel:declared"] != "test" || got["Team"] != "shops" || got["App"] != "shop" {
			t.Errorf("%s: %v", *d.ResourceArn, got)
		}
	}
	for name, try := range map[string]func() error{
		"DeleteLoadBalancer": func() error {
			_, err := r.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn})
			return err
		},
		"DeleteListener": func() error {
			_, err := r.DeleteListener(ctx, &elb.DeleteListenerInput{ListenerArn: &listener})
			return err
		},
		"DeleteRule": func() error {
			_, err := r.DeleteRule(ctx, &elb.DeleteRuleInput{RuleArn: rules[0].RuleArn})
			return err
		},
		"DeleteRule of the default": func() error {
			_, err := r.DeleteRule(ctx, &elb.DeleteRuleInput{RuleArn: rules[1].RuleArn})
			return err
		},
		"DeleteTargetGroup": func() error {
			_, err := r.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: &web})
			return err
		},
		"ModifyTargetGroup": func() error {
			_, err := r.ModifyTargetGroup(ctx, &elb.ModifyTargetGroupInput{TargetGroupArn: &web, HealthCheckPath: aws.String("/")})
			return err
		},
		"ModifyListener": func() error {
			_, err := r.ModifyListener(ctx, &elb.ModifyListenerInput{ListenerArn: &listener, Port: aws.Int32(81)})
			return err
		},
		"SetSecurityGroups": func() error {
			_, err := r.SetSecurityGroups(ctx, &elb.SetSecurityGroupsInput{LoadBalancerArn: lb.LoadBalancerArn, SecurityGroups: []string{"sg-0bbbbbbb1"}})
			return err
		},
		"AddTags": func() error {
			_, err := r.AddTags(ctx, &elb.AddTagsInput{ResourceArns: []string{web}, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
			return err
		},
	} {
		t.Log(name)
		refused(t, try(), "OperationNotPermitted")
	}
	_, err := r.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: aws.String("x"), Subnets: []string{"subnet-0bbbbbbb1", "subnet-0bbbbbbb2"}})
	refused(t, err, "TooManyLoadBalancers")
	_, err = r.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String("web"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(8000)})
	refused(t, err, "DuplicateTargetGroupName")

	// A listener of its own may be added.
	r.listen(*lb.LoadBalancerArn, 8081, teapot)
}

func TestTags(t *testing.T) {
	r := start(t, empty)
	group, lb := r.group("web"), r.loadBalancer()
	listener := r.listen(lb, 80, teapot)
	arns := []string{group, lb, listener, r.rule(listener, 3, teapot)}
	tag := func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }
	_, err := r.AddTags(ctx, &elb.AddTagsInput{ResourceArns: arns, Tags: []types.Tag{tag("a", "1"), tag("b", "2")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = r.RemoveTags(ctx, &elb.RemoveTagsInput{ResourceArns: arns[:2], TagKeys: []string{"a", "c"}}); err != nil {
		t.Fatal(err)
	}
	out := must[*elb.DescribeTagsOutput](t)(r.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: arns}))
	for i, want := range []int{1, 1, 2, 2} {
		if got := out.TagDescriptions[i]; len(got.Tags) != want || *got.Tags[want-1].Key != "b" || *got.Tags[want-1].Value != "2" {
			t.Errorf("%s: %+v", *got.ResourceArn, got.Tags)
		}
	}
	_, err = r.AddTags(ctx, &elb.AddTagsInput{ResourceArns: arns[:1], Tags: []types.Tag{tag("a", "1"), tag("a", "2")}})
	refused(t, err, "DuplicateTagKeys")
	_, err = r.AddTags(ctx, &elb.AddTagsInput{ResourceArns: []string{group, lb + "0"}, Tags: []types.Tag{tag("z", "1")}})
	refused(t, err, "LoadBalancerNotFound")
	_, err = r.AddTags(ctx, &elb.AddTagsInput{ResourceArns: arns[:1], Tags: []types.Tag{tag("evenkeel:declared", "1")}})
	refused(t, err, "ValidationError")
	var many []types.Tag
	for i := range 50 {
		many = append(many, tag(strings.Repeat("k", i+1), ""))
	}
	_, err = r.AddTags(ctx, &elb.AddTagsInput{ResourceArns: arns[:1], Tags: many})
	refused(t, err, "TooManyTags")
	if out = must[*elb.DescribeTagsOutput](t)(r.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: arns[:1]})); len(out.TagDescriptions[0].Tags) != 1 {
		t.Errorf("got %+v", out.TagDescriptions[0].Tags)
	}
}

func TestTables(t *testing.T) {
	r := start(t, empty)
	limits := must[*elb.DescribeAccountLimitsOutput](t)(r.DescribeAccountLimits(ctx, &elb.DescribeAccountLimitsInput{}))
	if len(limits.Limits) < 10 {
		t.Errorf("got %+v", limits.Limits)
	}
	policies := must[*elb.DescribeSSLPoliciesOutput](t)(r.DescribeSSLPolicies(ctx, &elb.DescribeSSLPoliciesInput{Names: []string{"ELBSecurityPolicy-TLS-1-2-2017-01"}}))
	if p := policies.SslPolicies[0]; len(p.SslProtocols) != 1 || p.SslProtocols[0] != "TLSv1.2" || *p.Ciphers[0].Name != "ECDHE-ECDSA-AES128-GCM-SHA256" || *p.Ciphers[0].Priority != 1 {
		t.Errorf("got %+v", p)
	}
	_, err := r.DescribeSSLPolicies(ctx, &elb.DescribeSSLPoliciesInput{Names: []string{"None"}})
	refused(t, err, "SSLPolicyNotFound")
	all := must[*elb.DescribeSSLPoliciesOutput](t)(r.DescribeSSLPolicies(ctx, &elb.DescribeSSLPoliciesInput{PageSize: aws.Int32(5)}))
	if len(all.SslPolicies) != 5 || all.NextMarker == nil {
		t.Errorf("got %d, %v", len(all.SslPolicies), all.NextMarker)
	}
}

// TestListenersStayWhereTheyAre: an open socket cannot move to another address.
func TestListenersStayWhereTheyAre(t *testing.T) {
	r := startWith(t, load(t, empty), filepath.Join(t.TempDir(), "state.json"))
	lb := r.loadBalancer()
	set := func(kind types.IpAddressType) {
		t.Helper()
		if _, err := r.SetIpAddressType(ctx, &elb.SetIpAddressTypeInput{LoadBalancerArn: &lb, IpAddressType: kind}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(r *running, addresses ...string) {
		t.Helper()
		var got []string
		for i := range r.plane.env.LoadBalancer.Listeners {
			got = append(got, r.plane.env.ListenAddress(&r.plane.env.LoadBalancer.Listeners[i]))
		}
		if !slices.Equal(got, addresses) {
			t.Errorf("got %q, want %q", got, addresses)
		}
	}
	r.listen(lb, 80, teapot)
	set(types.IpAddressTypeDualstack)
	r.listen(lb, 81, teapot)
	want(r, "0.0.0.0:80", "[::]:81")
	r = r.again(empty)
	want(r, "0.0.0.0:80", "[::]:81")
	bound := strings.Replace(empty, "bind: {", "bind: {http-80: 127.0.0.1:8080, ", 1)
	want(r.again(bound), "127.0.0.1:8080", "[::]:81")
}

// TestNonsense asks for what is no ARN.
func TestNonsense(t *testing.T) {
	r := start(t, full)
	nonsense := aws.String("nonsense")
	list := []string{*nonsense}
	for name, ask := range map[string]func() (any, error){
		"load balancers": func() (any, error) {
			return r.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: list})
		},
		"load balancer": func() (any, error) {
			return r.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: nonsense})
		},
		"target groups": func() (any, error) {
			return r.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: list})
		},
		"target group": func() (any, error) {
			return r.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: nonsense})
		},
		"target health": func() (any, error) {
			return r.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: nonsense})
		},
		"listeners": func() (any, error) {
			return r.DescribeListeners(ctx, &elb.DescribeListenersInput{ListenerArns: list})
		},
		"rules": func() (any, error) {
			return r.DescribeRules(ctx, &elb.DescribeRulesInput{RuleArns: list})
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ask()
			refused(t, err, "ValidationError")
			if err != nil && !strings.Contains(err.Error(), "'nonsense' is not a valid") {
				t.Error(err)
			}
		})
	}
}
