package elbv2api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/evenkeel/evenkeel/spec"
)

func path(values ...string) []types.RuleCondition {
	return []types.RuleCondition{{Field: aws.String("path-pattern"), Values: values}}
}

func (r *running) rule(listener string, priority int32, actions []types.Action) string {
	r.t.Helper()
	out, err := r.CreateRule(ctx, &elb.CreateRuleInput{ListenerArn: &listener, Priority: &priority, Conditions: path(fmt.Sprintf("/%d/*", priority)), Actions: actions})
	if err != nil {
		r.t.Fatal(err)
	}
	return *out.Rules[0].RuleArn
}

// priorities are those of a listener's rules, in the order of the API.
func (r *running) priorities(listener string) string {
	r.t.Helper()
	out, err := r.DescribeRules(ctx, &elb.DescribeRulesInput{ListenerArn: &listener})
	if err != nil {
		r.t.Fatal(err)
	}
	var list []string
	for _, rule := range out.Rules {
		list = append(list, *rule.Priority)
	}
	return strings.Join(list, " ")
}

func (r *running) declaredListener() string {
	r.t.Helper()
	lbs, err := r.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{})
	if err != nil {
		r.t.Fatal(err)
	}
	out, err := r.DescribeListeners(ctx, &elb.DescribeListenersInput{LoadBalancerArn: lbs.LoadBalancers[0].LoadBalancerArn})
	if err != nil {
		r.t.Fatal(err)
	}
	return *out.Listeners[0].ListenerArn
}

// everything is as many kinds of conditions as a rule may have, and of transforms.
var everything = &elb.CreateRuleInput{
	Priority: aws.Int32(7),
	Conditions: []types.RuleCondition{
		{Field: aws.String("host-header"), HostHeaderConfig: &types.HostHeaderConditionConfig{Values: []string{"*.example.com"}}},
		{Field: aws.String("path-pattern"), PathPatternConfig: &types.PathPatternConditionConfig{RegexValues: []string{"^/a[0-9]+$"}}},
		{Field: aws.String("http-header"), HttpHeaderConfig: &types.HttpHeaderConditionConfig{HttpHeaderName: aws.String("X-A"), Values: []string{"b"}}},
		{Field: aws.String("query-string"), QueryStringConfig: &types.QueryStringConditionConfig{Values: []types.QueryStringKeyValuePair{{Key: aws.String("k"), Value: aws.String("v&=")}}}},
		{Field: aws.String("http-request-method"), HttpRequestMethodConfig: &types.HttpRequestMethodConditionConfig{Values: []string{"GET"}}},
	},
	Transforms: []types.RuleTransform{
		{Type: types.TransformTypeEnumHostHeaderRewrite, HostHeaderRewriteConfig: &types.HostHeaderRewriteConfig{Rewrites: []types.RewriteConfig{{Regex: aws.String("^a"), Replace: aws.String("b")}}}},
		{Type: types.TransformTypeEnumUrlRewrite, UrlRewriteConfig: &types.UrlRewriteConfig{Rewrites: []types.RewriteConfig{{Regex: aws.String("^/x/(.*)"), Replace: aws.String("/$1")}}}},
	},
}

func TestEveryCondition(t *testing.T) {
	r := start(t, full)
	in := *everything
	in.ListenerArn, in.Actions = aws.String(r.declaredListener()), []types.Action{{Type: types.ActionTypeEnumForward, ForwardConfig: &types.ForwardActionConfig{
		TargetGroups: []types.TargetGroupTuple{
			{TargetGroupArn: aws.String(r.arn("web")), Weight: aws.Int32(90)}, {TargetGroupArn: aws.String(r.arn("img")), Weight: aws.Int32(10)},
		},
		TargetGroupStickinessConfig: &types.TargetGroupStickinessConfig{Enabled: aws.Bool(true), DurationSeconds: aws.Int32(60)},
	}}}
	out := must[*elb.CreateRuleOutput](t)(r.CreateRule(ctx, &in))
	want := spec.Rule{
		Priority: 7,
		Conditions: []spec.Condition{
			{HostHeader: spec.Patterns{Values: []string{"*.example.com"}}},
			{PathPattern: spec.Patterns{RegexValues: []string{"^/a[0-9]+$"}}},
			{HTTPHeader: spec.HTTPHeader{Name: "X-A", Values: []string{"b"}}},
			{QueryString: []spec.QueryStringKey{{Key: "k", Value: "v&="}}},
			{HTTPRequestMethod: []string{"GET"}},
		},
		Transforms: spec.Transforms{HostHeaderRewrite: spec.Rewrite{Regex: "^a", Replace: "b"}, URLRewrite: spec.Rewrite{Regex: "^/x/(.*)", Replace: "/$1"}},
		Action: spec.Action{
			Forward:               []spec.WeightedTargetGroup{{TargetGroup: "web", Weight: 90}, {TargetGroup: "img", Weight: 10}},
			TargetGroupStickiness: spec.TargetGroupStickiness{Duration: 60e9},
		},
	}
	rules := r.plane.env.LoadBalancer.Listeners[0].Rules
	if diff := cmp.Diff(want, rules[len(rules)-1], cmpopts.IgnoreFields(spec.Rule{}, "Name"), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	shown := out.Rules[0]
	ignore := cmp.Options{cmpopts.IgnoreUnexported(
		types.RuleCondition{}, types.HostHeaderConditionConfig{}, types.PathPatternConditionConfig{}, types.HttpHeaderConditionConfig{}, types.QueryStringConditionConfig{},
		types.QueryStringKeyValuePair{}, types.HttpRequestMethodConditionConfig{}, types.SourceIpConditionConfig{}, types.RuleTransform{}, types.HostHeaderRewriteConfig{},
		types.UrlRewriteConfig{}, types.RewriteConfig{},
	), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(types.RuleCondition{}, "Values", "RegexValues")}
	if diff := cmp.Diff(in.Conditions, shown.Conditions, ignore); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(in.Transforms, shown.Transforms, ignore); diff != "" {
		t.Error(diff)
	}
	conditions := []types.RuleCondition{{Field: aws.String("source-ip"), SourceIpConfig: &types.SourceIpConditionConfig{Values: []string{"10.0.0.0/8"}}}}
	modified := must[*elb.ModifyRuleOutput](t)(r.ModifyRule(ctx, &elb.ModifyRuleInput{RuleArn: shown.RuleArn, Conditions: conditions, ResetTransforms: aws.Bool(true)}))
	if diff := cmp.Diff(conditions, modified.Rules[0].Conditions, ignore); diff != "" || len(modified.Rules[0].Transforms) > 0 || len(modified.Rules[0].Actions[0].ForwardConfig.TargetGroups) != 2 {
		t.Errorf("got %+v %s", modified.Rules[0], diff)
	}
}

func TestCanary(t *testing.T) {
	r := start(t, full)
	arn := r.rule(r.declaredListener(), 20, forward(r.arn("web")))
	out := must[*elb.ModifyRuleOutput](t)(r.ModifyRule(ctx, &elb.ModifyRuleInput{RuleArn: &arn, Actions: []types.Action{{
		Type: types.ActionTypeEnumForward, ForwardConfig: &types.ForwardActionConfig{TargetGroups: []types.TargetGroupTuple{
			{TargetGroupArn: aws.String(r.arn("web")), Weight: aws.Int32(0)}, {TargetGroupArn: aws.String(r.arn("img")), Weight: aws.Int32(100)},
		}},
	}}}))
	if got := out.Rules[0]; *got.RuleArn != arn || *got.Actions[0].ForwardConfig.TargetGroups[0].Weight != 0 || got.Conditions[0].Values[0] != "/20/*" {
		t.Errorf("got %+v", got)
	}
}

func TestPriorities(t *testing.T) {
	r := start(t, full)
	l := r.declaredListener()
	a, b := r.rule(l, 5, teapot), r.rule(l, 20000, teapot)
	if got := r.priorities(l); got != "5 10 20000 default" {
		t.Errorf("got %s", got)
	}
	set := func(pairs ...types.RulePriorityPair) error {
		_, err := r.SetRulePriorities(ctx, &elb.SetRulePrioritiesInput{RulePriorities: pairs})
		return err
	}
	// Two change places.
	if err := set(types.RulePriorityPair{RuleArn: &a, Priority: aws.Int32(20000)}, types.RulePriorityPair{RuleArn: &b, Priority: aws.Int32(5)}); err != nil {
		t.Fatal(err)
	}
	out := must[*elb.DescribeRulesOutput](t)(r.DescribeRules(ctx, &elb.DescribeRulesInput{RuleArns: []string{a}}))
	if rule := out.Rules[0]; *rule.Priority != "20000" || rule.Conditions[0].Values[0] != "/5/*" {
		t.Errorf("got %+v", rule)
	}
	refused(t, set(types.RulePriorityPair{RuleArn: &a, Priority: aws.Int32(10)}), "PriorityInUse")
	_, err := r.CreateRule(ctx, &elb.CreateRuleInput{ListenerArn: &l, Priority: aws.Int32(10), Conditions: path("/x"), Actions: teapot})
	refused(t, err, "PriorityInUse")
	_, err = r.CreateRule(ctx, &elb.CreateRuleInput{ListenerArn: &l, Priority: aws.Int32(0), Conditions: path("/x"), Actions: teapot})
	refused(t, err, "ValidationError")
	if got := r.priorities(l); got != "5 10 20000 default" {
		t.Errorf("got %s", got)
	}
	if _, err := r.DeleteRule(ctx, &elb.DeleteRuleInput{RuleArn: &a}); err != nil {
		t.Fatal(err)
	}
	if got := r.priorities(l); got != "5 10 default" {
		t.Errorf("got %s", got)
	}
	_, err = r.DeleteRule(ctx, &elb.DeleteRuleInput{RuleArn: &a})
	refused(t, err, "RuleNotFound")
}

func TestRuleRefusals(t *testing.T) {
	r := start(t, full)
	l := r.declaredListener()
	for name, c := range map[string]struct {
		conditions []types.RuleCondition
		code       string
	}{
		"no values":     {path(), "ValidationError"},
		"no field":      {[]types.RuleCondition{{Values: []string{"/a"}}}, "ValidationError"},
		"no condition":  {[]types.RuleCondition{}, "ValidationError"},
		"six values":    {append(path("/1", "/2", "/3"), types.RuleCondition{Field: aws.String("host-header"), Values: []string{"a.b", "b.b", "c.b"}}), "ValidationError"},
		"bad character": {path("/a b"), "ValidationError"},
		"both":          {[]types.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{"/a"}, PathPatternConfig: &types.PathPatternConditionConfig{Values: []string{"/b"}}}}, "ValidationError"},
		"no block":      {[]types.RuleCondition{{Field: aws.String("source-ip"), SourceIpConfig: &types.SourceIpConditionConfig{Values: []string{"10.0.0.1"}}}}, "ValidationError"},
	} {
		_, err := r.CreateRule(ctx, &elb.CreateRuleInput{ListenerArn: &l, Priority: aws.Int32(3), Conditions: c.conditions, Actions: teapot})
		t.Log(name, err)
		refused(t, err, c.code)
	}
	for i := int32(100); i < 199; i++ {
		r.rule(l, i, teapot)
	}
	_, err := r.CreateRule(ctx, &elb.CreateRuleInput{ListenerArn: &l, Priority: aws.Int32(3), Conditions: path("/x"), Actions: teapot})
	refused(t, err, "TooManyRules")
}
