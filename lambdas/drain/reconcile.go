package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// reconcile looks at what Auto Scaling says instead of what it told: for each instance that
// a hook holds and that no message is known to be on its way for, one is sent. Where one was
// on its way all the same, both go on until they meet, and do what one would.
func (f *Function) reconcile(ctx context.Context) error {
	groups, err := f.groups(ctx, f.Groups)
	if err != nil {
		return f.nextTime(ctx, err)
	}
	now := f.now()
	for i := range groups {
		var lost []Drain
		for _, instance := range groups[i].Instances {
			d := Drain{Group: aws.ToString(groups[i].AutoScalingGroupName), Hook: f.Hook, Instance: aws.ToString(instance.InstanceId), Started: now, Held: true}
			if phases[string(instance.LifecycleState)] == phaseWaiting && !f.memory.hasEnded(d.Instance, now) && !f.memory.isElsewhere(&d, now) {
				lost = append(lost, d)
			}
		}
		if len(lost) == 0 {
			continue
		}
		described, err := f.describeHook(ctx, lost[0].Group, f.Hook)
		if err != nil {
			return f.nextTime(ctx, err)
		}
		if described.gone {
			continue
		}
		for i := range lost {
			lost[i].Metadata = described.metadata
		}
		f.Log.InfoContext(ctx, "instances found that are held", "auto_scaling_group", lost[0].Group, "instances", len(lost))
		if err := f.send(ctx, lost, 0); err != nil {
			return f.nextTime(ctx, err)
		}
	}
	return nil
}

// nextTime leaves to the next message of the schedule, which is no more than a minute away,
// what failed for the moment.
func (f *Function) nextTime(ctx context.Context, err error) error {
	if isTransient(err) {
		f.Log.WarnContext(ctx, "instances not looked for", "error", err)
		return nil
	}
	return err
}
