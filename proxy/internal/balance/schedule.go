package balance

import "slices"

// maxTurns bounds a schedule, to 256 KiB for a group. Weights that ask for more are scaled
// down and rounded: a target loses less than one turn, and always keeps one, so that with
// n targets a schedule can be n turns longer after all.
const maxTurns = 64 << 10

// schedule spreads the turns of weighted targets: each has as many as it weighs, as far
// apart as they go, and nobody has two in a row if that can be avoided, not even from the
// last to the first. It is nil when all targets weigh the same.
//
// A target's share of the round is cut into as many windows of the same length as it has
// turns. Of those whose window has begun, the one whose window ends first is next, which
// keeps everybody within about a turn of its share at all times. Before that comes whoever
// could not place what is left otherwise: at most every other of the remaining turns can be
// its own.
func schedule(targets []Target) []uint32 {
	weights := reduce(targets)
	if weights == nil {
		return nil
	}
	p := newPlan(weights)
	turns := make([]uint32, p.left)
	for i := range turns {
		turns[i] = p.next()
	}
	return turns
}

// reduce returns the smallest weights of the same proportions; nil when all are alike.
func reduce(targets []Target) []int {
	divisor, sum, alike := 0, 0, true
	weights := make([]int, len(targets))
	for i := range targets {
		w := targets[i].weight()
		weights[i] = w
		sum += w
		alike = alike && w == weights[0]
		for a := w; a != 0; {
			divisor, a = a, divisor%a
		}
	}
	if alike {
		return nil
	}
	sum /= divisor
	for i := range weights {
		weights[i] /= divisor
		if sum > maxTurns {
			weights[i] = max(1, weights[i]*maxTurns/sum)
		}
	}
	return weights
}

// endgame is how many turns before the end a target with few of them may have too many of
// those left.
const endgame = 8

// plan is a schedule in the making.
type plan struct {
	weights []int
	// remaining is how many turns each target has left; left is their sum, and length was.
	remaining    []int
	left, length int
	// waiting has the targets whose window has not begun, by when it does; ready has the
	// others, by when it ends. An entry of a turn that was given out of order is stale.
	waiting, ready windows
	// heaviest has the first turn, so that it cannot have the last.
	heaviest int
	// tight says that somebody has so many turns that they may not find places later.
	tight bool
	// majority says that heaviest cannot but follow itself.
	majority bool
	last     int
}

func newPlan(weights []int) *plan {
	p := &plan{weights: weights, remaining: slices.Clone(weights), last: -1}
	for i, w := range weights {
		p.length += w
		if w > weights[p.heaviest] {
			p.heaviest = i
		}
	}
	p.left = p.length
	p.tight = 4*weights[p.heaviest] >= p.length
	p.majority = 2*weights[p.heaviest] > p.length
	for i := range weights {
		p.wait(i)
	}
	return p
}

// next decides the next turn.
func (p *plan) next() uint32 {
	for len(p.waiting) > 0 && p.waiting[0].edge <= float64(p.length-p.left) {
		w := p.waiting.pop()
		w.edge = p.edge(int(w.target), w.turn+1)
		p.ready.push(w)
	}
	target := p.pressed()
	if target < 0 {
		target = p.due()
	}
	p.last = target
	p.left--
	p.remaining[target]--
	if p.remaining[target] > 0 {
		p.wait(target)
	}
	return uint32(target)
}

// pressed returns the target that must be next, or two of its turns would have to meet; for
// the heaviest they meet with its first, too. It is -1 when there is none.
func (p *plan) pressed() int {
	if !p.tight && p.left > endgame {
		return -1
	}
	for i, n := range p.remaining {
		if i == p.heaviest {
			n *= 2
		} else {
			n = 2*n - 1
		}
		if n >= p.left && i != p.last {
			return i
		}
	}
	return -1
}

// due takes the target whose window ends first, and is not the last one unless it must.
func (p *plan) due() int {
	first, ok := p.take()
	if int(first.target) != p.last || p.majority {
		return int(first.target)
	}
	second, another := p.take()
	if !another || !ok {
		return int(first.target)
	}
	p.ready.push(first)
	return int(second.target)
}

// take takes a window that is not stale; one that has begun, if there is any.
func (p *plan) take() (window, bool) {
	for _, from := range []*windows{&p.ready, &p.waiting} {
		for len(*from) > 0 {
			w := from.pop()
			if w.turn == p.weights[w.target]-p.remaining[w.target] {
				if from == &p.waiting {
					w.edge = p.edge(int(w.target), w.turn+1)
				}
				return w, true
			}
		}
	}
	return window{}, false
}

// wait queues the next turn of a target.
func (p *plan) wait(target int) {
	turn := p.weights[target] - p.remaining[target]
	p.waiting.push(window{edge: p.edge(target, turn), target: uint32(target), turn: turn})
}

// edge is where a target's window of that number begins, and the one before ends, in turns
// of the whole round.
func (p *plan) edge(target, turn int) float64 {
	return float64(turn*p.length) / float64(p.weights[target])
}

// window is where a turn of a target belongs.
type window struct {
	edge   float64
	target uint32
	turn   int
}

// before orders windows by their edges, and targets with the same by their index.
func (w *window) before(o *window) bool {
	return w.edge < o.edge || w.edge == o.edge && w.target < o.target
}

// windows is a heap.
type windows []window

func (h *windows) push(w window) {
	*h = append(*h, w)
	s := *h
	for at := len(s) - 1; at > 0; {
		parent := (at - 1) / 2
		if !s[at].before(&s[parent]) {
			return
		}
		s[at], s[parent] = s[parent], s[at]
		at = parent
	}
}

func (h *windows) pop() window {
	s := *h
	top, end := s[0], len(s)-1
	s[0] = s[end]
	s = s[:end]
	*h = s
	for at := 0; ; {
		first := at
		for _, child := range [2]int{2*at + 1, 2*at + 2} {
			if child < end && s[child].before(&s[first]) {
				first = child
			}
		}
		if first == at {
			return top
		}
		s[at], s[first] = s[first], s[at]
		at = first
	}
}
