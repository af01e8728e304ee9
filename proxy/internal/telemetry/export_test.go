package telemetry

import (
	"time"
	"unsafe"
)

// Quantiles counts latencies and returns the shares' quantiles.
func Quantiles(latencies []time.Duration, shares ...float64) []time.Duration {
	h, c := new(histogram), new(counts)
	for _, d := range latencies {
		h.observe(d)
	}
	c.read(h)
	list := make([]time.Duration, len(shares))
	c.quantiles(list, shares...)
	return list
}

// RingsSize is what a target with requests takes up, in bytes.
const RingsSize = unsafe.Sizeof(rings{})

// BucketBounds returns a bucket of d and between which latencies it is.
func BucketBounds(d time.Duration) (from, to time.Duration, last bool) {
	b := bucketOf(d)
	if b == bucketCount-1 {
		return lowest(b), 0, true
	}
	return lowest(b), lowest(b + 1), false
}
