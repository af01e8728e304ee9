package balance_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
)

func bounded(t testing.TB, targets []balance.Target, bound int) balance.Algorithm {
	t.Helper()
	a, err := balance.New(balance.ConsistentHash, targets, balance.Options{BoundedLoad: bound})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const keys = 20_000

// spread picks for many keys, by the addresses of those who were picked.
func spread(t testing.TB, targets []balance.Target) []string {
	t.Helper()
	a, got := algorithm(t, balance.ConsistentHash, targets, nil), make([]string, keys)
	for i := range got {
		hash := balance.Digest(0).Add([]byte{byte(i), byte(i >> 8), 'k'}).Hash()
		got[i] = targets[a.Pick(balance.Facts{Now: start, Hash: hash})].Address
	}
	return got
}

// TestConsistentHashMovesLittle takes each of n targets out, by health and for good: its keys
// move, a part of n, and no other; and all are back where they were with it.
func TestConsistentHashMovesLittle(t *testing.T) {
	for _, n := range []int{2, 5, 10, 50} {
		whole, moves := spread(t, group(n)), 0
		for out := range min(n, 10) {
			down := group(n)
			down[out].Down = true
			left := slices.Delete(group(n), out, out+1)
			byHealth, forGood := spread(t, down), spread(t, left)
			moved := 0
			for k, home := range whole {
				if byHealth[k] != forGood[k] {
					t.Fatalf("key %d goes to %s while %s is down, and to %s when it has left", k, byHealth[k], down[out].Address, forGood[k])
				}
				if forGood[k] == home {
					continue
				}
				moved++
				if home != down[out].Address {
					t.Fatalf("key %d moves from %s to %s, without %s", k, home, forGood[k], down[out].Address)
				}
			}
			moves += moved
			// A target has its part of the keys, give or take what 160 points leave to chance.
			if part := float64(moved) / keys * float64(n); part > 1.3 {
				t.Errorf("%d targets: %.3f of the keys move, want about %.3f", n, float64(moved)/keys, 1/float64(n))
			}
		}
		if n <= 10 && moves != keys {
			t.Errorf("%d targets: %d keys move in all as each of them goes once, want each key once", n, moves)
		}
		if again := spread(t, group(n)); !slices.Equal(again, whole) {
			t.Errorf("%d targets: the same targets are another mapping", n)
		}
	}
}

// TestConsistentHashHeedsNoOrder: two proxies may have registered the targets differently.
func TestConsistentHashHeedsNoOrder(t *testing.T) {
	targets := weighing(3, 1, 2, 9, 1)
	reversed := slices.Clone(targets)
	slices.Reverse(reversed)
	if !slices.Equal(spread(t, targets), spread(t, reversed)) {
		t.Error("another order is another mapping")
	}
}

func TestConsistentHashFollowsWeights(t *testing.T) {
	weights := []int{1, 2, 5, 10, 2}
	targets := weighing(weights...)
	got := map[string]int{}
	for _, address := range spread(t, targets) {
		got[address]++
	}
	for i, w := range weights {
		want := float64(w) / 20
		if share := float64(got[targets[i].Address]) / keys; math.Abs(share-want) > 0.2*want {
			t.Errorf("weight %d has %.3f of the keys, want %.3f", w, share, want)
		}
	}
}

// TestConsistentHashOfHeavyGroups has so much weight that the ring is cut down.
func TestConsistentHashOfHeavyGroups(t *testing.T) {
	targets := group(1000)
	for i := range targets {
		targets[i].Weight = 256 - i%2*128
	}
	got := map[string]int{}
	for _, address := range spread(t, targets) {
		got[address]++
	}
	heavy, light := 0, 0
	for i := range targets {
		if i%2 == 0 {
			heavy += got[targets[i].Address]
		} else {
			light += got[targets[i].Address]
		}
	}
	if ratio := float64(heavy) / float64(light); ratio < 1.8 || ratio > 2.2 {
		t.Errorf("twice the weight has %.2f times the keys", ratio)
	}
}

// TestBoundedLoadIsHAProxys checks each pick against the slots that HAProxy computes, with
// requests that begin and end at random, half of them for one key.
func TestBoundedLoadIsHAProxys(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	for _, n := range []int{3, 10, 32} {
		weights := make([]int, n)
		all := 0
		for i := range weights {
			weights[i] = 1 + random.IntN(5)
			all += weights[i]
		}
		targets := weighing(weights...)
		a, free := bounded(t, targets, 125), algorithm(t, balance.ConsistentHash, targets, nil)
		served, inFlight := 0, []int{}
		overflowed := 0
		for range 20_000 {
			if len(inFlight) > 0 && random.IntN(100) < 49 {
				i := random.IntN(len(inFlight))
				targets[inFlight[i]].Counters.Outstanding.Add(-1)
				inFlight = slices.Delete(inFlight, i, i+1)
				served--
				continue
			}
			f := balance.Facts{Now: start, Hash: random.Uint64()}
			if random.IntN(2) == 0 {
				f.Hash = 42
			}
			got := a.Pick(f)
			slots := ((served+1)*125 + 99) / 100
			before := 0
			for _, w := range weights[:got] {
				before += w
			}
			most := weights[got]*(slots/all) + (before+weights[got])*(slots%all)/all - before*(slots%all)/all
			if now := int(targets[got].Counters.Outstanding.Load()); now >= max(1, most) {
				t.Fatalf("picked %d with %d, slots are %d of %d", got, now, most, slots)
			}
			if got != free.Pick(f) {
				overflowed++
			}
			targets[got].Counters.Outstanding.Add(1)
			inFlight = append(inFlight, got)
			served++
		}
		if overflowed == 0 {
			t.Errorf("%d targets: no key ever went on", n)
		}
	}
}

// TestBoundedLoadOfManyTargets: of more targets than are counted for each pick, the hot key
// spreads as well, and time that goes backwards does not stop that.
func TestBoundedLoadOfManyTargets(t *testing.T) {
	targets := group(200)
	a := bounded(t, targets, 200)
	now := start
	for i := range 2000 {
		now = now.Add(2 * time.Millisecond)
		if i == 1000 {
			now = now.Add(-time.Hour)
		}
		targets[a.Pick(balance.Facts{Now: now, Hash: 42})].Counters.Outstanding.Add(1)
	}
	for i := range targets {
		if got := targets[i].Counters.Outstanding.Load(); got > 21 {
			t.Errorf("target %d has %d, where the mean is 10 and the bound twice that", i, got)
		}
	}
}

// TestConsistentHashKeepsItsRing: a snapshot that differs in health costs no new ring, which
// would be more than all else that is allocated for it.
func TestConsistentHashKeepsItsRing(t *testing.T) {
	targets, cursor := group(100), new(balance.Cursor)
	allocations := func(cursor *balance.Cursor) float64 {
		return testing.AllocsPerRun(5, func() {
			targets[3].Down = !targets[3].Down
			algorithm(t, balance.ConsistentHash, targets, cursor)
		})
	}
	anew, again := allocations(nil), allocations(cursor)
	if again > 12 || anew < 2*again {
		t.Errorf("a new snapshot allocates %v times, without the ring of before %v", again, anew)
	}
}
