package loadbalancer

import (
	"cmp"
	"strconv"

	elbv2 "github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/spec"
)

// ruleAction is the action of a rule.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Action.html
func (b *LoadBalancer) ruleAction(a *spec.Action) *elbv2.CfnListenerRule_ActionProperty {
	switch {
	case a.Redirect != nil:
		return &elbv2.CfnListenerRule_ActionProperty{Type: new("redirect"), RedirectConfig: new(redirect(a.Redirect))}
	case a.FixedResponse != nil:
		return &elbv2.CfnListenerRule_ActionProperty{Type: new("fixed-response"), FixedResponseConfig: new(fixedResponse(a.FixedResponse))}
	}
	shares := make([]*elbv2.CfnListenerRule_TargetGroupTupleProperty, len(a.Forward))
	for i := range a.Forward {
		shares[i] = new(b.share(&a.Forward[i]))
	}
	forward := &elbv2.CfnListenerRule_ForwardConfigProperty{TargetGroups: convert.Union(shares...)}
	if a.TargetGroupStickiness.Duration > 0 {
		forward.TargetGroupStickinessConfig = new(stickiness(a))
	}
	return &elbv2.CfnListenerRule_ActionProperty{Type: new("forward"), ForwardConfig: forward}
}

// listenerAction is a default action: the same, for which CloudFormation has types of its own.
func (b *LoadBalancer) listenerAction(a *spec.Action) *elbv2.CfnListener_ActionProperty {
	switch {
	case a.Redirect != nil:
		return &elbv2.CfnListener_ActionProperty{Type: new("redirect"), RedirectConfig: new(elbv2.CfnListener_RedirectConfigProperty(redirect(a.Redirect)))}
	case a.FixedResponse != nil:
		return &elbv2.CfnListener_ActionProperty{Type: new("fixed-response"), FixedResponseConfig: new(elbv2.CfnListener_FixedResponseConfigProperty(fixedResponse(a.FixedResponse)))}
	}
	shares := make([]*elbv2.CfnListener_TargetGroupTupleProperty, len(a.Forward))
	for i := range a.Forward {
		shares[i] = new(elbv2.CfnListener_TargetGroupTupleProperty(b.share(&a.Forward[i])))
	}
	forward := &elbv2.CfnListener_ForwardConfigProperty{TargetGroups: convert.Union(shares...)}
	if a.TargetGroupStickiness.Duration > 0 {
		forward.TargetGroupStickinessConfig = new(elbv2.CfnListener_TargetGroupStickinessConfigProperty(stickiness(a)))
	}
	return &elbv2.CfnListener_ActionProperty{Type: new("forward"), ForwardConfig: forward}
}

// redirect says what it keeps as well: CloudFormation wants some of it, and people like to
// see it.
func redirect(r *spec.Redirect) elbv2.CfnListenerRule_RedirectConfigProperty {
	return elbv2.CfnListenerRule_RedirectConfigProperty{
		Protocol: new(cmp.Or(r.Protocol, "#{protocol}")), Host: new(cmp.Or(r.Host, "#{host}")), Port: new(cmp.Or(r.Port, "#{port}")),
		Path: new(cmp.Or(r.Path, "/#{path}")), Query: new(cmp.Or(r.Query, "#{query}")), StatusCode: &r.StatusCode,
	}
}

func fixedResponse(f *spec.FixedResponse) elbv2.CfnListenerRule_FixedResponseConfigProperty {
	return elbv2.CfnListenerRule_FixedResponseConfigProperty{
		StatusCode: new(strconv.Itoa(f.StatusCode)), ContentType: &f.ContentType, MessageBody: convert.Optional(f.MessageBody),
	}
}

func (b *LoadBalancer) share(f *spec.WeightedTargetGroup) elbv2.CfnListenerRule_TargetGroupTupleProperty {
	return elbv2.CfnListenerRule_TargetGroupTupleProperty{TargetGroupArn: new(b.TargetGroups[f.TargetGroup].ARN), Weight: jsii.Number(f.Weight)}
}

func stickiness(a *spec.Action) elbv2.CfnListenerRule_TargetGroupStickinessConfigProperty {
	return elbv2.CfnListenerRule_TargetGroupStickinessConfigProperty{Enabled: new(true), DurationSeconds: convert.Seconds(a.TargetGroupStickiness.Duration)}
}
