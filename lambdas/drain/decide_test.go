package main

import (
	"go/parser"
	"go/token"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// short is what was decided, in words.
func short(actions []Action) string {
	var words []string
	for _, a := range actions {
		word := string(a.Kind)
		if a.Result != "" {
			word += "(" + a.Result + ")"
		}
		if a.Delay != 0 {
			word += "(" + a.Delay.String() + ")"
		}
		words = append(words, word+":"+a.Reason)
	}
	return strings.Join(words, " ")
}

func TestDecide(t *testing.T) {
	start := simulationStart
	web := Terms{Heartbeat: 5 * time.Minute, Maximum: 15 * time.Minute}
	worker, retain := web, web
	worker.Workers, retain.Workers, retain.Retain = true, true, true
	asked := web
	asked.Endpoint, asked.Port = "/drain/", 8000
	silent := func(n int) State {
		return State{Drain: Drain{Unknown: n}, Lifecycle: "Terminating:Wait", Application: applicationUnknown}
	}
	draining := []Target{{Group: "a", State: targetUnused}, {Group: "b", State: targetDraining}}
	for name, test := range map[string]struct {
		after time.Duration
		terms Terms
		state State
		want  string
	}{
		"drained":                   {0, web, State{Lifecycle: "Terminating:Wait"}, "complete(CONTINUE):done"},
		"drained after the maximum": {time.Hour, web, State{Lifecycle: "Terminating:Wait"}, "complete(CONTINUE):done"},
		"draining":                  {0, web, State{Lifecycle: "Terminating:Wait", Targets: draining}, "requeue(5s):targets_draining"},
		"draining for a while":      {70 * time.Second, web, State{Lifecycle: "Terminating:Wait", Targets: draining}, "heartbeat:targets_draining requeue(7s):targets_draining"},
		"draining to the maximum":   {15 * time.Minute, web, State{Lifecycle: "Terminating:Wait", Targets: draining}, "complete(CONTINUE):maximum_passed"},
		"draining almost as long":   {14*time.Minute + 59500*time.Millisecond, web, State{Lifecycle: "Terminating:Wait", Targets: draining}, "heartbeat:targets_draining requeue(1s):targets_draining"},
		"still registered":          {0, web, State{Lifecycle: "Terminating:Wait", Targets: []Target{{State: "healthy"}, {State: "unhealthy.draining"}}}, "deregister:healthy requeue(5s):targets_draining"},
		"worker":                    {0, worker, State{Lifecycle: "Terminating:Wait"}, "requeue(5s):application_may_be_busy"},
		"worker at the maximum":     {15 * time.Minute, worker, State{Lifecycle: "Terminating:Wait"}, "complete(CONTINUE):maximum_passed"},
		"worker to be retained":     {15 * time.Minute, retain, State{Lifecycle: "Terminating:Wait"}, "complete(ABANDON):maximum_passed"},
		"worker that ended itself":  {time.Minute, worker, State{Lifecycle: "Terminating:Proceed"}, "emit:ended_by_another drop:ended_by_another"},
		"ended by another":          {time.Minute, web, State{Lifecycle: "Terminating:Proceed"}, "drop:ended_by_another"},
		"retained":                  {time.Hour, retain, State{Lifecycle: "Terminating:Retained"}, "drop:ended_by_another"},
		"gone":                      {time.Minute, worker, State{}, "complete(CONTINUE):instance_gone"},
		"not held yet":              {0, web, State{Lifecycle: "Terminating"}, "requeue(5s):state_not_settled"},
		"described late":            {5 * time.Second, web, State{Drain: Drain{Token: "t"}, Lifecycle: "InService"}, "requeue(5s):state_not_settled"},
		"in service after all":      {2 * time.Minute, web, State{Drain: Drain{Token: "t"}, Lifecycle: "InService"}, "drop:instance_not_ending"},
		"ends in the warm pool":     {0, worker, State{Lifecycle: "Warmed:Terminating:Wait"}, "complete(CONTINUE):done"},
		"returns to the warm pool":  {0, worker, State{Lifecycle: "Warmed:Pending:Wait"}, "requeue(5s):application_may_be_busy"},
		"in the warm pool":          {0, web, State{Lifecycle: "Warmed:Stopped"}, "drop:ended_by_another"},
		"hook gone":                 {0, web, State{Lifecycle: "Terminating:Wait", HookGone: true}, "drop:hook_gone"},
		"unseen":                    {0, web, State{Unseen: true}, "requeue(5s):auto_scaling_unseen"},
		"unseen to the maximum":     {15 * time.Minute, web, State{Unseen: true}, "complete(CONTINUE):maximum_passed"},
		"targets unseen":            {0, web, State{Lifecycle: "Terminating:Wait", TargetsUnseen: true}, "requeue(5s):targets_unseen"},
		"terms unseen":              {time.Hour, Terms{}, State{Lifecycle: "Terminating:Wait"}, "heartbeat:auto_scaling_unseen requeue(6m0s):auto_scaling_unseen"},
		"unhealthy":                 {30 * time.Second, worker, State{Lifecycle: "Terminating:Wait", Unhealthy: true}, "complete(CONTINUE):instance_unhealthy"},
		"taken back":                {time.Minute, retain, State{Drain: Drain{By: start.Add(time.Minute)}, Lifecycle: "Terminating:Wait"}, "complete(CONTINUE):instance_interrupted"},
		"warned in service":         {0, web, State{Drain: Drain{By: start.Add(time.Minute)}, Lifecycle: "InService", Targets: []Target{{State: "healthy"}}}, "deregister:healthy requeue(5s):instance_interrupted"},
		"application not asked":     {0, asked, State{Lifecycle: "Terminating:Wait"}, "requeue(5s):application_may_be_busy"},
		"application idle":          {0, asked, State{Lifecycle: "Terminating:Wait", Application: applicationIdle}, "complete(CONTINUE):done"},
		"idle while draining":       {0, asked, State{Lifecycle: "Terminating:Wait", Application: applicationIdle, Targets: draining}, "requeue(5s):targets_draining"},
		"application busy":          {70 * time.Second, asked, State{Lifecycle: "Terminating:Wait", Application: applicationBusy}, "heartbeat:application_may_be_busy requeue(7s):application_may_be_busy"},
		"busy to the maximum":       {15 * time.Minute, asked, State{Lifecycle: "Terminating:Wait", Application: applicationBusy}, "complete(CONTINUE):maximum_passed"},
		"application silent once":   {0, asked, silent(1), "requeue(5s):application_may_be_busy"},
		"application silent twice":  {0, asked, silent(2), "requeue(5s):application_may_be_busy"},
		"application silent thrice": {0, asked, silent(3), "complete(CONTINUE):done"},
		"application's machine off": {0, asked, State{Lifecycle: "Terminating:Wait", Application: applicationGone}, "complete(CONTINUE):done"},
		"asked in the warm pool":    {0, asked, State{Lifecycle: "Warmed:Terminating:Wait"}, "complete(CONTINUE):done"},
		"warned long ago":           {time.Hour, web, State{Drain: Drain{By: start.Add(time.Minute)}, Lifecycle: "InService"}, "drop:instance_not_ending"},
	} {
		s := test.state
		s.Group, s.Hook, s.Instance, s.Started, s.Held, s.Heartbeat, s.Terms = "g", "drain", "i-1", start, true, start, test.terms
		if got := short(Decide(s, start.Add(test.after))); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, test.want)
		}
	}
}

// A message without a token that is late, or was doubled, may be older than the hold that it
// finds: the hold's time has only begun then.
func TestTimeBeforeTheHoldDoesNotCount(t *testing.T) {
	s := State{
		Drain: Drain{Group: "g", Hook: "drain", Instance: "i-1", Started: simulationStart, Heartbeat: simulationStart},
		Terms: Terms{Heartbeat: 5 * time.Minute, Maximum: 15 * time.Minute, Workers: true, Retain: true}, Lifecycle: "Terminating:Wait",
	}
	actions := Decide(s, simulationStart.Add(time.Hour))
	if got, want := short(actions), "heartbeat:application_may_be_busy requeue(5s):application_may_be_busy"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if last := actions[len(actions)-1]; !last.Held || last.Anew {
		t.Errorf("got held %v and anew %v, want the hold's time to count from now", last.Held, last.Anew)
	}
	s.Lifecycle = "Terminating"
	if last := Decide(s, simulationStart.Add(time.Hour))[0]; last.Held || !last.Anew {
		t.Errorf("got held %v and anew %v, want the time not to count yet", last.Held, last.Anew)
	}
}

func TestNoticesOfUnknownInstances(t *testing.T) {
	at := simulationStart
	s := State{Drain: Drain{Instance: "i-1", Started: at, By: at.Add(2 * time.Minute)}}
	if got, want := short(Decide(s, at)), "drop:instance_of_another_environment"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s.Unseen = true
	if got, want := short(Decide(s, at)), "requeue(5s):auto_scaling_unseen"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := short(Decide(s, at.Add(time.Hour))), "drop:auto_scaling_unseen"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestDecisionsHoldForAnyState asks what must be true whatever the state.
func TestDecisionsHoldForAnyState(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	states := append(slices.Sorted(maps.Keys(phases)), "", "InService", "Standby", "Pending:Wait")
	targets := []string{"initial", "healthy", "unhealthy", targetUnused, targetDraining, targetUnhealthyDraining, "unavailable"}
	flip := func() bool { return r.IntN(3) == 0 }
	for range 100_000 {
		s := State{
			Drain:     Drain{Group: "g", Hook: "drain", Instance: "i-1", Started: simulationStart},
			Terms:     Terms{Heartbeat: 30*time.Second + time.Duration(r.Int64N(int64(2*time.Hour-30*time.Second))), Maximum: time.Duration(1 + r.Int64N(int64(50*time.Hour))), Workers: flip(), Retain: flip()},
			Lifecycle: states[r.IntN(len(states))], Unseen: flip(), Unhealthy: flip(), TargetsUnseen: flip(),
		}
		if s.Held = flip(); flip() {
			s.Token = "t"
		}
		if flip() {
			s.Terms.Endpoint, s.Application, s.Unknown = "/drain/", application(r.IntN(int(applicationGone)+1)), r.IntN(5)
		}
		now := s.Started.Add(time.Duration(r.Int64N(int64(49 * time.Hour))))
		s.Heartbeat = now.Add(-time.Duration(r.Int64N(int64(s.Terms.Heartbeat))))
		if flip() {
			s.By = s.Started.Add(time.Duration(r.Int64N(int64(time.Hour))))
		}
		for range r.IntN(3) {
			s.Targets = append(s.Targets, Target{State: targets[r.IntN(len(targets))]})
		}
		actions := Decide(s, now)
		if s.isNews() {
			s.Started = now
		}
		last := actions[len(actions)-1]
		wrong := func(what string) { t.Fatalf("%s: %s\nstate %+v at %v", what, short(actions), s, now) }
		for i, a := range actions {
			ends := a.Kind == ActionComplete || a.Kind == ActionRequeue || a.Kind == ActionDrop
			if ends != (i == len(actions)-1) {
				wrong("the last action, and no other, is what becomes of the message")
			}
		}
		inProgress := s.Terms.Endpoint != "" && s.Lifecycle != warmedTerminating &&
			(s.Application == applicationBusy || s.Application == applicationUnasked || s.Application == applicationUnknown && s.Unknown < maxUnknown)
		busy := inProgress || s.Unseen || s.TargetsUnseen || slices.ContainsFunc(s.Targets, func(x Target) bool { return x.State != targetUnused })
		switch last.Kind {
		case ActionComplete:
			if busy && s.Lifecycle != "" && now.Before(s.Deadline()) {
				wrong("completed while busy before the deadline")
			}
			if last.Result == resultAbandon && (!s.Terms.Retain || last.Metric != spec.MetricDrainAbandoned) {
				wrong("abandoned what is not to be retained")
			}
		case ActionRequeue:
			if last.Delay < time.Second || last.Delay > longestDelay || last.Delay%time.Second != 0 {
				wrong("a delay that SQS does not take")
			}
			if now.Before(s.Deadline()) && now.Add(last.Delay).After(s.Deadline().Add(time.Second)) && s.Deadline().Sub(now) > time.Second {
				wrong("goes on after the deadline")
			}
			held := phases[s.Lifecycle] == phaseWaiting || s.Unseen
			beat := slices.ContainsFunc(actions, func(a Action) bool { return a.Kind == ActionHeartbeat })
			if held && !beat && now.Add(last.Delay).After(s.Heartbeat.Add(s.Terms.Heartbeat/heartbeatShare)) {
				wrong("no heartbeat before a third of the timeout has passed")
			}
		default:
		}
	}
}

// TestDecideOnlyDecides wants no clocks, no chance and no calls in the decision.
func TestDecideOnlyDecides(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "decide.go", nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range file.Imports {
		if path, _ := strconv.Unquote(i.Path.Value); path != "time" && !strings.HasSuffix(path, "/spec") {
			t.Errorf("decide.go imports %s", path)
		}
	}
}
