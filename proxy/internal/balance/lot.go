package balance

import (
	"math/bits"
	"slices"
	"time"
)

// lot draws targets by chance, each with the share that its weight has in the sum of all.
//
// However many targets there are, a draw looks at one place of an alias table: as many
// places as targets, each as likely as the others, and each shared by two targets at most.
//
// https://doi.org/10.1109/32.92917
type lot struct {
	gate
	places []place
	// weights are what shares are made of.
	weights []float64
	ramps   ramps
}

// place is shared by the target of its index and another.
type place struct {
	// own is the part of the target of this index, of 1<<64.
	own   uint64
	other uint32
}

// newLot makes a lot of targets by their weights.
func newLot(targets []Target) lot {
	weights := make([]float64, len(targets))
	for i := range targets {
		weights[i] = float64(targets[i].weight())
	}
	return lot{gate: newGate(targets), places: newPlaces(weights), weights: weights, ramps: newRamps(targets)}
}

func newPlaces(weights []float64) []place {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	places, left := make([]place, len(weights)), slices.Clone(weights)
	// A target that needs less than a place leaves the rest of it to one that needs more.
	var less, more []uint32
	for i := range left {
		left[i] *= float64(len(left)) / sum
		places[i].other = uint32(i)
		if left[i] < 1 {
			less = append(less, uint32(i))
		} else {
			more = append(more, uint32(i))
		}
	}
	for len(less) > 0 && len(more) > 0 {
		small, large := less[len(less)-1], more[len(more)-1]
		less = less[:len(less)-1]
		places[small] = place{own: uint64(left[small] * (1 << 63) * 2), other: large}
		left[large] -= 1 - left[small]
		if left[large] < 1 {
			more = more[:len(more)-1]
			less = append(less, large)
		}
	}
	return places
}

// draw returns a target that may be picked and takes its turn, or why there is none. random
// is used up.
func (l *lot) draw(f *Facts, random *uint64) int {
	i := l.place(*random)
	if l.free(f) && l.ramps.whole(f.Now) {
		return i
	}
	for range maxTries {
		if l.open(i, f) && l.ramps.takes(i, f.Now, random) {
			return i
		}
		*random = scramble(*random)
		i = l.place(*random)
	}
	*random = scramble(*random)
	return l.among(f, unit(*random))
}

// place takes the place from the upper bits of the random number, as it were, and the part
// of it from the lower.
func (l *lot) place(random uint64) int {
	i, part := bits.Mul64(random, uint64(len(l.places)))
	if p := &l.places[i]; part >= p.own {
		return int(p.other)
	}
	return int(i)
}

// among draws by the shares themselves from those that may be picked, which is what drawing
// again comes to in the end. It counts when they are few, or have just begun.
func (l *lot) among(f *Facts, point float64) int {
	var sum float64
	for i := range l.weights {
		if l.open(i, f) {
			sum += l.weights[i] * l.ramps.share(i, f.Now)
		}
	}
	point *= sum
	for i := range l.weights {
		if !l.open(i, f) {
			continue
		}
		if point -= l.weights[i] * l.ramps.share(i, f.Now); point < 0 {
			return i
		}
	}
	return l.after(0, f) // what had room a moment ago has none any more
}

// ramps are the slow starts of targets.
type ramps struct {
	// list has every target; it is nil when none has a slow start.
	list []ramp
	// end is when the last one ends.
	end time.Time
}

func newRamps(targets []Target) ramps {
	var r ramps
	for i := range targets {
		t := &targets[i]
		if t.Ramp <= 0 {
			continue
		}
		if r.list == nil {
			r.list = make([]ramp, len(targets))
		}
		r.list[i] = ramp{from: t.RampFrom, length: t.Ramp}
		if end := t.RampFrom.Add(t.Ramp); r.end.IsZero() || end.After(r.end) {
			r.end = end
		}
	}
	return r
}

// whole reports whether every target has its whole share.
func (r *ramps) whole(now time.Time) bool { return r.list == nil || !now.Before(r.end) }

// share is how much of its share the target of that index has: above 0, and at most 1.
func (r *ramps) share(i int, now time.Time) float64 {
	if r.list == nil {
		return 1
	}
	return r.list[i].share(now)
}

// keeps is takes for the requests of a key: each of them comes to the target at its own time
// in the ramp, and stays from then on.
func (r *ramps) keeps(i int, now time.Time, hash uint64) bool {
	return r.whole(now) || r.takes(i, now, new(hash+uint64(i)))
}

// takes reports whether the target takes a turn, or passes it on since it has just begun.
func (r *ramps) takes(i int, now time.Time, random *uint64) bool {
	share := r.share(i, now)
	if share == 1 {
		return true
	}
	*random = scramble(*random)
	return unit(*random) < share
}
