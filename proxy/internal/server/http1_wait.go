package server

import (
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// A connection that waits for its next request has no goroutine and no buffer: the poller knows
// it, and calls resume when there is something to do.

// start has somebody serve the connection as soon as its client says something.
func (c *http1Conn) start() {
	if c.early() || !c.park(c.opened) {
		c.resume()
	}
}

// goOn has somebody serve a connection that has waited for its client.
func (c *http1Conn) goOn() { c.listener.server.crew(c.facts.Shard).do(c.work) }

// serveOn is serve for a connection that nobody has.
func (c *http1Conn) serveOn() {
	over := true
	defer func() {
		if over {
			c.end()
		}
	}()
	defer c.listener.contain()
	over = c.serve()
}

// serve reads and answers requests until the connection ends. It returns false when nobody has
// to wait for the next one: from then on the connection is another's.
func (c *http1Conn) serve() (over bool) {
	for {
		switch c.await() {
		case later:
			return false
		case arrived:
			if c.exchange() {
				continue
			}
		case never:
		}
		// Not deferred: after a panic somebody may still use the buffers.
		c.release()
		return true
	}
}

// coming is what is known of the next request.
type coming uint8

const (
	never   coming = iota // the connection is over
	arrived               // a part of it is there
	later                 // resume will be called
)

// await waits for the first byte of a request without holding a buffer, and if possible without
// a goroutine.
func (c *http1Conn) await() coming {
	if !c.expected {
		if c.w > c.r {
			return arrived // pipelined
		}
		c.drop()
		if c.early() {
			return arrived
		}
		now := c.ended
		if now.IsZero() {
			now = time.Now()
		}
		if c.park(now) {
			return later
		}
	}
	c.expected = false
	b, n, err := c.wire.FirstRead(wire.Heads)
	c.busy()
	if err != nil {
		return never // closed, reset or idle for too long: nothing was asked, nothing is answered
	}
	c.in, c.pool, c.r, c.w = b, wire.Heads, 0, n
	return arrived
}

// early takes what of the next request has come already: nobody need say how long it may take.
func (c *http1Conn) early() bool {
	b, n := c.wire.EarlyRead(wire.Heads)
	if b != nil {
		c.in, c.pool, c.r, c.w = b, wire.Heads, 0, n
	}
	return b != nil
}

// park has resume called when the client says something or has been idle for too long since
// now. When it returns true the connection is another's; when not, the next request is to be
// waited for.
func (c *http1Conn) park(now time.Time) bool {
	c.idle(now)
	c.expected = true
	parked, _ := c.wire.Park(c.resume) // whoever waits next meets the same error
	return parked
}
