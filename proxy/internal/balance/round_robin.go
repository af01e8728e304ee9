package balance

// roundRobin takes the targets in turn. A single process is exactly even, where an ALB, each
// of whose nodes counts for itself, is about even.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#modify-routing-algorithm
type roundRobin struct {
	gate
	cursor *Cursor
	// turns is whose turn it is, over and over; nil when all weigh the same and turns are
	// taken in order.
	turns []uint32
}

func newRoundRobin(targets []Target, o Options) (Algorithm, error) {
	r := turns(targets, o)
	if l := newLot(targets); l.ramps.list != nil {
		return &slowStart{roundRobin: r, lot: l}, nil
	}
	return &r, nil
}

// turns is round robin without slow start.
func turns(targets []Target, o Options) roundRobin {
	return roundRobin{gate: newGate(targets), cursor: o.Cursor, turns: schedule(targets)}
}

// maxPassed bounds the turns of targets without room that are passed on for one pick: so
// many that those with room keep their shares, however many have none.
const maxPassed = 64

func (r *roundRobin) Pick(f Facts) int {
	i := r.turn()
	if r.free(&f) || r.open(i, &f) {
		return i
	}
	for range maxPassed {
		if i = r.turn(); r.open(i, &f) {
			return i
		}
	}
	return r.after(int(r.cursor.tick()%uint64(r.count)), &f)
}

// turn returns whose turn it is, and passes it on.
func (r *roundRobin) turn() int {
	tick := r.cursor.tick()
	if r.turns == nil {
		return int(tick % uint64(r.count))
	}
	return int(r.turns[tick%uint64(len(r.turns))])
}
