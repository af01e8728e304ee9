package http2

import (
	"context"
	"os"

	"golang.org/x/net/http2"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// awaitRoom waits until more may be added to what waits to be written. mu is held, and let
// go of meanwhile.
func (s *session) awaitRoom(st *stream) error {
	for {
		switch {
		case st.reset:
			return context.Canceled
		case st.writeExpired:
			return os.ErrDeadlineExceeded
		case len(s.out) < maxOut:
			return nil
		case s.flushing:
			s.room.Wait()
		default:
			s.flush(false)
		}
	}
}

// awaitWindow waits for the client to take more.
func (s *session) awaitWindow(st *stream) {
	s.flush(true)
	for !st.reset && !st.writeExpired && (s.sendWindow <= 0 || st.sendWindow <= 0) {
		s.starved++
		st.writable.Wait()
		s.starved--
	}
}

// resetStream ends a stream for what the client did on it. mu is held.
func (s *session) resetStream(st *stream, code http2.ErrCode, why error) {
	s.out = appendReset(s.buffer(), st.id, code)
	s.kill(st, why)
}

// refuse is resetStream for a stream that may be over.
func (s *session) refuse(id uint32, code http2.ErrCode) {
	if st := s.streams[id]; st != nil {
		s.resetStream(st, code, errWrongBody)
	}
}

// kill ends a stream whose handler may still run. mu is held.
func (s *session) kill(st *stream, why error) {
	st.reset, st.why = true, why
	s.remove(st)
	st.over.cancel()
	st.readable.Broadcast()
	st.writable.Broadcast()
	s.room.Broadcast()
}

// remove takes a stream out of the open ones. mu is held.
func (s *session) remove(st *stream) {
	s.giveBack(st.body.clear())
	if s.streams[st.id] != st {
		return
	}
	delete(s.streams, st.id)
	if len(s.streams) == 0 {
		s.idle.progress()
		s.idle.enter()
	}
}

// appendHead adds a head to what is written, and returns the size of its fields.
func (s *session) appendHead(st *stream, r *exchange.Response, end bool) int {
	begin := s.beginHead(st)
	out, size := appendFields(appendStatus(s.out, r.Status), r.Fields)
	s.out = out
	s.endHead(st, begin, end)
	return size
}

// appendTrailers adds fields that end the stream.
func (s *session) appendTrailers(st *stream, fields []exchange.Field) int {
	begin := s.beginHead(st)
	out, size := appendFields(s.out, fields)
	s.out = out
	s.endHead(st, begin, true)
	return size
}

// beginHead and endHead enclose a block of fields with its frame.
func (s *session) beginHead(st *stream) (begin int) {
	begin = len(s.buffer())
	s.out = appendFrameHeader(s.buffer(), 0, http2.FrameHeaders, 0, st.id)
	if s.shrunk {
		s.out = append(s.out, noTable)
		s.shrunk = false
	}
	return begin
}

func (s *session) endHead(st *stream, begin int, end bool) {
	block := s.out[begin+frameHeaderSize:]
	var flags http2.Flags
	if end {
		flags = http2.FlagHeadersEndStream
	}
	if len(block) <= s.maxFrame {
		appendFrameHeader(s.out[:begin], len(block), http2.FrameHeaders, flags|http2.FlagHeadersEndHeaders, st.id)
		return
	}
	rest := append([]byte(nil), block[s.maxFrame:]...)
	s.out = s.out[:begin+frameHeaderSize+s.maxFrame]
	appendFrameHeader(s.out[:begin], s.maxFrame, http2.FrameHeaders, flags, st.id)
	for len(rest) > 0 {
		n := min(len(rest), s.maxFrame)
		flags = 0
		if n == len(rest) {
			flags = http2.FlagContinuationEndHeaders
		}
		s.out = append(appendFrameHeader(s.out, n, http2.FrameContinuation, flags, st.id), rest[:n]...)
		rest = rest[n:]
	}
}

// bodyQueue is what has come in of a request body and is not read.
type bodyQueue struct {
	pieces []bodyPiece
	size   int
}

type bodyPiece struct {
	buf  *wire.Buffer
	r, w int
}

// put copies p, which the stream's window bounds.
func (q *bodyQueue) put(p []byte) {
	q.size += len(p)
	for len(p) > 0 {
		if len(q.pieces) == 0 || q.pieces[len(q.pieces)-1].w == wire.HeadSize {
			q.pieces = append(q.pieces, bodyPiece{buf: wire.Heads.Get()})
		}
		last := &q.pieces[len(q.pieces)-1]
		n := copy(last.buf.Bytes[last.w:], p)
		last.w += n
		p = p[n:]
	}
}

// take fills p as far as it goes.
func (q *bodyQueue) take(p []byte) (n int) {
	for len(q.pieces) > 0 && n < len(p) {
		first := &q.pieces[0]
		m := copy(p[n:], first.buf.Bytes[first.r:first.w])
		first.r += m
		n += m
		if first.r == first.w {
			wire.Heads.Put(first.buf)
			q.pieces = q.pieces[:copy(q.pieces, q.pieces[1:])]
		}
	}
	q.size -= n
	return n
}

// clear gives all of it up and returns how much that was.
func (q *bodyQueue) clear() (n int) {
	for _, p := range q.pieces {
		wire.Heads.Put(p.buf)
	}
	n = q.size
	q.pieces, q.size = q.pieces[:0], 0
	return n
}
