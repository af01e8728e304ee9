package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Kind says what a message is about.
type Kind int

// Kinds of messages.
const (
	// KindIgnored is what the queue gets and nobody has to do anything about.
	KindIgnored Kind = iota
	// KindHook tells that a hook holds an instance.
	KindHook
	// KindStep is a drain that this function sent itself, to go on with.
	KindStep
	// KindInterruption tells that EC2 takes back a spot instance in two minutes.
	KindInterruption
	// KindRebalance tells that EC2 may take back a spot instance.
	KindRebalance
	// KindReconcile asks to look for drains whose messages were lost.
	KindReconcile
)

// Message is one message of the queue.
type Message struct {
	Kind Kind
	// Drain is what the message tells of the instance's end; all of it for a step, the
	// instance and the time for EC2's notices.
	Drain Drain
	// Direct tells that Auto Scaling itself sent the message of a hook, and not EventBridge.
	Direct bool
	// Why an ignored message is.
	Why string
}

// interruptionNotice is how long EC2 gives a spot instance after its warning.
//
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
const interruptionNotice = 2 * time.Minute

// trustedAge is how much older than its message the time in an event may be: what
// EventBridge goes on trying for. An event that says another time is taken to be as old as
// its message, as a drain is measured from it.
const trustedAge = time.Hour

const (
	transitionTerminating = "autoscaling:EC2_INSTANCE_TERMINATING"
	testNotification      = "autoscaling:TEST_NOTIFICATION"
	destinationWarmPool   = "WarmPool"

	sourceAutoScaling = "aws.autoscaling"
	sourceEC2         = "aws.ec2"
	sourceHealth      = "aws.health"
	sourceSchedule    = "evenkeel.schedule"
	sourceStep        = "evenkeel.drain"

	typeTerminate    = "EC2 Instance-terminate Lifecycle Action"
	typeInterruption = "EC2 Spot Instance Interruption Warning"
	typeRebalance    = "EC2 Instance Rebalance Recommendation"
	typeReconcile    = "Reconcile"
	typeStep         = "Step"
)

var (
	instanceShape = regexp.MustCompile(`^i-[0-9a-f]{8,17}$`)
	// nameShape is that of groups and hooks. AWS allows a group more, but of the groups here
	// the names are ours.
	nameShape  = regexp.MustCompile(`^[A-Za-z0-9_/.-]{1,255}$`)
	tokenShape = regexp.MustCompile(`^[A-Za-z0-9-]{0,64}$`)
)

// hookEvent is what a hook says, within EventBridge's envelope or by itself.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pools-eventbridge-events.html
type hookEvent struct {
	LifecycleActionToken string
	AutoScalingGroupName string
	LifecycleHookName    string
	EC2InstanceID        string `json:"EC2InstanceId"`
	LifecycleTransition  string
	NotificationMetadata string
	Origin               string
	Destination          string

	// Of those that Auto Scaling sends by itself.
	Event   string
	Service string
	Time    string
}

// envelope is EventBridge's, the one of our own messages, and SNS's.
type envelope struct {
	Source     string          `json:"source"`
	DetailType string          `json:"detail-type"`
	Time       string          `json:"time"`
	Detail     json.RawMessage `json:"detail"`

	Type    string
	Message string
}

// Parse reads a message's body, which was sent to the queue at a time. Fields that it does
// not know are passed over; one that it does know and cannot read is an error.
func Parse(body string, sent time.Time) (Message, error) {
	m, err := parse(body, sent, true)
	if err != nil {
		return Message{}, fmt.Errorf("read message: %w", err)
	}
	return m, nil
}

func parse(body string, sent time.Time, mayWrap bool) (Message, error) {
	var e envelope
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		return Message{}, err
	}
	switch {
	case e.Source != "":
		return e.parse(sent)
	case e.Type == "Notification" && mayWrap:
		return parse(e.Message, sent, false)
	}
	var h hookEvent
	if err := json.Unmarshal([]byte(body), &h); err != nil {
		return Message{}, err
	}
	if h.Event == testNotification || h.LifecycleTransition == testNotification {
		return Message{Why: "test_notification"}, nil
	}
	m, err := h.message(eventTime(h.Time, sent))
	m.Direct = true
	return m, err
}

func (e *envelope) parse(sent time.Time) (Message, error) {
	switch at := eventTime(e.Time, sent); e.Source {
	case sourceAutoScaling:
		if e.DetailType != typeTerminate {
			return Message{Why: "event_of_another_type"}, nil
		}
		var h hookEvent
		if err := json.Unmarshal(e.Detail, &h); err != nil {
			return Message{}, fmt.Errorf("detail: %w", err)
		}
		return h.message(at)
	case sourceEC2:
		return e.notice(at)
	case sourceHealth:
		return Message{Why: "event_of_another_type"}, nil
	case sourceSchedule:
		if e.DetailType == typeReconcile {
			return Message{Kind: KindReconcile}, nil
		}
	case sourceStep:
		if e.DetailType == typeStep {
			m := Message{Kind: KindStep}
			if err := json.Unmarshal(e.Detail, &m.Drain); err != nil {
				return Message{}, fmt.Errorf("detail: %w", err)
			}
			return m, m.Drain.checkStep()
		}
	}
	return Message{}, fmt.Errorf("source %.40q and type %.40q are nobody's", e.Source, e.DetailType)
}

// notice reads what EC2 says of a spot instance.
func (e *envelope) notice(at time.Time) (Message, error) {
	if e.DetailType != typeInterruption && e.DetailType != typeRebalance {
		return Message{Why: "event_of_another_type"}, nil
	}
	var detail struct {
		Instance string `json:"instance-id"`
	}
	if err := json.Unmarshal(e.Detail, &detail); err != nil {
		return Message{}, fmt.Errorf("detail: %w", err)
	}
	if !instanceShape.MatchString(detail.Instance) {
		return Message{}, fmt.Errorf("instance-id: got %.40q, want the id of an instance", detail.Instance)
	}
	m := Message{Kind: KindRebalance, Drain: Drain{Instance: detail.Instance, Started: at}}
	if e.DetailType == typeInterruption {
		m.Kind, m.Drain.By = KindInterruption, at.Add(interruptionNotice)
	}
	return m, nil
}

func (h *hookEvent) message(at time.Time) (Message, error) {
	if h.LifecycleTransition != transitionTerminating {
		if strings.HasPrefix(h.LifecycleTransition, "autoscaling:") {
			return Message{Why: "another_transition"}, nil
		}
		return Message{}, fmt.Errorf("LifecycleTransition: got %.60q, want %s", h.LifecycleTransition, transitionTerminating)
	}
	m := Message{Kind: KindHook, Drain: Drain{
		Group: h.AutoScalingGroupName, Hook: h.LifecycleHookName, Instance: h.EC2InstanceID, Token: h.LifecycleActionToken,
		Metadata: h.NotificationMetadata, Started: at, WarmPool: h.Destination == destinationWarmPool,
	}}
	return m, m.Drain.check()
}

// check wants all that a drain cannot do without.
func (d *Drain) check() error {
	var errs []error
	want := func(shape *regexp.Regexp, field, got string) {
		if !shape.MatchString(got) {
			errs = append(errs, fmt.Errorf("%s: got %.60q, want %s", field, got, shape))
		}
	}
	want(instanceShape, "instance", d.Instance)
	want(nameShape, "group", d.Group)
	want(nameShape, "hook", d.Hook)
	want(tokenShape, "token", d.Token)
	if d.Started.IsZero() {
		errs = append(errs, errors.New("started is missing"))
	}
	return errors.Join(errs...)
}

// checkStep is check of our own message, which names no group and no hook while they are
// not known: after a notice for a spot instance that could not be looked at yet.
func (d *Drain) checkStep() error {
	if d.Group == "" && d.Hook == "" {
		known := *d
		known.Group, known.Hook = "unknown", "unknown"
		return known.check()
	}
	return d.check()
}

// eventTime is when an event says that it happened, if that can be, else when it was sent.
func eventTime(text string, sent time.Time) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.After(sent) || sent.Sub(at) > trustedAge {
		return sent
	}
	return at
}
