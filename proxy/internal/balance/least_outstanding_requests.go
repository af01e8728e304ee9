package balance

import (
	"fmt"
	"sync/atomic"
)

// leastOutstandingRequests takes the target with the fewest requests in progress for its
// weight. Those with equally few take turns.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#modify-routing-algorithm
type leastOutstandingRequests struct {
	gate
	cursor *Cursor
	loads  []load
}

// load is what a target has to do.
type load struct {
	outstanding *atomic.Int64
	weight      int64
}

func newLeastOutstandingRequests(targets []Target, o Options) (Algorithm, error) {
	l := &leastOutstandingRequests{gate: newGate(targets), cursor: o.Cursor, loads: make([]load, len(targets))}
	for i := range targets {
		t := &targets[i]
		if t.Counters == nil {
			return nil, fmt.Errorf("%s: target %d has no counters", LeastOutstandingRequests, i)
		}
		l.loads[i] = load{outstanding: &t.Counters.Outstanding, weight: int64(t.weight())}
	}
	return l, nil
}

// Pick looks at all targets, beginning behind the one that was picked last, up to the first
// with nothing to do. Two picks at once begin at two places, so that they do not both run to
// the same target before it is seen to have a request.
func (l *leastOutstandingRequests) Pick(f Facts) int {
	count, free := len(l.loads), l.free(&f)
	at := int(l.cursor.tick() % uint64(count))
	best, steps := None, 0
	var outstanding, weight int64
	for i := range count {
		candidate := &l.loads[at]
		n := candidate.outstanding.Load()
		if (best < 0 || n*weight < outstanding*candidate.weight) && (free || l.open(at, &f)) {
			best, steps, outstanding, weight = at, i, n, candidate.weight
			if n <= 0 {
				break
			}
		}
		if at++; at == count {
			at = 0
		}
	}
	if best < 0 {
		return l.closed(&f)
	}
	l.cursor.skip(uint64(steps))
	return best
}
