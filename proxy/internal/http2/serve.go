package http2

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// Serve speaks HTTP/2 with the client on conn, which is past its TLS handshake, and calls
// handle for every request, each in its own goroutine. The exchange belongs to handle
// until it returns; an answer that is not finished by then is cut so that the client sees
// it. Serve returns when the connection is closed and every handle has returned.
//
// When ctx is done, or after MaxRequests or MaxAge, the client is told to go away
// (GOAWAY): streams in flight finish, later ones are not answered, which tells the client
// to repeat them elsewhere.
//
// The counts of bytes in the exchange's record are kept here: heads as their decoded
// fields, bodies as they are.
func Serve(ctx context.Context, conn net.Conn, c *exchange.Connection, o Options, handle func(*exchange.Exchange)) {
	o.setDefaults()
	s := &session{conn: conn, c: c, o: o, handle: handle, ready: make(chan struct{}), done: make(chan struct{})}
	s.idle = sync.NewCond(&s.mu)
	s.hs = &http.Server{
		MaxHeaderBytes: MaxHead + headSlack,
		ErrorLog:       log.New(io.Discard, "", 0),
		ConnState:      s.connState,
	}
	h2 := &http2.Server{
		MaxConcurrentStreams:         uint32(o.MaxStreams),
		MaxReadFrameSize:             frameSize,
		MaxDecoderHeaderTableSize:    headerTable,
		MaxEncoderHeaderTableSize:    headerTable,
		MaxUploadBufferPerConnection: connectionWindow,
		MaxUploadBufferPerStream:     streamWindow,
		IdleTimeout:                  o.IdleTimeout,
		WriteByteTimeout:             o.IdleTimeout,
		// The security policy decides on cipher suites.
		PermitProhibitedCipherSuites: true,
	}
	// ConfigureServer is what ties the connection to Shutdown, and so to GOAWAY.
	if err := http2.ConfigureServer(s.hs, h2); err != nil {
		_ = conn.Close()
		return
	}
	defer context.AfterFunc(ctx, s.goAway)()
	if o.MaxAge > 0 {
		defer time.AfterFunc(o.MaxAge, s.goAway).Stop()
	}
	h2.ServeConn(conn, &http2.ServeConnOpts{BaseConfig: s.hs, Handler: s})
	close(s.done)
	s.drain()
}

// session is one client connection.
type session struct {
	conn   net.Conn
	c      *exchange.Connection
	o      Options
	handle func(*exchange.Exchange)
	hs     *http.Server

	// ready is closed when the client's preface came in: before that there is nobody to tell
	// to go away. done is closed when the connection is.
	ready, done chan struct{}
	readyOnce   sync.Once
	awayOnce    sync.Once

	requests, cancelled atomic.Int64

	mu      sync.Mutex
	idle    *sync.Cond
	running int
	closed  bool
}

func (s *session) connState(net.Conn, http.ConnState) {
	s.readyOnce.Do(func() { close(s.ready) })
}

// goAway sends GOAWAY and lets the streams in flight finish.
func (s *session) goAway() {
	select {
	case <-s.ready:
	case <-s.done:
		return
	}
	// The server has no listeners and knows no connections, so this does not wait.
	s.awayOnce.Do(func() { _ = s.hs.Shutdown(context.Background()) })
}

// begin counts a handler in; false when the connection is over.
func (s *session) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running++
	return true
}

func (s *session) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	if s.running == 0 {
		s.idle.Signal()
	}
}

// drain waits for the handlers, which the end of the connection cancelled.
func (s *session) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for s.running > 0 {
		s.idle.Wait()
	}
}

// tolerated is how many requests a client may cancel before it is looked at how many it
// does not.
const tolerated = 1000

// ServeHTTP turns one request into an exchange.
func (s *session) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.begin() {
		return
	}
	defer s.end()
	if s.requests.Add(1) == int64(s.o.MaxRequests) {
		s.goAway()
	}
	st := newStream(s, w, r)
	whole := st.serve()
	if r.Context().Err() != nil && !whole {
		// Rapid reset (CVE-2023-44487): a client that cancels most of what it asks for only
		// makes work.
		if n := s.cancelled.Add(1); n > tolerated && 2*n > s.requests.Load() {
			_ = s.conn.Close()
		}
	}
	st.release()
	if !whole {
		panic(http.ErrAbortHandler)
	}
}

// call runs handle and reports whether it returned.
func (s *session) call(x *exchange.Exchange) (returned bool) {
	defer func() {
		if e := recover(); e != nil {
			s.o.Logger.Error("request handler panicked", "panic", e, "stack", string(debug.Stack()))
		}
	}()
	s.handle(x)
	return true
}
