package balance_test

import (
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
)

// ramping puts a target into slow start.
func ramping(t balance.Target, from time.Time, ramp time.Duration) balance.Target {
	t.RampFrom, t.Ramp = from, ramp
	return t
}

// TestSlowStartGrowsLinearly follows one new target among three over its ramp: its share, of
// what it will have, is the part of the ramp that has passed.
func TestSlowStartGrowsLinearly(t *testing.T) {
	const picks = 30_000
	targets := group(3)
	targets[1] = ramping(targets[1], start, 100*time.Second)
	a := algorithm(t, balance.RoundRobin, targets, nil)
	last := 0
	for _, c := range []struct {
		after time.Duration
		share float64
	}{
		{-time.Hour, 0.01}, // a clock that was set back
		{10 * time.Second, 0.1},
		{25 * time.Second, 0.25},
		{50 * time.Second, 0.5},
		{75 * time.Second, 0.75},
		{90 * time.Second, 0.9},
	} {
		got := count(a, 3, picks, start.Add(c.after), uint64(c.after))
		likely(t, got, []float64{1, c.share, 1})
		if got[1] <= last {
			t.Errorf("after %s: %d picks, %d before", c.after, got[1], last)
		}
		last = got[1]
	}
	for _, after := range []time.Duration{100 * time.Second, time.Hour} {
		if got := count(a, 3, picks, start.Add(after), 1); got[0] != picks/3 || got[1] != picks/3 {
			t.Errorf("after %s: %d", after, got)
		}
	}
}

// TestSlowStartBeginsAboveZero checks the floor: a ramp of n seconds begins at 1/n.
func TestSlowStartBeginsAboveZero(t *testing.T) {
	targets := group(2)
	targets[1] = ramping(targets[1], start, 30*time.Second)
	a := algorithm(t, balance.RoundRobin, targets, nil)
	likely(t, count(a, 2, 50_000, start, 1), []float64{1, 1.0 / 30})
	likely(t, count(a, 2, 50_000, start.Add(time.Second), 2), []float64{1, 1.0 / 30})
	likely(t, count(a, 2, 50_000, start.Add(2*time.Second), 3), []float64{1, 2.0 / 30})
}

// TestSlowStartBurdensNobody checks that the turns of a new target do not all go to the
// target after it: its peers stay as even as round robin is.
func TestSlowStartBurdensNobody(t *testing.T) {
	targets := group(5)
	targets[2] = ramping(targets[2], start, time.Minute)
	a := algorithm(t, balance.RoundRobin, targets, nil)
	got := count(a, 5, 10_000, start.Add(20*time.Second), 5)
	for _, i := range []int{1, 3, 4} {
		if d := got[i] - got[0]; d < -1 || d > 1 {
			t.Errorf("peers are uneven: %d", got)
		}
	}
}

// TestSlowStartOfAll has no target that is whole: shares count beside each other.
func TestSlowStartOfAll(t *testing.T) {
	targets := weighing(1, 1, 2)
	targets[0] = ramping(targets[0], start, 100*time.Second)
	targets[1] = ramping(targets[1], start.Add(-50*time.Second), 100*time.Second)
	targets[2] = ramping(targets[2], start.Add(-15*time.Second), 200*time.Second)
	a := algorithm(t, balance.RoundRobin, targets, nil)
	likely(t, count(a, 3, 60_000, start.Add(time.Second), 6), []float64{0.01, 0.51, 2 * 0.08})
}

// TestSlowStartOfNearlyAll has one whole target beside so many new ones that turns are passed
// on until the tries run out.
func TestSlowStartOfNearlyAll(t *testing.T) {
	const n = 200
	targets, shares := group(n), make([]float64, n)
	for i := range n - 1 {
		targets[i] = ramping(targets[i], start, 900*time.Second)
		shares[i] = 9.0 / 900
	}
	shares[n-1] = 1
	a := algorithm(t, balance.RoundRobin, targets, nil)
	got := count(a, n, 10_000, start.Add(9*time.Second), 7)
	fresh := 0
	for _, c := range got[:n-1] {
		fresh += c
	}
	likely(t, []int{fresh, got[n-1]}, []float64{(n - 1) * 0.01, 1})
}

func TestSlowStartWithWeights(t *testing.T) {
	targets := weighing(4, 2, 1)
	targets[0] = ramping(targets[0], start, 40*time.Second)
	a := algorithm(t, balance.RoundRobin, targets, nil)
	likely(t, count(a, 3, 60_000, start.Add(10*time.Second), 8), []float64{1, 2, 1})
}

// TestOnlyRoundRobinStartsSlow: AWS refuses the others with slow start, and they ignore it.
func TestOnlyRoundRobinStartsSlow(t *testing.T) {
	for _, name := range []string{balance.LeastOutstandingRequests, balance.WeightedRandom} {
		targets := group(2)
		targets[0] = ramping(targets[0], start, time.Minute)
		likely(t, count(algorithm(t, name, targets, nil), 2, 10_000, start, 9), []float64{1, 1})
	}
}
