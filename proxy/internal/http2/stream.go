package http2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// stream is the client's side of one exchange. It and the exchange are reused.
type stream struct {
	x    exchange.Exchange
	sess *session
	id   uint32
	wait idleTimer
	// fire and work are timeout and run, bound once.
	fire, work func()
	over       *cancellation

	// reading says that ReadBody runs, possibly in another goroutine; writing that an answer
	// is being written.
	reading, writing atomic.Int32
	rate             wire.BodyRate

	// What the head said; status is not 0 for a request that is refused.
	status    int
	reason    string
	expect    bool
	announced []byte

	// What the handler alone touches. promised is the body's size that the head announced, or
	// exchange.Unknown.
	noBody, finished, aborted bool
	promised, written         int64
	// panicked says that the handler did.
	panicked bool

	// What the session's mutex guards. headSent is the handler's, which alone changes it.
	headSent                  bool
	readable, writable        sync.Cond
	body                      bodyQueue
	declared, got             int64
	trailers                  []exchange.Field
	remoteEnded, wrongEnd     bool
	stopped                   bool
	readExpired, writeExpired bool
	// reset says that the stream is no more, by either side, and why is what ended it.
	reset      bool
	why        error
	recvWindow int
	owed       int
	sendWindow int64
}

var _ exchange.Client = (*stream)(nil)

var streams sync.Pool

func newStream(s *session, id uint32) *stream {
	st, ok := streams.Get().(*stream)
	if !ok {
		st = new(stream)
		st.fire, st.work = st.timeout, st.run
	}
	st.sess, st.id = s, id
	st.readable.L, st.writable.L = &s.mu, &s.mu
	st.over = st.over.next()
	st.rate = wire.BodyRate{}
	st.status, st.reason, st.expect, st.announced = 0, "", false, st.announced[:0]
	st.headSent, st.noBody, st.finished, st.aborted, st.panicked = false, false, false, false, false
	st.promised, st.written = exchange.Unknown, 0
	st.declared, st.got, st.trailers = exchange.Unknown, 0, nil
	st.remoteEnded, st.wrongEnd, st.stopped, st.readExpired, st.writeExpired = false, false, false, false, false
	st.reset, st.why = false, nil
	st.recvWindow, st.owed = streamWindow, 0
	st.x.Reset()
	st.x.Conn, st.x.Client = s.c, st
	return st
}

// run serves this stream and then those that wait, until none does.
func (st *stream) run() {
	s := st.sess
	for st != nil {
		st = s.finish(st, st.serve())
	}
}

// serve handles the request and reports whether the answer is whole.
func (st *stream) serve() bool {
	st.wait.start(st.sess.o.IdleTimeout, st.fire)
	defer st.wait.stop()
	st.panicked = !st.sess.call(st)
	return !st.panicked && st.finished && !st.aborted
}

func (st *stream) refuse() {
	st.x.Record.MalformedRequest = true
	st.x.Record.ErrorReason = st.reason
	if st.sess.o.Refuse != nil {
		st.sess.o.Refuse(&st.x, st.status, st.reason)
		return
	}
	r := &st.x.Response
	r.Status, r.ContentLength, r.NoBody = st.status, 0, true
	_ = st.WriteHead(r, nil, false)
}

// release gives the stream back, unless another goroutine is still inside it, or may come
// back to it since the handler has not waited for it: what such a one does then fails. The
// session's mutex is held.
func (st *stream) release() {
	if st.panicked || st.reading.Load() != 0 {
		st.sess.kill(st, errLeft)
		return
	}
	st.body.clear()
	st.sess, st.x.Conn, st.x.Client = nil, nil, nil
	if cap(st.announced) > MaxLine {
		st.announced = nil
	}
	streams.Put(st)
}

// errLeft is what a stream fails with for those that its handler left behind.
var errLeft = errors.New("the handler has returned")

// timeout ends what waits for the client.
func (st *stream) timeout() {
	s := st.sess
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.reading.Load() != 0 {
		st.readExpired = true
		st.readable.Broadcast()
	}
	if st.writing.Load() != 0 {
		st.writeExpired = true
		st.writable.Broadcast()
		s.room.Broadcast()
	}
}

// beginWrite and endWrite enclose what waits for the client to take an answer, and hold the
// session's mutex. Both are called whatever beginWrite returns.
func (st *stream) beginWrite() error {
	st.writing.Store(1)
	st.wait.enter()
	st.sess.mu.Lock()
	return st.sess.awaitRoom(st)
}

func (st *stream) endWrite() {
	st.sess.mu.Unlock()
	st.wait.leave()
	st.writing.Store(0)
	st.wait.progress()
}

// Context is done when the client gives the request up or the connection ends.
func (st *stream) Context() context.Context { return st.over }

// ReadBody reads the request body. An error other than io.EOF wraps io.ErrUnexpectedEOF:
// the client reset the stream, left, or sent more or less than content-length said; or
// os.ErrDeadlineExceeded: it sent nothing for the idle timeout, or StopBody was called.
func (st *stream) ReadBody(p []byte) (int, error) {
	st.reading.Add(1)
	st.wait.enter()
	began := time.Now()
	n, err := st.take(p)
	st.wait.leave()
	if n > 0 {
		st.wait.progress()
		st.x.Record.ReceivedBytes += int64(n)
	}
	// A gRPC stream may have nothing to say for as long as it likes.
	if err == nil && !st.x.Record.GRPC {
		err = st.rate.Observe(n, time.Since(began), st.sess.o.IdleTimeout)
	}
	st.reading.Add(-1) // from here on the stream may be another's
	return n, err
}

// take waits for some of the body.
func (st *stream) take(p []byte) (int, error) {
	s := st.sess
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.expect && !st.headSent && st.body.size == 0 && !st.remoteEnded && !st.reset {
		st.expect = false
		s.appendHead(st, &exchange.Response{Status: http.StatusContinue}, false)
		s.flush(false)
	}
	for {
		switch {
		case st.stopped, st.readExpired:
			return 0, os.ErrDeadlineExceeded
		case st.body.size > 0:
			n := st.body.take(p)
			s.giveBack(n)
			st.giveBack(n)
			s.flush(true)
			return n, nil
		case st.reset:
			return 0, fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, st.why)
		case st.wrongEnd:
			return 0, fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, errWrongBody)
		case st.remoteEnded:
			return 0, io.EOF
		}
		st.readable.Wait()
	}
}

// endBody notes that no more of the body comes. The session's mutex is held.
func (st *stream) endBody() {
	st.remoteEnded = true
	st.wrongEnd = st.declared >= 0 && st.got != st.declared
}

// giveBack lets the client send n more bytes on this stream; it is told when that is worth
// a frame. The session's mutex is held.
func (st *stream) giveBack(n int) {
	if st.remoteEnded || st.reset {
		return
	}
	if st.owed += n; st.owed >= streamWindow/2 {
		st.sess.out = appendWindowUpdate(st.sess.buffer(), st.id, st.owed)
		st.recvWindow += st.owed
		st.owed = 0
	}
}

// Buffered tells how much of the request body is here, and whether that is the rest of it.
func (st *stream) Buffered() (n int, whole bool) {
	st.sess.mu.Lock()
	defer st.sess.mu.Unlock()
	// A body of unknown length is chunked towards a target of HTTP/1.1, and so not sent as
	// it is.
	known := st.declared >= 0 || st.body.size == 0
	return st.body.size, known && st.remoteEnded && !st.wrongEnd
}

// Trailers returns the trailers that the request announced in its trailer field; others
// are dropped. Unlike other fields they are not in the arena.
func (st *stream) Trailers() []exchange.Field {
	st.sess.mu.Lock()
	defer st.sess.mu.Unlock()
	return st.trailers
}

// StopBody makes a waiting ReadBody return.
func (st *stream) StopBody() {
	s := st.sess
	s.mu.Lock()
	defer s.mu.Unlock()
	st.stopped = true
	s.giveBack(st.body.clear())
	st.readable.Broadcast()
}

// Abort makes the stream end with RST_STREAM when the handler returns.
func (st *stream) Abort() { st.aborted = true }

// Gone reports whether the client reset the stream or left.
func (st *stream) Gone() bool { return st.over.Err() != nil }

// WriteInterim sends a 1xx answer. 100 is left out: it is sent when the body is first
// read; 101 does not exist in HTTP/2.
func (st *stream) WriteInterim(r *exchange.Response) error {
	if r.Status <= http.StatusSwitchingProtocols || r.Status > 199 || st.headSent {
		return nil
	}
	s := st.sess
	defer st.endWrite()
	if err := st.beginWrite(); err != nil {
		return err
	}
	s.appendHead(st, r, false)
	s.flush(true)
	return nil
}

// WriteHead sends the head. With more it is on the wire at once, and so is body.
func (st *stream) WriteHead(r *exchange.Response, body []byte, more bool) error {
	if st.headSent {
		return errors.New("response head is sent already")
	}
	if r.Status < 200 || r.Status > 999 {
		st.aborted = true
		return fmt.Errorf("status %d cannot be sent", r.Status)
	}
	st.noBody = r.NoBody || string(st.x.Request.Method) == http.MethodHead || r.Status == http.StatusNoContent || r.Status == http.StatusNotModified
	if st.noBody {
		body = nil
	} else if more {
		st.promised = r.ContentLength
	}
	s := st.sess
	defer st.endWrite()
	err := st.beginWrite()
	st.headSent = true
	if err != nil {
		return err
	}
	st.x.Record.SentBytes += int64(s.appendHead(st, r, !more && len(body) == 0))
	if err := st.send(body, !more); err != nil {
		return err
	}
	st.finished = !more
	st.flush()
	return nil
}

// flush is put off when Finish has to follow at once. The session's mutex is held.
func (st *stream) flush() {
	if st.finished || st.promised < 0 || st.written < st.promised {
		st.sess.flush(true)
	}
}

// WriteBody sends more of the body, flushed.
func (st *stream) WriteBody(p []byte) error {
	if st.noBody {
		return nil
	}
	defer st.endWrite()
	if err := st.beginWrite(); err != nil {
		return err
	}
	if err := st.send(p, false); err != nil {
		return err
	}
	st.flush()
	return nil
}

// Finish ends the body. One that is shorter than the head promised is cut instead, so
// that the client sees that something is missing.
func (st *stream) Finish(trailers []exchange.Field) error {
	if st.promised >= 0 && st.written != st.promised {
		st.aborted = true
		return fmt.Errorf("body of %d bytes where the head promised %d: %w", st.written, st.promised, io.ErrUnexpectedEOF)
	}
	s := st.sess
	defer st.endWrite()
	if err := st.beginWrite(); err != nil {
		return err
	}
	if len(trailers) > 0 {
		st.x.Record.SentBytes += int64(s.appendTrailers(st, trailers))
	} else {
		s.out = appendFrameHeader(s.buffer(), 0, http2.FrameData, http2.FlagDataEndStream, st.id)
	}
	st.finished = true
	s.flush(true)
	return nil
}

// send adds DATA frames to what is written, as the windows allow. The session's mutex is
// held, and let go of meanwhile.
func (st *stream) send(p []byte, end bool) error {
	s := st.sess
	for len(p) > 0 {
		if err := s.awaitRoom(st); err != nil {
			return err
		}
		n := int(min(int64(len(p)), int64(s.maxFrame), s.sendWindow, st.sendWindow))
		if n <= 0 {
			s.awaitWindow(st)
			continue
		}
		var flags http2.Flags
		if end && n == len(p) {
			flags = http2.FlagDataEndStream
		}
		s.out = append(appendFrameHeader(s.buffer(), n, http2.FrameData, flags, st.id), p[:n]...)
		s.sendWindow -= int64(n)
		st.sendWindow -= int64(n)
		st.written += int64(n)
		s.sent += int64(n)
		st.x.Record.SentBytes += int64(n)
		p = p[n:]
	}
	return nil
}
