package balance_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
)

// busy is a target for each number of outstanding requests.
func busy(outstanding ...int64) []balance.Target {
	targets := group(len(outstanding))
	for i, n := range outstanding {
		targets[i].Counters.Outstanding.Store(n)
	}
	return targets
}

func TestLeastOutstandingRequestsPicksTheLeast(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	for range 1000 {
		targets := weighing(make([]int, 1+random.IntN(20))...)
		for i := range targets {
			targets[i].Weight = 1 + random.IntN(4)
			targets[i].Counters.Outstanding.Store(random.Int64N(6))
		}
		loadOf := func(i int) float64 {
			return float64(targets[i].Counters.Outstanding.Load()) / float64(targets[i].Weight)
		}
		a := algorithm(t, balance.LeastOutstandingRequests, targets, nil)
		for range 3 {
			got := a.Pick(balance.Facts{})
			for i := range targets {
				if loadOf(i) < loadOf(got) {
					t.Fatalf("picked %d with %v, not %d with %v", got, loadOf(got), i, loadOf(i))
				}
			}
		}
	}
}

func TestLeastOutstandingRequestsTakeTurns(t *testing.T) {
	for _, c := range []struct {
		name        string
		outstanding []int64
		want        []int
	}{
		{"idle", []int64{0, 0, 0}, []int{0, 1, 2, 0, 1, 2}},
		{"one busy", []int64{9, 0, 0}, []int{1, 2, 1, 2}},
		{"all busy", []int64{3, 3, 3}, []int{0, 1, 2, 0, 1, 2}},
		{"one less", []int64{3, 3, 2}, []int{2, 2, 2}},
		{"two less", []int64{3, 1, 9, 9, 1}, []int{1, 4, 1, 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := algorithm(t, balance.LeastOutstandingRequests, busy(c.outstanding...), nil)
			if got := sequence(a, len(c.want)); !slices.Equal(got, c.want) {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

// TestLeastOutstandingRequestsEvensOut sends requests that never end: in the end all
// targets have as many, for their weight.
func TestLeastOutstandingRequestsEvensOut(t *testing.T) {
	targets := weighing(1, 2, 3)
	targets[0].Counters.Outstanding.Store(30)
	a := algorithm(t, balance.LeastOutstandingRequests, targets, nil)
	for range 600 - 30 {
		targets[a.Pick(balance.Facts{})].Counters.Outstanding.Add(1)
	}
	for i, want := range []int64{100, 200, 300} {
		if got := targets[i].Counters.Outstanding.Load(); got < want-1 || got > want+1 {
			t.Errorf("target %d has %d, want %d", i, got, want)
		}
	}
}

// TestLeastOutstandingRequestsSeesChanges: counters are read at the pick, not at New.
func TestLeastOutstandingRequestsSeesChanges(t *testing.T) {
	targets := busy(1, 2)
	a := algorithm(t, balance.LeastOutstandingRequests, targets, nil)
	first := a.Pick(balance.Facts{})
	targets[0].Counters.Outstanding.Store(3)
	if second := a.Pick(balance.Facts{}); first != 0 || second != 1 {
		t.Errorf("picked %d and %d", first, second)
	}
}

func TestLeastOutstandingRequestsNeedsCounters(t *testing.T) {
	_, err := balance.New(balance.LeastOutstandingRequests, []balance.Target{group(1)[0], {Weight: 1}}, balance.Options{})
	if err == nil || !strings.Contains(err.Error(), "target 1 has no counters") {
		t.Errorf("got %v", err)
	}
}
