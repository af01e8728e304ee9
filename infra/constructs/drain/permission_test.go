package drain_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/spec"
)

// doing lists the statements of the function's role with the action.
func doing(t *testing.T, resources map[string]resource, action string) statement {
	t.Helper()
	_, function := only(t, resources, "AWS::Lambda::Function")
	role := function.Properties["Role"].(map[string]any)["Fn::GetAtt"].([]any)[0].(string)
	var found []statement
	for _, s := range allowed(resources) {
		for _, a := range s.actions {
			if s.role == role && a == action {
				found = append(found, s)
			}
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d statements let the function %s, want 1", len(found), action)
	}
	return found[0]
}

func TestActionsAreCompletedOnTheGroupsAlone(t *testing.T) {
	env := prod(t)
	_, resources := newDrain(t, env)
	for _, action := range []string{"autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"} {
		var got, want []string
		for _, r := range doing(t, resources, action).resources {
			got = append(got, strings.Trim(flat(t, r), `"`))
		}
		for _, group := range groups(env) {
			want = append(want, "arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:*:autoScalingGroupName/"+group.(string))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", action, diff)
		}
	}
}

func TestTargetsOfOthersStayRegistered(t *testing.T) {
	env := prod(t)
	_, resources := newDrain(t, env)
	s := doing(t, resources, "elasticloadbalancing:DeregisterTargets")
	want := map[string]any{"StringEquals": map[string]any{
		"aws:ResourceTag/" + spec.TagApp: env.App, "aws:ResourceTag/" + spec.TagEnvironment: env.Name,
	}}
	if diff := cmp.Diff(any(want), s.condition); diff != "" {
		t.Error(diff)
	}
	if len(s.actions) != 1 {
		t.Errorf("the tags are asked for with %v", s.actions)
	}
}

func TestQueueOfOthersIsLeftAlone(t *testing.T) {
	d, resources := newDrain(t, prod(t))
	queue, _ := named(t, resources, "AWS::SQS::Queue", "QueueName", d.QueueName)
	for _, action := range []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility", "sqs:SendMessage"} {
		if diff := cmp.Diff([]any{arn(queue)}, doing(t, resources, action).resources); diff != "" {
			t.Errorf("%s: %s", action, diff)
		}
	}
}

// TestStarIsForReadingOnly: whatever a role may do to everything, it only reads or traces.
func TestStarIsForReadingOnly(t *testing.T) {
	_, resources := newDrain(t, prod(t))
	seen := 0
	for _, s := range allowed(resources) {
		for _, a := range s.actions {
			if strings.Contains(a, "*") {
				t.Errorf("a role may %s", a)
			}
			_, verb, _ := strings.Cut(a, ":")
			for _, r := range s.resources {
				if r != "*" {
					continue
				}
				seen++
				if !strings.HasPrefix(verb, "Describe") && !strings.HasPrefix(a, "xray:Put") {
					t.Errorf("a role may %s on everything", a)
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no statement takes *, so the function sees no instance")
	}
	for id, r := range resources {
		if r.Type == "AWS::IAM::Role" && (r.Properties["ManagedPolicyArns"] != nil || r.Properties["Policies"] != nil) {
			t.Errorf("%s has policies that are not listed: %v", id, r.Properties)
		}
	}
}
