package balance

import (
	"math/bits"
	"net/netip"
	"sort"
)

// sourceIPHash sends a client's network to the target that nginx's ip_hash would choose
// among the same servers with the same weights. A target that is down, or has no room, passes
// its clients on, each of them by hashing once more, and nobody else's; when it is back, so
// are they. Another set of targets is another mapping: that is what consistent_hash is for.
//
// https://nginx.org/en/docs/http/ngx_http_upstream_module.html#ip_hash
type sourceIPHash struct {
	roundRobin

	ramps ramps
	// ends is where the share of each target ends in the sum of weights.
	ends []uint64
}

const (
	// ipHashValues is how many values nginx's hash has, and ipHashFactor and ipHashStart are
	// what it is made with.
	ipHashValues = 6271
	ipHashFactor = 113
	ipHashStart  = 89
	// maxRehashes is how often a client is hashed before it takes its turn like anybody, as by
	// nginx.
	maxRehashes = 20
)

// SourceIP returns the [Facts.Hash] that source_ip_hash goes by: of an IPv4 address the first
// three octets, of an IPv6 address all, as nginx's ip_hash. 0 for no address.
//
// One round of that hash takes h to (h*factor + sum) modulo [ipHashValues], with the same
// factor and sum in every round for an address; so those two are all that rounds need. Above
// them are bits of another hash, for more weight than 6271 values can tell apart.
func SourceIP(a netip.Addr) uint64 {
	if !a.IsValid() {
		return 0
	}
	octets := a.As16()
	hashed := octets[:]
	if a = a.Unmap(); a.Is4() {
		hashed = octets[12:15]
	}
	factor, sum := uint64(1), uint64(0)
	for _, o := range hashed {
		factor = factor * ipHashFactor % ipHashValues
		sum = (sum*ipHashFactor + uint64(o)) % ipHashValues
	}
	return Digest(0).Add(hashed).Hash()<<32 | factor<<16 | sum
}

func newSourceIPHash(targets []Target, o Options) (Algorithm, error) {
	s := &sourceIPHash{roundRobin: turns(targets, o), ramps: newRamps(targets), ends: make([]uint64, len(targets))}
	end := uint64(0)
	for i := range targets {
		end += uint64(targets[i].weight())
		s.ends[i] = end
	}
	return s, nil
}

func (s *sourceIPHash) Pick(f Facts) int {
	if f.Hash == 0 {
		return s.roundRobin.Pick(f)
	}
	factor, sum, wide, fallback := f.Hash>>16&0xffff, f.Hash&0xffff, f.Hash, None
	all := s.ends[len(s.ends)-1]
	for h, tries := uint64(ipHashStart), 0; tries <= maxRehashes; tries++ {
		h = (h*factor + sum) % ipHashValues
		at := h % all
		if all > ipHashValues {
			// nginx never gets to the targets behind: there it cannot be followed.
			wide = scramble(wide)
			at, _ = bits.Mul64(wide, all)
		}
		i := sort.Search(len(s.ends), func(i int) bool { return at < s.ends[i] })
		if !s.open(i, &f) {
			continue
		}
		if s.ramps.keeps(i, f.Now, f.Hash) {
			return i
		}
		if fallback < 0 {
			fallback = i
		}
	}
	if fallback >= 0 {
		return fallback
	}
	return s.roundRobin.Pick(f)
}
