package target_test

import (
	"fmt"
	"maps"
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

// environment describes one listener that forwards to one group with the given targets,
// which are numbers: 1 is t1 at 10.0.0.1:80.
func environment(change func(*spec.TargetGroup), numbers ...int) *spec.Environment {
	g := spec.TargetGroup{
		Name: "web", Protocol: spec.ProtocolHTTP, ProtocolVersion: spec.ProtocolVersionHTTP1, Port: 80,
		Algorithm: spec.RoundRobin, DeregistrationDelay: time.Minute,
		HealthCheck: spec.HealthCheck{Path: "/", Interval: 30 * time.Second, HealthyThreshold: 2, UnhealthyThreshold: 2},
	}
	g.TargetGroupHealth.UnhealthyStateRouting.Count = 1
	for _, n := range numbers {
		g.Targets = append(g.Targets, spec.Target{
			ID: fmt.Sprintf("t%d", n), Address: fmt.Sprintf("10.0.0.%d", n), ProxyOnly: spec.TargetProxyOnly{Weight: 1},
		})
	}
	if change != nil {
		change(&g)
	}
	return &spec.Environment{
		TargetGroups: []spec.TargetGroup{g},
		LoadBalancer: spec.LoadBalancer{Listeners: []spec.Listener{{
			Name: "http", DefaultAction: spec.Action{Forward: []spec.WeightedTargetGroup{{TargetGroup: "web", Weight: 1}}},
		}}},
	}
}

// bench is a registry under test.
type bench struct {
	t        *testing.T
	registry *target.Registry
}

func newBench(t *testing.T, env *spec.Environment) *bench {
	t.Helper()
	b := &bench{t, target.NewRegistry(target.Options{})}
	b.apply(env)
	return b
}

func (b *bench) apply(env *spec.Environment) {
	b.t.Helper()
	if err := b.registry.Apply(env); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) group() *target.Group { return b.registry.Groups()[0] }

// report gives the group results of checks of target n: P and F, in order.
func (b *bench) report(n int, results string) {
	b.t.Helper()
	for _, check := range b.registry.Checks() {
		if !strings.HasPrefix(check.Address, fmt.Sprintf("10.0.0.%d:", n)) {
			continue
		}
		for _, r := range results {
			o := timedOut
			if r == 'P' {
				o = passed
			}
			check.Group.Report(check, o)
		}
		return
	}
	b.t.Fatalf("target %d is not checked", n)
}

// states are the states of the targets by id.
func (b *bench) states() map[string]targethealth.State {
	m := map[string]targethealth.State{}
	for _, v := range b.group().Views() {
		m[v.ID] = v.Health.State
	}
	return m
}

// serving are the ids of the targets that requests go to.
func (b *bench) serving() []string {
	ids := map[string]bool{}
	for i := range 200 {
		if t, _ := b.group().Snapshot().Pick(balance.Facts{Now: time.Now(), Random: uint64(i) << 40}); t != nil {
			ids[t.ID] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

func (b *bench) wantServing(when string, want ...string) {
	b.t.Helper()
	if got := b.serving(); !slices.Equal(got, want) {
		b.t.Errorf("%s: requests go to %v, want %v", when, got, want)
	}
}

func TestOnlyHealthyTargetsServe(t *testing.T) {
	b := newBench(t, environment(nil, 1, 2, 3))
	b.wantServing("nobody was checked yet: the group fails open", "t1", "t2", "t3")
	b.report(1, "P")
	b.wantServing("t1 is healthy, the others are initial", "t1")
	b.report(2, "P")
	b.report(3, "P")
	b.wantServing("all are healthy", "t1", "t2", "t3")
	b.report(2, "F")
	b.wantServing("one failure", "t1", "t2", "t3")
	b.report(2, "F")
	b.wantServing("t2 is unhealthy", "t1", "t3")
	b.report(1, "FF")
	b.report(3, "FF")
	b.wantServing("all are unhealthy: the group fails open", "t1", "t2", "t3")
	if s := b.group().Snapshot(); !s.FailOpen || s.HealthyCount != 0 {
		t.Errorf("fail open %v with %d healthy", s.FailOpen, s.HealthyCount)
	}
}

// TestFailOpenThresholds has the vectors of AWS's page: either threshold triggers.
func TestFailOpenThresholds(t *testing.T) {
	for _, c := range []struct {
		minimum  spec.MinimumHealthyTargets
		healthy  int
		failOpen bool
	}{
		{spec.MinimumHealthyTargets{Count: 1}, 0, true},
		{spec.MinimumHealthyTargets{Count: 1}, 1, false},
		{spec.MinimumHealthyTargets{Count: 3}, 2, true},
		{spec.MinimumHealthyTargets{Count: 3}, 3, false},
		{spec.MinimumHealthyTargets{Count: 1, Percentage: 50}, 1, true},
		{spec.MinimumHealthyTargets{Count: 1, Percentage: 50}, 2, false},
		{spec.MinimumHealthyTargets{Count: 3, Percentage: 50}, 2, true},
	} {
		b := newBench(t, environment(func(g *spec.TargetGroup) { g.TargetGroupHealth.UnhealthyStateRouting = c.minimum }, 1, 2, 3, 4))
		for n := 1; n <= 4; n++ {
			if n <= c.healthy {
				b.report(n, "P")
			} else {
				b.report(n, "FF")
			}
		}
		if got := b.group().Snapshot().FailOpen; got != c.failOpen {
			t.Errorf("%+v with %d of 4 healthy: fail open %v, want %v", c.minimum, c.healthy, got, c.failOpen)
		}
	}
}

func TestBackupsServeWhenNobodyElseCan(t *testing.T) {
	b := newBench(t, environment(func(g *spec.TargetGroup) { g.Targets[2].ProxyOnly.Backup = true }, 1, 2, 3))
	for n := 1; n <= 3; n++ {
		b.report(n, "P")
	}
	b.wantServing("all are healthy", "t1", "t2")
	b.report(1, "FF")
	b.wantServing("one primary is left", "t2")
	b.report(2, "FF")
	b.wantServing("the backup is left", "t3")
	b.report(1, "PP")
	b.wantServing("a primary is back", "t1")
}

func TestNoTargets(t *testing.T) {
	b := newBench(t, environment(nil))
	b.wantServing("no target is registered")
	if b.group().Snapshot().FailOpen {
		t.Error("an empty group fails open")
	}
}

func TestUnusedGroupIsNotChecked(t *testing.T) {
	env := environment(nil, 1)
	env.LoadBalancer.Listeners = nil
	b := newBench(t, env)
	if v := b.group().Views()[0]; v.Health.State != targethealth.Unused || v.Health.Reason != targethealth.ReasonNotInUse {
		t.Errorf("%s %s, want unused Target.NotInUse", v.Health.State, v.Health.Reason)
	}
	if n := len(b.registry.Checks()); n != 0 {
		t.Errorf("%d targets are checked", n)
	}
	b.wantServing("unused targets get nothing")
	b.apply(environment(nil, 1))
	if got := b.states()["t1"]; got != targethealth.Initial {
		t.Errorf("in use: %s, want initial", got)
	}
	b.report(1, "P")
	b.apply(env)
	if got := b.states()["t1"]; got != targethealth.Unused {
		t.Errorf("no longer in use: %s, want unused", got)
	}
}

func TestReloadKeepsWhatIsKnown(t *testing.T) {
	b := newBench(t, environment(nil, 1, 2))
	b.report(1, "P")
	b.report(2, "FF")
	before := b.group()
	pool := before.Snapshot().Holds([]byte("10.0.0.1:80")).HTTP1
	b.apply(environment(func(g *spec.TargetGroup) {
		g.Algorithm = spec.LeastOutstandingRequests
		g.Targets[0].ID, g.Targets[0].AvailabilityZone = "renamed", "a"
	}, 1, 2, 3))
	if b.group() != before {
		t.Error("the group is another one")
	}
	want := map[string]targethealth.State{"renamed": targethealth.Healthy, "t2": targethealth.Unhealthy, "t3": targethealth.Initial}
	if got := b.states(); !maps.Equal(got, want) {
		t.Errorf("states are %v, want %v", got, want)
	}
	kept := b.group().Snapshot().Holds([]byte("10.0.0.1:80"))
	if kept.HTTP1 != pool || kept.Zone != "a" {
		t.Error("connections were lost, or the new registration did not take effect")
	}
}

func TestOtherProtocolMakesNewConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(nil, 1))
		b.report(1, "P")
		old := b.group().Snapshot().Holds([]byte("10.0.0.1:80"))
		b.apply(environment(func(g *spec.TargetGroup) { g.Protocol = spec.ProtocolHTTPS }, 1))
		now := b.group().Snapshot().Holds([]byte("10.0.0.1:80"))
		if now == nil || now.HTTP1 == old.HTTP1 {
			t.Fatal("a target of another protocol keeps its connections")
		}
		if b.states()["t1"] != targethealth.Healthy || !old.Draining() || now.Draining() {
			t.Error("health is lost, or the wrong one drains")
		}
		b.registry.Close()
	})
}

func TestDeregisteredTargetDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(nil, 1, 2))
		b.report(1, "P")
		b.report(2, "P")
		leaving := b.group().Snapshot().Holds([]byte("10.0.0.2:80"))
		leaving.Begin()
		b.apply(environment(nil, 1))
		b.wantServing("t2 was deregistered", "t1")
		if b.group().Snapshot().Holds([]byte("10.0.0.2:80")) != nil {
			t.Error("a cookie still finds a draining target")
		}
		if v := b.group().Views()[1]; v.Health.State != targethealth.Draining || v.Health.Reason != targethealth.ReasonDeregistrationInProgress {
			t.Errorf("%s %s, want draining", v.Health.State, v.Health.Reason)
		}
		if !leaving.Draining() {
			t.Error("connections of a draining target are kept")
		}
		time.Sleep(time.Minute - time.Second)
		synctest.Wait()
		if len(b.group().Views()) != 2 {
			t.Error("the target left before its deregistration delay")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(b.group().Views()) != 1 {
			t.Error("the target is there after its deregistration delay")
		}
	})
}

func TestTargetThatComesBackStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(nil, 1, 2))
		b.report(1, "P")
		b.report(2, "P")
		b.apply(environment(nil, 1))
		time.Sleep(30 * time.Second)
		b.apply(environment(nil, 1, 2))
		if got := b.states()["t2"]; got != targethealth.Initial {
			t.Errorf("state is %s, want initial", got)
		}
		time.Sleep(2 * time.Minute) // past the end of the delay that was called off
		synctest.Wait()
		b.report(2, "P")
		b.wantServing("t2 is back", "t1", "t2")
		if b.group().Snapshot().Holds([]byte("10.0.0.2:80")).Draining() {
			t.Error("the target that came back still drains")
		}
	})
}

func TestGroupThatIsGoneDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(nil, 1))
		empty := environment(nil)
		empty.TargetGroups, empty.LoadBalancer.Listeners = nil, nil
		b.apply(empty)
		if got := b.states()["t1"]; got != targethealth.Draining {
			t.Errorf("state is %q, want draining", got)
		}
		b.wantServing("a request that matched the rules of before is on its way", "t1")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := len(b.registry.Groups()); n != 0 {
			t.Errorf("%d groups after the delay", n)
		}
	})
}

func TestUnknownAlgorithmChangesNothing(t *testing.T) {
	b := newBench(t, environment(nil, 1))
	if err := b.registry.Apply(environment(func(g *spec.TargetGroup) { g.Algorithm = "fastest" }, 1, 2)); err == nil {
		t.Error("no error")
	}
	if n := len(b.group().Views()); n != 1 {
		t.Errorf("%d targets, want 1", n)
	}
}
