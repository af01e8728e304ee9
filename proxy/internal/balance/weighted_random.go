package balance

import (
	"math/bits"
	"slices"
)

// weightedRandom picks by chance: each target with the share that its weight, lowered by
// anomaly mitigation, has in the sum of all.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#modify-routing-algorithm
//
// However many targets there are, a pick looks at one place of an alias table: as many
// places as targets, each as likely as the others, and each shared by two targets at most.
//
// https://doi.org/10.1109/32.92917
type weightedRandom struct {
	gate
	places []place
	// weights are the targets', lowered by anomaly mitigation.
	weights []float64
}

// place is shared by the target of its index and another.
type place struct {
	// own is the part of the target of this index, of 1<<64.
	own   uint64
	other uint32
}

func newWeightedRandom(targets []Target, _ Options) (Algorithm, error) {
	count := len(targets)
	w := &weightedRandom{gate: newGate(targets), places: make([]place, count), weights: make([]float64, count)}
	sum := 0.0
	for i := range targets {
		w.weights[i] = float64(targets[i].weight()) * targets[i].mitigation()
		sum += w.weights[i]
	}
	weights := slices.Clone(w.weights)
	// A target that needs less than a place leaves the rest of it to one that needs more.
	var less, more []uint32
	for i := range weights {
		weights[i] *= float64(count) / sum
		w.places[i].other = uint32(i)
		if weights[i] < 1 {
			less = append(less, uint32(i))
		} else {
			more = append(more, uint32(i))
		}
	}
	for len(less) > 0 && len(more) > 0 {
		small, large := less[len(less)-1], more[len(more)-1]
		less = less[:len(less)-1]
		w.places[small] = place{own: uint64(weights[small] * (1 << 63) * 2), other: large}
		weights[large] -= 1 - weights[small]
		if weights[large] < 1 {
			more = more[:len(more)-1]
			less = append(less, large)
		}
	}
	return w, nil
}

func (w *weightedRandom) Pick(f Facts) int {
	i := w.draw(f.Random)
	if w.free(&f) {
		return i
	}
	random := f.Random
	for range maxTries {
		if w.open(i, &f) {
			return i
		}
		random = scramble(random)
		i = w.draw(random)
	}
	return w.among(&f, unit(scramble(random)))
}

// draw takes the place from the upper bits of the random number, as it were, and the part of
// it from the lower.
func (w *weightedRandom) draw(random uint64) int {
	i, part := bits.Mul64(random, uint64(len(w.places)))
	if p := &w.places[i]; part >= p.own {
		return int(p.other)
	}
	return int(i)
}

// among draws from those that may be picked, when they are few.
func (w *weightedRandom) among(f *Facts, point float64) int {
	var sum float64
	for i := range w.weights {
		if w.open(i, f) {
			sum += w.weights[i]
		}
	}
	point *= sum
	for i := range w.weights {
		if !w.open(i, f) {
			continue
		}
		if point -= w.weights[i]; point < 0 {
			return i
		}
	}
	return w.after(0, f) // what had room a moment ago has none any more
}

// mitigation is Mitigation within its range.
func (t *Target) mitigation() float64 {
	if t.Mitigation > 0 && t.Mitigation < 1 {
		return t.Mitigation
	}
	return 1
}
