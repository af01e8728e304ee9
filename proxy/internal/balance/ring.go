package balance

import (
	"math/bits"
	"slices"
	"sort"
)

const (
	// ringPoints is how many points a target has on a ring for each unit of its weight, as
	// with nginx's consistent hash. Its share varies by 8 % then, and by less the more it
	// weighs.
	//
	// https://nginx.org/en/docs/http/ngx_http_upstream_module.html#hash
	ringPoints = 160
	// maxRingPoints bounds a ring, to 2 MiB. Where all targets together weigh more than 1638,
	// each has half as many points, or a quarter, and so on.
	maxRingPoints = 1 << 18
	// ringTargetBits are for the index of a point's target. What is left are 44 bits of hash.
	ringTargetBits = 20
)

// ring has points of all targets, by chance but the same in every process. A key goes to the
// target of the point that follows it, so that a target which leaves takes nobody along
// but its own keys. A ring depends on addresses and weights alone, and is kept for all
// snapshots that have the same.
type ring struct {
	addresses []string
	weights   []int
	points    []uint64
}

// of reports whether r is the ring of targets.
func (r *ring) of(targets []Target) bool {
	if r == nil || len(r.addresses) != len(targets) {
		return false
	}
	for i := range targets {
		if t := &targets[i]; r.addresses[i] != t.Address || r.weights[i] != t.weight() {
			return false
		}
	}
	return true
}

func newRing(targets []Target) *ring {
	r := &ring{}
	sum := 0
	for i := range targets {
		t := &targets[i]
		r.addresses, r.weights = append(r.addresses, t.Address), append(r.weights, t.weight())
		sum += t.weight()
	}
	halvings := bits.Len(uint((sum*ringPoints - 1) / maxRingPoints))
	for i, address := range r.addresses {
		seed := Digest(0).Add([]byte(address)).Hash()
		for range max(1, r.weights[i]*ringPoints>>halvings) {
			seed = scramble(seed)
			r.points = append(r.points, seed>>ringTargetBits<<ringTargetBits|uint64(i))
		}
	}
	slices.Sort(r.points)
	return r
}

// after returns the index of the first point from hash on.
func (r *ring) after(hash uint64) int {
	i := sort.Search(len(r.points), func(i int) bool { return r.points[i] >= hash })
	if i == len(r.points) {
		return 0
	}
	return i
}

// target returns whose point i is.
func (r *ring) target(i int) int { return int(r.points[i] & (1<<ringTargetBits - 1)) }
