package balance

// roundRobin takes the targets in turn. A single process is exactly even, where an ALB, each
// of whose nodes counts for itself, is about even.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#modify-routing-algorithm
type roundRobin struct {
	cursor *Cursor
	count  uint64
	// turns is whose turn it is, over and over; nil when all weigh the same and turns are
	// taken in order.
	turns []uint32
}

func newRoundRobin(targets []Target, cursor *Cursor) (Algorithm, error) {
	r := roundRobin{cursor: cursor, count: uint64(len(targets)), turns: schedule(targets)}
	if s := newSlowStart(r, targets); s != nil {
		return s, nil
	}
	return &r, nil
}

func (r *roundRobin) Pick(Facts) int {
	tick := r.cursor.tick()
	if r.turns == nil {
		return int(tick % r.count)
	}
	return int(r.turns[tick%uint64(len(r.turns))])
}
