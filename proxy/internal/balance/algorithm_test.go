package balance_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
	"github.com/evenkeel/evenkeel/spec"
)

var start = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// group is n targets that weigh the same.
func group(n int) []balance.Target {
	targets := make([]balance.Target, n)
	for i := range targets {
		targets[i] = balance.Target{Weight: 1, Counters: new(balance.Counters), Address: fmt.Sprintf("10.0.%d.%d:80", i/256, i%256)}
	}
	return targets
}

// weighing is a target for each weight.
func weighing(weights ...int) []balance.Target {
	targets := group(len(weights))
	for i, w := range weights {
		targets[i].Weight = w
	}
	return targets
}

func algorithm(t testing.TB, name string, targets []balance.Target, cursor *balance.Cursor) balance.Algorithm {
	t.Helper()
	a, err := balance.New(name, targets, balance.Options{Cursor: cursor})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// count picks n times at now with chance from seed.
func count(a balance.Algorithm, targets, n int, now time.Time, seed uint64) []int {
	random := rand.New(rand.NewPCG(seed, 0))
	got := make([]int, targets)
	f := balance.Facts{Now: now}
	for range n {
		f.Random = random.Uint64()
		got[a.Pick(f)]++
	}
	return got
}

// likely checks that got is within three standard deviations of what n picks by shares give.
func likely(t *testing.T, got []int, shares []float64) {
	t.Helper()
	n, sum := 0, 0.0
	for i := range got {
		n += got[i]
		sum += shares[i]
	}
	for i := range got {
		p := shares[i] / sum
		want, deviation := float64(n)*p, math.Sqrt(float64(n)*p*(1-p))
		if math.Abs(float64(got[i])-want) > 3*deviation {
			t.Errorf("target %d: %d picks of %d, want %.0f ± %.0f", i, got[i], n, want, 3*deviation)
		}
	}
}

var names = []string{
	balance.RoundRobin, balance.LeastOutstandingRequests, balance.WeightedRandom,
	balance.SourceIPHash, balance.ConsistentHash, balance.PowerOfTwoChoices, balance.LeastTime,
}

func TestNamesAreThoseOfTheEnvironment(t *testing.T) {
	for i, name := range []string{
		spec.RoundRobin, spec.LeastOutstandingRequests, spec.WeightedRandom,
		spec.SourceIPHash, spec.ConsistentHashing, spec.PowerOfTwoChoices, spec.LeastTime,
	} {
		if names[i] != name {
			t.Errorf("got %q, want %q", names[i], name)
		}
	}
}

func TestUnknownAlgorithm(t *testing.T) {
	for _, name := range []string{"", "ROUND_ROBIN", "random"} {
		_, err := balance.New(name, group(2), balance.Options{})
		if err == nil {
			t.Fatalf("%q is an algorithm", name)
		}
		for _, known := range names {
			if !strings.Contains(err.Error(), known) {
				t.Errorf("%q does not name %s", err, known)
			}
		}
		if _, err := balance.New(name, nil, balance.Options{}); err == nil {
			t.Errorf("%q is an algorithm for no targets", name)
		}
	}
}

func TestNobodyToPick(t *testing.T) {
	for _, name := range names {
		a := algorithm(t, name, nil, new(balance.Cursor))
		if got := a.Pick(balance.Facts{}); got != -1 {
			t.Errorf("%s: %d", name, got)
		}
	}
}

func TestOneTargetTakesAll(t *testing.T) {
	for _, name := range names {
		target := balance.Target{Counters: new(balance.Counters), RampFrom: start, Ramp: time.Minute, Mitigation: 0.05}
		a := algorithm(t, name, []balance.Target{target}, nil)
		if got := count(a, 1, 1000, start, 1); got[0] != 1000 {
			t.Errorf("%s: %d", name, got)
		}
	}
}

// TestTargetsAreNotKept changes the targets after New: an algorithm is a value.
func TestTargetsAreNotKept(t *testing.T) {
	for _, name := range names {
		targets := group(2)
		a := algorithm(t, name, targets, nil)
		targets[0] = balance.Target{Weight: 200, Ramp: time.Hour}
		clear(targets[1:])
		got := count(a, 2, 10_000, start, 2)
		likely(t, got, []float64{1, 1})
	}
}

// TestWeightsOutOfRange checks that 0 and less count as 1, and more than 256 as 256.
func TestWeightsOutOfRange(t *testing.T) {
	for _, name := range []string{balance.RoundRobin, balance.WeightedRandom, balance.PowerOfTwoChoices, balance.LeastTime} {
		a := algorithm(t, name, weighing(0, -7, 1, 256, 1<<40), nil)
		likely(t, count(a, 5, 100_000, start, 3), []float64{1, 1, 1, 256, 256})
	}
}

func TestPicksAllocateNothing(t *testing.T) {
	for name, a := range everyAlgorithm(t, 10) {
		f := balance.Facts{Now: start.Add(10 * time.Second), Random: 42, Hash: 1}
		if n := testing.AllocsPerRun(1000, func() { f.Random += 1 << 60; f.Hash += 1 << 60; a.Pick(f) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestConcurrentPicks is for the race detector; and round robin stays even.
func TestConcurrentPicks(t *testing.T) {
	const workers, each, targets = 8, 1000, 10
	for name, a := range everyAlgorithm(t, targets) {
		var mu sync.Mutex
		var wg sync.WaitGroup
		total := make([]int, targets)
		for w := range workers {
			wg.Go(func() {
				got := count(a, targets, each, start.Add(time.Second), uint64(w))
				mu.Lock()
				defer mu.Unlock()
				for i, n := range got {
					total[i] += n
				}
			})
		}
		wg.Wait()
		for i, n := range total {
			if name == balance.RoundRobin && n != workers*each/targets {
				t.Errorf("%s: target %d has %d of %d", name, i, n, workers*each)
			}
		}
	}
}

// everyAlgorithm is each algorithm, with weights and in slow start too.
func everyAlgorithm(t testing.TB, n int) map[string]balance.Algorithm {
	weights, ramps, busy, known := group(n), group(n), group(n), group(n)
	for i := range n {
		weights[i].Weight = 1 + i*37%256
		weights[i].Mitigation = 1 / float64(1+i%3)
		busy[i].Counters.Outstanding.Store(int64(1 + (n-i)%7))
		known[i].Counters.Outstanding.Store(int64(1 + (n-i)%7))
		known[i].Counters.Latency.Observe(start, time.Duration(1+i%5)*10*time.Millisecond, false)
		if i%2 == 0 {
			ramps[i].RampFrom, ramps[i].Ramp = start, time.Minute
		}
	}
	return map[string]balance.Algorithm{
		balance.RoundRobin:                         algorithm(t, balance.RoundRobin, group(n), nil),
		balance.RoundRobin + "/weights":            algorithm(t, balance.RoundRobin, weights, nil),
		balance.RoundRobin + "/slow_start":         algorithm(t, balance.RoundRobin, ramps, nil),
		balance.LeastOutstandingRequests + "/idle": algorithm(t, balance.LeastOutstandingRequests, group(n), nil),
		balance.LeastOutstandingRequests + "/busy": algorithm(t, balance.LeastOutstandingRequests, busy, nil),
		balance.WeightedRandom:                     algorithm(t, balance.WeightedRandom, weights, nil),
		balance.SourceIPHash:                       algorithm(t, balance.SourceIPHash, weights, nil),
		balance.ConsistentHash:                     algorithm(t, balance.ConsistentHash, weights, nil),
		balance.ConsistentHash + "/bounded":        bounded(t, busy, 125),
		balance.PowerOfTwoChoices:                  algorithm(t, balance.PowerOfTwoChoices, busy, nil),
		balance.PowerOfTwoChoices + "/slow_start":  algorithm(t, balance.PowerOfTwoChoices, ramps, nil),
		balance.LeastTime:                          algorithm(t, balance.LeastTime, known, nil),
	}
}
