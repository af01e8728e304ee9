package http2

import (
	"context"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

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
	s := &session{
		conn: conn, c: c, o: o, handle: handle,
		streams:       map[uint32]*stream{},
		sendWindow:    initialWindow,
		initialWindow: initialWindow,
		maxFrame:      frameSize,
		recvWindow:    connectionWindow,
	}
	s.room.L, s.ended.L = &s.mu, &s.mu
	s.in = input{conn: conn, quiet: s.quiet}
	s.decoder = hpack.NewDecoder(headerTable, s.head.add)
	defer context.AfterFunc(ctx, s.goAway)()
	if o.MaxAge > 0 {
		defer time.AfterFunc(o.MaxAge, s.goAway).Stop()
	}
	s.idle.start(o.IdleTimeout, func() { go s.leave(http2.ErrCodeNo) })
	s.idle.enter()
	err := s.receive()
	s.idle.stop()
	s.end(err)
}

// Times that belong to the protocol and to no setting.
const (
	// prefaceTimeout is how long a client may take to begin.
	prefaceTimeout = 10 * time.Second
	// goAwayTimeout is how long a client may take to notice that it is told to go away, and
	// how long it is listened to once all is said.
	goAwayTimeout = time.Second
)

// initialWindow is what may be sent before a peer says otherwise (RFC 9113, section 6.9.2).
const initialWindow = 65535

// session is one client connection. One goroutine receives; every stream's handler sends.
type session struct {
	conn   net.Conn
	c      *exchange.Connection
	o      Options
	handle func(*exchange.Exchange)
	idle   idleTimer

	// What only the receiving goroutine touches.
	in       input
	decoder  *hpack.Decoder
	head     head
	partial  partialHead
	requests int
	overhead int64
	payload  int64

	mu sync.Mutex
	output
	streams map[uint32]*stream
	// lastID is that of the newest stream; later ones are not served once awayID is said.
	lastID, awayID uint32
	away           away
	// opening says that a stream is about to be opened; departed that nothing is sent any more.
	opening, departed bool
	// running counts handlers, waiting are streams that wait for one to end.
	running int
	waiting []*stream
	ended   sync.Cond
	// cancelled counts requests that ended without a whole answer, of served ones.
	cancelled, served int
	// sendWindow is how much the client takes; starved is how many streams wait for that.
	sendWindow, initialWindow int64
	starved                   int
	// shrunk says that the client's table is smaller than we could have filled, which the next
	// block has to answer.
	shrunk bool
	// sent counts what has been sent of bodies since the receiving goroutine last looked.
	sent int64
	// maxFrame is the largest payload that the client takes, or we care to send.
	maxFrame int
	// recvWindow is how much the client may send, and owed what has been taken of it and is
	// not yet said.
	recvWindow, owed int
	// failed is set when the connection is over.
	failed error
}

// away is how far the client has been told to go away.
type away uint8

const (
	staying away = iota
	// announced: there will be an end. Streams that are on their way are served.
	announced
	// final: no later streams.
	final
)

// goAway tells the client to go, and after a moment, in which what it sent before it knew
// comes in, that no later stream is served (RFC 9113, section 6.8).
func (s *session) goAway() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away != staying || s.failed != nil {
		return
	}
	s.away = announced
	s.out = appendGoAway(s.buffer(), 1<<31-1, http2.ErrCodeNo)
	s.out = appendPing(s.out, false, goAwayPing)
	s.flush(false)
	time.AfterFunc(goAwayTimeout, func() { s.leave(http2.ErrCodeNo) })
}

// goAwayPing is answered by a client that has heard that it is to go.
var goAwayPing = [8]byte{'g', 'o', ' ', 'a', 'w', 'a', 'y', '!'}

// leave serves no later streams. Without streams the connection ends.
func (s *session) leave(code http2.ErrCode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away == final || s.failed != nil {
		return
	}
	s.away, s.awayID = final, s.lastID
	s.out = appendGoAway(s.buffer(), s.awayID, code)
	s.flush(false)
}

// depart closes the connection once nothing is left to do on it; the client is listened to
// for a while so that what it still sends does not destroy what it was told. mu is held,
// and let go of meanwhile.
func (s *session) depart() {
	if s.away != final || s.opening || len(s.streams) > 0 || len(s.waiting) > 0 || s.flushing || len(s.out) > 0 || s.departed {
		return
	}
	s.departed = true
	s.mu.Unlock()
	s.closeWrite()
	_ = s.conn.SetReadDeadline(time.Now().Add(goAwayTimeout))
	s.mu.Lock()
}

func (s *session) closeWrite() {
	if c, ok := s.conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}

// refuseAll ends the connection for what the client did.
func (s *session) refuseAll(code http2.ErrCode) {
	s.mu.Lock()
	s.out = appendGoAway(s.buffer(), s.lastID, code)
	s.flush(false)
	s.fail(http2.ConnectionError(code))
	s.mu.Unlock()
	s.closeWrite()
	_ = s.conn.SetReadDeadline(time.Now().Add(goAwayTimeout))
	s.in.release()
	for range discardedReads {
		if _, err := s.conn.Read(s.head.discard[:]); err != nil {
			return
		}
	}
}

// discardedReads bounds what is read of a client that has been refused.
const discardedReads = 256

// fail ends every stream. mu is held.
func (s *session) fail(err error) {
	if s.failed != nil {
		return
	}
	s.failed = err
	for _, st := range s.streams {
		s.kill(st, err)
	}
	s.room.Broadcast()
}

// abandon closes the connection without waiting, as closing TLS may for a writer.
func (s *session) abandon() {
	go func() { _ = s.conn.Close() }()
}

// end closes the connection and waits for the handlers.
func (s *session) end(err error) {
	s.mu.Lock()
	s.fail(err)
	s.mu.Unlock()
	_ = s.conn.Close()
	s.in.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.running > 0 {
		s.ended.Wait()
	}
}

// tolerated is how many requests a client may cancel before it is looked at how many it
// does not.
const tolerated = 1000

// begin has a handler serve a stream, now or when another has ended. mu is held.
func (s *session) begin(st *stream) {
	if s.running >= s.o.MaxStreams {
		s.waiting = append(s.waiting, st)
		return
	}
	s.running++
	go st.work()
}

// finish takes a stream out and returns the next that waits for a handler, if any.
func (s *session) finish(st *stream, whole bool) (next *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.served++
	if st.reset && !whole {
		s.cancelled++
		// Rapid reset (CVE-2023-44487): a client that cancels most of what it asks for only
		// makes work.
		if s.cancelled > tolerated && 2*s.cancelled > s.served {
			s.abandon()
		}
	}
	if !st.reset {
		switch {
		case !whole:
			s.out = appendReset(s.buffer(), st.id, http2.ErrCodeInternal)
		case !st.remoteEnded:
			// The rest of the request is not wanted (RFC 9113, section 8.1).
			s.out = appendReset(s.buffer(), st.id, http2.ErrCodeNo)
		}
	}
	s.remove(st)
	st.release()
	for next == nil && len(s.waiting) > 0 {
		next = s.waiting[0]
		s.waiting = s.waiting[1:]
		if next.reset { // it was given up before anybody looked at it
			s.cancelled++
			s.served++
			next.release()
			next = nil
		}
	}
	s.flush(true)
	if next == nil {
		s.running--
		if s.running == 0 {
			s.ended.Broadcast()
		}
	}
	return next
}

// call has a request handled, or refused, and reports whether that returned.
func (s *session) call(st *stream) (returned bool) {
	defer func() {
		if e := recover(); e != nil {
			s.o.Logger.Error("request handler panicked", "panic", e, "stack", string(debug.Stack()))
		}
	}()
	if st.status != 0 {
		st.refuse()
	} else {
		s.handle(&st.x)
	}
	return true
}
