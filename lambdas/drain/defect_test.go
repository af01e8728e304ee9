package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/smithy-go"

	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/test/harness/asgsim"
)

// Each of these is a defect that a published drain function has, or had: see
// docs/reference/drain-failures.md.

func TestDefectCDKInstanceInNoTargetGroupIsCompleted(t *testing.T) {
	s := newScene(t, webTerms)
	s.group.TargetGroups = nil
	i := s.held()
	s.handle(s.function(), s.event(i, s.Token(i)))
	s.wantEnd(resultContinue)
}

func TestDefectCDKListsAreReadToTheirEnd(t *testing.T) {
	s := newScene(t, webTerms)
	// The simulator has two on a page.
	for _, name := range []string{"a", "b", "c", "d"} {
		s.AddGroup(asgsim.Group{Name: name})
		s.AddTargetGroup(asgsim.TargetGroup{ARN: name})
	}
	other := s.elsewhere() // the last
	f := s.function()
	groups, err := f.groups(t.Context(), nil)
	if err != nil || len(groups) != 5 {
		t.Errorf("%d groups, want 5, error %v", len(groups), err)
	}
	i := s.Launch(s.group)
	other.Register(i)
	s.hold(i)
	s.handle(f, s.event(i, s.Token(i)))
	s.wantNoEnd()
	if d, _, _ := s.next(); d.Instance != i.ID {
		t.Errorf("goes on with %s, want %s", d.Instance, i.ID)
	}
}

func TestDefectCDKTargetsAreAskedForAnewEachTime(t *testing.T) {
	s := newScene(t, webTerms)
	i := s.held()
	other := s.elsewhere()
	other.Register(i)
	f := s.function()
	s.handle(f, s.event(i, s.Token(i)))
	s.wantNoEnd()
	s.pass(time.Minute)
	other.Register(i) // again, while it drains
	d, _, body := s.next()
	s.handle(f, body)
	if len(s.Endings()) != 0 {
		t.Errorf("%s was completed while it was registered anew", d.Instance)
	}
	s.follow(f, 10*time.Minute)
	s.wantEnd(resultContinue)
}

// TestDefectCDKNoInvocationWaits holds also for amazon-ec2-auto-scaling-group-examples.
func TestDefectCDKNoInvocationWaits(t *testing.T) {
	for name, file := range sourceFiles(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Sleep", "After", "NewTimer", "NewTicker", "Tick"}, sel.Sel.Name) {
					t.Errorf("%s waits with time.%s", name, sel.Sel.Name)
				}
			}
			return true
		})
	}
}

// sourceFiles are the function's own.
func sourceFiles(t *testing.T) map[string]*ast.File {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]*ast.File{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		if files[name], err = parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestDefectCDKHeartbeatsAreSent(t *testing.T) {
	s := newScene(t, workerTerms)
	i := s.held()
	i.BusyUntil = s.clock.Now().Add(time.Hour)
	f := s.function()
	s.handle(f, s.event(i, s.Token(i)))
	s.follow(f, 14*time.Minute)
	s.wantNoEnd() // after nearly three times the hook's timeout
}

func TestDefectCDKErrorOfCompletionIsNotSwallowed(t *testing.T) {
	s := newScene(t, webTerms)
	i := s.held()
	s.fail["CompleteLifecycleAction by token"] = errThrottled
	f := s.function()
	if failed := s.handle(f, s.event(i, s.Token(i))); failed != nil || len(s.sent) != 1 {
		t.Fatalf("failed %v and sent %d, want it tried again", failed, len(s.sent))
	}
	s.fail["CompleteLifecycleAction by token"] = nil
	s.follow(f, time.Minute)
	s.wantEnd(resultContinue)
}

func TestDefectCDKTimesAreTheFilesAlone(t *testing.T) {
	env := spec.Fleet{Drain: spec.Drain{Heartbeat: 7 * time.Minute, Maximum: 33 * time.Minute, OnTimeout: spec.DrainRetain}, Queues: []string{"q"}}
	text, err := json.Marshal(env.DrainMetadata(nil))
	if err != nil {
		t.Fatal(err)
	}
	got, err := readTerms(string(text))
	if want := (Terms{Heartbeat: 7 * time.Minute, Maximum: 33 * time.Minute, Retain: true, Workers: true}); err != nil || got != want {
		t.Errorf("terms %+v, want %+v, error %v", got, want, err)
	}
}

func TestDefectCDKTargetsAreLookedAt(t *testing.T) {
	s := newScene(t, webTerms)
	other := s.elsewhere()
	i := s.Launch(s.group)
	other.Register(i)
	s.hold(i)
	f := s.function()
	s.handle(f, s.event(i, s.Token(i)))
	s.follow(f, 10*time.Minute)
	s.wantEnd(resultContinue)
	if e := s.ending(); e.Busy || e.Ended.Sub(e.Started) < time.Minute {
		t.Errorf("ended after %v, want it no sooner than the other group's delay of 1m", e.Ended.Sub(e.Started))
	}
}

// TestDefectCDKWhatFailsIsGivenBack is also about widdix, whose queue a message left after
// five tries that an unknown instance made fail.
func TestDefectCDKWhatFailsIsGivenBack(t *testing.T) {
	s := newScene(t, webTerms)
	if failed := s.handle(s.function(), `{"neither":"nor"}`); len(failed) != 1 {
		t.Errorf("failed %v, want the message, which the queue sets aside", failed)
	}
}

func TestDefectWiddixUnknownInstanceIsNoError(t *testing.T) {
	s := newScene(t, webTerms)
	body := s.event(&asgsim.Instance{ID: "i-0fedcba987654321f", Group: s.group}, "00000000-0000-4000-8000-000000000000")
	if failed := s.handle(s.function(), body); failed != nil {
		t.Errorf("messages %v failed", failed)
	}
}

func TestDefectWiddixHeartbeatsFollowTheTimeout(t *testing.T) {
	for _, heartbeat := range []time.Duration{30 * time.Second, time.Minute, 5 * time.Minute, 45 * time.Minute, 2 * time.Hour} {
		m := workerTerms
		m.Heartbeat, m.Maximum = heartbeat.String(), (4 * heartbeat).String()
		s := newScene(t, m)
		i := s.held()
		i.BusyUntil = s.clock.Now().Add(100 * heartbeat)
		f := s.function()
		s.handle(f, s.event(i, s.Token(i)))
		s.follow(f, 5*heartbeat)
		e := s.ending()
		if e.By != asgsim.ByCompletion || e.Gap > heartbeat/3 {
			t.Errorf("%v: ended by %s with %v between heartbeats, want less than a third", heartbeat, e.By, e.Gap)
		}
		if e.Heartbeats > 40 {
			t.Errorf("%v: %d heartbeats in 4 timeouts, want fewer", heartbeat, e.Heartbeats)
		}
	}
}

// TestDefectWiddixNoActiveActionIsNotTriedAgain is also about
// amazon-ec2-auto-scaling-group-examples, which raises the error again.
func TestDefectWiddixNoActiveActionIsNotTriedAgain(t *testing.T) {
	s := newScene(t, webTerms)
	i := s.held()
	body := s.event(i, s.Token(i))
	none := &smithy.GenericAPIError{Code: codeValidation, Message: "No active Lifecycle Action found with token x"}
	s.fail["CompleteLifecycleAction by token"], s.fail["CompleteLifecycleAction"] = none, none
	if failed := s.handle(s.function(), body); failed != nil || len(s.sent) != 0 {
		t.Errorf("failed %v and sent %d, want it done", failed, len(s.sent))
	}
	s.wantCalls("CompleteLifecycleAction by token", 1)
	s.wantCalls("CompleteLifecycleAction", 1)
}

func TestDefectNTHEveryDrainHasItsHeartbeats(t *testing.T) {
	s := newScene(t, workerTerms)
	for range 100 {
		i := s.Launch(s.group)
		i.BusyUntil = s.clock.Now().Add(time.Hour)
		s.Terminate(i)
	}
	s.Run(func() asgsim.Handler {
		f := s.function()
		f.Instances, f.Hooks, f.Actions, f.Targets, f.TargetGroups, f.Queue = s.World, s.World, s.World, s.World, s.World, s.World
		f.Log = discard
		return f.Handle
	})
	s.pass(16 * time.Minute)
	endings := s.Endings()
	for _, e := range endings {
		if e.By != asgsim.ByCompletion || e.Gap > 5*time.Minute/3 {
			t.Errorf("%s ended by %s with %v between heartbeats", e.Instance, e.By, e.Gap)
		}
	}
	if len(endings) != 100 {
		t.Errorf("%d of 100 ended", len(endings))
	}
}

// TestDefectNTHSDKIsMaintained is also about lifecycle-manager and lifecycled.
func TestDefectNTHSDKIsMaintained(t *testing.T) {
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "github.com/aws/aws-sdk-go v1") {
		t.Error("go.mod wants version 1 of AWS's SDK")
	}
}

func TestDefectLifecycleManagerNothingRaces(t *testing.T) {
	s := newScene(t, workerTerms)
	f := s.function()
	f.Log, f.Metrics = discard, nothing{}
	var batches []events.SQSEvent
	for range 8 {
		i := s.held()
		i.BusyUntil = s.clock.Now().Add(time.Minute)
		batches = append(batches, events.SQSEvent{Records: []events.SQSMessage{s.message("0", s.event(i, s.Token(i))), s.message("1", spec.DrainReconcileMessage)}})
	}
	var wg sync.WaitGroup
	for _, batch := range batches {
		wg.Go(func() {
			if _, err := f.Handle(t.Context(), batch); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestDefectLifecycleManagerOnlyOwnTargetGroupsAreAsked(t *testing.T) {
	s := newScene(t, webTerms)
	for range 50 {
		s.AddTargetGroup(asgsim.TargetGroup{ARN: "arn:of:somebody:else"})
	}
	i := s.held()
	s.handle(s.function(), s.event(i, s.Token(i)))
	s.wantCalls("DescribeTargetHealth", 1)
}

func TestDefectLifecycleManagerTokenIsPreferred(t *testing.T) {
	s := newScene(t, webTerms)
	i := s.held()
	s.handle(s.function(), s.event(i, s.Token(i)))
	s.wantCalls("CompleteLifecycleAction by token", 1)
	s.wantCalls("CompleteLifecycleAction", 0)
}

func TestDefectLifecycledMessageIsDoneWhenTheNextIsSent(t *testing.T) {
	s := newScene(t, workerTerms)
	i := s.held()
	i.BusyUntil = s.clock.Now().Add(time.Hour)
	s.fail["SendMessageBatch"] = errThrottled
	if failed := s.handle(s.function(), s.event(i, s.Token(i))); len(failed) != 1 {
		t.Errorf("failed %v, want the message, as no other goes on with the drain", failed)
	}
}

func TestDefectLifecycledOneQueueServesAll(t *testing.T) {
	// Nothing is made for an instance: the function has no call for it.
	for name, file := range sourceFiles(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && (id.Name == "CreateQueue" || id.Name == "Subscribe") {
				t.Errorf("%s has %s", name, id.Name)
			}
			return true
		})
	}
}
