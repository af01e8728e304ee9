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

	ramps []ramp
	// end is when the last ramp ends.
	end time.Time
}

// ramp is the slow start of a target.
type ramp struct {
	weight float64
	from   time.Time
	length time.Duration // 0 for none
}

// newSlowStart returns nil when no target has a ramp.
func newSlowStart(r roundRobin, targets []Target) *slowStart {
	s := &slowStart{roundRobin: r, ramps: make([]ramp, len(targets))}
	found := false
	for i := range targets {
		t := &targets[i]
		s.ramps[i] = ramp{weight: float64(t.weight()), from: t.RampFrom, length: max(0, t.Ramp)}
		if t.Ramp <= 0 {
			continue
		}
		if end := t.RampFrom.Add(t.Ramp); !found || end.After(s.end) {
			s.end = end
		}
		found = true
	}
	if !found {
		return nil
	}
	return s
}

func (s *slowStart) Pick(f Facts) int {
	if !f.Now.Before(s.end) {
		return s.roundRobin.Pick(f)
	}
	random := f.Random
	for range maxTries {
		i := s.roundRobin.Pick(f)
		if i < 0 {
			return i
		}
		share := s.ramps[i].share(f.Now)
		if share == 1 {
			return i
		}
		random = scramble(random)
		if unit(random) < share {
			return i
		}
	}
	return s.draw(&f, unit(scramble(random)))
}

// draw picks by the shares themselves, which is what passing turns on comes to in the end.
// It counts for a group in which nearly all, or all, have just begun.
func (s *slowStart) draw(f *Facts, point float64) int {
	var sum float64
	for i := range s.ramps {
		if s.open(i, f) {
			sum += s.ramps[i].weight * s.ramps[i].share(f.Now)
		}
	}
	point *= sum
	for i := range s.ramps {
		if !s.open(i, f) {
			continue
		}
		point -= s.ramps[i].weight * s.ramps[i].share(f.Now)
		if point < 0 {
			return i
		}
	}
	return s.after(0, f) // what had room a moment ago has none any more
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
