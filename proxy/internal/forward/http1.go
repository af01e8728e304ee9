package forward

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http1"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

const (
	// goneCheck is how often, while the target is silent, the client is looked at for
	// having left.
	goneCheck = time.Second
	// maxInterim is how many 1xx answers may come before the final one. More are a target that
	// does not come to the point.
	maxInterim = 64
	// spliceMinimum is the size from which moving a body inside the kernel costs less than
	// copying it.
	spliceMinimum = 32 << 10
	// spliceChunk bounds what moves under one deadline: a client must take that much within
	// two idle timeouts.
	spliceChunk = 128 << 10
	// takenAtOnce is what the kernel takes of a request without waiting for the target.
	takenAtOnce = wire.HeadSize
)

// errInterim: the target sent nothing but 1xx.
var errInterim = errors.New("target sent too many interim answers")

// errTruncated: the target closed before the end of its answer.
var errTruncated = errors.New("target closed before the end of its answer")

// overHTTP1 sends the request to the target over HTTP/1.1 and passes on the answer. It
// returns 0 when the client has been answered, or the status to answer with.
func (s *session) overHTTP1() int {
	s.began = time.Now()
	if err := s.connect(s.began); err != nil {
		return s.fail(err)
	}
	if !s.kept {
		s.began = time.Now()
	}
	s.keep = false
	stop := s.heedClient()
	status := s.exchangeHTTP1()
	if !stop() {
		s.keep = false // the connection's deadline may still be touched
	}
	s.disconnect()
	return status
}

// heedClient lets the exchange end at once when the client of an HTTP/2 stream gives it up:
// the stream is free for another request then, and work for a target must not pile up. Of
// an HTTP/1 client it takes a look at the socket to know, which fill does now and then.
func (s *session) heedClient() (stop func() bool) {
	client, ok := exchange.Innermost(s.x.Client).(interface{ Context() context.Context })
	if !ok {
		return stopped
	}
	return context.AfterFunc(client.Context(), s.conn.ExpireRead)
}

func stopped() bool { return true }

func (s *session) exchangeHTTP1() int {
	if err := s.send(); err != nil {
		status := s.stopUpload(s.fail(err))
		s.blameSending()
		return status
	}
	if err := s.receive(); err != nil {
		status := s.stopUpload(s.fail(err))
		if s.upload.late.Load() {
			s.blameSending()
		}
		if blame := s.upload.blame(); blame != 0 {
			status, s.cause, s.fault, s.cut = blame, 0, target.NoFault, telemetry.NotCut
			if blame == http.StatusRequestTimeout {
				s.cut = telemetry.CutClient
			}
		}
		return status
	}
	if s.discard() {
		return s.stopUpload(s.x.Response.Status)
	}
	if s.x.Response.Status == http.StatusSwitchingProtocols {
		s.tunnel()
		return 0
	}
	if s.upload.running && !s.upload.last.Load() {
		// The target answers before it has the body. What is left of it is given up once the
		// answer is through, and the client's connection with it.
		s.x.Request.Close = true
	}
	s.prepareAnswer()
	s.x.Record.Status = s.x.Response.Status
	if err := s.relay(); err != nil {
		s.keep = false
		s.x.Client.Abort()
	}
	s.stopUpload(0)
	return 0
}

// blameSending notes that a timeout was that of sending.
func (s *session) blameSending() {
	if s.cut == telemetry.CutAnswer {
		s.cut = telemetry.CutSend
	}
}

// send writes the head, with the body when the whole of it is at hand; a longer body
// follows in a goroutine of its own while this one waits for the answer.
func (s *session) send() error {
	if s.request != nil {
		return s.write(s.request.Bytes[:s.size], false)
	}
	s.prepareRequest()
	n, whole := s.x.Client.Buffered()

	b := wire.Bodies.Get()
	out := appendRequest(b.Bytes[:0], s.x, s.fields)
	if whole && n > 0 && len(out)+n <= cap(out) {
		read, err := io.ReadFull(bodyReader{s.x.Client}, out[len(out):len(out)+n])
		if err != nil {
			wire.Bodies.Put(b)
			return err
		}
		out = out[:len(out)+read]
		n = 0
	}
	more := !whole || n > 0
	if s.cfg.Retries != nil && !more && len(out) <= len(b.Bytes) {
		s.request, s.size = b, len(out)
	} else {
		defer wire.Bodies.Put(b)
	}
	return s.write(out, more)
}

// write sends the beginning of the request; more says that more of its body follows.
func (s *session) write(out []byte, more bool) error {
	s.x.Record.Dispatched = s.began
	s.conn.ExtendWrite(s.x.Record.Dispatched, s.sendTimeout())
	n, err := s.conn.Write(out)
	if len(out) > takenAtOnce {
		s.began = time.Now()
	}
	if wire.Timeout(err) {
		return err
	}
	if err != nil {
		// A target that closes early may have answered first; receive finds out. It may also
		// have taken a part, and what it would take for the rest is the next request.
		s.unsent = n == 0
		s.x.CloseTarget = true
		if more {
			s.x.Request.Close = true // nobody reads the rest of the body
		}
		return nil
	}
	if more {
		s.upload.start()
	}
	return nil
}

// bodyReader reads the request body.
type bodyReader struct{ exchange.Client }

func (b bodyReader) Read(p []byte) (int, error) { return b.ReadBody(p) }

// receive reads the head of the final answer. Interim answers are passed on, except for
// 100 Continue, which the load balancer has given itself.
func (s *session) receive() error {
	s.releaseInput()
	began := s.began
	for range maxInterim + 1 {
		s.parser.Reset()
		s.x.Response = exchange.Response{Fields: s.x.Response.Fields[:0]}
		n, err := s.readHead(began)
		if err != nil {
			return err
		}
		s.r += n
		r := &s.x.Response
		if r.Status >= 200 || r.Status == http.StatusSwitchingProtocols {
			if err := s.accept(); err != nil {
				return err
			}
			s.x.Record.TargetStatus, s.x.Record.ByTarget = r.Status, true
			return nil
		}
		if r.Status != http.StatusContinue {
			s.prepareInterim()
			s.x.Interim = true
			if err := s.x.Client.WriteInterim(r); err != nil {
				return errClientGone
			}
		}
		began = time.Now() // an interim answer says that the target is at work
	}
	return errInterim
}

// accept looks at what came with the head of the final answer while it can still be refused.
func (s *session) accept() (err error) {
	switch r := &s.x.Response; {
	case r.Status == http.StatusSwitchingProtocols && !s.x.Request.Upgrade:
		return &http1.Error{Status: http.StatusBadGateway, Reason: "target switched protocols unasked"}
	case r.Chunked:
		s.chunks.Reset()
		s.piece, err = s.unchunk()
	}
	return err
}

// readHead reads until a head is complete. While the target is silent it looks now and
// then whether anyone still waits for the answer.
func (s *session) readHead(began time.Time) (int, error) {
	for {
		if s.w > s.r {
			n, err := s.parser.Parse(s.in.Bytes[s.r:s.w], s.x.Request.Method, &s.x.Response)
			if n > 0 || err != nil {
				return n, err
			}
		}
		if s.in != nil && s.w == len(s.in.Bytes) && !s.growInput() {
			return 0, &http1.Error{Status: http.StatusBadGateway, Reason: "response head is too large"}
		}
		if err := s.fill(began); err != nil {
			return 0, err
		}
	}
}

// growInput makes room for a head that does not fit.
func (s *session) growInput() bool {
	if s.r > 0 {
		s.w = copy(s.in.Bytes, s.in.Bytes[s.r:s.w])
		s.r = 0
		return true
	}
	if s.inPool == wire.Bodies {
		return false
	}
	b := wire.Bodies.Get()
	copy(b.Bytes, s.in.Bytes[:s.w])
	s.inPool.Put(s.in)
	s.in, s.inPool = b, wire.Bodies
	return true
}

// fill reads more of the head into in.
func (s *session) fill(began time.Time) error {
	timeout := s.readTimeout()
	now := began
	for {
		if end := began.Add(timeout); end.Sub(now) <= goneCheck+goneCheck/4 {
			s.conn.LimitRead(end) // another look at the client would be the timeout's delay
		} else {
			s.conn.ExtendRead(now, goneCheck)
		}
		n, err := s.readInput()
		if n > 0 {
			s.latest = time.Now()
			if s.x.Record.Answered.IsZero() {
				s.x.Record.Answered = s.latest
			}
			s.w += n
			return nil
		}
		if !wire.Timeout(err) {
			return err
		}
		now = time.Now()
		if s.upload.late.Load() {
			return err
		}
		if s.upload.moving(&began) {
			continue // the client is still sending: the target has nothing to answer yet
		}
		if now.Sub(began) >= timeout {
			return err
		}
		if s.x.Client.Gone() {
			return errClientGone
		}
	}
}

// readInput reads behind what has been read. A request whose answer has not begun holds no buffer
// for it.
func (s *session) readInput() (n int, err error) {
	if s.in != nil {
		return s.conn.Read(s.in.Bytes[s.w:])
	}
	s.in, n, err = s.conn.FirstRead(wire.Heads)
	s.inPool = wire.Heads
	return n, err
}

// relay passes the answer on as it comes.
func (s *session) relay() error {
	r := &s.x.Response
	switch {
	case r.NoBody || r.ContentLength == 0:
		s.keep = !r.Close
		return s.x.Client.WriteHead(r, nil, false)
	case r.Chunked:
		return s.relayChunked()
	case r.ContentLength == exchange.Unknown:
		return s.relayUntilClose()
	}
	return s.relayCounted()
}

// relayCounted passes on a body of known length.
func (s *session) relayCounted() error {
	r, client := &s.x.Response, s.x.Client
	have := min(int64(s.w-s.r), r.ContentLength)
	left := r.ContentLength - have
	first := s.in.Bytes[s.r : s.r+int(have)]
	s.r += int(have)
	if err := client.WriteHead(r, first, left > 0); err != nil {
		return err
	}
	if left == 0 {
		s.keep = !r.Close
		return nil
	}
	if left >= spliceMinimum && s.conn.Plain() {
		if sp, ok := client.(splicer); ok && sp.Spliceable() {
			if err := s.splice(sp, left); err != nil {
				return err
			}
			s.keep = !r.Close
			return client.Finish(nil)
		}
	}
	b := wire.Bodies.Get()
	defer wire.Bodies.Put(b)
	for left > 0 {
		n, err := s.readBody(b.Bytes[:min(int64(len(b.Bytes)), left)])
		if err != nil {
			return err
		}
		if err := client.WriteBody(b.Bytes[:n]); err != nil {
			return err
		}
		left -= int64(n)
	}
	s.keep = !r.Close
	return client.Finish(nil)
}

// splicer is a client whose connection can take a body inside the kernel.
type splicer interface {
	Spliceable() bool
	SpliceBody(src *wire.Conn, n int64, silence time.Duration) (int64, error)
}

func (s *session) splice(client splicer, left int64) error {
	for left > 0 {
		began := time.Now()
		s.latest = began
		n, err := client.SpliceBody(s.conn.Conn, min(left, spliceChunk), s.readTimeout())
		left -= n
		if err != nil {
			// The client has longer than the target.
			if wire.Timeout(err) && n == 0 && time.Since(began) < s.readTimeout()*3/2 && !s.x.Client.Gone() {
				s.cut = telemetry.CutBody
			}
			return err
		}
		if n == 0 {
			return errTruncated
		}
	}
	return nil
}

// relayChunked takes the chunks apart and gives the client what was in them, as one piece
// for each time the target wrote.
func (s *session) relayChunked() error {
	piece := s.piece
	done := s.chunks.Done()
	trailers := s.chunks.Trailers()
	more := !done || len(trailers) > 0
	if err := s.x.Client.WriteHead(&s.x.Response, piece, more); err != nil {
		return err
	}
	for !done {
		// The head has been written and nothing points into it any more.
		s.w = copy(s.in.Bytes, s.in.Bytes[s.r:s.w])
		s.r = 0
		n, err := s.readBody(s.in.Bytes[s.w:])
		if err != nil {
			return err
		}
		s.w += n
		if piece, err = s.unchunk(); err != nil {
			return err
		}
		if err := s.x.Client.WriteBody(piece); err != nil {
			return err
		}
		done, trailers = s.chunks.Done(), s.chunks.Trailers()
	}
	s.keep = !s.x.Response.Close
	if !more {
		return nil
	}
	return s.x.Client.Finish(trailers)
}

// unchunk decodes all that has been read and moves the data together, in place.
func (s *session) unchunk() ([]byte, error) {
	start := s.r
	end := start
	for s.r < s.w && !s.chunks.Done() {
		data, used, err := s.chunks.Decode(s.in.Bytes[s.r:s.w])
		if err != nil {
			return nil, err
		}
		end += copy(s.in.Bytes[end:], data)
		s.r += used
		if used == 0 {
			break
		}
	}
	return s.in.Bytes[start:end], nil
}

// relayUntilClose passes on a body that ends with the target's connection.
func (s *session) relayUntilClose() error {
	client := s.x.Client
	first := s.in.Bytes[s.r:s.w]
	s.r = s.w
	if err := client.WriteHead(&s.x.Response, first, true); err != nil {
		return err
	}
	b := wire.Bodies.Get()
	defer wire.Bodies.Put(b)
	for {
		n, err := s.readBody(b.Bytes)
		if errors.Is(err, errTruncated) {
			return client.Finish(nil)
		}
		if err != nil {
			return err
		}
		if err := client.WriteBody(b.Bytes[:n]); err != nil {
			return err
		}
	}
}

// readBody reads more of the answer's body.
func (s *session) readBody(p []byte) (int, error) {
	s.latest = time.Now()
	s.conn.ExtendRead(s.latest, s.readTimeout())
	n, err := s.conn.Read(p)
	if n > 0 {
		return n, nil
	}
	switch {
	case errors.Is(err, io.EOF):
		err = errTruncated
	case wire.Timeout(err) && !s.x.Client.Gone():
		s.cut = telemetry.CutBody
	}
	return 0, err
}
