package http2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// stream is the client's side of one exchange. It and the exchange are reused.
type stream struct {
	x    exchange.Exchange
	sess *session
	w    http.ResponseWriter
	r    *http.Request
	ctl  *http.ResponseController
	wait idleTimer
	keys []string

	// reading says that ReadBody runs, possibly in another goroutine; writing that an answer
	// is being written.
	reading, writing atomic.Int32

	rate wire.BodyRate

	headSent bool
	finished bool
	aborted  bool
	// promised is the body's size that the head announced, or exchange.Unknown.
	promised int64
	written  int64
}

var _ exchange.Client = (*stream)(nil)

var streams = sync.Pool{New: func() any { return new(stream) }}

func newStream(s *session, w http.ResponseWriter, r *http.Request) *stream {
	st := streams.Get().(*stream)
	st.sess, st.w, st.r = s, w, r
	st.ctl = http.NewResponseController(w)
	st.headSent, st.finished, st.aborted, st.rate = false, false, false, wire.BodyRate{}
	st.promised, st.written = exchange.Unknown, 0
	st.x.Reset()
	st.x.Conn, st.x.Client = s.c, st
	return st
}

// serve handles the request and reports whether the answer is whole.
func (s *stream) serve() bool {
	s.wait.start(s.sess.o.IdleTimeout, s.timeout)
	defer s.wait.stop()
	returned := true
	if status, reason := s.fill(); status != 0 {
		s.refuse(status, reason)
	} else {
		returned = s.sess.call(&s.x)
	}
	return returned && s.finished && !s.aborted
}

func (s *stream) refuse(status int, reason string) {
	s.x.Record.MalformedRequest = true
	s.x.Record.ErrorReason = reason
	if s.sess.o.Refuse != nil {
		s.sess.o.Refuse(&s.x, status, reason)
		return
	}
	r := &s.x.Response
	r.Status, r.ContentLength, r.NoBody = status, 0, true
	_ = s.WriteHead(r, nil, false)
}

// release gives the stream back, unless another goroutine is still inside it.
func (s *stream) release() {
	if s.reading.Load() != 0 {
		return
	}
	clear(s.keys)
	s.sess, s.w, s.r, s.ctl = nil, nil, nil, nil
	s.x.Conn, s.x.Client = nil, nil
	streams.Put(s)
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// timeout ends what waits for the client.
func (s *stream) timeout() {
	if s.reading.Load() != 0 {
		_ = s.ctl.SetReadDeadline(past)
	}
	if s.writing.Load() != 0 {
		_ = s.ctl.SetWriteDeadline(past)
	}
}

// beginWrite and endWrite enclose what waits for the client to take an answer.
func (s *stream) beginWrite() {
	s.writing.Store(1)
	s.wait.enter()
}

func (s *stream) endWrite() {
	s.wait.leave()
	s.writing.Store(0)
	s.wait.progress()
}

// Context is done when the client gives the request up or the connection ends.
func (s *stream) Context() context.Context { return s.r.Context() }

// ReadBody reads the request body. An error other than io.EOF wraps io.ErrUnexpectedEOF:
// the client reset the stream, left, or sent more or less than content-length said; or
// os.ErrDeadlineExceeded: it sent nothing for the idle timeout, or StopBody was called.
func (s *stream) ReadBody(p []byte) (int, error) {
	s.reading.Add(1)
	s.wait.enter()
	began := time.Now()
	n, err := s.r.Body.Read(p)
	s.wait.leave()
	if n > 0 {
		s.wait.progress()
		s.x.Record.ReceivedBytes += int64(n)
	}
	s.reading.Add(-1)
	// A gRPC stream may have nothing to say for as long as it likes.
	if err == nil && !s.x.Record.GRPC {
		err = s.rate.Observe(n, time.Since(began), s.sess.o.IdleTimeout)
	}
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, os.ErrDeadlineExceeded):
		return n, err
	}
	return n, fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
}

// Buffered tells only whether there is a body at all: how much of it has come in is not
// to be had from the HTTP/2 implementation.
func (s *stream) Buffered() (n int, whole bool) { return 0, s.x.Request.ContentLength == 0 }

// Trailers returns the trailers that the request announced in its trailer field; others
// are dropped by the HTTP/2 implementation. Unlike other fields they are not in the arena.
func (s *stream) Trailers() []exchange.Field {
	var fields []exchange.Field
	for name, values := range s.r.Trailer {
		for _, v := range values {
			f := exchange.Field{Name: []byte(strings.ToLower(name)), Value: []byte(v)}
			f.ID = exchange.Identify(f.Name)
			fields = append(fields, f)
		}
	}
	slices.SortStableFunc(fields, func(a, b exchange.Field) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return fields
}

// StopBody makes a waiting ReadBody return.
func (s *stream) StopBody() { _ = s.ctl.SetReadDeadline(past) }

// Abort makes the stream end with RST_STREAM when the handler returns.
func (s *stream) Abort() { s.aborted = true }

// Gone reports whether the client reset the stream or left.
func (s *stream) Gone() bool { return s.r.Context().Err() != nil }

// WriteInterim sends a 1xx answer. 100 is left out: the HTTP/2 implementation sends it
// when the body is first read; 101 does not exist in HTTP/2.
func (s *stream) WriteInterim(r *exchange.Response) error {
	if r.Status <= http.StatusSwitchingProtocols || r.Status > 199 || s.headSent {
		return nil
	}
	h := s.w.Header()
	setFields(h, r.Fields)
	s.beginWrite()
	s.w.WriteHeader(r.Status)
	s.endWrite()
	clear(h)
	return s.r.Context().Err()
}

// WriteHead sends the head. With more it is on the wire at once, and so is body.
func (s *stream) WriteHead(r *exchange.Response, body []byte, more bool) error {
	if s.headSent {
		return errors.New("response head is sent already")
	}
	s.headSent = true
	if r.Status < 200 || r.Status > 999 {
		s.aborted = true
		return fmt.Errorf("status %d cannot be sent", r.Status)
	}
	h := s.w.Header()
	size := setFields(h, r.Fields)
	quiet(h, len(body) == 0)
	s.w.WriteHeader(r.Status)
	// The head is copied; what is in the map from here on would be taken for trailers.
	clear(h)
	s.x.Record.SentBytes += int64(size)
	if more && !r.NoBody && s.r.Method != http.MethodHead && r.Status != http.StatusNoContent && r.Status != http.StatusNotModified {
		s.promised = r.ContentLength
	}
	if len(body) > 0 {
		if err := s.write(body); err != nil {
			return err
		}
	}
	if !more {
		s.finished = true
		return nil
	}
	return s.flush()
}

// WriteBody sends more of the body, flushed.
func (s *stream) WriteBody(p []byte) error {
	if err := s.write(p); err != nil {
		return err
	}
	return s.flush()
}

// Finish ends the body. One that is shorter than the head promised is cut instead, so
// that the client sees that something is missing.
func (s *stream) Finish(trailers []exchange.Field) error {
	if s.promised >= 0 && s.written != s.promised {
		s.aborted = true
		return fmt.Errorf("body of %d bytes where the head promised %d: %w", s.written, s.promised, io.ErrUnexpectedEOF)
	}
	h := s.w.Header()
	for _, f := range trailers {
		key := http.TrailerPrefix + headerKey(f)
		h[key] = append(h[key], string(f.Value))
		s.x.Record.SentBytes += int64(len(f.Name) + len(f.Value))
	}
	s.finished = true
	return s.r.Context().Err()
}

func (s *stream) write(p []byte) error {
	s.beginWrite()
	n, err := s.w.Write(p)
	s.endWrite()
	if errors.Is(err, http.ErrBodyNotAllowed) {
		return nil
	}
	s.written += int64(n)
	s.x.Record.SentBytes += int64(n)
	return err
}

func (s *stream) flush() error {
	s.beginWrite()
	err := s.ctl.Flush()
	s.endWrite()
	return err
}
