package asgsim

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	autoscalingtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/smithy-go"
)

// refusal is an error of AWS.
func refusal(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message}
}

// lost is what a caller sees of a call whose answer never came.
type lost struct{}

func (lost) Error() string { return "read answer: i/o timeout" }

// call makes a call of one of the world's APIs, with all that may go wrong.
func call[Output any](ctx context.Context, w *World, do func(caller string) (*Output, error)) (*Output, error) {
	caller := ""
	if i, ok := ctx.Value(running{}).(*invocation); ok {
		i.pause(w.between(2*time.Millisecond, 60*time.Millisecond))
		caller = CallerFunction
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.Clock.Now()
	switch {
	case !now.Before(w.Faults.OutageFrom) && now.Before(w.Faults.OutageTo):
		return nil, refusal("ServiceUnavailable", "Service is unavailable.")
	case w.chance(w.Faults.Throttle):
		return nil, refusal("Throttling", "Rate exceeded")
	}
	out, err := do(caller)
	if err == nil && w.chance(w.Faults.LoseAnswer) {
		return nil, lost{}
	}
	return out, err
}

// CallerFunction is who completes from an invocation that the world runs.
const CallerFunction = "function"

// state is an instance's as it is described, which may be late.
func (w *World) state(i *Instance) string {
	if i.before != "" && w.Clock.Now().Sub(i.changed) < w.Faults.Staleness && w.chance(w.Faults.Stale) {
		return i.before
	}
	return i.State
}

func healthStatus(i *Instance) string {
	if i.Unhealthy {
		return "UNHEALTHY"
	}
	return "HEALTHY"
}

// DescribeAutoScalingInstances describes instances by their ids.
func (w *World) DescribeAutoScalingInstances(ctx context.Context, in *autoscaling.DescribeAutoScalingInstancesInput, _ ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingInstancesOutput, error) {
	return call(ctx, w, func(string) (*autoscaling.DescribeAutoScalingInstancesOutput, error) {
		if len(in.InstanceIds) > 50 {
			return nil, refusal("ValidationError", "The number of instance ids is more than 50")
		}
		out := &autoscaling.DescribeAutoScalingInstancesOutput{}
		for _, id := range w.order {
			if i := w.instances[id]; i != nil && (len(in.InstanceIds) == 0 || slices.Contains(in.InstanceIds, id)) {
				out.AutoScalingInstances = append(out.AutoScalingInstances, autoscalingtypes.AutoScalingInstanceDetails{
					InstanceId: &i.ID, AutoScalingGroupName: &i.Group.Name, LifecycleState: aws.String(w.state(i)), HealthStatus: aws.String(healthStatus(i)),
					AvailabilityZone: aws.String(region + "a"), ProtectedFromScaleIn: aws.Bool(false),
				})
			}
		}
		return out, nil
	})
}

// DescribeAutoScalingGroups describes groups by their names, two on a page.
func (w *World) DescribeAutoScalingGroups(ctx context.Context, in *autoscaling.DescribeAutoScalingGroupsInput, _ ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingGroupsOutput, error) {
	return call(ctx, w, func(string) (*autoscaling.DescribeAutoScalingGroupsOutput, error) {
		const page = 2
		var names []string
		for name := range w.groups {
			if (len(in.AutoScalingGroupNames) == 0 || slices.Contains(in.AutoScalingGroupNames, name)) && name > aws.ToString(in.NextToken) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		out := &autoscaling.DescribeAutoScalingGroupsOutput{}
		if len(names) > page {
			names = names[:page]
			out.NextToken = &names[page-1]
		}
		for _, name := range names {
			g := w.groups[name]
			described := autoscalingtypes.AutoScalingGroup{AutoScalingGroupName: &g.Name, TargetGroupARNs: g.TargetGroups}
			for _, id := range w.order {
				if i := w.instances[id]; i != nil && i.Group == g {
					described.Instances = append(described.Instances, autoscalingtypes.Instance{InstanceId: &i.ID, LifecycleState: autoscalingtypes.LifecycleState(w.state(i)), HealthStatus: aws.String(healthStatus(i))})
				}
			}
			out.AutoScalingGroups = append(out.AutoScalingGroups, described)
		}
		return out, nil
	})
}

// DescribeLifecycleHooks describes a group's hook.
func (w *World) DescribeLifecycleHooks(ctx context.Context, in *autoscaling.DescribeLifecycleHooksInput, _ ...func(*autoscaling.Options)) (*autoscaling.DescribeLifecycleHooksOutput, error) {
	return call(ctx, w, func(string) (*autoscaling.DescribeLifecycleHooksOutput, error) {
		g := w.groups[aws.ToString(in.AutoScalingGroupName)]
		if g == nil {
			return nil, refusal("ValidationError", "AutoScalingGroup name not found - null")
		}
		out := &autoscaling.DescribeLifecycleHooksOutput{}
		if len(in.LifecycleHookNames) == 0 || slices.Contains(in.LifecycleHookNames, g.Hook.Name) {
			heartbeat := g.Hook.Heartbeat
			out.LifecycleHooks = append(out.LifecycleHooks, autoscalingtypes.LifecycleHook{
				AutoScalingGroupName: &g.Name, LifecycleHookName: &g.Hook.Name, DefaultResult: &g.Hook.DefaultResult, NotificationMetadata: &g.Hook.Metadata,
				LifecycleTransition: aws.String("autoscaling:EC2_INSTANCE_TERMINATING"), HeartbeatTimeout: aws.Int32(int32(heartbeat / time.Second)),
				GlobalTimeout: aws.Int32(int32(min(globalHeartbeats*heartbeat, globalMaximum) / time.Second)),
			})
		}
		return out, nil
	})
}

// find finds an action by token or by instance, as Auto Scaling does.
func (w *World) find(group, hook, instance, token *string) (*Instance, error) {
	g := w.groups[aws.ToString(group)]
	if g == nil {
		return nil, refusal("ValidationError", "AutoScalingGroup name not found - null")
	}
	if g.Hook.Name != aws.ToString(hook) {
		return nil, refusal("ValidationError", "No lifecycle hook found with name "+aws.ToString(hook))
	}
	if token != nil {
		for _, id := range w.order {
			if i := w.instances[id]; i != nil && i.Group == g && i.action != nil && i.action.token == *token {
				return i, nil
			}
		}
		return nil, refusal("ValidationError", "No active Lifecycle Action found with token "+*token)
	}
	if i := w.instances[aws.ToString(instance)]; i != nil && i.Group == g && i.action != nil {
		return i, nil
	}
	return nil, refusal("ValidationError", "No active Lifecycle Action found with instance ID "+aws.ToString(instance))
}

// CompleteLifecycleAction ends a hold.
func (w *World) CompleteLifecycleAction(ctx context.Context, in *autoscaling.CompleteLifecycleActionInput, _ ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error) {
	return call(ctx, w, func(caller string) (*autoscaling.CompleteLifecycleActionOutput, error) {
		result := aws.ToString(in.LifecycleActionResult)
		if result != "CONTINUE" && result != "ABANDON" {
			return nil, refusal("ValidationError", "1 validation error detected: Value at 'lifecycleActionResult'")
		}
		i, err := w.find(in.AutoScalingGroupName, in.LifecycleHookName, in.InstanceId, in.LifecycleActionToken)
		if err != nil {
			return nil, err
		}
		w.release(i, ByCompletion, caller, result)
		return &autoscaling.CompleteLifecycleActionOutput{}, nil
	})
}

// RecordLifecycleActionHeartbeat starts a hold's timeout anew.
func (w *World) RecordLifecycleActionHeartbeat(ctx context.Context, in *autoscaling.RecordLifecycleActionHeartbeatInput, _ ...func(*autoscaling.Options)) (*autoscaling.RecordLifecycleActionHeartbeatOutput, error) {
	return call(ctx, w, func(string) (*autoscaling.RecordLifecycleActionHeartbeatOutput, error) {
		i, err := w.find(in.AutoScalingGroupName, in.LifecycleHookName, in.InstanceId, in.LifecycleActionToken)
		if err != nil {
			return nil, err
		}
		a, now := i.action, w.Clock.Now()
		a.heartbeats++
		a.gap, a.beat, a.expires = max(a.gap, now.Sub(a.beat)), now, now.Add(i.Group.Hook.Heartbeat)
		return &autoscaling.RecordLifecycleActionHeartbeatOutput{}, nil
	})
}
