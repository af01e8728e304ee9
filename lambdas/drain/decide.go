package main

import (
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// State is all that a step decides by: what the message says, and what AWS does.
type State struct {
	Drain
	Terms Terms
	// Unseen tells that Auto Scaling could not be asked for the instance, so that Lifecycle
	// and Unhealthy are not known.
	Unseen bool
	// Lifecycle is the instance's state in its group; empty when no group has it any more.
	Lifecycle string
	// Unhealthy is what the group found it to be: nobody on it may be there to end its work.
	Unhealthy bool
	// HookGone tells that the group has no such hook any more.
	HookGone bool
	// TargetsUnseen tells that not all target groups could be asked.
	TargetsUnseen bool
	// Targets are the instance's, in every group that it may be in.
	Targets []Target
	// Application is what the instance's says of itself, if its fleet has an endpoint.
	Application application
}

// application is what is known of an instance's requests in progress.
type application int

const (
	applicationUnasked application = iota // as long as something else is waited for
	applicationIdle
	applicationBusy
	applicationUnknown // it gave no answer that tells
	applicationGone    // the instance does not run
)

// maxUnknown is after how many answers in a row that tell nothing no other is waited for.
const maxUnknown = 3

// Target is the instance in one target group.
type Target struct {
	Group  string // its ARN
	Port   int32
	State  string
	Reason string
}

// ActionKind says what to do.
type ActionKind string

// Kinds of actions.
const (
	// ActionComplete ends the hook's hold with Result, and counts Metric if it does.
	ActionComplete ActionKind = "complete"
	// ActionHeartbeat starts the hook's timeout anew.
	ActionHeartbeat ActionKind = "heartbeat"
	// ActionDeregister takes Target out of its group.
	ActionDeregister ActionKind = "deregister"
	// ActionRequeue goes on after Delay.
	ActionRequeue ActionKind = "requeue"
	// ActionDrop is done with the message.
	ActionDrop ActionKind = "drop"
	// ActionEmit counts Metric.
	ActionEmit ActionKind = "emit"
)

// Action is one thing to do, and why.
type Action struct {
	Kind   ActionKind
	Reason string
	Result string
	Metric string
	Target Target
	Delay  time.Duration
	// Anew tells that the drain has not begun, so that its time counts from the next look; Held,
	// that it was found to have begun, so that it counts from this one.
	Anew, Held bool
}

// Results of a lifecycle action.
const (
	resultContinue = "CONTINUE"
	resultAbandon  = "ABANDON"
)

// Why actions are taken: reasons as logs have them.
const (
	reasonDone        = "done"
	reasonGone        = "instance_gone"
	reasonMaximum     = "maximum_passed"
	reasonUnhealthy   = "instance_unhealthy"
	reasonInterrupted = "instance_interrupted"
	reasonEnded       = "ended_by_another"
	reasonHookGone    = "hook_gone"
	reasonNotEnding   = "instance_not_ending"
	reasonNotOurs     = "instance_of_another_environment"
	reasonSettling    = "state_not_settled"
	reasonUnseen      = "auto_scaling_unseen"
	reasonTargets     = "targets_unseen"
	reasonDraining    = "targets_draining"
	reasonBusy        = "application_may_be_busy"
)

const (
	// globalSafety is how long before AWS's own end of a hook ours comes: the time that a
	// step's message may be late.
	globalSafety = time.Minute
	// unhealthyMaximum is how long an instance is waited for that its group found unhealthy.
	unhealthyMaximum = 30 * time.Second
	// settleTime is how long descriptions may be behind the events.
	settleTime = time.Minute

	// shortestDelay is between two looks at an instance, at first. The longer a drain takes,
	// the longer it waits between looks: a tenth of what it took, so that the end is found late
	// by no more than that.
	shortestDelay = 5 * time.Second
	delayShare    = 10
	// longestDelay is SQS's.
	//
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html
	longestDelay = 900 * time.Second
	// heartbeatShare is how many heartbeats there are in one timeout of the hook, and lateness
	// the share of the time between two of them that a message may be late.
	heartbeatShare = 3
	lateness       = 4
)

// phase is where an instance is on its way out of its group.
type phase int

const (
	phaseOther   phase = iota // in service, or on another way
	phaseComing               // to be held soon
	phaseWaiting              // held by hooks
	phaseOver                 // let go, whatever became of it
)

// phases of lifecycle states. One not listed is phaseOther.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
var phases = map[string]phase{
	"Terminating":                 phaseComing,
	"Terminating:Wait":            phaseWaiting,
	"Terminating:Proceed":         phaseOver,
	"Terminating:Retained":        phaseOver,
	"Terminated":                  phaseOver,
	"Detaching":                   phaseOver,
	"Detached":                    phaseOver,
	"Warmed:Pending":              phaseComing,
	"Warmed:Pending:Wait":         phaseWaiting,
	"Warmed:Pending:Proceed":      phaseOver,
	"Warmed:Pending:Retained":     phaseOver,
	"Warmed:Running":              phaseOver,
	"Warmed:Stopped":              phaseOver,
	"Warmed:Hibernated":           phaseOver,
	"Warmed:Terminating":          phaseComing,
	warmedTerminating:             phaseWaiting,
	"Warmed:Terminating:Proceed":  phaseOver,
	"Warmed:Terminating:Retained": phaseOver,
	"Warmed:Terminated":           phaseOver,
}

// Decide says what to do now. It asks nobody and remembers nothing: the same state at the
// same time is decided the same way, however often the message came.
func Decide(s State, now time.Time) []Action {
	if s.HookGone {
		return []Action{{Kind: ActionDrop, Reason: reasonHookGone}}
	}
	if s.isNews() {
		s.Started = now // a message that is late or doubled may be much older than the hold
	}
	switch {
	case s.Unseen && s.Group == "":
		return s.notice(now)
	case s.Unseen:
	case s.Group == "":
		return []Action{{Kind: ActionDrop, Reason: reasonNotOurs}}
	case s.Lifecycle == "":
		return s.gone()
	default:
		switch phases[s.Lifecycle] {
		case phaseOver:
			return s.over(now)
		case phaseOther:
			return s.inService(now)
		case phaseComing:
			if now.Before(s.Deadline()) {
				return append(s.deregister(), s.requeue(now, reasonSettling))
			}
		case phaseWaiting:
		}
	}
	waits := s.waitsFor()
	switch {
	case s.isInvalid():
		return []Action{{Kind: ActionComplete, Reason: reasonGone, Result: resultContinue, Metric: spec.MetricDrainCompleted}}
	case waits == "":
		return []Action{{Kind: ActionComplete, Reason: reasonDone, Result: resultContinue, Metric: spec.MetricDrainCompleted}}
	case !now.Before(s.Deadline()):
		return s.timeout(now)
	}
	actions := s.deregister()
	if next := now.Add(s.delay(now)); next.After(s.Heartbeat.Add(s.reach())) {
		actions = append(actions, Action{Kind: ActionHeartbeat, Reason: waits})
	}
	return append(actions, s.requeue(now, waits))
}

// Deadline is when to stop waiting for the instance.
func (s *State) Deadline() time.Time {
	limit := spec.MaxDrain - globalSafety
	if !s.termsUnseen() {
		limit = min(s.Terms.Maximum, spec.MaxHeartbeats*s.Terms.Heartbeat-globalSafety, limit)
	}
	if s.Unhealthy {
		limit = min(limit, unhealthyMaximum)
	}
	end := s.Started.Add(limit)
	if !s.By.IsZero() && s.By.Before(end) {
		return s.By
	}
	return end
}

// termsUnseen tells that the fleet's terms could not be learnt yet. Until they are, the
// instance is held, as long as AWS itself lets it be.
func (s *State) termsUnseen() bool { return s.Terms.Heartbeat == 0 }

// notice decides on EC2's notice while nobody can be asked whose instance it is.
func (s *State) notice(now time.Time) []Action {
	if now.Before(s.By) {
		return []Action{s.requeue(now, reasonUnseen)}
	}
	return []Action{{Kind: ActionDrop, Reason: reasonUnseen}}
}

// gone decides for an instance that no group has. Most likely there is no action left to
// complete, and to try costs less than to hold up whoever waits for the group.
func (s *State) gone() []Action {
	return []Action{{Kind: ActionComplete, Reason: reasonGone, Result: resultContinue, Metric: spec.MetricDrainCompleted}}
}

// over decides for an instance that is held no more. Workers complete the action themselves
// when their tasks are done; of others it is known already who did.
func (s *State) over(now time.Time) []Action {
	drop := Action{Kind: ActionDrop, Reason: reasonEnded}
	if s.Terms.Workers && now.Before(s.Deadline()) {
		return []Action{{Kind: ActionEmit, Reason: reasonEnded, Metric: spec.MetricDrainCompleted}, drop}
	}
	return []Action{drop}
}

// inService decides for an instance that does not end, or not yet. One that EC2 takes back
// serves no one in two minutes; that its target groups learn of it now is all the drain that
// there will be. One that EC2 only may take back is left to the group: with capacity
// rebalancing it is replaced first and then ends as any other.
func (s *State) inService(now time.Time) []Action {
	switch {
	case !s.By.IsZero() && now.Before(s.By):
		return append(s.deregister(), s.requeue(now, reasonInterrupted))
	case s.By.IsZero() && s.Token != "" && now.Before(s.Started.Add(settleTime)):
		return []Action{s.requeue(now, reasonSettling)}
	}
	return []Action{{Kind: ActionDrop, Reason: reasonNotEnding}}
}

// waitsFor is the reason for which the instance cannot end yet; empty if it can.
func (s *State) waitsFor() string {
	if why := s.waitsForAWS(); why != "" {
		return why
	}
	// Nobody sends requests to what is in no target group, but it may have some in progress, and
	// a worker fetches its tasks. In the warm pool, where an instance ends that was never taken
	// from it, nothing of either runs.
	if s.Lifecycle != warmedTerminating && (s.Terms.Workers || s.Terms.Endpoint != "" && s.mayHaveRequests()) {
		return reasonBusy
	}
	return ""
}

// warmedTerminating is the state of an instance that is held as it ends in the warm pool.
const warmedTerminating = "Warmed:Terminating:Wait"

// mayHaveRequests tells whether the application has requests in progress, or may have.
func (s *State) mayHaveRequests() bool {
	switch s.Application {
	case applicationIdle, applicationGone:
		return false
	case applicationUnknown:
		return s.Unknown < maxUnknown
	default:
		return true
	}
}

// isUpToApplication tells whether nothing else is waited for, so that it is to be asked.
func (s *State) isUpToApplication() bool {
	return s.Terms.Endpoint != "" && s.Group != "" && !s.HookGone && phases[s.Lifecycle] == phaseWaiting && s.Lifecycle != warmedTerminating &&
		!s.isInvalid() && s.waitsForAWS() == ""
}

// waitsForAWS is the part of waitsFor that AWS tells.
func (s *State) waitsForAWS() string {
	switch {
	case s.Unseen, s.termsUnseen():
		return reasonUnseen
	case s.TargetsUnseen:
		return reasonTargets
	}
	for _, t := range s.Targets {
		if t.State != targetUnused {
			return reasonDraining
		}
	}
	return ""
}

// Target states, and the reason of one whose instance is stopped or terminated. A target that
// is unused is not registered, or in a zone or a group that no load balancer sends anything
// to. One whose deregistration has ended is shown as draining until the whole delay has
// passed, so that none can be done earlier.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
const (
	targetUnused            = "unused"
	targetDraining          = "draining"
	targetUnhealthyDraining = "unhealthy.draining"
	reasonInvalidState      = "Target.InvalidState"
)

// isInvalid tells that a target group knows the instance to be stopped or terminated.
func (s *State) isInvalid() bool {
	for _, t := range s.Targets {
		if t.Reason == reasonInvalidState {
			return true
		}
	}
	return false
}

// deregister takes the instance out of the target groups that send it requests. Auto Scaling
// has done so in those that the group is attached to.
func (s *State) deregister() []Action {
	var actions []Action
	for _, t := range s.Targets {
		switch t.State {
		case targetUnused, targetDraining, targetUnhealthyDraining:
		default:
			actions = append(actions, Action{Kind: ActionDeregister, Reason: t.State, Target: t})
		}
	}
	return actions
}

// timeout decides when there is no more time.
func (s *State) timeout(now time.Time) []Action {
	a := Action{Kind: ActionComplete, Reason: reasonMaximum, Result: resultContinue, Metric: spec.MetricDrainAbandoned}
	switch {
	case !s.By.IsZero() && !now.Before(s.By):
		// What EC2 takes back cannot be retained.
		a.Reason = reasonInterrupted
		return []Action{a}
	case s.Unhealthy:
		a.Reason = reasonUnhealthy
	}
	if s.Terms.Retain {
		a.Result = resultAbandon
	}
	return []Action{a}
}

// reach is how long after a heartbeat the next is sent at the latest. The rest of a third
// of the timeout is for messages that are late.
func (s *State) reach() time.Duration {
	third := s.Terms.Heartbeat / heartbeatShare
	return third - third/lateness
}

// delay is the time to the next look, if nothing ends before.
func (s *State) delay(now time.Time) time.Duration {
	longest := longestDelay
	if reach := s.reach(); reach > 0 {
		longest = min(longest, reach)
	}
	return min(max(now.Sub(s.Started)/delayShare, shortestDelay), longest)
}

// requeue goes on after the delay, or when the time is over if that is sooner. SQS counts in
// seconds.
func (s *State) requeue(now time.Time, why string) Action {
	delay := s.delay(now).Truncate(time.Second)
	if left := s.Deadline().Sub(now); left > 0 && left < delay {
		delay = (left + time.Second - 1).Truncate(time.Second)
	}
	a := Action{Kind: ActionRequeue, Reason: why, Delay: max(delay, time.Second)}
	if s.isNews() && !s.Unseen {
		a.Held = phases[s.Lifecycle] == phaseWaiting
		a.Anew = !a.Held
	}
	return a
}

// isNews tells whether a hold on the instance would be news. An event with a token tells when
// it began. What EC2 gives notice of begins to drain when it is found held.
func (s *State) isNews() bool { return s.Token == "" && !s.Held }
