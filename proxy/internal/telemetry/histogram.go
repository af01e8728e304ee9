package telemetry

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// The buckets are log-linear: each doubling of the latency from 2^leastBits nanoseconds (33 µs)
// to 2^mostBits (69 s) is divided into as many of the same width. A percentile is wrong by half
// a bucket at most: 6%.
const (
	leastBits   = 15
	mostBits    = 36
	divideBits  = 3
	bucketCount = 1 + (mostBits-leastBits)<<divideBits + 1
)

// histogram counts latencies. A count that overflows does no harm: only differences are looked at.
type histogram [bucketCount]atomic.Uint32

func (h *histogram) observe(d time.Duration) { h[bucketOf(d)].Add(1) }

// bucketOf returns the bucket of d: the first is for all that is shorter than the least, the
// last for all that is longer than the most.
func bucketOf(d time.Duration) int {
	if d < 1<<leastBits {
		return 0
	}
	exponent := bits.Len64(uint64(d)) - 1
	if exponent >= mostBits {
		return bucketCount - 1
	}
	return 1 + (exponent-leastBits)<<divideBits + int(uint64(d)>>(exponent-divideBits))&(1<<divideBits-1)
}

// lowest returns the shortest latency of a bucket; lowest(i+1) is the end of bucket i.
func lowest(bucket int) time.Duration {
	if bucket == 0 {
		return 0
	}
	doubling, part := (bucket-1)>>divideBits, (bucket-1)&(1<<divideBits-1)
	return time.Duration(1<<divideBits+part) << (leastBits + doubling - divideBits)
}

// counts are a histogram as somebody read it, or the difference of two.
type counts [bucketCount]uint32

func (c *counts) read(h *histogram) {
	for i := range c {
		c[i] = h[i].Load()
	}
}

// addDifference adds what was counted between two readings.
func (c *counts) addDifference(later, earlier *counts) {
	for i := range c {
		c[i] += later[i] - earlier[i]
	}
}

// quantiles finds the latencies below which these shares of all are, shares ascending; 0 for
// all when nothing was counted. Inside a bucket latencies are taken to be spread evenly.
func (c *counts) quantiles(list []time.Duration, shares ...float64) {
	var total uint64
	for _, n := range c {
		total += uint64(n)
	}
	if total == 0 {
		clear(list)
		return
	}
	bucket, below := 0, uint64(0)
	for i, share := range shares {
		rank := share * float64(total)
		for bucket < bucketCount-1 && float64(below+uint64(c[bucket])) < rank {
			below += uint64(c[bucket])
			bucket++
		}
		start := lowest(bucket)
		list[i] = start
		if bucket < bucketCount-1 && c[bucket] > 0 {
			within := (rank - float64(below)) / float64(c[bucket])
			list[i] += time.Duration(within * float64(lowest(bucket+1)-start))
		}
	}
}
