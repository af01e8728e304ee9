package balance

import (
	"sync/atomic"
	"time"
)

const (
	// maxCounted is how many targets are counted anew for each pick; of more, the sum is
	// taken now and then, as a pick must not cost more the more targets there are.
	maxCounted = 32
	// crowdAge is how old such a sum may be.
	crowdAge = time.Millisecond
)

// load is what a target has to do.
type load struct {
	outstanding *atomic.Int64
	weight      int64
}

func newLoads(targets []Target) []load {
	loads := make([]load, len(targets))
	for i := range targets {
		t := &targets[i]
		loads[i] = load{outstanding: &t.Counters.Outstanding, weight: int64(t.weight())}
	}
	return loads
}

// crowd is what all targets of a group have to do together.
type crowd struct {
	loads []load
	// weight is the sum of all weights.
	weight int64

	// sum is what total returned last, and until is when it is taken anew, in nanoseconds; for
	// more than maxCounted targets.
	_     [line]byte
	sum   atomic.Int64
	until atomic.Int64
	_     [line - 2*8]byte
}

// init makes c the crowd of targets, those that are down left out.
func (c *crowd) init(targets []Target) {
	c.loads = newLoads(targets)
	for i := range targets {
		if targets[i].Down {
			c.loads[i].weight = 0
		}
		c.weight += c.loads[i].weight
	}
	c.sum.Store(c.count())
}

// total returns how many requests are outstanding in all.
func (c *crowd) total(now time.Time) int64 {
	if len(c.loads) <= maxCounted {
		return c.count()
	}
	at, until := now.UnixNano(), c.until.Load()
	// A clock that was set back does not stop the counting.
	if current := at < until && at > until-2*int64(crowdAge); current || !c.until.CompareAndSwap(until, at+int64(crowdAge)) {
		return c.sum.Load()
	}
	sum := c.count()
	c.sum.Store(sum)
	return sum
}

func (c *crowd) count() int64 {
	var sum int64
	for i := range c.loads {
		if l := &c.loads[i]; l.weight > 0 {
			sum += max(0, l.outstanding.Load())
		}
	}
	return sum
}
