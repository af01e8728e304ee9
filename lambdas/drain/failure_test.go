package main

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/test/harness/asgsim"
)

// The numbers are those of docs/reference/drain-failures.md.

func TestFailure01DuplicateEventsEndOneHoldOnce(t *testing.T) {
	s := newScene(t, webTerms)
	i := s.held()
	body := s.event(i, s.Token(i))
	if failed := s.handle(s.function(), body, body); failed != nil {
		t.Errorf("messages %v failed", failed)
	}
	// Again, in copies of the function that know nothing of each other.
	var wg sync.WaitGroup
	for range 4 {
		f := s.function()
		f.Log = discard
		f.Metrics = nothing{}
		wg.Go(func() { s.handle(f, body, body) })
	}
	wg.Wait()
	s.wantEnd(resultContinue)
	s.wantMetric(spec.MetricDrainCompleted, 1)
}

func TestFailure01DuplicateEventsGoOnAsOneMessage(t *testing.T) {
	s := newScene(t, workerTerms)
	i := s.held()
	body := s.event(i, s.Token(i))
	s.handle(s.function(), body, body, body)
	if len(s.sent) != 1 {
		t.Errorf("%d messages go on, want 1", len(s.sent))
	}
	s.wantMetric(spec.MetricDrainStarted, 1)
}

func TestFailure02LostEventsAreFoundBySchedule(t *testing.T) {
	s := newScene(t, webTerms)
	s.held()
	s.Launch(s.group) // in service, and none of the schedule's business
	f := s.function()
	s.handle(f, spec.DrainReconcileMessage)
	s.handle(f, spec.DrainReconcileMessage) // one is on its way
	if len(s.sent) > 2 {
		t.Fatalf("%d messages were sent, want 1 or, as it was due at once, 2", len(s.sent))
	}
	s.follow(f, time.Minute)
	s.wantEnd(resultContinue)
}

func TestFailure02LostEventOfWorkersIsHeldByTheFleetsTerms(t *testing.T) {
	s := newScene(t, workerTerms)
	i := s.held()
	i.BusyUntil = s.clock.Now().Add(time.Hour)
	began := s.clock.Now()
	f := s.function()
	s.handle(f, spec.DrainReconcileMessage)
	s.follow(f, time.Hour)
	s.wantEnd(resultContinue)
	if took := s.ending().Ended.Sub(began); took < 15*time.Minute || took > 16*time.Minute {
		t.Errorf("held for %v, want the fleet's 15m", took)
	}
}

func TestFailure03LateEventIsDone(t *testing.T) {
	for name, release := range map[string]func(*scene, *asgsim.Instance){
		"completed": func(s *scene, i *asgsim.Instance) { s.handle(s.function(), s.event(i, s.Token(i))) },
		"expired":   func(s *scene, _ *asgsim.Instance) { s.pass(5 * time.Minute) },
		"gone":      func(s *scene, _ *asgsim.Instance) { s.pass(10 * time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, webTerms)
			i := s.held()
			late := s.event(i, s.Token(i))
			release(s, i)
			sent := len(s.sent)
			if failed := s.handle(s.function(), late); failed != nil || len(s.sent) != sent {
				t.Errorf("failed %v and sent %d, want it done", failed, len(s.sent)-sent)
			}
			s.wantMetric(spec.MetricDrainFailed, 0)
		})
	}
}

func TestFailure04MissingOrStaleTokenCompletesByInstance(t *testing.T) {
	for name, token := range map[string]string{"missing": "", "stale": "00000000-0000-4000-8000-000000000000"} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, webTerms)
			i := s.held()
			if failed := s.handle(s.function(), s.event(i, token)); failed != nil {
				t.Errorf("messages %v failed", failed)
			}
			s.wantEnd(resultContinue)
		})
	}
}

func TestFailure04StaleTokenCutsNobodyShort(t *testing.T) {
	s := newScene(t, workerTerms)
	i := s.held()
	i.BusyUntil = s.clock.Now().Add(time.Hour)
	old := s.event(i, "00000000-0000-4000-8000-000000000000")
	f := s.function()
	// The hold that the message is of was over long ago; this one has just begun.
	d, err := Parse(old, s.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	d.Drain.Started = s.clock.Now().Add(-time.Hour)
	body, err := d.Drain.step()
	if err != nil {
		t.Fatal(err)
	}
	if failed := s.handle(f, body); failed != nil {
		t.Errorf("messages %v failed", failed)
	}
	s.wantNoEnd()
	s.wantCalls("CompleteLifecycleAction", 0)
}

func TestFailure05InstanceGoneIsCompletedAtOnce(t *testing.T) {
	s := newScene(t, workerTerms)
	i := s.held()
	body := strings.ReplaceAll(s.event(i, s.Token(i)), i.ID, "i-0fedcba987654321f")
	if failed := s.handle(s.function(), body); failed != nil {
		t.Errorf("messages %v failed", failed)
	}
	s.wantCalls("CompleteLifecycleAction by token", 1)
	if len(s.sent) != 0 {
		t.Error("an instance that is gone was waited for")
	}
	// Its group still has it, a target group knows better.
	state := State{
		Drain: Drain{Group: "g", Hook: "drain", Instance: "i-1"}, Terms: Terms{Heartbeat: time.Minute, Maximum: time.Hour, Workers: true}, Lifecycle: asgsim.StateWait,
		Targets: []Target{{Group: attachedARN, State: targetUnused, Reason: reasonInvalidState}},
	}
	if a := Decide(state, simulationStart); a[0].Kind != ActionComplete || a[0].Reason != reasonGone {
		t.Errorf("decided %+v, want it completed as %s", a, reasonGone)
	}
}

func TestFailure06NoTargetIsDrained(t *testing.T) {
	for name, err := range map[string]error{
		"target group deleted": &smithy.GenericAPIError{Code: codeTargetGroupNotFound},
		"target invalid":       &smithy.GenericAPIError{Code: codeInvalidTarget},
		"never registered":     nil,
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, webTerms)
			i := s.held()
			s.fail["DescribeTargetHealth"] = err
			if failed := s.handle(s.function(), s.event(i, s.Token(i))); failed != nil {
				t.Errorf("messages %v failed", failed)
			}
			s.wantEnd(resultContinue)
		})
	}
	for _, reason := range []string{"Target.NotRegistered", "Target.NotInUse", "Target.InvalidState", "Target.IpUnusable"} {
		state := State{Terms: Terms{Heartbeat: time.Minute, Maximum: time.Hour}, Drain: Drain{Group: "g"}, Lifecycle: asgsim.StateWait, Targets: []Target{{State: targetUnused, Reason: reason}}}
		if a := Decide(state, simulationStart); a[0].Kind != ActionComplete {
			t.Errorf("%s: decided %+v, want it completed", reason, a)
		}
	}
}

func TestFailure07WhatNeverLeavesIsBounded(t *testing.T) {
	for name, prepare := range map[string]func(*scene, *asgsim.Instance){
		"draining for ever": func(s *scene, i *asgsim.Instance) {
			g := s.elsewhere()
			g.InternalError = true
			g.Register(i)
		},
		"throttled for ever": func(s *scene, _ *asgsim.Instance) { s.fail["DescribeTargetHealth"] = errThrottled },
		"server at fault":    func(s *scene, _ *asgsim.Instance) { s.fail["DescribeTargetHealth"] = errServer },
		"nobody answers": func(s *scene, _ *asgsim.Instance) {
			s.fail["DescribeAutoScalingInstances"] = errBroken
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, webTerms)
			i := s.held()
			prepare(s, i)
			f := s.function()
			s.handle(f, s.event(i, s.Token(i)))
			s.follow(f, time.Hour)
			s.wantEnd(resultContinue)
			if e := s.ending(); e.Ended.Sub(e.Started) != 15*time.Minute {
				t.Errorf("held for %v, want drain.maximum, 15m", e.Ended.Sub(e.Started))
			}
			s.wantMetric(spec.MetricDrainAbandoned, 1)
		})
	}
}

func TestFailure07DescribeTargetHealthOncePerGroup(t *testing.T) {
	s := newScene(t, webTerms)
	var bodies []string
	for range 10 {
		i := s.Launch(s.group)
		s.Terminate(i)
	}
	s.pass(30 * time.Second)
	for _, id := range s.Held() {
		bodies = append(bodies, s.event(&asgsim.Instance{ID: id, Group: s.group}, ""))
	}
	s.handle(s.function(), bodies...)
	s.wantCalls("DescribeTargetHealth", 1)
	s.wantCalls("DescribeAutoScalingInstances", 1)
	s.wantMetric(spec.MetricDrainCompleted, 10)
}

func TestFailure08BusyIsHeldByHeartbeatsToTheDeadline(t *testing.T) {
	s := newScene(t, workerTerms)
	i := s.held()
	i.BusyUntil = s.clock.Now().Add(time.Hour)
	f := s.function()
	s.handle(f, s.event(i, s.Token(i)))
	s.follow(f, time.Hour)
	e := s.ending()
	if e.Ended.Sub(e.Started) != 15*time.Minute || e.Gap > 5*time.Minute/3 {
		t.Errorf("held for %v with a gap of %v between heartbeats, want 15m and less than a third of 5m", e.Ended.Sub(e.Started), e.Gap)
	}
	s.wantMetric(spec.MetricDrainAbandoned, 1)
	s.wantMetric(spec.MetricDrainHeartbeats, e.Heartbeats)
}

func TestFailure08DeadlineIsBeforeAWSs(t *testing.T) {
	for _, test := range []struct{ heartbeat, maximum, want time.Duration }{
		{5 * time.Minute, 15 * time.Minute, 15 * time.Minute},
		{30 * time.Second, time.Hour, 50*time.Minute - globalSafety},
		{2 * time.Hour, 48 * time.Hour, 48*time.Hour - globalSafety},
		{0, 0, 48*time.Hour - globalSafety}, // not known
	} {
		s := State{Drain: Drain{Started: simulationStart}, Terms: Terms{Heartbeat: test.heartbeat, Maximum: test.maximum}}
		if got := s.Deadline().Sub(simulationStart); got != test.want {
			t.Errorf("heartbeat %v, maximum %v: deadline after %v, want %v", test.heartbeat, test.maximum, got, test.want)
		}
	}
}

func TestFailure09HeartbeatWithoutActionStops(t *testing.T) {
	s := newScene(t, workerTerms)
	i := s.held()
	i.BusyUntil = s.clock.Now().Add(time.Hour)
	f := s.function()
	s.handle(f, s.event(i, s.Token(i)))
	s.fail["RecordLifecycleActionHeartbeat"] = &smithy.GenericAPIError{Code: codeValidation, Message: "No active Lifecycle Action found with token"}
	s.follow(f, 10*time.Minute)
	s.wantNoEnd()
	s.wantCalls("RecordLifecycleActionHeartbeat", 1)
}

func TestFailure09HeartbeatThatIsThrottledIsTriedAgain(t *testing.T) {
	for _, err := range []error{errThrottled, errServer, errBroken} {
		s := newScene(t, workerTerms)
		i := s.held()
		i.BusyUntil = s.clock.Now().Add(time.Hour)
		f := s.function()
		s.handle(f, s.event(i, s.Token(i)))
		s.fail["RecordLifecycleActionHeartbeat"] = err
		s.follow(f, 90*time.Second)
		s.fail["RecordLifecycleActionHeartbeat"] = nil
		s.follow(f, time.Hour)
		if e := s.ending(); e.By != asgsim.ByCompletion || e.Ended.Sub(e.Started) != 15*time.Minute {
			t.Errorf("%v: ended by %s after %v, want completed after 15m", err, e.By, e.Ended.Sub(e.Started))
		}
	}
}

func TestFailure10CrashIsResumed(t *testing.T) {
	s := newScene(t, workerTerms)
	i := s.held()
	i.BusyUntil = s.clock.Now().Add(time.Hour)
	body := s.event(i, s.Token(i))
	s.fail["SendMessageBatch"] = errBroken
	if failed := s.handle(s.function(), body); len(failed) != 1 {
		t.Fatalf("failed %v, want the message back", failed)
	}
	s.pass(asgsim.VisibilityTimeout)
	s.fail["SendMessageBatch"] = nil
	f := s.function() // which knows nothing
	s.handle(f, body)
	s.follow(f, time.Hour)
	if e := s.ending(); e.Ended.Sub(e.Started) != 15*time.Minute {
		t.Errorf("held for %v, want 15m", e.Ended.Sub(e.Started))
	}
}

func TestFailure10OnlyTheFailedMessageIsBack(t *testing.T) {
	s := newScene(t, webTerms)
	i := s.held()
	failed := s.handle(s.function(), "no message", s.event(i, s.Token(i)), `{"source":"somebody"}`)
	if !slices.Equal(failed, []string{"0", "2"}) {
		t.Errorf("failed %v, want 0 and 2", failed)
	}
	s.wantEnd(resultContinue)
}
