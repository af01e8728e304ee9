package balance

import "math/bits"

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
	places []place
}

// place is shared by the target of its index and another.
type place struct {
	// own is the part of the target of this index, of 1<<64.
	own   uint64
	other uint32
}

func newWeightedRandom(targets []Target, _ *Cursor) (Algorithm, error) {
	count := len(targets)
	w := &weightedRandom{places: make([]place, count)}
	weights, sum := make([]float64, count), 0.0
	for i := range targets {
		weights[i] = float64(targets[i].weight()) * targets[i].mitigation()
		sum += weights[i]
	}
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

// Pick takes the place from the upper bits of the random number, as it were, and the part of
// it from the lower.
func (w *weightedRandom) Pick(f Facts) int {
	i, part := bits.Mul64(f.Random, uint64(len(w.places)))
	if p := &w.places[i]; part >= p.own {
		return int(p.other)
	}
	return int(i)
}

// mitigation is Mitigation within its range.
func (t *Target) mitigation() float64 {
	if t.Mitigation > 0 && t.Mitigation < 1 {
		return t.Mitigation
	}
	return 1
}
