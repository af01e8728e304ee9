package balance_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
)

// limited is n targets, of which those of the indices in full have as much as they take.
func limited(n int, full ...int) []balance.Target {
	targets := group(n)
	for i := range targets {
		targets[i].Limit = 2
	}
	for _, i := range full {
		targets[i].Counters.Outstanding.Store(2)
	}
	return targets
}

func TestFullTargetsAreNotPicked(t *testing.T) {
	for _, name := range names {
		a := algorithm(t, name, limited(6, 0, 3, 4), nil)
		got := count(a, 6, 6000, start, 1)
		if got[0]+got[3]+got[4] > 0 {
			t.Errorf("%s: full targets were picked: %d", name, got)
		}
		likely(t, []int{got[1], got[2], got[5]}, []float64{1, 1, 1})
	}
}

// TestFullOnesNeighbourIsNotBurdened: who has room shares what the others pass on, by weight.
func TestFullOnesNeighbourIsNotBurdened(t *testing.T) {
	for _, name := range []string{balance.RoundRobin, balance.WeightedRandom} {
		targets := weighing(4, 1, 2, 1)
		targets[0].Limit = 3
		targets[0].Counters.Outstanding.Store(3)
		got := count(algorithm(t, name, targets, nil), 4, 40_000, start, 2)
		likely(t, got[1:], []float64{1, 2, 1})
	}
}

// TestPicksAreExactAboutRoom fills targets at random and asks: nobody is refused while one
// of them has room, however few have.
func TestPicksAreExactAboutRoom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, name := range names {
		for range 60 {
			targets := limited(1 + random.IntN(100))
			for i := range targets {
				targets[i].Weight = 1 + random.IntN(20)
				targets[i].Limit = random.IntN(20) // one in 20 has none
				targets[i].Counters.Outstanding.Store(int64(targets[i].Limit))
			}
			room := random.IntN(len(targets))
			targets[room].Limit++
			if random.IntN(2) == 0 {
				targets[random.IntN(len(targets))].RampFrom, targets[room].Ramp = start, time.Hour
			}
			a := algorithm(t, name, targets, nil)
			f := balance.Facts{Now: start, Random: random.Uint64(), Hash: random.Uint64()}
			if got := a.Pick(f); got < 0 || targets[got].Limit > 0 && targets[got].Counters.Outstanding.Load() >= int64(targets[got].Limit) {
				t.Fatalf("%s: picked %d of %d, and %d has room", name, got, len(targets), room)
			}
		}
	}
}

func TestFullAndNoneAreTold(t *testing.T) {
	for _, name := range names {
		a := algorithm(t, name, limited(3, 0, 1, 2), nil)
		for _, c := range []struct {
			except []int
			want   int
		}{{nil, balance.Full}, {[]int{1}, balance.Full}, {[]int{2, 0}, balance.Full}, {[]int{2, 0, 1}, balance.None}} {
			if got := a.Pick(balance.Facts{Now: start, Random: 5, Hash: 5, Except: c.except}); got != c.want {
				t.Errorf("%s: %d without %d, want %d", name, got, c.except, c.want)
			}
		}
	}
}

// TestLimitsAreReadAtThePick: a target that was full is picked once it has room.
func TestLimitsAreReadAtThePick(t *testing.T) {
	for _, name := range names {
		targets := limited(1, 0)
		a := algorithm(t, name, targets, nil)
		first := a.Pick(balance.Facts{Now: start})
		targets[0].Counters.Outstanding.Store(1)
		if second := a.Pick(balance.Facts{Now: start}); first != balance.Full || second != 0 {
			t.Errorf("%s: %d, then %d", name, first, second)
		}
	}
}

func TestExceptAreNotPicked(t *testing.T) {
	for name, a := range everyAlgorithm(t, 10) {
		random := rand.New(rand.NewPCG(3, 3))
		for range 1000 {
			except := random.Perm(10)[:random.IntN(10)]
			f := balance.Facts{Now: start.Add(time.Second), Random: random.Uint64(), Hash: random.Uint64(), Except: except}
			got := a.Pick(f)
			if got < 0 {
				t.Fatalf("%s: %d without %d", name, got, except)
			}
			for _, e := range except {
				if e == got {
					t.Fatalf("%s: picked %d, which is left out", name, got)
				}
			}
		}
	}
}

func TestLimitsNeedCounters(t *testing.T) {
	for _, name := range names {
		_, err := balance.New(name, []balance.Target{{Limit: 1}}, balance.Options{})
		if err == nil || !strings.Contains(err.Error(), "target 0 has") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestClosedPicksAllocateNothing: overload is no time to ask for memory.
func TestClosedPicksAllocateNothing(t *testing.T) {
	except := []int{0, 1}
	for _, name := range names {
		for _, targets := range [][]balance.Target{limited(10, 2, 3, 4, 5, 6, 7, 8), limited(10, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)} {
			a := algorithm(t, name, targets, nil)
			f := balance.Facts{Now: start, Random: 42, Hash: 42, Except: except}
			if n := testing.AllocsPerRun(100, func() { f.Random += 1 << 60; a.Pick(f) }); n != 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
	}
}
