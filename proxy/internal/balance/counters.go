package balance

import "sync/atomic"

// line is what processors fetch at once: two cache lines of 64 bytes, as the second follows
// the first. Values that far apart do not slow each other down when several processors
// write them.
const line = 128

// Counters are what changes with every request to a target. They outlive snapshots, and
// keep to cache lines of their own.
type Counters struct {
	_ [line]byte
	// Outstanding is how many requests have been sent to the target and not been answered
	// in full.
	Outstanding atomic.Int64
	// Requests is how many have been sent to the target; Errors, how many of them were
	// answered with 5xx or came to no connection.
	Requests, Errors atomic.Uint64
	// Latency is known only of targets in a group with least_time.
	Latency Latency
	_       [line - 4*8]byte
}

// Cursor is what a group keeps while snapshots come and go: the place of round robin, so that
// a new one does not begin with the same target again, and the ring of consistent_hash. The
// zero value is ready.
type Cursor struct {
	ring atomic.Pointer[ring]
	_    [line]byte
	next atomic.Uint64
	_    [line - 8]byte
}

// tick returns the place and moves on by one.
func (c *Cursor) tick() uint64 { return c.next.Add(1) - 1 }

// skip moves on by n more.
func (c *Cursor) skip(n uint64) {
	if n > 0 {
		c.next.Add(n)
	}
}
