package server

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/socket"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// clientConn is what every client connection has, whatever it speaks.
type clientConn struct {
	listener *listener
	sock     *socket.Conn
	wire     *wire.Conn // over sock
	facts    exchange.Connection
	opened   time.Time
	// idleTimeout and keepAlive are those in force when the connection was made.
	idleTimeout, keepAlive time.Duration

	// behind is what came with a PROXY header and belongs to what follows it.
	behind early

	// reading says that a head has begun and is not complete; multiplexed that the connection
	// speaks HTTP/2, on which so many streams are served.
	reading, multiplexed atomic.Bool
	streams              atomic.Int32

	// stopped says that the body being read is given up.
	stopped atomic.Bool

	// mu guards idling: a drain shortens the wait of an idle connection, never of a busy one.
	mu     sync.Mutex
	idling bool
}

// end is the end of the connection.
func (c *clientConn) end() {
	l := c.listener
	l.remove(c)
	_ = c.sock.Close()
	l.server.leave(c.facts.Shard)
	l.active.Done()
}

// idle marks the connection as waiting for a request from now on and sets how long it may.
func (c *clientConn) idle(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idling = true
	if c.listener.draining.Load() {
		c.wire.LimitRead(now.Add(drainIdle))
		return
	}
	c.wire.ExtendRead(now, c.idleTimeout)
}

// busy marks the connection as serving a request.
func (c *clientConn) busy() {
	c.mu.Lock()
	c.idling = false
	c.mu.Unlock()
}

// drain lets a connection that waits for a request wait only a little longer.
func (c *clientConn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idling {
		c.wire.LimitRead(time.Now().Add(drainIdle))
	}
}

// lastRequest reports whether the connection is so old that the request that has come is
// its last.
func (c *clientConn) lastRequest(now time.Time) bool {
	return now.Sub(c.opened) >= c.keepAlive
}
