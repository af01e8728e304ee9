package elbv2api_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/evenkeel/evenkeel/spec"
)

func TestQuotas(t *testing.T) {
	r := start(t, open)
	for i := range spec.MaxTargetGroups {
		r.group(fmt.Sprintf("g%d", i))
	}
	_, err := r.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String("more"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80)})
	refused(t, err, "TooManyTargetGroups")
	lb := r.loadBalancer()
	for i := range spec.MaxListeners {
		r.listen(lb, int32(8000+i), teapot)
	}
	_, err = r.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: &lb, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), DefaultActions: teapot})
	refused(t, err, "TooManyListeners")
	var groups []types.TargetGroupTuple
	for i := range spec.MaxForwardGroups + 1 {
		groups = append(groups, types.TargetGroupTuple{TargetGroupArn: aws.String(r.arn(fmt.Sprintf("g%d", i)))})
	}
	_, err = r.ModifyListener(ctx, &elb.ModifyListenerInput{ListenerArn: aws.String(r.declaredListener()), DefaultActions: []types.Action{
		{Type: types.ActionTypeEnumForward, ForwardConfig: &types.ForwardActionConfig{TargetGroups: groups}},
	}})
	refused(t, err, "TooManyTargetGroups")
}

// TestStickinessOfSeveralGroups turns stickiness on that does not go with an action.
func TestStickinessOfSeveralGroups(t *testing.T) {
	r := start(t, empty)
	a, b := r.group("a"), r.group("b")
	r.listen(r.loadBalancer(), 80, []types.Action{{Type: types.ActionTypeEnumForward, ForwardConfig: &types.ForwardActionConfig{
		TargetGroups: []types.TargetGroupTuple{{TargetGroupArn: &a}, {TargetGroupArn: &b}},
	}}})
	for _, kind := range []string{"lb_cookie", "app_cookie"} {
		_, err := r.ModifyTargetGroupAttributes(ctx, &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &a, Attributes: []types.TargetGroupAttribute{
			{Key: aws.String("stickiness.enabled"), Value: aws.String("true")},
			{Key: aws.String("stickiness.type"), Value: &kind},
			{Key: aws.String("stickiness.app_cookie.cookie_name"), Value: aws.String("sid")},
		}})
		refused(t, err, "InvalidConfigurationRequest")
	}
}
