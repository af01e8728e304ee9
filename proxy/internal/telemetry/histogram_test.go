package telemetry_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
)

func TestBucketsHoldWhatTheyAreFor(t *testing.T) {
	for shift := range 62 {
		for _, d := range []time.Duration{1<<shift - 1, 1 << shift, 1<<shift + 1, 1<<shift + 1<<shift/3} {
			from, to, last := telemetry.BucketBounds(d)
			if d < from || !last && d >= to {
				t.Errorf("%v is in the bucket from %v to %v", d, from, to)
			}
			if from > 0 && !last && float64(to-from) > 0.1251*float64(from) {
				t.Errorf("the bucket from %v to %v is too wide", from, to)
			}
			if last && d < 1<<36 {
				t.Errorf("%v is said to be too long", d)
			}
		}
	}
	if from, _, _ := telemetry.BucketBounds(-time.Second); from != 0 {
		t.Errorf("a clock that went back counts from %v", from)
	}
}

// TestQuantilesAreClose compares with the sorted list itself.
func TestQuantilesAreClose(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var list []time.Duration
	for range 5000 {
		list = append(list, time.Duration(float64(time.Millisecond)*(1+random.ExpFloat64()*40)))
	}
	shares := []float64{0.5, 0.95, 0.99}
	got := telemetry.Quantiles(list, shares...)
	slices.Sort(list)
	for i, share := range shares {
		want := list[int(share*float64(len(list)))]
		if off := float64(got[i]-want) / float64(want); off > 0.0625 || off < -0.0625 {
			t.Errorf("%v: got %v, want %v", share, got[i], want)
		}
	}
	for _, none := range telemetry.Quantiles(nil, shares...) {
		if none != 0 {
			t.Errorf("of nothing: %v", none)
		}
	}
	if got := telemetry.Quantiles([]time.Duration{time.Hour}, 0.5)[0]; got != 1<<36 {
		t.Errorf("of what is too long: %v", got)
	}
}
