package target_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

func TestOrdersAreTransitions(t *testing.T) {
	type state = target.Administrative
	for _, c := range []struct {
		from  state
		order target.Order
		want  state
		text  string
	}{
		{state{}, target.Order{Action: "ready"}, state{}, "ready"},
		{state{}, target.Order{Action: "drain"}, state{State: target.Drain}, "drain"},
		{state{State: target.Drain}, target.Order{Action: "maintenance"}, state{State: target.Maintenance}, "maintenance"},
		{state{State: target.Maintenance, Weight: 7}, target.Order{Action: "ready"}, state{Weight: 7}, "ready, weight 7"},
		{state{State: target.Drain}, target.Order{Action: "weight", Weight: 256}, state{State: target.Drain, Weight: 256}, "drain, weight 256"},
		{state{Weight: 7}, target.Order{Action: "weight"}, state{}, "ready"},
	} {
		got, err := c.from.After(c.order)
		if err != nil || got != c.want || got.String() != c.text {
			t.Errorf("%v, %v: got %v, %v", c.from, c.order, got, err)
		}
	}
	for _, o := range []target.Order{{}, {Action: "Drain"}, {Action: "weight", Weight: 257}, {Action: "weight", Weight: -1}} {
		from := state{State: target.Drain, Weight: 3}
		if got, err := from.After(o); !errors.Is(err, target.ErrOrder) || got != from {
			t.Errorf("%v: got %v, %v", o, got, err)
		}
	}
}

// order gives an order that has to be carried out.
func (b *bench) order(name, action string, weight int) {
	b.t.Helper()
	if _, _, err := b.group().Order(name, target.Order{Action: action, Weight: weight, By: "alice"}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) holds(address string) bool { return b.group().Snapshot().Holds([]byte(address)) != nil }

// checked reports whether target n is to be checked.
func (b *bench) checked(address string) bool {
	return slices.ContainsFunc(b.registry.Checks(), func(c target.Check) bool { return c.Address == address })
}

func TestDrainKeepsWhoHasACookie(t *testing.T) {
	b := newBench(t, environment(nil, 1, 2))
	b.report(1, "P")
	b.report(2, "P")
	b.order("t1", "drain", 0)
	b.wantServing("t1 is drained", "t2")
	if !b.holds("10.0.0.1:80") || !b.checked("10.0.0.1:80") {
		t.Error("a drained target is held by no cookie, or not checked")
	}
	if s := b.group().Snapshot(); s.FailOpen || s.HealthyCount != 1 {
		t.Errorf("fail open %v, %d healthy", s.FailOpen, s.HealthyCount)
	}
	b.report(1, "FF")
	if b.holds("10.0.0.1:80") {
		t.Error("a drained target that is unhealthy is held by cookies")
	}
	b.report(1, "PP")
	// The last one out: new requests find nobody, and the group does not fail open to them.
	b.order("t2", "drain", 0)
	b.wantServing("both are drained")
	b.order("10.0.0.1:80", "ready", 0)
	b.wantServing("t1 is ready again", "t1")
	b.registry.Close()
}

// TestFailOpenLeavesOutWhatOperatorsTookOut even if it is the only one that is healthy.
func TestFailOpenLeavesOutWhatOperatorsTookOut(t *testing.T) {
	b := newBench(t, environment(nil, 1, 2, 3))
	for n := 1; n <= 3; n++ {
		b.report(n, "P")
	}
	b.report(2, "FF")
	b.order("t1", "drain", 0)
	b.order("t3", "maintenance", 0)
	b.wantServing("t2 is unhealthy, the others are out", "t2")
	if !b.group().Snapshot().FailOpen {
		t.Error("the group does not fail open")
	}
	b.registry.Close()
}

func TestMaintenanceIsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(func(g *spec.TargetGroup) { g.SlowStart = 30 * time.Second }, 1, 2))
		b.report(1, "P")
		b.report(2, "P")
		late := b.registry.Checks()[0]
		b.order("t1", "maintenance", 0)
		b.wantServing("t1 is in maintenance", "t2")
		v := b.group().Views()[0]
		if b.holds("10.0.0.1:80") || b.checked("10.0.0.1:80") || v.Health.State != targethealth.Unavailable || !v.Draining() {
			t.Errorf("held, checked or kept: %+v", v.Health)
		}
		late.Group.Report(late, passed)
		if got := b.states()["t1"]; got != targethealth.Unavailable {
			t.Errorf("a check that was on its way made it %s", got)
		}
		b.apply(environment(nil, 1, 2))
		b.wantServing("a reload changes nothing", "t2")
		b.apply(environment(func(g *spec.TargetGroup) { g.Protocol = spec.ProtocolHTTPS }, 1, 2))
		b.wantServing("nor do other connections", "t2")
		b.apply(environment(func(g *spec.TargetGroup) { g.SlowStart = 30 * time.Second }, 1, 2))

		b.order("t1", "ready", 0)
		if got := b.states()["t1"]; got != targethealth.Initial || !b.checked("10.0.0.1:80") || b.group().Views()[0].Draining() {
			t.Errorf("ready again it is %s", got)
		}
		b.wantServing("nobody knows yet how t1 is", "t2")
		b.report(1, "P")
		time.Sleep(time.Minute)
		b.wantServing("t1 is healthy and has had its slow start", "t1", "t2")

		var story []string
		for _, change := range b.group().Views()[0].Telemetry.Timeline(time.Now()) {
			story = append(story, strings.TrimSpace(string(change.To)+" "+change.Order+" "+change.By))
		}
		want := []string{"initial", "healthy", "unavailable", "unavailable maintenance alice", "initial", "initial ready alice", "healthy"}
		if !slices.Equal(story, want) {
			t.Errorf("got %q, want %q", story, want)
		}
		b.registry.Close()
	})
}

func TestMaintenanceOutlivesUse(t *testing.T) {
	b := newBench(t, environment(nil, 1))
	b.order("t1", "maintenance", 0)
	unused := environment(nil, 1)
	unused.LoadBalancer.Listeners = nil
	b.apply(unused)
	b.apply(environment(nil, 1))
	if got := b.states()["t1"]; got != targethealth.Unavailable || b.checked("10.0.0.1:80") {
		t.Errorf("it is %s", got)
	}
	b.apply(unused)
	b.order("t1", "ready", 0)
	if got := b.states()["t1"]; got != targethealth.Unused {
		t.Errorf("in a group that nobody uses it is %s", got)
	}
	b.registry.Close()
}

func TestWeightOverridesTheFile(t *testing.T) {
	b := newBench(t, environment(nil, 1, 2))
	b.report(1, "P")
	b.report(2, "P")
	share := func() float64 {
		n := 0
		for range 400 {
			if picked, _ := b.group().Snapshot().Pick(balance.Facts{Now: time.Now()}); picked.ID == "t1" {
				n++
			}
		}
		return float64(n) / 400
	}
	b.order("t1", "weight", 3)
	if got := share(); got != 0.75 {
		t.Errorf("t1 of weight 3 beside 1 gets %v", got)
	}
	b.apply(environment(nil, 1, 2))
	if got := b.group().Views()[0].Administrative.Weight; got != 3 || share() != 0.75 {
		t.Errorf("after a reload the weight is %d", got)
	}
	b.order("t1", "weight", 0)
	if got := share(); got != 0.5 {
		t.Errorf("t1 of the file's weight gets %v", got)
	}
	b.registry.Close()
}

func TestOrdersForNobody(t *testing.T) {
	b := newBench(t, environment(func(g *spec.TargetGroup) {
		g.Targets = append(g.Targets, spec.Target{ID: "t1", Address: "10.0.0.9", ProxyOnly: spec.TargetProxyOnly{Weight: 1}})
	}, 1, 2))
	for name, want := range map[string]error{"t1": target.ErrAmbiguous, "t3": target.ErrNoTarget, "": target.ErrNoTarget} {
		if _, _, err := b.group().Order(name, target.Order{Action: "drain"}); !errors.Is(err, want) {
			t.Errorf("%q: got %v", name, err)
		}
	}
	if _, _, err := b.group().Order("t2", target.Order{Action: "stop"}); !errors.Is(err, target.ErrOrder) {
		t.Errorf("got %v", err)
	}
	b.order("10.0.0.9:80", "drain", 0)
	// A target that leaves is nobody's to administer, and comes back as new.
	b.apply(environment(nil, 1))
	if _, _, err := b.group().Order("t2", target.Order{Action: "ready"}); !errors.Is(err, target.ErrNoTarget) {
		t.Errorf("got %v", err)
	}
	b.registry.Close()
}

// TestDrainedTargetsQueueTheirOwn: who has a cookie waits for the drained target, and nobody else.
func TestDrainedTargetsQueueTheirOwn(t *testing.T) {
	b := newBench(t, environment(limited(1, 5), 1, 2)).healthy(1, 2)
	b.order("t1", "drain", 0)
	sticky, _ := b.enter(1)
	other, _ := b.enter(0)
	if sticky == nil || sticky.ID != "t1" || other == nil || other.ID != "t2" {
		t.Fatalf("got %v, %v", sticky, other)
	}
	_, anyone := b.enter(0)
	_, bound := b.enter(1)
	if anyone == nil || bound == nil {
		t.Fatal("somebody did not have to wait")
	}
	b.group().End(sticky, target.Ending{Status: 200})
	if got := begun(bound); got != "t1" {
		t.Errorf("who is bound goes to %q", got)
	}
	b.group().End(bound.Target(), target.Ending{Status: 200})
	if got := begun(anyone); got != "" {
		t.Errorf("who is not bound goes to %q, which is drained", got)
	}
	// Others wait, but not for it.
	if sticky, _ := b.enter(1); sticky == nil || sticky.ID != "t1" {
		t.Errorf("who is bound waits behind those who are not: %v", sticky)
	}
	b.group().End(other, target.Ending{Status: 200})
	if got := begun(anyone); got != "t2" {
		t.Errorf("who is not bound goes to %q", got)
	}
}

// TestMaintenanceSendsAwayWhoWaits for the target, to another.
func TestMaintenanceSendsAwayWhoWaits(t *testing.T) {
	b := newBench(t, environment(limited(1, 5), 1, 2)).healthy(1, 2)
	b.enter(1)
	_, bound := b.enter(1)
	b.order("t1", "maintenance", 0)
	if got := begun(bound); got != "t2" {
		t.Errorf("it goes to %q", got)
	}
}
