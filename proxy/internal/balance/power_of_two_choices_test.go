package balance_test

import (
	"math/rand/v2"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
)

// TestPowerOfTwoChoicesPrefersTheIdle: of two it takes the one with less to do, so that the
// busiest of all gets nothing, and the k-th of n what pairs leave to it.
func TestPowerOfTwoChoicesPrefersTheIdle(t *testing.T) {
	targets := busy(40, 10, 30, 20)
	got := count(algorithm(t, balance.PowerOfTwoChoices, targets, nil), 4, 60_000, start, 1)
	likely(t, got, []float64{0, 3, 1, 2})
}

// TestPowerOfTwoChoicesEvensOut throws balls into bins: the fullest of 1000 has hardly more
// than the mean, where plain chance would give it far more.
func TestPowerOfTwoChoicesEvensOut(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	for _, c := range []struct {
		name string
		most int64
	}{{balance.PowerOfTwoChoices, 104}, {balance.WeightedRandom, 1 << 40}} {
		targets := group(1000)
		a := algorithm(t, c.name, targets, nil)
		for range 100_000 {
			targets[a.Pick(balance.Facts{Random: random.Uint64()})].Counters.Outstanding.Add(1)
		}
		fullest := int64(0)
		for i := range targets {
			fullest = max(fullest, targets[i].Counters.Outstanding.Load())
		}
		if fullest > c.most || c.name == balance.WeightedRandom && fullest < 120 {
			t.Errorf("%s: the fullest has %d, the mean is 100", c.name, fullest)
		}
	}
}

// TestPowerOfTwoChoicesFollowsWeights: requests that never end fill targets by their weight.
func TestPowerOfTwoChoicesFollowsWeights(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	targets := weighing(1, 256, 16, 1)
	a := algorithm(t, balance.PowerOfTwoChoices, targets, nil)
	for range 274 * 20 {
		targets[a.Pick(balance.Facts{Random: random.Uint64()})].Counters.Outstanding.Add(1)
	}
	for i := range targets {
		n := float64(targets[i].Counters.Outstanding.Load()) / float64(targets[i].Weight)
		if n < 15 || n > 40 {
			t.Errorf("weight %d has %.1f for each unit, the mean is 20", targets[i].Weight, n)
		}
	}
}
