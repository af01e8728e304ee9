package balance

import (
	"math"
	"time"
)

const (
	// leastTimeChoices is how many targets are looked at for a pick. Of a group half of which is
	// slow, one pick in sixteen sees no other.
	leastTimeChoices = 4
	// latencyMargin is by what factor one target must be faster to be preferred. Below it
	// the difference is chance, and to follow chance would leave some without work.
	latencyMargin = 1.25
)

// leastTime prefers targets that answer fast, as long as they do not have too much to do.
//
// Of a few that are drawn by weight, those are hot that have more outstanding requests than
// most of their peers. One that is not hot comes before one that is; among those that are
// not, the faster one; and else the one with less to do for its weight. So speed attracts
// load only up to a point, and a target never seems slow for ever: what is known of one that
// gets nothing fades until it is tried again, and one of which nothing is known is tried at
// once, with one request at a time.
//
// It is the rule of Prequal (hot-cold lexicographic), without probes, since all traffic is
// seen.
//
// https://www.usenix.org/conference/nsdi24/presentation/wydrowski
type leastTime struct {
	lot

	latencies []*Latency
	crowd     crowd
}

func newLeastTime(targets []Target, _ Options) (Algorithm, error) {
	l := &leastTime{lot: newLot(targets), latencies: make([]*Latency, len(targets))}
	l.crowd.init(targets)
	for i := range targets {
		l.latencies[i] = &targets[i].Counters.Latency
	}
	return l, nil
}

func (l *leastTime) Pick(f Facts) int {
	random, hot := f.Random, l.hot(f.Now)
	best := l.draw(&f, &random)
	if best < 0 || l.count == 1 {
		return best
	}
	first, view := best, l.look(best, hot, f.Now)
	for n := 1; n < min(l.count, leastTimeChoices); n++ {
		i := (first + n) % l.count // of so few, each
		random = scramble(random)
		if l.count > leastTimeChoices {
			i = l.draw(&f, &random)
		} else if !l.open(i, &f) || !l.ramps.takes(i, f.Now, &random) {
			continue
		}
		if i < 0 || i == best {
			continue
		}
		if other := l.look(i, hot, f.Now); other.before(&view) {
			best, view = i, other
		}
	}
	return best
}

// hot is from how many outstanding requests for a unit of weight a target is hot: those that
// are about the busiest sixth, if requests came by chance. That is a standard deviation,
// the square root, above the mean; Prequal's default is nearly the same.
func (l *leastTime) hot(now time.Time) float64 {
	mean := float64(l.crowd.total(now)) / float64(l.crowd.weight)
	return mean + math.Sqrt(mean)
}

// view is a target at the time of a pick.
type view struct {
	hot         bool
	latency     float32
	outstanding int64
	weight      int64
}

func (l *leastTime) look(i int, hot float64, now time.Time) view {
	load := &l.crowd.loads[i]
	v := view{outstanding: max(0, load.outstanding.Load()), weight: load.weight}
	v.latency = l.latencies[i].at(now, v.outstanding == 0)
	// One request more than the mean is no heat, or a group with little to do would be hot.
	v.hot = float64(v.outstanding) > hot*float64(v.weight)+1 || v.latency == 0 && v.outstanding > 0
	return v
}

// before reports whether v is the better choice.
func (v *view) before(other *view) bool {
	switch {
	case v.hot != other.hot:
		return other.hot
	case !v.hot && v.latency*latencyMargin < other.latency:
		return true
	case !v.hot && other.latency*latencyMargin < v.latency:
		return false
	}
	return v.outstanding*other.weight < other.outstanding*v.weight
}
