package balance_test

import (
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
)

// prefers reports which of two idle targets least_time nearly always picks at a time; -1 for
// neither.
func prefers(t *testing.T, targets []balance.Target, now time.Time) int {
	got := count(algorithm(t, balance.LeastTime, targets, nil), 2, 1000, now, 1)
	for i, n := range got {
		if n > 850 {
			return i
		}
	}
	return -1
}

// TestLatencyRisesAtOnceAndFallsByAndBy: one slow answer is enough to be avoided; it takes a
// time, or fast answers, to be trusted again.
func TestLatencyRisesAtOnceAndFallsByAndBy(t *testing.T) {
	targets := group(2)
	observe := func(i int, at, took time.Duration) { targets[i].Counters.Latency.Observe(start.Add(at), took, false) }
	want := func(when string, i int, at time.Duration) {
		t.Helper()
		if got := prefers(t, targets, start.Add(at)); got != i {
			t.Errorf("%s: prefers %d, want %d", when, got, i)
		}
	}
	observe(0, 0, 10*time.Millisecond)
	observe(1, 0, 10*time.Millisecond)
	want("alike", -1, 0)
	observe(0, 0, 100*time.Millisecond)
	want("one is slow", 1, 0)
	observe(0, time.Millisecond, 10*time.Millisecond)
	want("and fast once", 1, time.Millisecond)
	for at := 2 * time.Millisecond; at < 6*time.Second; at += 10 * time.Millisecond {
		observe(0, at, 10*time.Millisecond)
		observe(1, at, 10*time.Millisecond)
	}
	want("and fast for long", -1, 6*time.Second)
	observe(0, 6*time.Second, 100*time.Millisecond)
	observe(1, 9*time.Second, 10*time.Millisecond)
	if got := prefers(t, targets, start.Add(9*time.Second)); got == 1 {
		t.Error("a target is slow for ever")
	}
}

// TestLatencyIsSafe is for the race detector; clocks that go back and odd times do no harm.
func TestLatencyIsSafe(t *testing.T) {
	targets := group(2)
	targets[1].Counters.Latency.Observe(start, time.Second, false)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 500 {
				at := start.Add(time.Duration((i*w)%7-3) * time.Hour)
				targets[0].Counters.Latency.Observe(at, time.Duration(i-250)*time.Millisecond, i%9 == 0)
			}
		})
	}
	wg.Wait()
	targets[0].Counters.Latency.Observe(start.Add(24*time.Hour), -time.Hour, false)
	if n := testing.AllocsPerRun(100, func() { targets[0].Counters.Latency.Observe(start, time.Millisecond, true) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
