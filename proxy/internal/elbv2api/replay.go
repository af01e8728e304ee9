package elbv2api

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// maxSeen bounds how many signatures are remembered: 36 changes a second for as long as a
// signature is good.
const maxSeen = 1 << 16

// replay remembers the signatures of changes, so that whoever has overheard a request cannot
// have it done again.
type replay struct {
	mu sync.Mutex
	// since is the date up to which all signatures are refused, as those that were taken then
	// are not remembered one by one.
	since time.Time
	seen  map[string]time.Time // when it was signed
}

func newReplay() *replay { return &replay{seen: map[string]time.Time{}} }

// taken are the signatures of the latest second that changes were signed in. It is all that
// is known of signatures after a start.
type taken struct {
	Date       time.Time `json:"date"`
	Signatures []string  `json:"signatures"`
}

// and is t with one signature more.
func (t taken) and(signature string, signed time.Time) taken {
	switch {
	case signature == "" || signed.Before(t.Date):
		return t
	case signed.Equal(t.Date):
		return taken{t.Date, append(slices.Clip(t.Signatures), signature)}
	}
	return taken{signed, []string{signature}}
}

// restore refuses what a process before this one may have taken.
func (p *replay) restore(t taken) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if before := t.Date.Add(-time.Second); before.After(p.since) { // dates of signatures have whole seconds
		p.since = before
	}
	for _, s := range t.Signatures {
		p.seen[s] = t.Date
	}
}

// admit takes a signature for the one time that it is good for. What it refuses, SDKs sign
// anew and try again: they sign the same request in the same second the same way.
func (p *replay) admit(signature string, signed time.Time) *Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, again := p.seen[signature]; again {
		return fail(codeThrottling, "Rate exceeded: the very same request has been signed in this second and taken; sign it anew")
	}
	if len(p.seen) >= maxSeen {
		p.forgetOlder()
	}
	if !signed.After(p.since) {
		return fail(codeThrottling, "Rate exceeded: the request was signed no later than one that has been taken; sign it anew")
	}
	p.seen[signature] = signed
	return nil
}

// forgetOlder makes room: of the older half, the date is all that is remembered. p.mu is held.
func (p *replay) forgetOlder() {
	dates := slices.SortedFunc(maps.Values(p.seen), time.Time.Compare)
	p.since = dates[len(dates)/2]
	maps.DeleteFunc(p.seen, func(_ string, signed time.Time) bool { return !signed.After(p.since) })
}

// forget gives a signature back with which nothing was done.
func (p *replay) forget(signature string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.seen, signature)
}
