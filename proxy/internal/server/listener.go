package server

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/forward"
	"github.com/evenkeel/evenkeel/proxy/internal/http2"
	"github.com/evenkeel/evenkeel/proxy/internal/socket"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

const (
	// handshakeTimeout bounds a client's TLS handshake.
	handshakeTimeout = 10 * time.Second
	// acceptBatch is how many connections are accepted before the first is looked at.
	acceptBatch = 32
	// acceptPause is how long accepting rests when the process is out of descriptors.
	acceptPause = 50 * time.Millisecond
)

// listener is one listening socket and the connections made through it. What it does with
// them is replaced by a reload; the socket and the connections stay.
type listener struct {
	server  *Server
	address string
	socket  *socket.Listener

	current  atomic.Pointer[forward.Listener]
	security atomic.Pointer[security] // nil: HTTP
	proxied  atomic.Pointer[proxied]  // nil: no PROXY header
	draining atomic.Bool

	// ctx ends when the listener drains; HTTP/2 connections then send GOAWAY.
	ctx  context.Context
	stop context.CancelFunc

	mu    sync.Mutex
	conns map[*clientConn]struct{}
	// active counts connections, HTTP/2's and those in a handshake too.
	active sync.WaitGroup
	// accepted is closed when no more connections are taken.
	accepted chan struct{}
}

func newListener(s *Server, address string, socket *socket.Listener) *listener {
	l := &listener{server: s, address: address, socket: socket, conns: map[*clientConn]struct{}{}, accepted: make(chan struct{})}
	l.ctx, l.stop = context.WithCancel(context.Background())
	return l
}

// accept takes connections until the socket is closed. It is a goroutine's whole life.
func (l *listener) accept() {
	defer close(l.accepted)
	list := make([]*socket.Conn, 0, acceptBatch)
	for failing := false; ; {
		list, err := l.socket.AcceptSome(list[:0])
		// Those that came first have had the time to say something by now.
		for _, nc := range list {
			l.welcome(nc)
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			failing = false
			continue
		}
		// Out of descriptors or memory: what is open goes on, and new connections wait.
		if !failing {
			l.server.logger.Warn("connections cannot be accepted", slog.String("listener", l.current.Load().Name()), slog.Any("error", err))
		}
		failing = true
		time.Sleep(acceptPause)
	}
}

// welcome has a new connection served, unless there are too many.
func (l *listener) welcome(nc *socket.Conn) {
	shard := l.server.nextShard.Add(1)
	if !l.server.admit(shard) {
		_ = nc.Close()
		return
	}
	l.active.Add(1)
	c := l.meet(nc, shard)
	if l.proxied.Load() == nil && l.security.Load() == nil {
		l.server.logConnection(c, 0)
		newHTTP1Conn(c).start()
		return
	}
	l.server.crew(shard).do(func() { l.serve(c) })
}

// meet returns what a new connection begins with.
func (l *listener) meet(nc *socket.Conn, shard uint32) *clientConn {
	current := l.current.Load()
	c := &clientConn{
		listener:    l,
		sock:        nc,
		wire:        wire.NewConn(nc, nc),
		opened:      time.Now(),
		idleTimeout: current.IdleTimeout(),
		keepAlive:   current.ClientKeepAlive(),
		facts: exchange.Connection{
			Peer:         nc.Peer(),
			Local:        nc.Local(),
			TraceID:      newTraceID(),
			ListenerPort: current.Port(),
			Shard:        shard,
		},
	}
	l.add(c)
	return c
}

// serve begins with a connection that has to be introduced or secured first.
func (l *listener) serve(c *clientConn) {
	over := true
	defer func() {
		if over {
			c.end()
		}
	}()
	defer l.contain()
	if p := l.proxied.Load(); p != nil && !l.introduce(c, p) {
		return
	}
	if sec := l.security.Load(); sec != nil {
		if !l.handshake(c, sec) {
			return
		}
		if tc := c.wire.NetConn().(*tls.Conn); tc.ConnectionState().NegotiatedProtocol == "h2" {
			l.serveHTTP2(c, tc)
			return
		}
	} else {
		l.server.logConnection(c, 0)
	}
	over = newHTTP1Conn(c).serve()
}

// contain lets a panic end the connection that it happened on, and no other.
func (l *listener) contain() {
	if e := recover(); e != nil {
		l.server.logger.Error("connection panicked", slog.Any("panic", e), slog.String("stack", string(debug.Stack())))
	}
}

func (l *listener) serveHTTP2(c *clientConn, tc *tls.Conn) {
	c.multiplexed.Store(true)
	http2.Serve(l.ctx, tc, &c.facts, http2.Options{
		IdleTimeout: c.idleTimeout,
		MaxAge:      c.keepAlive,
		Logger:      l.server.logger,
		Refuse: func(x *exchange.Exchange, status int, _ string) {
			l.current.Load().Refuse(x, status)
		},
	}, func(x *exchange.Exchange) {
		c.streams.Add(1)
		defer c.streams.Add(-1)
		l.current.Load().Serve(x)
	})
}

func (l *listener) add(c *clientConn) {
	l.mu.Lock()
	l.conns[c] = struct{}{}
	l.mu.Unlock()
}

func (l *listener) remove(c *clientConn) {
	l.mu.Lock()
	delete(l.conns, c)
	l.mu.Unlock()
}

// drain stops accepting and lets every connection end after the request it serves.
func (l *listener) drain() {
	if l.draining.Swap(true) {
		return
	}
	_ = l.socket.Close()
	l.stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.drain()
	}
}

// wait returns when the listener has drained and its last connection has ended.
func (l *listener) wait() {
	<-l.accepted
	l.active.Wait()
}

// closeAll cuts what is left.
func (l *listener) closeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.wire.Reset() // saying goodbye would wait for those that take nothing
	}
}

// newTraceID returns TID_ and 32 hexadecimal digits.
func newTraceID() string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], rand.Uint64())
	binary.BigEndian.PutUint64(raw[8:], rand.Uint64())
	text := [36]byte{'T', 'I', 'D', '_'}
	hex.Encode(text[4:], raw[:])
	return string(text[:])
}
