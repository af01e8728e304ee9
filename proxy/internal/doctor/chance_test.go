package doctor_test

import (
	"math/rand/v2"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/doctor"
)

// TestChanceIsNoFinding spreads requests at random, by weight, many times.
func TestChanceIsNoFinding(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	looks, alarms := 0, 0
	for _, shares := range [][]float64{{.5, .5}, {.25, .75}, {.1, .2, .7}, {.2, .2, .2, .2, .2}, {.05, .05, .1, .1, .1, .2, .4}} {
		for _, n := range []int{20, 100, 1000, 5000} {
			for range 500 {
				counts := make([]float64, len(shares))
				for range n {
					x := random.Float64()
					for i, s := range shares {
						if x -= s; x < 0 || i == len(shares)-1 {
							counts[i]++
							break
						}
					}
				}
				looks++
				if doctor.Differs(counts, shares, float64(n)) {
					alarms++
				}
			}
		}
	}
	if alarms > 1 {
		t.Errorf("%d of %d looks at nothing but chance were alarms", alarms, looks)
	}
}

func TestDiffers(t *testing.T) {
	even := []float64{.5, .5}
	for _, c := range []struct {
		counts, shares []float64
		sample         float64
		want           bool
	}{
		{[]float64{600, 400}, even, 1000, true},
		{[]float64{550, 450}, even, 1000, false},
		{[]float64{6, 4}, even, 10, false},
		{[]float64{10, 0}, even, 10, false},
		{[]float64{30, 0}, even, 30, true},
		{[]float64{4, 0}, even, 4, false},
		{[]float64{600, 400}, []float64{.6, .4}, 1000, false},
		// The same counts are of fewer choices.
		{[]float64{600, 400}, even, 40, false},
		{[]float64{1000, 0}, even, 40, true},
		{[]float64{0, 0}, even, 0, false},
		{[]float64{100}, []float64{1}, 100, false},
	} {
		if got := doctor.Differs(c.counts, c.shares, c.sample); got != c.want {
			t.Errorf("%v of %v, %.0f choices: %v", c.counts, c.shares, c.sample, got)
		}
	}
}

func TestAtLeast(t *testing.T) {
	for _, c := range []struct {
		part, whole uint64
		least, most float64
	}{
		{0, 100, 0, 0},
		{0, 0, 0, 0},
		{5, 5, .2, .3},
		{50, 100, .3, .5},
		{5000, 10000, .47, .5},
		{5, 10000, 0, .0002},
	} {
		if got := doctor.AtLeast(c.part, c.whole); got < c.least || got > c.most {
			t.Errorf("%d of %d: got %f", c.part, c.whole, got)
		}
	}
}
