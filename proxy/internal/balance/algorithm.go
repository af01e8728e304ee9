// Package balance chooses among the targets of a group, and finds those that fail more than
// their peers. It decides and does nothing else: the time and chance are given to it.
package balance

import (
	"fmt"
	"strings"
	"time"
)

// The names of the algorithms.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#modify-routing-algorithm
const (
	RoundRobin               = "round_robin"
	LeastOutstandingRequests = "least_outstanding_requests"
	WeightedRandom           = "weighted_random"
)

// maxWeight bounds a target's weight, and with it how long a weighted schedule becomes.
const maxWeight = 256

// Target is one candidate: an immutable value of a snapshot.
type Target struct {
	// Weight is the target's share beside its peers: 1 to 256; less is taken as 1, more as
	// 256. Targets of an ALB all weigh the same.
	Weight int
	// Counters outlive the snapshot. Algorithms that look at what targets have to do need
	// them, and so does Limit; else they may be nil.
	Counters *Counters
	// Limit is the most outstanding requests that the target takes; 0 for no limit. A target
	// that has them is not picked.
	Limit int
	// RampFrom and Ramp are the target's slow start; only round_robin has one. From RampFrom
	// on, the target's share grows linearly from near 0, and is whole after Ramp. A Ramp of 0
	// is no slow start.
	RampFrom time.Time
	Ramp     time.Duration
	// Mitigation is the factor that anomaly mitigation puts on Weight, above 0 and at most 1;
	// only weighted_random looks at it. 0 is taken as 1, as is all that is out of range.
	Mitigation float64
}

// weight is Weight within its range.
func (t *Target) weight() int { return min(max(t.Weight, 1), maxWeight) }

// Facts are what a pick may depend on beside the targets.
type Facts struct {
	// Now is the time of the pick.
	Now time.Time
	// Random is drawn anew for each pick; each of its values is as likely.
	Random uint64
	// Hash is of what the algorithms that hash go by; 0 for a request that does not have it.
	Hash uint64
	// Except are the indices of targets that are not to be picked: those that the request was
	// sent to before. They are few.
	Except []int
}

// What Pick returns when it picks nobody.
const (
	// None says that there is nobody to pick: no targets, or only such as are left out.
	None = -1
	// Full says that every target that could be picked has as much to do as its Limit allows.
	Full = -2
)

// Algorithm picks targets. It is safe for concurrent use, and a pick allocates nothing.
type Algorithm interface {
	// Pick returns the index of one of the targets that the algorithm was made for, with room
	// for a request; else None or Full. When the one whose turn it is has no room, the next
	// in the algorithm's own order takes its place.
	Pick(f Facts) int
}

// Options are what algorithms may be told beside the targets.
type Options struct {
	// Cursor outlives the algorithm: the next one, for the group's next snapshot, goes on from
	// there; nil begins anew.
	Cursor *Cursor
}

// New makes the algorithm of that name for targets, which it does not keep.
func New(name string, targets []Target, o Options) (Algorithm, error) {
	if o.Cursor == nil {
		o.Cursor = new(Cursor)
	}
	var build func([]Target, Options) (Algorithm, error)
	switch name {
	case RoundRobin:
		build = newRoundRobin
	case LeastOutstandingRequests:
		build = newLeastOutstandingRequests
	case WeightedRandom:
		build = newWeightedRandom
	default:
		known := []string{RoundRobin, LeastOutstandingRequests, WeightedRandom}
		return nil, fmt.Errorf("unknown algorithm (got %q, want one of %s)", name, strings.Join(known, ", "))
	}
	if len(targets) == 0 {
		return nobody{}, nil
	}
	for i := range targets {
		if targets[i].Limit > 0 && targets[i].Counters == nil {
			return nil, fmt.Errorf("%s: target %d has a limit and no counters", name, i)
		}
	}
	return build(targets, o)
}

// nobody is every algorithm without targets.
type nobody struct{}

func (nobody) Pick(Facts) int { return None }
