package target_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

// failing makes max_fails failures count, within 10s and for 10s.
func failing(maxFails int) func(*spec.TargetGroup) {
	return func(g *spec.TargetGroup) {
		g.ProxyOnly.PassiveHealth = spec.PassiveHealth{MaxFails: maxFails, FailTimeout: 10 * time.Second}
	}
}

// request sends a request to target n that ends with f at once, and reports whether n took it.
func (b *bench) request(n int, f target.Fault) bool {
	s := b.group().Snapshot()
	got, _ := b.enter(n)
	if got == nil || got != s.Holds([]byte(got.Address)) || got.ID != "t"+string(rune('0'+n)) {
		if got != nil {
			b.group().End(got, target.Ending{})
		}
		return false
	}
	e := target.Ending{Fault: f, Dispatched: time.Now()}
	if f == target.NoFault {
		e.Status = 200
	}
	b.group().End(got, e)
	return true
}

func TestFailuresTakeATargetOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(failing(3), 1, 2)).healthy(1, 2)
		b.request(1, target.FaultReset)
		b.request(1, target.FaultInvalid)
		b.wantServing("two of three failures", "t1", "t2")
		time.Sleep(9 * time.Second)
		b.request(1, target.NoFault)
		b.request(1, target.FaultTimeout)
		b.wantServing("three failures, with a success between them", "t2")
		v := b.group().Views()[0]
		if h := v.Health; h.State != targethealth.Unhealthy || h.Reason != targethealth.ReasonTimeout || !strings.Contains(h.Description, "3 requests failed") {
			t.Errorf("health %+v", h)
		}
		if n := b.group().Snapshot().HealthyCount; n != 1 {
			t.Errorf("%d are healthy, want 1", n)
		}
		b.report(1, "P") // what health checks find does not take it back
		b.wantServing("a health check passes", "t2")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		b.wantServing("the time is over", "t1", "t2")
		if b.states()["t1"] != targethealth.Unhealthy {
			t.Error("healthy before it has answered")
		}

		// One request tries it; the others go elsewhere meanwhile.
		trial, _ := b.enter(1)
		if trial.ID != "t1" {
			t.Fatalf("the trial went to %s", trial.ID)
		}
		if b.request(1, target.NoFault) {
			t.Error("a second request tries the target")
		}
		b.group().End(trial, target.Ending{Fault: target.FaultConnect, Dispatched: time.Now()})
		b.wantServing("the trial fails", "t2")
		if h := b.group().Views()[0].Health; h.Reason != targethealth.ReasonFailedHealthChecks {
			t.Errorf("reason %s", h.Reason)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		trial, _ = b.enter(1)
		b.group().End(trial, target.Ending{}) // the client left: nothing was shown
		if !b.request(1, target.NoFault) {
			t.Error("nobody tries the target after a trial that showed nothing")
		}
		if b.states()["t1"] != targethealth.Healthy {
			t.Error("not healthy though it has answered")
		}
		b.request(1, target.FaultReset)
		b.request(1, target.FaultReset)
		b.wantServing("counting begins anew", "t1", "t2")
		b.registry.Close()
	})
}

// TestChecksAreNewerThanFailures: a target that health checks, too, found unhealthy is back when
// they find it healthy, even if nobody asks for anything.
func TestChecksAreNewerThanFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(failing(1), 1, 2)).healthy(1, 2)
		b.request(1, target.FaultConnect)
		b.report(1, "FF")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		b.wantServing("the time is over, and checks fail", "t2")
		b.report(1, "PPPPP")
		b.wantServing("checks pass", "t1", "t2")
		if b.states()["t1"] != targethealth.Healthy {
			t.Error("unhealthy until a request comes")
		}
		b.registry.Close()
	})
}

// TestTrialThatHangs: when the request that tries a target hangs, another one tries it after
// fail_timeout.
func TestTrialThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(failing(1), 1, 2)).healthy(1, 2)
		b.request(1, target.FaultReset)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if trial, _ := b.enter(1); trial.ID != "t1" {
			t.Fatal("no trial")
		}
		time.Sleep(9 * time.Second)
		if b.request(1, target.NoFault) {
			t.Error("tried twice")
		}
		time.Sleep(2 * time.Second)
		if !b.request(1, target.NoFault) {
			t.Error("not tried again")
		}
		b.registry.Close()
	})
}

func TestFailuresAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(failing(2), 1, 2)).healthy(1, 2)
		b.request(1, target.FaultReset)
		time.Sleep(10*time.Second + 1)
		b.request(1, target.FaultReset)
		b.wantServing("two failures too far apart", "t1", "t2")
		b.request(1, target.FaultReset)
		b.wantServing("two failures together", "t2")
		b.registry.Close()
	})
}

// TestTheLastStays: nginx ignores failures of a group's only server, and takes all back when
// none is left.
func TestTheLastStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(failing(1), 1)).healthy(1)
		for range 5 {
			b.request(1, target.FaultReset)
		}
		if b.states()["t1"] != targethealth.Healthy {
			t.Error("the only target is out")
		}

		b = newBench(t, environment(failing(1), 1, 2, 3)).healthy(1, 2, 3)
		b.request(1, target.FaultReset)
		b.report(2, "FF")
		b.wantServing("one out, one unhealthy", "t3")
		b.request(3, target.FaultReset)
		b.wantServing("the last would go", "t1", "t3")
		b.registry.Close()

		b = newBench(t, environment(failing(1), 1, 2)).healthy(1, 2)
		b.request(1, target.FaultReset)
		b.apply(environment(failing(1), 1))
		if b.states()["t1"] != targethealth.Healthy {
			t.Error("out as the only target")
		}
		b.apply(environment(failing(1), 1, 3))
		b.healthy(3)
		b.request(1, target.FaultReset)
		b.wantServing("before passive health is turned off", "t3")
		b.apply(environment(nil, 1, 3))
		b.wantServing("passive health is turned off", "t1", "t3")
		b.registry.Close()
	})
}

// TestBackupsServeForWhoIsOut: a primary that is out by its failures is out; the backup serves
// until it answers again.
func TestBackupsServeForWhoIsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(func(g *spec.TargetGroup) {
			failing(1)(g)
			g.Targets[1].ProxyOnly.Backup = true
		}, 1, 2)).healthy(1, 2)
		b.wantServing("the primary is in", "t1")
		b.request(1, target.FaultReset)
		b.wantServing("the primary is out", "t2")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		b.wantServing("the primary is tried", "t1", "t2")
		b.request(1, target.NoFault)
		b.wantServing("the primary answers", "t1")
		b.registry.Close()
	})
}
