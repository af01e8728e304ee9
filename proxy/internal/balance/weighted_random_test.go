package balance_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
)

func TestWeightedRandomFollowsWeights(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 6))
	many, shares := make([]int, 100), make([]float64, 100)
	for i := range many {
		many[i] = 50 + random.IntN(50)
		shares[i] = float64(many[i])
	}
	for _, c := range []struct {
		weights []int
		shares  []float64
		picks   int
	}{
		{[]int{1, 1, 1}, []float64{1, 1, 1}, 30_000},
		{[]int{1, 2, 3, 4}, []float64{1, 2, 3, 4}, 100_000},
		{[]int{1, 256}, []float64{1, 256}, 200_000},
		{many, shares, 1_000_000},
	} {
		a := algorithm(t, balance.WeightedRandom, weighing(c.weights...), nil)
		got := count(a, len(c.weights), c.picks, start, 13)
		if len(got) < 100 {
			likely(t, got, c.shares)
			continue
		}
		// Of a hundred targets one may be beyond three deviations by chance: chi squared
		// of 99 degrees of freedom is below 149 but once in 1000.
		sum, chi := 0.0, 0.0
		for _, s := range c.shares {
			sum += s
		}
		for i := range got {
			want := float64(c.picks) * c.shares[i] / sum
			chi += math.Pow(float64(got[i])-want, 2) / want
		}
		if chi > 149 {
			t.Errorf("chi squared is %.0f", chi)
		}
	}
}

// TestWeightedRandomIsExact goes through random numbers in even steps: then there is no
// chance left in the counts.
func TestWeightedRandomIsExact(t *testing.T) {
	const steps = 1 << 20
	weights := []int{3, 1, 7, 256, 13}
	a := algorithm(t, balance.WeightedRandom, weighing(weights...), nil)
	got, f := make([]int, len(weights)), balance.Facts{}
	for range steps {
		got[a.Pick(f)]++
		f.Random += math.MaxUint64/steps + 1
	}
	for i, w := range weights {
		if want := float64(steps) * float64(w) / 280; math.Abs(float64(got[i])-want) > 10 {
			t.Errorf("weight %d: %d picks, want %.0f", w, got[i], want)
		}
	}
}

func TestWeightedRandomMitigates(t *testing.T) {
	targets := weighing(1, 2, 1, 1, 1)
	for i, m := range []float64{0, 0.05, 0.5, 1, math.NaN()} {
		targets[i].Mitigation = m
	}
	a := algorithm(t, balance.WeightedRandom, targets, nil)
	likely(t, count(a, 5, 100_000, start, 14), []float64{1, 0.1, 0.5, 1, 1})
}

// TestOnlyWeightedRandomMitigates: with the other algorithms anomalies are reported only.
func TestOnlyWeightedRandomMitigates(t *testing.T) {
	for _, name := range []string{balance.RoundRobin, balance.LeastOutstandingRequests} {
		targets := group(2)
		targets[0].Mitigation = 0.05
		if got := count(algorithm(t, name, targets, nil), 2, 1000, start, 1); got[0] != 500 {
			t.Errorf("%s: %d", name, got)
		}
	}
}
