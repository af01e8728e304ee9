package cache

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// flight is a request to a target that others for the same key wait for.
type flight struct {
	done    chan struct{}
	outcome outcome // once done is closed
	waiters atomic.Int32
}

// outcome is what came of a flight.
type outcome uint8

const (
	// abandoned: the client who asked left. One of those who wait asks in its place.
	abandoned outcome = iota
	// kept: the answer is in the cache.
	kept
	// notKept: the answer is for the one who asked alone.
	notKept
	// failed: the target could not be asked, or gave an error.
	failed
)

// join returns the flight for a key, and whether the caller is the one to ask the target and
// to land. It is nil when too many wait already.
func (s *shard) join(key []byte) (f *flight, leads bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f = s.flights[string(key)]; f == nil {
		f = &flight{done: make(chan struct{})}
		s.flights[string(key)] = f
		return f, true
	}
	if f.waiters.Load() >= maxWaiters {
		return nil, false
	}
	f.waiters.Add(1)
	return f, false
}

// land ends a flight, once.
func (s *shard) land(key []byte, f *flight, o outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flights[string(key)] != f {
		return
	}
	delete(s.flights, string(key))
	f.outcome = o
	close(f.done)
}

// goneCheck is how often a client that waits is looked at for having left.
const goneCheck = time.Second

// wait waits for a flight until the deadline, or until the client leaves.
func (v *visit) wait(f *flight, deadline time.Time) (o outcome, gone bool) {
	defer f.waiters.Add(-1)
	var left <-chan struct{}
	if client, ok := exchange.Innermost(v.x.Client).(interface{ Context() context.Context }); ok {
		left = client.Context().Done()
	}
	tick := time.NewTicker(goneCheck)
	defer tick.Stop()
	end := time.NewTimer(time.Until(deadline))
	defer end.Stop()
	for {
		select {
		case <-f.done:
			return f.outcome, false
		case <-left:
			return abandoned, true
		case <-end.C:
			return notKept, false
		case <-tick.C:
			if v.x.Client.Gone() {
				return abandoned, true
			}
		}
	}
}
