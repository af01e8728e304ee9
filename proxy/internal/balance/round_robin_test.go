package balance_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
)

// sequence is the next n picks.
func sequence(a balance.Algorithm, n int) []int {
	picks := make([]int, n)
	for i := range picks {
		picks[i] = a.Pick(balance.Facts{Now: start})
	}
	return picks
}

func TestRoundRobinIsSequential(t *testing.T) {
	a := algorithm(t, balance.RoundRobin, group(3), nil)
	if got, want := sequence(a, 7), []int{0, 1, 2, 0, 1, 2, 0}; !slices.Equal(got, want) {
		t.Errorf("got %d, want %d", got, want)
	}
}

func TestRoundRobinGoesOnAfterSnapshots(t *testing.T) {
	cursor := new(balance.Cursor)
	var got []int
	for range 6 {
		got = append(got, sequence(algorithm(t, balance.RoundRobin, group(3), cursor), 1)...)
	}
	if want := []int{0, 1, 2, 0, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("got %d, want %d", got, want)
	}
}

func TestWeightedSequences(t *testing.T) {
	for _, c := range []struct {
		weights, want []int
	}{
		{[]int{7, 7}, []int{0, 1}},
		{[]int{2, 4}, []int{1, 0, 1}},
		{[]int{5, 1, 1}, []int{0, 1, 0, 0, 2, 0, 0}},
		{[]int{3, 1, 1, 1}, []int{0, 1, 0, 2, 0, 3}},
		{[]int{1, 1, 2, 4}, []int{3, 2, 3, 0, 3, 1, 3, 2}},
	} {
		t.Run(fmt.Sprint(c.weights), func(t *testing.T) {
			a := algorithm(t, balance.RoundRobin, weighing(c.weights...), nil)
			if got := sequence(a, len(c.want)); !slices.Equal(got, c.want) {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

// TestSchedulesAreEvenAndSmooth looks at one round of many groups: everybody has the turns
// of its weight; nobody has two in a row, around the end too, unless somebody has more than
// half of them; and then only they do. What a target has had is never far from its share.
func TestSchedulesAreEvenAndSmooth(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	worst := 0.0
	for range 3000 {
		weights := make([]int, 2+random.IntN(12))
		bound := []int{2, 3, 5, 20, 256}[random.IntN(5)]
		for i := range weights {
			weights[i] = 1 + random.IntN(bound)
		}
		if random.IntN(3) == 0 { // one that weighs about as much as all others
			sum := 0
			for _, w := range weights[1:] {
				sum += w
			}
			weights[0] = min(256, max(1, sum+random.IntN(3)-1))
		}
		worst = max(worst, checkRound(t, weights))
	}
	t.Logf("at most %.2f turns from the share", worst)
	if worst >= 2 {
		t.Errorf("a target was %.2f turns from its share", worst)
	}
}

// checkRound returns by how many turns a target was ahead or behind at most.
func checkRound(t *testing.T, weights []int) float64 {
	t.Helper()
	sum, divisor := 0, 0
	for _, w := range weights {
		sum += w
		for w != 0 {
			divisor, w = w, divisor%w
		}
	}
	length := sum / divisor
	a := algorithm(t, balance.RoundRobin, weighing(weights...), nil)
	turns := sequence(a, length)

	had, worst := make([]int, len(weights)), 0.0
	for n, i := range turns {
		had[i]++
		for j, w := range weights {
			share := float64(n+1) * float64(w) / float64(sum)
			worst = max(worst, share-float64(had[j]), float64(had[j])-share)
		}
		if next := turns[(n+1)%length]; next == i && 2*weights[i] <= sum {
			t.Fatalf("%d: target %d has turns %d and %d of %d", weights, i, n, n+1, length)
		}
	}
	for i, w := range weights {
		if had[i] != w/divisor {
			t.Errorf("%d: target %d has %d turns, want %d", weights, i, had[i], w/divisor)
		}
	}
	if again := sequence(a, length); !slices.Equal(turns, again) {
		t.Errorf("%d: the second round is another", weights)
	}
	return worst
}

// TestLongSchedulesAreScaledDown has a thousand targets, whose weights have no common divisor.
func TestLongSchedulesAreScaledDown(t *testing.T) {
	const n, limit = 1000, 64<<10 + 1000
	weights := make([]int, n)
	sum := 0
	for i := range weights {
		weights[i] = 1 + i%256
		sum += weights[i]
	}
	a := algorithm(t, balance.RoundRobin, weighing(weights...), nil)
	turns := sequence(a, 2*limit)
	period := slices.Index(turns[1:], turns[0]) + 1
	for period < limit && !slices.Equal(turns[:limit], turns[period:period+limit]) {
		next := slices.Index(turns[period+1:], turns[0])
		period += next + 1
	}
	if period > limit {
		t.Fatalf("a round has %d turns, want at most %d", period, limit)
	}
	had := make([]int, n)
	for _, i := range turns[:period] {
		had[i]++
	}
	for i, w := range weights {
		share := float64(w) * float64(64<<10) / float64(sum)
		if got := float64(had[i]); got > max(1, share) || got < share-1 {
			t.Errorf("weight %d has %v turns, want %.1f", w, got, share)
		}
	}
}
