package function_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/infra/constructs/function"
)

func TestScheduleReachesItsTarget(t *testing.T) {
	const target = "arn:aws:lambda:eu-west-1:123456789012:function:probe"
	for _, test := range []struct {
		every time.Duration
		rate  string
	}{{time.Minute, "rate(1 minute)"}, {5 * time.Minute, "rate(5 minutes)"}} {
		env := environment(t)
		_, stack := newStack(t, env)
		function.NewSchedule(stack, "Often", function.ScheduleProps{
			Environment: env, Name: "often", Description: "Often", Every: test.every,
			Target: target, Action: function.ActionInvoke, Input: `{"a":1}`,
			DeadLetterQueue: function.NewDeadLetterQueue(stack, "Dead", env, "dead"),
		})
		resources := template(t, stack)
		queue, _ := only(t, resources, "AWS::SQS::Queue")
		group, _ := only(t, resources, "AWS::Scheduler::ScheduleGroup")
		role, made := only(t, resources, "AWS::IAM::Role")
		_, schedule := only(t, resources, "AWS::Scheduler::Schedule")

		dead := map[string]any{"Fn::GetAtt": []any{queue, "Arn"}}
		want := map[string]any{
			"Name": env.ResourceName("often"), "GroupName": map[string]any{"Ref": group}, "Description": "Often",
			"ScheduleExpression": test.rate, "FlexibleTimeWindow": map[string]any{"Mode": "OFF"},
			"Target": map[string]any{
				"Arn": target, "Input": `{"a":1}`, "RoleArn": map[string]any{"Fn::GetAtt": []any{role, "Arn"}},
				"DeadLetterConfig": map[string]any{"Arn": dead},
				"RetryPolicy":      map[string]any{"MaximumEventAgeInSeconds": test.every.Seconds(), "MaximumRetryAttempts": 3.0},
			},
		}
		if diff := cmp.Diff(want, schedule.Properties); diff != "" {
			t.Error(diff)
		}

		trust := made.Properties["AssumeRolePolicyDocument"].(map[string]any)["Statement"].([]any)[0].(map[string]any)
		wantTrust := map[string]any{
			"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": map[string]any{"Service": "scheduler.amazonaws.com"},
			"Condition": map[string]any{"StringEquals": map[string]any{
				"aws:SourceAccount": env.AWS.Account, "aws:SourceArn": map[string]any{"Fn::GetAtt": []any{group, "Arn"}},
			}},
		}
		if diff := cmp.Diff(wantTrust, trust); diff != "" {
			t.Error(diff)
		}
		may := map[string]any{}
		for _, list := range statements(resources) {
			for _, s := range list {
				may[s["Action"].(string)] = s["Resource"]
			}
		}
		if diff := cmp.Diff(map[string]any{function.ActionInvoke: target, function.ActionSend: dead}, may); diff != "" {
			t.Error(diff)
		}
	}
}
