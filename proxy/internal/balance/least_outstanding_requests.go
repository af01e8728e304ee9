package balance

// leastOutstandingRequests takes the target with the fewest requests in progress for its
// weight. Those with equally few take turns.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#modify-routing-algorithm
type leastOutstandingRequests struct {
	gate
	cursor *Cursor
	loads  []load
}

func newLeastOutstandingRequests(targets []Target, o Options) (Algorithm, error) {
	return &leastOutstandingRequests{gate: newGate(targets), cursor: o.Cursor, loads: newLoads(targets)}, nil
}

// maxCompared is how many targets a pick compares. In a larger group it takes the least of so
// many in a row, each pick of others: the least of 64 is among the least twentieth of all but
// once in 27 picks, and to look at all would cost microseconds, most of them spent on
// waiting for the counters that other processors have just changed.
const maxCompared = 64

// Pick looks at targets, beginning behind the one that was picked last, up to the first with
// nothing to do. Two picks at once begin at two places, so that they do not both run to the
// same target before it is seen to have a request.
func (l *leastOutstandingRequests) Pick(f Facts) int {
	count, free := len(l.loads), l.free(&f)
	at := int(l.cursor.tick() % uint64(count))
	best, steps := None, 0
	var outstanding, weight int64
	for i := range count {
		if i >= maxCompared && best >= 0 {
			break
		}
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
