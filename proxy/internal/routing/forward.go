package routing

import (
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// Forward sends requests to target groups, each by its share of the weights.
type Forward struct {
	Groups []WeightedGroup
	// Stickiness is how long a client stays with the group that was chosen for it: 1 s - 7
	// days, or 0 for not at all.
	Stickiness time.Duration
}

// WeightedGroup is one share of a forward action.
type WeightedGroup struct {
	Name string
	// Weight is 0-999; a group of weight 0 is never chosen.
	Weight int
}

func compileForward(a *spec.Action) *Forward {
	f := &Forward{Stickiness: a.TargetGroupStickiness.Duration}
	for _, g := range a.Forward {
		f.Groups = append(f.Groups, WeightedGroup{Name: g.TargetGroup, Weight: g.Weight})
	}
	return f
}

// Choose returns the index of a group: each has the share of its weight in the sum of
// weights, for a random of which every value is as likely. It returns -1 when all weights
// are 0. The health of a group plays no part: a forward action does not fail over.
func (f *Forward) Choose(random uint64) int {
	var sum uint64
	for i := range f.Groups {
		sum += uint64(max(0, f.Groups[i].Weight))
	}
	if sum == 0 {
		return -1
	}
	point := random % sum
	for i := range f.Groups {
		weight := uint64(max(0, f.Groups[i].Weight))
		if point < weight {
			return i
		}
		point -= weight
	}
	return -1
}
