package drain

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// Transition is the lifecycle transition at which the hook holds an instance.
const Transition = "autoscaling:EC2_INSTANCE_TERMINATING"

// Results of a lifecycle action. Both end the instance, unless the group's instance
// lifecycle policy says that what is abandoned is retained.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-lifecycle-policy.html
const (
	ResultContinue = "CONTINUE"
	ResultAbandon  = "ABANDON"
)

// MaxMetadata is how many characters of metadata a hook takes.
//
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_LifecycleHookSpecification.html
const MaxMetadata = 1023

// HookSettings are one entry of a group's own list of lifecycle hooks. A hook that is made
// beside its group comes too late for the group's first instances.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-autoscaling-autoscalinggroup-lifecyclehookspecification.html
type HookSettings struct {
	Name       string
	Transition string
	// HeartbeatTimeout is how long AWS waits for a sign of life.
	HeartbeatTimeout time.Duration
	// DefaultResult is what happens when none comes: ResultContinue or ResultAbandon.
	// ResultAbandon keeps the instance only if the group's instance lifecycle policy has the
	// retention trigger TerminateHookAbandon=retain.
	DefaultResult string
	// NotificationMetadata is a spec.DrainMetadata as JSON, which comes with every event of the hook.
	NotificationMetadata string
}

// Hook is the lifecycle hook of a fleet's group. The target group, which may be nil, is that
// of spec.Environment's DrainGroup.
func Hook(fleet spec.Fleet, group *spec.TargetGroup) HookSettings {
	metadata, err := json.Marshal(fleet.DrainMetadata(group))
	if err != nil {
		panic(fmt.Errorf("write metadata of a lifecycle hook: %w", err))
	}
	return HookSettings{
		Name:                 spec.DrainHook,
		Transition:           Transition,
		HeartbeatTimeout:     fleet.Drain.Heartbeat,
		DefaultResult:        defaultResult(fleet.Drain.OnTimeout),
		NotificationMetadata: string(metadata),
	}
}

func defaultResult(onTimeout string) string {
	if onTimeout == spec.DrainRetain {
		return ResultAbandon
	}
	return ResultContinue
}
