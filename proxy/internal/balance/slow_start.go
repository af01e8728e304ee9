package balance

import "time"

const (
	// rampStep is the least of a ramp: a target of 0 s has the share of one of 1 s, or
	// nothing would ever show that it works. A ramp of n seconds begins at 1/n.
	rampStep = time.Second
	// maxTries bounds the turns that are passed on for one pick. With half of the turns
	// belonging to targets that have just begun, all are passed on once in 65,536 picks.
	maxTries = 16
)

// slowStart is round robin among targets some of which have just turned healthy. One that
// has half of its ramp behind it takes half of its turns, by chance, and passes on the
// others: not to its neighbour but to whose turn is next, so that nobody carries more than
// its peers.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#slow-start-mode
type slowStart struct {
	roundRobin

	lot lot
}

func (s *slowStart) Pick(f Facts) int {
	if s.lot.ramps.whole(f.Now) {
		return s.roundRobin.Pick(f)
	}
	random := f.Random
	for range maxTries {
		i := s.roundRobin.Pick(f)
		if i < 0 || s.lot.ramps.takes(i, f.Now, &random) {
			return i
		}
	}
	return s.lot.among(&f, unit(scramble(random)))
}

// ramp is the slow start of a target.
type ramp struct {
	from   time.Time
	length time.Duration // 0 for none
}

// share is how much of its turns the target takes: above 0, and at most 1.
func (r *ramp) share(now time.Time) float64 {
	if r.length <= rampStep {
		return 1
	}
	elapsed := now.Sub(r.from)
	if elapsed >= r.length {
		return 1
	}
	return float64(max(elapsed, rampStep)) / float64(r.length)
}

// scramble is the next random number after one: a step of SplitMix64.
//
// https://doi.org/10.1145/2714064.2660195
func scramble(random uint64) uint64 {
	random += 0x9e3779b97f4a7c15
	random = (random ^ random>>30) * 0xbf58476d1ce4e5b9
	random = (random ^ random>>27) * 0x94d049bb133111eb
	return random ^ random>>31
}

// unit is a random number as one from 0 to below 1, of 53 bits.
func unit(random uint64) float64 { return float64(random>>11) / (1 << 53) }
