package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/smithy-go"

	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/test/harness/asgsim"
)

var discard = slog.New(slog.DiscardHandler)

// nothing is where metrics go that are not looked at.
type nothing struct{}

func (nothing) Write(p []byte) (int, error) { return len(p), nil }

func TestFailure11MaximumEndsAsTheFileSays(t *testing.T) {
	for onTimeout, want := range map[string]string{spec.DrainContinue: resultContinue, spec.DrainRetain: resultAbandon, "abandon": resultAbandon} {
		m := workerTerms
		m.OnTimeout = onTimeout
		s := newScene(t, m)
		s.group.Retain = true
		i := s.held()
		i.BusyUntil = s.clock.Now().Add(time.Hour)
		f := s.function()
		s.handle(f, s.event(i, s.Token(i)))
		s.follow(f, time.Hour)
		s.wantEnd(want)
		if retained := i.State == asgsim.StateRetained; retained != (want == resultAbandon) {
			t.Errorf("%s: the instance is %s", onTimeout, i.State)
		}
		if !strings.Contains(s.log.String(), "drain abandoned") {
			t.Errorf("%s: the log does not say that the drain was abandoned", onTimeout)
		}
	}
}

func TestFailure12ReturnToTheWarmPoolIsDrainedAndNoEnd(t *testing.T) {
	s := newScene(t, webTerms)
	other := s.elsewhere()
	i := s.Launch(s.group)
	other.Register(i)
	s.Return(i)
	s.pass(30 * time.Second)
	if i.State != asgsim.StateWarmWait {
		t.Fatalf("%s, want %s", i.State, asgsim.StateWarmWait)
	}
	f := s.function()
	s.handle(f, s.event(i, s.Token(i)))
	s.wantNoEnd() // registered elsewhere
	s.follow(f, 10*time.Minute)
	s.wantEnd(resultContinue)
	s.pass(time.Minute)
	if i.State != asgsim.StateStopped {
		t.Errorf("%s, want it in the warm pool, %s", i.State, asgsim.StateStopped)
	}
	// Late, and it is in the warm pool: nothing to do, and nobody is gone.
	calls := s.called("CompleteLifecycleAction by token")
	s.handle(s.function(), s.event(i, "00000000-0000-4000-8000-000000000000"))
	s.wantCalls("CompleteLifecycleAction by token", calls)
}

func TestFailure13MassTerminationIsAskedForTogether(t *testing.T) {
	s := newScene(t, webTerms)
	var drains []Drain
	for range 120 {
		i := s.Launch(s.group)
		s.Terminate(i)
		drains = append(drains, Drain{Group: s.group.Name, Hook: spec.DrainHook, Instance: i.ID, Metadata: s.group.Hook.Metadata, Started: s.clock.Now()})
	}
	s.pass(30 * time.Second)
	states, err := s.function().look(t.Context(), drains)
	if err != nil || len(states) != 120 {
		t.Fatalf("%d states, error %v", len(states), err)
	}
	s.wantCalls("DescribeAutoScalingInstances", 3)
	s.wantCalls("DescribeTargetHealth", 1)
	for _, state := range states {
		if a := Decide(state, s.clock.Now()); a[0].Kind != ActionComplete {
			t.Fatalf("%s: decided %+v", state.Instance, a)
		}
	}
}

func TestFailure13MassTerminationEnds(t *testing.T) {
	s := newScene(t, webTerms)
	for range 300 {
		s.Terminate(s.Launch(s.group))
	}
	s.Run(func() asgsim.Handler {
		f := s.function()
		f.Instances, f.Hooks, f.Actions, f.Targets, f.TargetGroups, f.Queue = s.World, s.World, s.World, s.World, s.World, s.World
		return f.Handle
	})
	s.pass(3 * time.Minute)
	if n := len(s.Endings()); n != 300 {
		t.Errorf("%d of 300 ended", n)
	}
	s.wantMetric(spec.MetricDrainCompleted, 300)
}

func TestFailure14HookIsFoundOnFirstInstancesAndMissedOnNone(t *testing.T) {
	// An instance that is held by other hooks only, as its group has none of ours, is left alone.
	s := newScene(t, webTerms)
	s.group.Hook.Name = "somebodys"
	s.held()
	s.handle(s.function(), spec.DrainReconcileMessage)
	if len(s.sent) != 0 {
		t.Errorf("%d messages were sent for a hook that is not ours", len(s.sent))
	}
}

func TestFailure15MissingPermissionIsLoud(t *testing.T) {
	for _, call := range []string{
		"DescribeAutoScalingInstances", "DescribeAutoScalingGroups", "DescribeTargetHealth", "CompleteLifecycleAction by token",
	} {
		s := newScene(t, webTerms)
		i := s.held()
		s.fail[call] = errDenied
		if failed := s.handle(s.function(), s.event(i, s.Token(i))); len(failed) != 1 {
			t.Errorf("%s is denied: failed %v, want the message", call, failed)
		}
		s.wantNoEnd()
		s.wantMetric(spec.MetricDrainFailed, 1)
		s.wantCalls(call, 1)
		if !strings.Contains(s.log.String(), "drain failed") || !strings.Contains(s.log.String(), "AccessDenied") {
			t.Errorf("%s is denied: the log does not say so: %s", call, &s.log)
		}
	}
}

func TestFailure16QueueDeletedFirstHoldsNobodyWhoIsDone(t *testing.T) {
	gone := &smithy.GenericAPIError{Code: "AWS.SimpleQueueService.NonExistentQueue"}
	done := newScene(t, webTerms)
	i := done.held()
	done.fail["SendMessageBatch"] = gone
	done.handle(done.function(), done.event(i, done.Token(i)))
	done.wantEnd(resultContinue)

	busy := newScene(t, workerTerms)
	i = busy.held()
	busy.fail["SendMessageBatch"] = gone
	if failed := busy.handle(busy.function(), busy.event(i, busy.Token(i))); len(failed) != 1 {
		t.Errorf("failed %v, want the message", failed)
	}
	busy.wantMetric(spec.MetricDrainFailed, 1)
}

func TestFailure17TimesAreOfEventsAndServers(t *testing.T) {
	sent := time.Date(2026, 3, 1, 12, 0, 10, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-03-01T12:00:00Z": sent.Add(-10 * time.Second), // as the event says
		"2026-03-01T13:00:00Z": sent,                        // not yet
		"1970-01-01T00:00:00Z": sent,                        // never
		"yesterday":            sent,
		"":                     sent,
	} {
		if got := eventTime(text, sent); !got.Equal(want) {
			t.Errorf("event of %q began at %v, want %v", text, got, want)
		}
	}
}

// answers are what a service says, to whom it says the time.
type answers struct{ date time.Time }

func (a answers) Do(r *http.Request) (*http.Response, error) {
	body := `<DescribeAutoScalingInstancesResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><DescribeAutoScalingInstancesResult><AutoScalingInstances/></DescribeAutoScalingInstancesResult></DescribeAutoScalingInstancesResponse>`
	return &http.Response{StatusCode: http.StatusOK, Request: r, Header: http.Header{"Date": {a.date.UTC().Format(http.TimeFormat)}}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

func TestFailure17ClockIsAWSs(t *testing.T) {
	s := newScene(t, webTerms)
	f := s.function()
	ahead := time.Now().Add(10 * time.Minute)
	f.Instances = autoscaling.New(autoscaling.Options{Region: "eu-central-1", HTTPClient: answers{ahead}, Credentials: aws.AnonymousCredentials{}})
	f.Clock = time.Now
	if _, _, err := f.instances(t.Context(), []string{"i-0123456789abcdef0"}); err != nil {
		t.Fatal(err)
	}
	if skew := time.Until(f.now()); skew < 9*time.Minute || skew > 11*time.Minute {
		t.Errorf("the function's clock is %v ahead of the machine's, want AWS's 10m", skew)
	}
}

func notice(kind, instance string, at time.Time) string {
	return fmt.Sprintf(`{"source":"aws.ec2","detail-type":%q,"time":%q,"detail":{"instance-id":%q}}`, kind, at.UTC().Format(time.RFC3339), instance)
}

func TestFailure18InterruptionShrinksTheDeadline(t *testing.T) {
	m := workerTerms
	m.OnTimeout = spec.DrainRetain
	s := newScene(t, m)
	i := s.held()
	i.BusyUntil = s.clock.Now().Add(time.Hour)
	f := s.function()
	s.handle(f, s.event(i, s.Token(i)))
	s.pass(time.Minute)
	warned := s.clock.Now().Truncate(time.Second)
	s.handle(f, notice(typeInterruption, i.ID, warned))
	s.follow(f, time.Hour)
	s.wantEnd(resultContinue) // what EC2 takes cannot be retained
	if took := s.ending().Ended.Sub(warned); took < 2*time.Minute || took > 2*time.Minute+time.Second {
		t.Errorf("ended %v after the warning, want 2m", took)
	}
}

func TestFailure18InterruptedInServiceIsDeregistered(t *testing.T) {
	s := newScene(t, webTerms)
	i := s.Launch(s.group)
	f := s.function()
	s.handle(f, notice(typeInterruption, i.ID, s.clock.Now()))
	s.wantCalls("DeregisterTargets", 1)
	s.follow(f, 10*time.Minute)
	s.wantNoEnd()
	s.wantCalls("DeregisterTargets", 1)
	s.wantCalls("CompleteLifecycleAction", 0)
}

func TestFailure18RebalanceIsLeftToTheGroup(t *testing.T) {
	s := newScene(t, webTerms)
	i := s.Launch(s.group)
	s.handle(s.function(), notice(typeRebalance, i.ID, s.clock.Now()))
	s.wantCalls("DeregisterTargets", 0)
	if len(s.sent) != 0 {
		t.Error("a recommendation was gone on with")
	}
	// With capacity rebalancing the group has ended it before the notice is read.
	s.hold(i)
	s.handle(s.function(), notice(typeRebalance, i.ID, s.clock.Now()))
	s.wantEnd(resultContinue)
}

func TestFailure18NoticeOfSomebodyElsesInstanceIsPassedOver(t *testing.T) {
	s := newScene(t, webTerms)
	others := s.AddGroup(asgsim.Group{Name: "others", TargetGroups: []string{attachedARN}})
	i := s.Launch(others)
	if failed := s.handle(s.function(), notice(typeInterruption, i.ID, s.clock.Now()), notice(typeInterruption, "i-0fedcba987654321f", s.clock.Now())); failed != nil {
		t.Errorf("messages %v failed", failed)
	}
	s.wantCalls("DeregisterTargets", 0)
	if len(s.sent) != 0 {
		t.Error("somebody else's instance was gone on with")
	}
}

func TestFailure19DeletedGroupEnds(t *testing.T) {
	s := newScene(t, webTerms)
	for range 20 {
		s.Launch(s.group)
	}
	s.DeleteGroup(s.group)
	s.Run(func() asgsim.Handler {
		f := s.function()
		f.Instances, f.Hooks, f.Actions, f.Targets, f.TargetGroups, f.Queue = s.World, s.World, s.World, s.World, s.World, s.World
		return f.Handle
	})
	s.pass(2 * time.Minute)
	if n := len(s.Endings()); n != 20 {
		t.Errorf("%d of 20 ended", n)
	}
}

func TestFailure20UnhealthyIsNotWaitedForLong(t *testing.T) {
	s := newScene(t, workerTerms)
	i := s.held()
	i.BusyUntil = s.clock.Now().Add(time.Hour)
	i.Unhealthy = true
	f := s.function()
	s.handle(f, s.event(i, s.Token(i)))
	s.wantNoEnd()
	s.follow(f, time.Hour)
	s.wantEnd(resultContinue)
	if e := s.ending(); e.Ended.Sub(e.Started) != unhealthyMaximum {
		t.Errorf("held for %v, want %v", e.Ended.Sub(e.Started), unhealthyMaximum)
	}
}
