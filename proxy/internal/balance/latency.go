package balance

import (
	"math"
	"sync/atomic"
	"time"
)

const (
	// latencyMemory is after what time an observation counts for a third of what it did.
	latencyMemory = time.Second
	// failurePenalty is added to the time of a request that failed: a target that refuses at
	// once must not look like the fastest.
	failurePenalty = time.Second
	// maxLatency is as slow as a target can look, so that it does not take for ever to be
	// forgotten.
	maxLatency = 10 * time.Second
)

// Latency is how long a target takes to begin its answer: a mean of what was observed that
// follows a rise at once and a fall by and by (peak EWMA). It is safe for concurrent use, and
// its zero value knows nothing.
//
// https://twitter.github.io/finagle/guide/Clients.html#power-of-two-choices-p2c-peak-ewma
type Latency struct {
	// packed has the mean in microseconds as a float32, and below it the time of the last
	// observation in milliseconds. 0 is no observation.
	packed atomic.Uint64
}

// Observe takes in that a request took so long, until the answer began or it failed.
func (l *Latency) Observe(now time.Time, took time.Duration, failed bool) {
	if failed {
		took += failurePenalty
	}
	took = min(max(took, time.Microsecond), maxLatency)
	sample, at := float32(took)/float32(time.Microsecond), uint32(now.UnixMilli())
	for {
		old := l.packed.Load()
		mean, since := unpack(old, at)
		if sample < mean {
			mean = sample + (mean-sample)*fading(since)
		} else {
			mean = sample
		}
		if l.packed.CompareAndSwap(old, uint64(math.Float32bits(mean))<<32|uint64(at)) {
			return
		}
	}
}

// at returns the mean in microseconds at a time; 0 when nothing is known. Of an idle target
// it fades: it may have become fast, and nobody would know if it were never tried again.
func (l *Latency) at(now time.Time, idle bool) float32 {
	old := l.packed.Load()
	if old == 0 {
		return 0
	}
	mean, since := unpack(old, uint32(now.UnixMilli()))
	if idle && since > 0 {
		mean *= fading(since)
	}
	return mean
}

// unpack returns the mean and how long ago that was, in milliseconds.
func unpack(packed uint64, at uint32) (mean float32, since int32) {
	return math.Float32frombits(uint32(packed >> 32)), max(0, int32(at-uint32(packed)))
}

// fading is what is left of an observation after so many milliseconds: 0 to 1.
func fading(since int32) float32 {
	if since == 0 {
		return 1
	}
	return float32(math.Exp(-float64(since) / float64(latencyMemory.Milliseconds())))
}
