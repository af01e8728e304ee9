// Package targetconn opens, keeps and closes HTTP/1 connections to one target.
package targetconn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evenkeel/evenkeel/proxy/internal/socket"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// Errors by which the forwarder tells a connection that took too long (504) from one
// that was refused or broke (502).
var (
	ErrConnect        = errors.New("connect to target")
	ErrConnectTimeout = errors.New("connect to target timed out")
	ErrTLS            = errors.New("tls handshake with target")
	ErrTLSTimeout     = errors.New("tls handshake with target timed out")
	// ErrClosed: the target left its group for good.
	ErrClosed = errors.New("target is gone")
)

// Config says how to reach one target.
type Config struct {
	// Address is an IP address and a port.
	Address string
	// TLS is nil for plain HTTP. The pool clones nothing: it must not change.
	TLS *tls.Config
	// ConnectTimeout bounds the TCP handshake, TLSHandshakeTimeout the TLS handshake. An ALB's
	// are fixed at 10 s.
	ConnectTimeout      time.Duration
	TLSHandshakeTimeout time.Duration
	// IdleConnections is how many idle connections are kept; more are closed.
	IdleConnections int
	// IdleTimeout is how long an idle connection is kept.
	IdleTimeout time.Duration
	// Shards spreads the idle connections so that client connections on different cores do
	// not meet in one lock. Default 1.
	Shards int
}

// Conn is a connection to the target. Between Get or Dial and Put or Discard one
// exchange owns it.
type Conn struct {
	*wire.Conn

	idleSince int64
	next      *Conn
}

// Pool keeps the connections to one target. It knows every open connection, so that the
// end of a deregistration delay can cut what is still in flight.
type Pool struct {
	cfg    Config // without what tuned has
	to     netip.AddrPort
	tuned  atomic.Pointer[tuning]
	shards []shard

	mu     sync.Mutex
	open   map[*Conn]struct{}
	closed bool
}

// tuning is what Tune changes.
type tuning struct {
	connectTimeout, idleTimeout time.Duration
	idleConnections             int
}

// shard is a stack of idle connections: the one used last is the warmest, and the ones
// below it time out when traffic falls.
type shard struct {
	mu   sync.Mutex
	top  *Conn
	size int
	_    [40]byte // keeps neighbours off one cache line
}

// NewPool returns an empty pool; nothing is opened before the first request.
func NewPool(cfg Config) *Pool {
	n := max(cfg.Shards, 1)
	p := &Pool{cfg: cfg, shards: make([]shard, n), open: map[*Conn]struct{}{}}
	p.to, _ = netip.ParseAddrPort(cfg.Address)
	p.Tune(cfg.ConnectTimeout, cfg.IdleTimeout, cfg.IdleConnections)
	return p
}

// Tune replaces these values of Config; connections stay.
func (p *Pool) Tune(connectTimeout, idleTimeout time.Duration, idleConnections int) {
	p.tuned.Store(&tuning{connectTimeout, idleTimeout, idleConnections})
}

// Get returns an idle connection that is still open and silent, or nil. A connection on
// which the target has sent something unasked is never used again: those bytes would be
// taken for the next answer.
func (p *Pool) Get(shardHint uint32, now time.Time) *Conn {
	n := uint32(len(p.shards))
	idleTimeout := int64(p.tuned.Load().idleTimeout)
	for i := range n {
		s := &p.shards[(shardHint+i)%n]
		for {
			c := s.pop()
			if c == nil {
				break
			}
			if now.UnixNano()-c.idleSince < idleTimeout && c.Peek() == wire.Quiet && !c.Holds() {
				return c
			}
			p.Discard(c)
		}
	}
	return nil
}

func (s *shard) pop() *Conn {
	s.mu.Lock()
	c := s.top
	if c != nil {
		s.top, c.next = c.next, nil
		s.size--
	}
	s.mu.Unlock()
	return c
}

// Put keeps the connection for the next exchange. Nothing may be left to read on it.
func (p *Pool) Put(shardHint uint32, c *Conn, now time.Time) {
	s := &p.shards[shardHint%uint32(len(p.shards))]
	c.idleSince = now.UnixNano()
	limit := (p.tuned.Load().idleConnections + len(p.shards) - 1) / len(p.shards)
	s.mu.Lock()
	if s.size < limit {
		c.next, s.top = s.top, c
		s.size++
		c = nil
	}
	s.mu.Unlock()
	if c != nil {
		p.Discard(c)
	}
}

// Discard closes the connection.
func (p *Pool) Discard(c *Conn) {
	p.remove(c)
	_ = c.Close()
}

// Dial opens a connection. The error wraps one of the Err values above.
func (p *Pool) Dial() (*Conn, error) {
	if !p.to.IsValid() {
		return nil, fmt.Errorf("%w: %q is no address", ErrConnect, p.cfg.Address)
	}
	dialing, err := socket.Dial(p.to)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConnect, err)
	}
	// From here on CloseAll ends it.
	c := &Conn{Conn: wire.NewConn(dialing.Conn, dialing.Conn)}
	if !p.add(c) {
		_ = c.Close()
		return nil, ErrClosed
	}
	sock, err := dialing.Connected(p.tuned.Load().connectTimeout)
	if err != nil {
		err = fmt.Errorf("%w: %w", classify(err, ErrConnect, ErrConnectTimeout), err)
	} else if p.cfg.TLS != nil {
		err = p.secure(c, sock)
	}
	if err != nil {
		if !p.remove(c) {
			err = ErrClosed
		}
		return nil, err
	}
	return c, nil
}

// secure makes c a TLS connection.
func (p *Pool) secure(c *Conn, sock *socket.Conn) error {
	_ = sock.SetDeadline(time.Now().Add(p.cfg.TLSHandshakeTimeout))
	tc := tls.Client(sock, p.cfg.TLS)
	if err := tc.HandshakeContext(context.Background()); err != nil {
		_ = sock.Close()
		return fmt.Errorf("%w: %w", classify(err, ErrTLS, ErrTLSTimeout), err)
	}
	_ = sock.SetDeadline(time.Time{})
	p.mu.Lock() // CloseAll reads c.Conn
	c.Conn = wire.NewConn(tc, sock)
	p.mu.Unlock()
	return nil
}

// add counts a connection as open, unless the target is gone.
func (p *Pool) add(c *Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.open[c] = struct{}{}
	}
	return !p.closed
}

// remove is the opposite of add; false when the target is gone.
func (p *Pool) remove(c *Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
	return !p.closed
}

func classify(err, broken, late error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, unix.ETIMEDOUT) {
		return late
	}
	return broken
}

// CloseIdle closes the idle connections; those in use go on.
func (p *Pool) CloseIdle() {
	for i := range p.shards {
		for c := p.shards[i].pop(); c != nil; c = p.shards[i].pop() {
			p.Discard(c)
		}
	}
}

// CloseAll closes every connection, in use, being made or idle, and lets no new one be
// opened: the target is gone. Exchanges in flight end with an error.
func (p *Pool) CloseAll() {
	p.mu.Lock()
	p.closed = true
	var open []*wire.Conn
	for c := range p.open {
		open = append(open, c.Conn)
	}
	clear(p.open)
	p.mu.Unlock()
	for _, c := range open {
		_ = c.Close()
	}
}

// Open returns how many connections are open, in use or idle.
func (p *Pool) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open)
}
