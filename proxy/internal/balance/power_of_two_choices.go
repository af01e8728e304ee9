package balance

// powerOfTwoChoices draws two targets by weight and takes the one with less to do for its
// weight. It costs the same for any number of targets, and several proxies that know
// nothing of each other do not all run to the same target.
//
// https://nginx.org/en/docs/http/ngx_http_upstream_module.html#random
//
// https://docs.haproxy.org/3.2/configuration.html#4.2-balance
type powerOfTwoChoices struct {
	lot

	loads []load
}

func newPowerOfTwoChoices(targets []Target, _ Options) (Algorithm, error) {
	return &powerOfTwoChoices{lot: newLot(targets), loads: newLoads(targets)}, nil
}

func (p *powerOfTwoChoices) Pick(f Facts) int {
	random := f.Random
	first := p.draw(&f, &random)
	if first < 0 || p.count == 1 {
		return first
	}
	// One target may have nearly all of the weight: then it may well be both.
	for range maxTries {
		random = scramble(random)
		second := p.draw(&f, &random)
		if second == first {
			continue
		}
		if second >= 0 && p.loads[second].below(&p.loads[first]) {
			return second
		}
		return first
	}
	return first
}

// below reports whether l has less to do for its weight than other.
func (l *load) below(other *load) bool {
	return l.outstanding.Load()*other.weight < other.outstanding.Load()*l.weight
}
