package server

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/forward"
	"github.com/evenkeel/evenkeel/proxy/internal/http1"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

const (
	// drainIdle is how long a keep-alive connection may wait for one last request once the
	// listener drains. Closing it at once would race with a request on its way.
	drainIdle = time.Second
	// lingerTime and lingerBytes bound how long an answered client may go on sending a body
	// that nobody wants. Closing at once would reset the connection and could take the
	// answer with it.
	lingerTime  = 2 * time.Second
	lingerBytes = 1 << 20
	// skipBytes is the most of an unread body that is read and thrown away in order to keep
	// the connection.
	skipBytes = 64 << 10
)

// exchanges are reused by all HTTP/1 connections, so that an idle one holds none.
var exchanges = sync.Pool{New: func() any { return new(exchange.Exchange) }}

// http1Conn is a client connection that speaks HTTP/1. It is the client's side of one
// exchange after the other.
type http1Conn struct {
	*clientConn
	parser http1.RequestParser
	chunks http1.ChunkDecoder

	x *exchange.Exchange
	// in holds what was read: a head, then what came of the body and of later requests.
	// in.Bytes[r:w] is not yet used.
	in   *wire.Buffer
	pool *wire.BufferPool // in's pool
	r, w int
	// head is the buffer that the head stands in when the body has one of its own.
	head     *wire.Buffer
	headPool *wire.BufferPool

	// The request body.
	framed    bool
	left      int64 // bytes still to come by Content-Length; Unknown for chunked
	bodyDone  bool  // the whole body has been read
	continued bool  // 100 Continue has been sent, or was not asked for
	rate      wire.BodyRate

	// resume and work are goOn and serveOn, bound once. expected says that all is ready for the next request but the
	// request.
	resume, work func()
	expected     bool
	// ended is when the last exchange did; zero when it is not known.
	ended time.Time

	// The answer.
	chunked   bool
	headSent  bool
	broken    bool // writing went wrong: the client is gone
	closeNow  bool // the connection ends with this exchange
	chunkHead [20]byte
}

// newHTTP1Conn is a client connection on which nothing has been read but what stands in c.behind.
func newHTTP1Conn(c *clientConn) *http1Conn {
	h := &http1Conn{clientConn: c}
	h.resume, h.work = h.goOn, h.serveOn
	if e := &c.behind; e.buffer != nil { // only on a plain connection: TLS takes it in
		h.in, h.pool, h.r, h.w = e.buffer, wire.Heads, e.r, e.w
		*e = early{}
	}
	return h
}

// exchange reads one request head and has it answered. It reports whether the connection
// goes on.
func (c *http1Conn) exchange() bool {
	l := c.listener.current.Load()
	now := time.Now()
	x := exchanges.Get().(*exchange.Exchange)
	x.Reset()
	x.Conn, x.Client = &c.facts, c
	x.Record.Created = now
	c.x = x
	c.headSent, c.broken, c.chunked = false, false, false
	c.framed, c.bodyDone, c.rate = false, false, wire.BodyRate{}
	c.stopped.Store(false)
	c.closeNow = c.lastRequest(now)

	n, err := c.readHead(l, now)
	switch {
	case err == nil:
		l = c.listener.current.Load() // a reload may have come while the head did
		c.r += n
		x.Record.ReceivedBytes = int64(n)
		l.Serve(x)
		c.frame()
	case errors.As(err, new(*http1.Error)):
		x.Record.ReceivedBytes = int64(c.w - c.r)
		c.framed, c.bodyDone, c.closeNow = true, true, true
		l.Malformed(x, err)
	case wire.Timeout(err):
		x.Record.ReceivedBytes = int64(c.w - c.r)
		c.framed, c.bodyDone, c.closeNow = true, true, true
		l.RequestTimeout(x)
	default:
		c.closeNow = true // the client left in the middle of a head
	}
	c.ended = x.Record.Ended
	if !c.closeNow && !c.broken && !c.bodyDone {
		c.skipBody()
		c.ended = time.Time{}
	}
	keep := !c.closeNow && !c.broken
	if !keep && c.headSent && !c.broken {
		c.finish()
	}
	c.x = nil
	exchanges.Put(x)
	if keep {
		c.compact()
	}
	return keep
}

// readHead reads until the head is complete. A client has one idle timeout for all of it,
// however it spreads its bytes.
func (c *http1Conn) readHead(l *forward.Listener, began time.Time) (int, error) {
	c.parser.Reset()
	for {
		n, err := c.parser.Parse(c.in.Bytes[c.r:c.w], &c.x.Request)
		if n > 0 || err != nil {
			return n, err
		}
		if !c.reading.Load() { // nearly every head comes in one piece
			c.reading.Store(true)
			defer c.reading.Store(false)
		}
		if c.w == len(c.in.Bytes) && !c.makeRoom() {
			return 0, &http1.Error{Status: 400, Reason: "request head is too large"}
		}
		c.wire.LimitRead(began.Add(l.IdleTimeout()))
		m, err := c.wire.Read(c.in.Bytes[c.w:])
		c.w += m
		if m == 0 && err != nil {
			return 0, err
		}
	}
}

// makeRoom makes space behind what was read: by moving it to the front, or else into a
// buffer that holds the largest head allowed.
func (c *http1Conn) makeRoom() bool {
	if c.r > 0 {
		c.w = copy(c.in.Bytes, c.in.Bytes[c.r:c.w])
		c.r = 0
		return true
	}
	if c.pool == wire.Bodies {
		return false
	}
	b := wire.Bodies.Get()
	copy(b.Bytes, c.in.Bytes[:c.w])
	c.pool.Put(c.in)
	c.in, c.pool = b, wire.Bodies
	return true
}

// Buffered implements exchange.Client.
func (c *http1Conn) Buffered() (n int, whole bool) {
	c.frame()
	if c.bodyDone {
		return 0, true
	}
	if !c.continued {
		// An ALB answers the expectation itself, at once. It is done here, before anything else
		// may be written, and not in ReadBody, which may run beside the answer.
		c.continued = true
		_ = c.write(continueLine) // a client that is gone shows when its body is read
	}
	if c.left == exchange.Unknown {
		return 0, false
	}
	have := int64(c.w - c.r)
	if have >= c.left {
		return int(c.left), true
	}
	return int(have), false
}

// ReadBody implements exchange.Client.
func (c *http1Conn) ReadBody(p []byte) (int, error) {
	c.frame()
	if c.bodyDone {
		return 0, io.EOF
	}
	if c.left == exchange.Unknown {
		return c.readChunked(p)
	}
	return c.readCounted(p)
}

var continueLine = []byte("HTTP/1.1 100 Continue\r\n\r\n")

func (c *http1Conn) readCounted(p []byte) (int, error) {
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n := copy(p, c.in.Bytes[c.r:c.w])
	c.r += n
	if n == 0 {
		var err error
		if n, err = c.readMore(p); err != nil {
			return 0, err
		}
	}
	c.x.Record.ReceivedBytes += int64(n)
	c.left -= int64(n)
	if c.left == 0 {
		c.bodyDone = true
	}
	return n, nil
}

// readMore reads from the connection and holds the client to a minimum rate.
func (c *http1Conn) readMore(p []byte) (int, error) {
	idle := c.idleTimeout
	began := time.Now()
	c.wire.ExtendRead(began, idle)
	if c.stopped.Load() {
		return 0, net.ErrClosed
	}
	n, err := c.wire.Read(p)
	if n == 0 && err == nil {
		err = io.ErrNoProgress
	}
	if n == 0 {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	if err := c.rate.Observe(n, time.Since(began), idle); err != nil {
		return 0, err
	}
	return n, nil
}

// readChunked removes the chunked coding. What the decoder gives stands in place in the
// buffer and is copied out.
func (c *http1Conn) readChunked(p []byte) (int, error) {
	for {
		data, used, err := c.chunks.Decode(c.in.Bytes[c.r:min(c.w, c.r+len(p))])
		if err != nil {
			return 0, err
		}
		n := copy(p, data)
		c.r += used
		c.x.Record.ReceivedBytes += int64(used)
		if c.chunks.Done() {
			c.bodyDone = true
			if n == 0 {
				return 0, io.EOF
			}
		}
		if n > 0 {
			return n, nil
		}
		if used > 0 && c.r < c.w {
			continue
		}
		if c.r > 0 {
			c.w = copy(c.in.Bytes, c.in.Bytes[c.r:c.w])
			c.r = 0
		}
		m, err := c.readMore(c.in.Bytes[c.w:])
		if err != nil {
			return 0, err
		}
		c.w += m
	}
}

// frame learns how the body is framed, once the forwarder has decided it.
func (c *http1Conn) frame() {
	if c.framed {
		return
	}
	c.framed = true
	r := &c.x.Request
	c.left, c.bodyDone, c.continued = r.ContentLength, r.ContentLength == 0, !r.ExpectContinue
	if r.Chunked {
		c.left = exchange.Unknown
		c.chunks.Reset()
		// The fields of the head point into its buffer, so a chunked body, of which more may
		// come than the buffer holds, goes through one of its own.
		c.head, c.headPool = c.in, c.pool
		rest := c.head.Bytes[c.r:c.w]
		if len(rest) < wire.HeadSize/2 {
			c.pool = wire.Heads
		}
		c.in = c.pool.Get()
		c.w = copy(c.in.Bytes, rest)
		c.r = 0
	}
}

// Trailers implements exchange.Client.
func (c *http1Conn) Trailers() []exchange.Field {
	if c.left != exchange.Unknown {
		return nil
	}
	return c.chunks.Trailers()
}

// Gone implements exchange.Client.
func (c *http1Conn) Gone() bool { return c.wire.Peek() == wire.Gone }

// Watch tells when the client leaves while its request waits; stop ends that.
func (c *http1Conn) Watch() (gone <-chan struct{}, stop func()) {
	left, ended := make(chan struct{}), make(chan struct{})
	c.wire.LimitRead(time.Time{})
	go func() {
		defer close(ended)
		if c.wire.AwaitGone() {
			close(left)
		}
	}()
	return left, func() {
		c.wire.ExpireRead()
		<-ended
		c.wire.LimitRead(time.Time{})
	}
}

// StopBody makes a ReadBody that waits in another goroutine return.
func (c *http1Conn) StopBody() {
	c.stopped.Store(true)
	c.wire.ExpireRead()
}

// skipBody reads the rest of a small body that nobody wanted, so that the connection can
// go on; a larger one ends it.
func (c *http1Conn) skipBody() {
	c.frame()
	if !c.continued || c.left > skipBytes {
		c.closeNow = true
		return
	}
	b := wire.Heads.Get()
	defer wire.Heads.Put(b)
	for total := 0; !c.bodyDone; {
		n, err := c.ReadBody(b.Bytes)
		if total += n; err != nil && !errors.Is(err, io.EOF) || total > skipBytes {
			c.closeNow = true
			return
		}
	}
}

// finish ends an answered connection. Closing it at once with something unread would reset
// it, and take the answer with it.
func (c *http1Conn) finish() {
	r := &c.x.Response
	refused := c.x.Record.Dispatched.IsZero() && r.Status >= 400
	switch {
	case r.Status == 101: // the tunnel has seen to it
	case refused, !c.bodyDone, c.w > c.r, c.wire.Peek() == wire.Waiting:
		c.linger()
	case !c.wire.Plain():
		c.wire.LimitWrite(time.Now().Add(lingerTime))
		_ = c.wire.CloseWrite() // the end of TLS, by which the client knows that nothing is missing
	}
}

// linger ends an answered connection whose client may still be sending.
func (c *http1Conn) linger() {
	until := time.Now().Add(lingerTime)
	c.wire.LimitWrite(until)
	if c.wire.CloseWrite() != nil {
		return
	}
	b := wire.Heads.Get()
	defer wire.Heads.Put(b)
	c.wire.LimitRead(until)
	for total := 0; total < lingerBytes; {
		n, err := c.wire.Read(b.Bytes)
		if err != nil {
			return
		}
		total += n
	}
}

// compact gives back what the exchange used and keeps what came of the next request.
func (c *http1Conn) compact() {
	if c.head != nil {
		c.headPool.Put(c.head)
		c.head = nil
	}
	if c.w == c.r {
		c.drop()
		return
	}
	c.w = copy(c.in.Bytes, c.in.Bytes[c.r:c.w])
	c.r = 0
}

// drop gives the input buffer back.
func (c *http1Conn) drop() {
	if c.in != nil {
		c.pool.Put(c.in)
		c.in, c.r, c.w = nil, 0, 0
	}
}

func (c *http1Conn) release() {
	if c.head != nil {
		c.headPool.Put(c.head)
		c.head = nil
	}
	c.drop()
}
