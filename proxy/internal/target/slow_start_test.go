package target_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
	"github.com/evenkeel/evenkeel/spec"
)

func withSlowStart(g *spec.TargetGroup) { g.SlowStart = 100 * time.Second }

// share returns how much of 10,000 picks target id gets.
func (b *bench) share(id string) float64 {
	n := 0
	random := uint64(1)
	for range 10000 {
		random = random*6364136223846793005 + 1442695040888963407
		if t, _ := b.group().Snapshot().Pick(balance.Facts{Now: time.Now(), Random: random}); t.ID == id {
			n++
		}
	}
	return float64(n) / 10000
}

// TestSlowStartGrowsTheShare has one target come to two that serve: its share begins near
// nothing, grows with time and ends at a third.
func TestSlowStartGrowsTheShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(withSlowStart, 1, 2))
		b.report(1, "P")
		b.report(2, "P")
		b.apply(environment(withSlowStart, 1, 2, 3))
		b.report(3, "P")
		last := -1.0
		for _, at := range []struct{ least, most float64 }{{0, 0.05}, {0.08, 0.18}, {0.16, 0.26}, {0.23, 0.32}, {0.32, 0.35}} {
			got := b.share("t3")
			if got < at.least || got > at.most || got < last {
				t.Errorf("share is %.3f, want %.2f to %.2f and not below the last %.3f", got, at.least, at.most, last)
			}
			last = got
			time.Sleep(25*time.Second + time.Millisecond)
		}
		b.registry.Close()
	})
}

// TestWhoStartsSlow has each sentence of AWS's page on when slow start is entered.
func TestWhoStartsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(withSlowStart, 1, 2))
		b.report(1, "P")
		b.report(2, "P")
		if got := b.share("t2"); got < 0.45 {
			t.Errorf("targets that an empty group was filled with start slow: share %.3f", got)
		}
		b.report(2, "FF")
		b.report(2, "PP")
		if got := b.share("t2"); got > 0.05 {
			t.Errorf("a target that turns healthy again does not start slow: share %.3f", got)
		}
		b.report(1, "FF")
		b.report(1, "PP")
		if got := b.share("t1"); got < 0.45 {
			t.Errorf("a target starts slow beside one that is in slow start itself: share %.3f", got)
		}
		b.apply(environment(nil, 1, 2))
		if got := b.share("t2"); got < 0.45 {
			t.Errorf("slow start was turned off and goes on: share %.3f", got)
		}
		b.apply(environment(withSlowStart, 1, 2))
		if got := b.share("t2"); got < 0.45 {
			t.Errorf("slow start was turned on and healthy targets enter it: share %.3f", got)
		}
		b.registry.Close()
	})
}
