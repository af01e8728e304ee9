package balance

// consistentHash sends all requests of a key to the same target. When one of n targets is
// out, its keys, about a part of n, go to others, and come back with it; no other key moves.
//
// With bounded load, a target that has its part of all outstanding requests, and what the
// bound allows above it, passes keys on to the next on the ring, as with hash-balance-factor
// of HAProxy: a key that everybody asks for does not bring its target down.
//
// https://docs.haproxy.org/3.2/configuration.html#4.2-hash-balance-factor
//
// https://arxiv.org/abs/1608.01350
type consistentHash struct {
	roundRobin

	ramps ramps
	ring  *ring
	bound int64 // in hundredths; 0 for none
	crowd crowd
	// before is the sum of the weights before each target.
	before []int64
}

// maxWalk bounds the points that are looked at for one pick. It reaches somebody unless but
// a few of a thousand targets may be picked.
const maxWalk = 1024

func newConsistentHash(targets []Target, o Options) (Algorithm, error) {
	c := &consistentHash{roundRobin: turns(targets, o), bound: int64(o.BoundedLoad), ramps: newRamps(targets), ring: o.Cursor.ring.Load()}
	if !c.ring.of(targets) {
		c.ring = newRing(targets)
		o.Cursor.ring.Store(c.ring)
	}
	if c.bound > 0 {
		c.crowd.init(targets)
		c.before = make([]int64, len(targets))
		sum := int64(0)
		for i := range targets {
			c.before[i] = sum
			sum += c.crowd.loads[i].weight
		}
	}
	return c, nil
}

// Pick lets requests without a key take turns.
func (c *consistentHash) Pick(f Facts) int {
	if f.Hash == 0 {
		return c.roundRobin.Pick(f)
	}
	at := c.ring.after(f.Hash)
	owner, fallback, last := c.ring.target(at), None, None
	for range min(maxWalk, len(c.ring.points)) {
		i := c.ring.target(at)
		if i != last && c.open(i, &f) {
			if c.ramps.keeps(i, f.Now, f.Hash) && (c.bound == 0 || c.bears(i, &f)) {
				return i
			}
			if fallback < 0 {
				fallback = i
			}
		}
		last = i
		if at++; at == len(c.ring.points) {
			at = 0
		}
	}
	if fallback >= 0 {
		// All that may be picked have just begun; or between two looks have come to their bound,
		// which is soft.
		return fallback
	}
	return c.after(owner, &f)
}

// bears reports whether the target may have one more request under the bound. The bound of
// all, rounded up, is shared by weight to the last request, and nobody's is 0.
func (c *consistentHash) bears(i int, f *Facts) bool {
	l := &c.crowd.loads[i]
	n := l.outstanding.Load()
	if n <= 0 {
		return true
	}
	slots := ((c.crowd.total(f.Now)+1)*c.bound + 99) / 100
	rest, all := slots%c.crowd.weight, c.crowd.weight
	mine := l.weight*(slots/all) + (c.before[i]+l.weight)*rest/all - c.before[i]*rest/all
	return n < mine
}
