package target_test

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

func withDiscovery(g *spec.TargetGroup) { g.ProxyOnly.Discovery.DNS = "web.internal" }

// found are targets as DNS names them: 1 is d1 at 10.0.0.1:80.
func found(numbers ...int) []target.Registration {
	var list []target.Registration
	for _, n := range numbers {
		list = append(list, target.Registration{ID: fmt.Sprintf("d%d", n), Address: fmt.Sprintf("10.0.0.%d:80", n), Weight: 1, Discovered: true})
	}
	return list
}

func (b *bench) discover(list []target.Registration) {
	b.t.Helper()
	if err := b.registry.Discover("web", list); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) wantStates(when string, want map[string]targethealth.State) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.states()); diff != "" {
		b.t.Errorf("%s: %s", when, diff)
	}
}

func TestDiscoveredTargetsComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(withDiscovery, 1))
		defer func() { b.registry.Close() }()
		b.report(1, "P")
		b.discover(found(1, 2, 3)) // 1 is the environment's
		b.report(2, "P")
		b.wantServing("one of three was checked, beside that of the environment", "d2", "t1")
		b.discover(found(3, 4))
		b.report(3, "P")
		b.wantServing("2 is not named any more", "d3", "t1")
		b.wantStates("2 is not named any more", map[string]targethealth.State{
			"t1": targethealth.Healthy, "d2": targethealth.Draining, "d3": targethealth.Healthy, "d4": targethealth.Initial,
		})
		b.apply(environment(withDiscovery)) // t1 is the environment's no more, and DNS does not name it
		b.wantServing("after a reload", "d3")
		time.Sleep(time.Minute + time.Second)
		b.wantStates("the deregistration delay is over", map[string]targethealth.State{"d3": targethealth.Healthy, "d4": targethealth.Initial})
		b.apply(environment(nil, 3))
		b.wantStates("without discovery", map[string]targethealth.State{"t3": targethealth.Healthy, "d4": targethealth.Draining})
		b.discover(found(5)) // too late
		b.apply(environment(withDiscovery, 3))
		b.wantStates("what came before the environment that wants it", map[string]targethealth.State{
			"t3": targethealth.Healthy, "d4": targethealth.Draining, "d5": targethealth.Initial,
		})
	})
}

func TestDiscoveredNewcomersStartSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(func(g *spec.TargetGroup) { withDiscovery(g); withSlowStart(g) }))
		defer func() { b.registry.Close() }()
		b.discover(found(1, 2))
		b.report(1, "P")
		b.report(2, "P")
		if got := b.share("d2"); got < 0.45 {
			t.Errorf("targets that an empty group was filled with start slow: share %.3f", got)
		}
		b.discover(found(1, 2, 3))
		b.report(3, "P")
		if got := b.share("d3"); got > 0.05 {
			t.Errorf("a newcomer does not start slow: share %.3f", got)
		}
		time.Sleep(101 * time.Second)
		if got := b.share("d3"); got < 0.3 {
			t.Errorf("a newcomer has a share of %.3f after its slow start", got)
		}
	})
}

// TestTargetsThatChangeTooFast: what DNS says does not make more targets drain than a group
// may have.
func TestTargetsThatChangeTooFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(withDiscovery))
		defer func() { b.registry.Close() }()
		generation := func(n int) []target.Registration {
			var list []target.Registration
			for i := range 600 {
				address := fmt.Sprintf("10.%d.%d.%d:80", n, i/250, i%250)
				list = append(list, target.Registration{ID: address, Address: address, Weight: 1, Discovered: true})
			}
			return list
		}
		b.discover(generation(1))
		b.discover(generation(2))
		if err := b.registry.Discover("web", generation(3)); !errors.Is(err, target.ErrCrowded) {
			t.Fatalf("got %v", err)
		}
		want := maps.Clone(b.states())
		b.apply(environment(withDiscovery))
		b.wantStates("after a reload", want)
		if len(want) != 1200 {
			t.Errorf("%d targets", len(want))
		}
		time.Sleep(time.Minute + time.Second)
		b.discover(generation(3))
		if n := len(b.states()); n != 1200 {
			t.Errorf("%d targets", n)
		}
	})
}
