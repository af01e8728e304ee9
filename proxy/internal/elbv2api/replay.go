package elbv2api

import (
	"sync"
	"time"
)

// maxSeen bounds how many signatures are remembered: 36 changes a second for as long as a
// signature is good.
const maxSeen = 1 << 16

// replay remembers the signatures of changes for as long as they would be good, so that
// whoever has overheard a request cannot have it done again.
type replay struct {
	// since is when this process began: what was signed before, another may have done.
	since time.Time

	mu   sync.Mutex
	seen map[string]time.Time // until when the signature is good
}

func newReplay(now time.Time) *replay {
	// Dates of signatures have whole seconds.
	return &replay{since: now.Truncate(time.Second), seen: map[string]time.Time{}}
}

// admit takes a signature for the one time that it is good for. What it refuses, SDKs sign
// anew and try again: they sign the same request in the same second the same way.
func (p *replay) admit(signature string, signed, now time.Time) *Error {
	if signed.Before(p.since) {
		return fail(codeThrottling, "Rate exceeded: the request was signed before this process began; sign it anew")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, again := p.seen[signature]; again {
		return fail(codeThrottling, "Rate exceeded: the very same request has been signed in this second and taken; sign it anew")
	}
	if len(p.seen) >= maxSeen {
		for s, until := range p.seen {
			if until.Before(now) {
				delete(p.seen, s)
			}
		}
		if len(p.seen) >= maxSeen {
			return fail(codeThrottling, "Rate exceeded")
		}
	}
	p.seen[signature] = signed.Add(maxSkew + time.Second)
	return nil
}
