package metrics

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// bounds are the upper bounds of the buckets: log-spaced from one millisecond to the
// default idle timeout, two or three to a doubling, with one at every round number that
// an alarm is likely to be set to.
var bounds = [...]time.Duration{
	1 * time.Millisecond, 1500 * time.Microsecond, 2 * time.Millisecond, 3 * time.Millisecond,
	5 * time.Millisecond, 7500 * time.Microsecond,
	10 * time.Millisecond, 15 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond,
	50 * time.Millisecond, 75 * time.Millisecond,
	100 * time.Millisecond, 150 * time.Millisecond, 200 * time.Millisecond, 300 * time.Millisecond,
	400 * time.Millisecond, 500 * time.Millisecond, 750 * time.Millisecond,
	1 * time.Second, 1500 * time.Millisecond, 2 * time.Second, 3 * time.Second,
	5 * time.Second, 7500 * time.Millisecond,
	10 * time.Second, 15 * time.Second, 20 * time.Second, 30 * time.Second, 60 * time.Second,
}

// firstBound holds, by the bit length of a duration in nanoseconds, the first bound that
// is not below all durations of that length. From there it is at most three steps.
var firstBound = func() (t [65]uint8) {
	for length := range t {
		var least uint64
		if length > 0 {
			least = 1 << (length - 1)
		}
		i := 0
		for i < len(bounds) && uint64(bounds[i]) < least {
			i++
		}
		t[length] = uint8(i)
	}
	return t
}()

// bucket returns the bucket of d; len(bounds) is the one above all bounds.
func bucket(d time.Duration) int {
	i := int(firstBound[bits.Len64(uint64(d))])
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	return i
}

// histogram of durations. The number of observations is the sum of the buckets.
type histogram struct {
	buckets [len(bounds) + 1]atomic.Uint64
	sum     atomic.Uint64 // nanoseconds
}

func (h *histogram) observe(d time.Duration) {
	d = max(d, 0)
	h.buckets[bucket(d)].Add(1)
	h.sum.Add(uint64(d))
}

// totals adds up histograms.
type totals struct {
	buckets [len(bounds) + 1]uint64
	sum     time.Duration
}

func (t *totals) add(h *histogram) {
	for i := range h.buckets {
		t.buckets[i] += h.buckets[i].Load()
	}
	t.sum += time.Duration(h.sum.Load())
}

// cumulative returns the buckets as Prometheus has them, by bound in seconds, and the
// number of all observations.
func (t *totals) cumulative() (map[float64]uint64, uint64) {
	buckets := make(map[float64]uint64, len(bounds))
	var n uint64
	for i, bound := range bounds {
		n += t.buckets[i]
		buckets[bound.Seconds()] = n
	}
	return buckets, n + t.buckets[len(bounds)]
}
