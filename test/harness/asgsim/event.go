package asgsim

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

const (
	account = "123456789012"
	region  = "eu-central-1"
)

// announce tells the queue of a hold twice: by Auto Scaling itself, sometimes by way of SNS,
// and by EventBridge.
func (w *World) announce(i *Instance) {
	token := i.action.token
	if w.chance(w.Faults.WrongToken) {
		token = w.uuid()
	}
	now := w.Clock.Now().UTC()
	detail := map[string]any{
		"LifecycleActionToken": token, "AutoScalingGroupName": i.Group.Name, "LifecycleHookName": i.Group.Hook.Name,
		"EC2InstanceId": i.ID, "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
		"NotificationMetadata": i.Group.Hook.Metadata, "Origin": "AutoScalingGroup", "Destination": "EC2",
	}
	if i.warm {
		detail["Destination"] = "WarmPool"
	}
	w.deliver(bridged("aws.autoscaling", "EC2 Instance-terminate Lifecycle Action", now, detail))

	direct := map[string]any{"Service": "AWS Auto Scaling", "Time": now.Format("2006-01-02T15:04:05.000Z"), "RequestId": w.uuid(), "AccountId": account}
	maps.Copy(direct, detail)
	body := text(direct)
	if w.chance(0.2) {
		body = text(map[string]any{"Type": "Notification", "MessageId": w.uuid(), "TopicArn": "arn:aws:sns:" + region + ":" + account + ":drain", "Message": body})
	}
	w.deliver(body)
}

// warn tells of a spot instance that is taken back.
func (w *World) warn(i *Instance) {
	now := w.Clock.Now().UTC()
	if w.chance(0.5) {
		w.deliver(bridged("aws.ec2", "EC2 Instance Rebalance Recommendation", now, map[string]any{"instance-id": i.ID}))
	}
	w.deliver(bridged("aws.ec2", "EC2 Spot Instance Interruption Warning", now, map[string]any{"instance-id": i.ID, "instance-action": "terminate"}))
}

// bridged is an event of EventBridge, which says times in whole seconds.
func bridged(source, kind string, at time.Time, detail map[string]any) string {
	return text(map[string]any{
		"version": "0", "id": fmt.Sprintf("%x", at.UnixNano()), "detail-type": kind, "source": source, "account": account,
		"time": at.Truncate(time.Second).Format(time.RFC3339), "region": region, "resources": []string{}, "detail": detail,
	})
}

// deliver brings an event to the queue, or does not.
func (w *World) deliver(body string) {
	copies := 1
	if w.chance(w.Faults.LoseEvent) {
		copies = 0
	} else if w.chance(w.Faults.DuplicateEvent) {
		copies = 2
	}
	for range copies {
		delay := w.between(10*time.Millisecond, time.Second)
		if w.chance(w.Faults.DelayEvent) {
			delay += w.between(0, w.Faults.Delay)
		}
		w.after(delay, func() { w.queue.send(body, 0) })
	}
}

// Tick has a schedule send a message at each interval, from now on.
func (w *World) Tick(every time.Duration, body string) {
	w.after(every, func() {
		if !w.chance(w.Faults.LoseTick) {
			w.queue.send(body, w.between(0, 500*time.Millisecond))
		}
		w.Tick(every, body)
	})
}

// Send puts a message into the queue.
func (w *World) Send(body string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue.send(body, 0)
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
