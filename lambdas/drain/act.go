package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"github.com/evenkeel/evenkeel/spec"
)

// actionCompleter is what ends a hook's hold, or prolongs it.
type actionCompleter interface {
	CompleteLifecycleAction(context.Context, *autoscaling.CompleteLifecycleActionInput, ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error)
	RecordLifecycleActionHeartbeat(context.Context, *autoscaling.RecordLifecycleActionHeartbeatInput, ...func(*autoscaling.Options)) (*autoscaling.RecordLifecycleActionHeartbeatOutput, error)
}

var (
	// errNoAction: there is no action of this hook and instance to do anything to. It was
	// completed, timed out, or the hook is gone.
	errNoAction = errors.New("no active lifecycle action")
	// noActionText is how Auto Scaling says so. It has no code for it.
	noActionText = "no active lifecycle action"
)

// retryDelay is the least time after which a call that failed for the moment is tried again,
// retryJitter the most that chance adds.
const (
	retryDelay  = 3 * time.Second
	retryJitter = 5 * time.Second
)

// act does what was decided. An error is one that the message has to be delivered again for.
func (f *Function) act(ctx context.Context, s *State, actions []Action) error {
	for _, a := range actions {
		attributes := []any{"instance", s.Instance, "auto_scaling_group", s.Group, "action", string(a.Kind), "reason", a.Reason}
		f.Log.DebugContext(ctx, "drain step", attributes...)
		switch a.Kind {
		case ActionEmit:
			if f.memory.end(&s.Drain, f.now()) {
				f.ended(ctx, s, a)
			}
		case ActionDrop:
			f.Log.DebugContext(ctx, "drain is over", attributes...)
		case ActionComplete:
			return f.complete(ctx, s, a)
		case ActionHeartbeat:
			if done, err := f.heartbeat(ctx, s); done || err != nil {
				return err
			}
		case ActionDeregister:
			err := f.deregister(ctx, s, a.Target)
			if err != nil {
				// What stays registered keeps the drain from ending before its time, and no longer.
				f.Log.ErrorContext(ctx, "target not deregistered", "instance", s.Instance, "target_group", a.Target.Group, "error", err)
				continue
			}
			f.Log.InfoContext(ctx, "target deregistered", "instance", s.Instance, "auto_scaling_group", s.Group, "target_group", a.Target.Group, "target_state", a.Target.State)
		case ActionRequeue:
			switch {
			case a.Anew:
				s.Started = f.now().Add(a.Delay)
			case a.Held:
				s.Started, s.Held = f.now(), true
			}
			return f.requeue(ctx, s, a.Delay)
		}
	}
	return nil
}

// complete ends the hook's hold on the instance.
func (f *Function) complete(ctx context.Context, s *State, a Action) error {
	// What the instance's state asks for is right whichever action holds it. That its time is over
	// is known of the message's own action alone.
	byInstance := a.Metric == spec.MetricDrainCompleted
	err := withToken(s, byInstance, func(token *string) error {
		_, err := f.Actions.CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{
			AutoScalingGroupName: &s.Group, LifecycleHookName: &s.Hook, InstanceId: &s.Instance,
			LifecycleActionToken: token, LifecycleActionResult: &a.Result,
		})
		return err
	})
	switch {
	case err == nil:
		f.memory.end(&s.Drain, f.now())
		f.ended(ctx, s, a)
		return nil
	case errors.Is(err, errNoAction):
		// What was to be done is done.
		f.alreadyOver(ctx, s, byInstance)
		return nil
	case isTransient(err):
		f.Log.WarnContext(ctx, "action not completed yet", "instance", s.Instance, "auto_scaling_group", s.Group, "error", err)
		return f.requeue(ctx, s, f.retryIn())
	}
	return fmt.Errorf("complete action: %w", err)
}

// heartbeat starts the hook's timeout anew; done tells that there is none any more, or that
// the message was sent again.
func (f *Function) heartbeat(ctx context.Context, s *State) (done bool, err error) {
	sent := f.now()
	err = withToken(s, false, func(token *string) error {
		_, err := f.Actions.RecordLifecycleActionHeartbeat(ctx, &autoscaling.RecordLifecycleActionHeartbeatInput{
			AutoScalingGroupName: &s.Group, LifecycleHookName: &s.Hook, InstanceId: &s.Instance, LifecycleActionToken: token,
		})
		return err
	})
	switch {
	case err == nil:
		s.Heartbeat = sent
		f.emit(ctx, s, spec.MetricDrainHeartbeats, 0)
		return false, nil
	case errors.Is(err, errNoAction):
		f.alreadyOver(ctx, s, false)
		return true, nil
	case isTransient(err):
		f.Log.WarnContext(ctx, "heartbeat not recorded yet", "instance", s.Instance, "auto_scaling_group", s.Group, "error", err)
		return true, f.requeue(ctx, s, f.retryIn())
	}
	return true, fmt.Errorf("record heartbeat: %w", err)
}

// alreadyOver is done with a drain that there is no action of any more. If the instance is
// held all the same, by an action of which only the message was lost, the schedule finds it.
func (f *Function) alreadyOver(ctx context.Context, s *State, byInstance bool) {
	if byInstance || s.Token == "" {
		f.memory.end(&s.Drain, f.now())
	}
	f.Log.InfoContext(ctx, "drain was over already", "instance", s.Instance, "auto_scaling_group", s.Group)
}

// withToken calls with the action's token. If there is none, or byInstance and no action has
// it, it calls without: Auto Scaling then finds the action by its instance.
func withToken(s *State, byInstance bool, call func(token *string) error) error {
	var err error
	if s.Token != "" {
		err = call(&s.Token)
	}
	if s.Token == "" || byInstance && code(err) == codeValidation {
		err = call(nil)
	}
	if code(err) == codeValidation && isNoAction(err) {
		return fmt.Errorf("%w: %w", errNoAction, err)
	}
	return err
}

// isNoAction tells whether a refusal says that there is nothing to act on: no action, no
// hook or no group of that name.
func isNoAction(err error) bool {
	text := strings.ToLower(err.Error())
	return strings.Contains(text, noActionText) || strings.Contains(text, "not found") || strings.Contains(text, "no lifecycle hook")
}

// retryIn is when to try again what failed for the moment.
func (f *Function) retryIn() time.Duration {
	return (retryDelay + time.Duration(f.Random()*float64(retryJitter))).Truncate(time.Second)
}
