package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/smithy-go"
)

// AutoScaling is what the agent asks of EC2 Auto Scaling.
type AutoScaling interface {
	RecordLifecycleActionHeartbeat(context.Context, *autoscaling.RecordLifecycleActionHeartbeatInput, ...func(*autoscaling.Options)) (*autoscaling.RecordLifecycleActionHeartbeatOutput, error)
	CompleteLifecycleAction(context.Context, *autoscaling.CompleteLifecycleActionInput, ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error)
	// DescribeAutoScalingInstances is called only when neither the configuration nor the
	// metadata tells the group.
	DescribeAutoScalingInstances(context.Context, *autoscaling.DescribeAutoScalingInstancesInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingInstancesOutput, error)
}

// Results of a lifecycle action.
const (
	resultContinue = "CONTINUE"
	resultAbandon  = "ABANDON"
)

// callTimeout bounds a call of AWS with the SDK's own retries. It is short, since an agent
// that was told to end makes a last one.
const callTimeout = 10 * time.Second

// lifecycleAction is the action by which the hook holds the instance. It is named by the
// instance, as only events have its token. Its methods are not for several goroutines at once.
type lifecycleAction struct {
	api       AutoScaling
	metadata  Metadata
	logger    *slog.Logger
	hook      string
	heartbeat time.Duration
	poll      time.Duration

	group, instance string // empty until identify has found them
	// begun is closed once Auto Scaling has known the action: until then that it knows none
	// means that it waits for the load balancer, and after that the action is over.
	begun chan struct{}
}

// identify finds out which instance of which group this is; empty for what it cannot tell now.
func (l *lifecycleAction) identify(ctx context.Context) (instance, group string) {
	if err := l.find(ctx); err != nil {
		l.logger.Warn("instance or group not known for now", "error", err)
	}
	return l.instance, l.group
}

// find fills in instance and group.
func (l *lifecycleAction) find(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if l.instance == "" {
		instance, err := l.metadata.Get(ctx, pathInstance)
		if err != nil {
			return err
		}
		if l.instance = instance; instance == "" {
			return fmt.Errorf("instance metadata has no %s", pathInstance)
		}
	}
	if l.group != "" {
		return nil
	}
	group, err := l.metadata.Get(ctx, pathGroup)
	if err != nil {
		return err
	}
	if group == "" {
		out, err := l.api.DescribeAutoScalingInstances(ctx, &autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{l.instance}})
		if err != nil {
			return fmt.Errorf("look for the group of %s: %w", l.instance, err)
		}
		if len(out.AutoScalingInstances) == 0 || out.AutoScalingInstances[0].AutoScalingGroupName == nil {
			return fmt.Errorf("instance %s is in no Auto Scaling group", l.instance)
		}
		group = *out.AutoScalingInstances[0].AutoScalingGroupName
	}
	l.group = group
	return nil
}

// beat records heartbeats until ctx is done or the action is: each before a third of the
// timeout has passed, so that two may be lost.
func (l *lifecycleAction) beat(ctx context.Context) {
	beats := complaint{logger: l.logger, what: "heartbeat"}
	for {
		err := l.record(ctx)
		switch {
		case noAction(err) && l.known():
			l.logger.Info("lifecycle action is over, heartbeats end")
			return
		case noAction(err): // not yet
			err = nil
			l.logger.Debug("no lifecycle action yet")
		case err == nil && !l.known():
			close(l.begun)
			l.logger.Info("lifecycle hook holds the instance")
		}
		beats.hear(err)
		wait := l.heartbeat / 4
		if err != nil || !l.known() {
			wait = min(wait, l.poll)
		}
		if !pause(ctx, spread(wait)) {
			return
		}
	}
}

func (l *lifecycleAction) record(ctx context.Context) error {
	if err := l.find(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := l.api.RecordLifecycleActionHeartbeat(ctx, &autoscaling.RecordLifecycleActionHeartbeatInput{
		AutoScalingGroupName: &l.group, LifecycleHookName: &l.hook, InstanceId: &l.instance,
	})
	return err
}

// known tells whether Auto Scaling has known the action.
func (l *lifecycleAction) known() bool {
	select {
	case <-l.begun:
		return true
	default:
		return false
	}
}

// complete ends the action. An action that is over was completed by the drain function or has
// timed out, and needs nothing. One that has not begun is waited for: to take it for over
// would leave the instance to wait for the drain function, which cannot see that it is done.
func (l *lifecycleAction) complete(ctx context.Context, result string, patience time.Duration) error {
	completes := complaint{logger: l.logger, what: "completion of the lifecycle action"}
	until := time.Now().Add(patience)
	for {
		err := l.tryComplete(ctx, result)
		if err == nil || noAction(err) && l.known() {
			return nil
		}
		if time.Until(until) <= 0 {
			if noAction(err) {
				l.logger.Warn("no lifecycle action has come; nothing holds the instance")
				return nil
			}
			return fmt.Errorf("complete lifecycle action: %w", err)
		}
		if !noAction(err) {
			completes.hear(err)
		}
		if !pause(ctx, min(spread(l.poll), time.Until(until))) {
			if l.tryComplete(ctx, result) != nil {
				return errLeft
			}
			return nil
		}
	}
}

// tryComplete makes one attempt, also when ctx is done: what is left to say is one call.
func (l *lifecycleAction) tryComplete(ctx context.Context, result string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	if err := l.find(ctx); err != nil {
		return err
	}
	_, err := l.api.CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{
		AutoScalingGroupName: &l.group, LifecycleHookName: &l.hook, InstanceId: &l.instance, LifecycleActionResult: &result,
	})
	return err
}

// noAction recognizes Auto Scaling's answer that it knows no such action: not yet, or not any
// more. Its error has no code of its own.
func noAction(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && api.ErrorCode() == "ValidationError" && strings.Contains(strings.ToLower(api.ErrorMessage()), "no active lifecycle action")
}

// spread moves a time by up to a fifth, so that instances which end together do not call
// together.
func spread(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}
