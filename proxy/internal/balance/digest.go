package balance

// Digest is the hash of a request's key in the making; the zero value begins one. It is the
// same in every process, so that proxies side by side, and the next one after a restart,
// send a key to the same target. Whoever knows it can ask for keys that meet in one target;
// so can anyone who repeats a key, and bounded load is against both.
type Digest uint64

// FNV-1a.
//
// https://datatracker.ietf.org/doc/html/draft-eastlake-fnv
const (
	fnvOffset = 0xcbf29ce484222325
	fnvPrime  = 0x100000001b3
)

// Add returns the digest with b behind it.
func (d Digest) Add(b []byte) Digest {
	h := uint64(d) ^ fnvOffset
	for _, c := range b {
		h = (h ^ uint64(c)) * fnvPrime
	}
	return Digest(h ^ fnvOffset)
}

// Hash returns what [Facts.Hash] takes: never 0.
func (d Digest) Hash() uint64 { return max(1, scramble(uint64(d))) }
