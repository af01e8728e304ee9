// Package balance chooses among the targets of a group, and finds those that fail more than
// their peers. It decides and does nothing else: the time and chance are given to it.
package balance

import (
	"fmt"
	"maps"
	"slices"
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

	// No ALB has these.
	SourceIPHash      = "source_ip_hash"
	ConsistentHash    = "consistent_hash"
	PowerOfTwoChoices = "power_of_two_choices"
	LeastTime         = "least_time"
)

// builders make the algorithms by their names.
var builders = map[string]func([]Target, Options) (Algorithm, error){
	RoundRobin:               newRoundRobin,
	LeastOutstandingRequests: newLeastOutstandingRequests,
	WeightedRandom:           newWeightedRandom,
	SourceIPHash:             newSourceIPHash,
	ConsistentHash:           newConsistentHash,
	PowerOfTwoChoices:        newPowerOfTwoChoices,
	LeastTime:                newLeastTime,
}

// Hashes reports whether the algorithm of that name goes by [Facts.Hash]. It is to be told of
// targets that are down, too.
func Hashes(name string) bool { return name == SourceIPHash || name == ConsistentHash }

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
	// Down says that the target has its place and gets nothing: those who would go to it go
	// elsewhere, and nobody else moves. It is for the algorithms that hash.
	Down bool
	// Address tells consistent_hash the targets apart, the same in every process.
	Address string
	// RampFrom and Ramp are the target's slow start, which least_outstanding_requests and
	// weighted_random have none of. From RampFrom on, the target's share grows linearly from
	// near 0, and is whole after Ramp. A Ramp of 0 is no slow start.
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
	// BoundedLoad is the most outstanding requests that consistent_hash gives a target, in
	// hundredths of what all have in the mean; 0 for no bound.
	BoundedLoad int
}

// New makes the algorithm of that name for targets, which it does not keep.
func New(name string, targets []Target, o Options) (Algorithm, error) {
	if o.Cursor == nil {
		o.Cursor = new(Cursor)
	}
	build := builders[name]
	if build == nil {
		known := slices.Sorted(maps.Keys(builders))
		return nil, fmt.Errorf("unknown algorithm (got %q, want one of %s)", name, strings.Join(known, ", "))
	}
	if len(targets) == 0 {
		return nobody{}, nil
	}
	for i := range targets {
		if t := &targets[i]; t.Counters == nil && (t.Limit > 0 || counts(name)) {
			return nil, fmt.Errorf("%s: target %d has no counters", name, i)
		}
	}
	return build(targets, o)
}

// counts reports whether the algorithm of that name looks at what targets have to do.
func counts(name string) bool {
	return name == LeastOutstandingRequests || name == ConsistentHash || name == PowerOfTwoChoices || name == LeastTime
}

// nobody is every algorithm without targets.
type nobody struct{}

func (nobody) Pick(Facts) int { return None }
