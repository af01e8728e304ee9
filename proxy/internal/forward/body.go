package forward

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http1"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// upload sends a request body that was not whole when the head went out, in a goroutine
// of its own, so that an answer that comes early is passed on at once.
type upload struct {
	s     *session
	run   func() // s.upload.send, bound once: starting it allocates nothing
	ended chan struct{}

	running bool // the goroutine has been started and not yet waited for
	// reading says that the client is waited for; late, that the target took nothing for the
	// send timeout.
	reading, late atomic.Bool
	// progress counts the pieces sent.
	progress atomic.Int64
	seen     int64
	// last says that the last piece is being sent, complete that the target has it all.
	last, complete atomic.Bool
	// stopped says that the body is given up: what the client's side says after it is no fault.
	stopped atomic.Bool
	head    [20]byte
	// clientErr and targetErr say which side ended it; read them once it has ended.
	clientErr, targetErr error
}

func (u *upload) init(s *session) {
	u.s = s
	u.run = u.send
	u.ended = make(chan struct{}, 1)
}

// reset forgets the last exchange's body.
func (u *upload) reset() {
	u.progress.Store(0)
	u.reading.Store(false)
	u.late.Store(false)
	u.seen = 0
	u.last.Store(false)
	u.complete.Store(false)
	u.stopped.Store(false)
	u.clientErr, u.targetErr = nil, nil
}

func (u *upload) start() {
	u.running = true
	go u.run()
}

// send copies the body from the client to the target. It is a goroutine's whole life.
func (u *upload) send() {
	defer func() {
		if e := recover(); e != nil {
			u.targetErr = fmt.Errorf("sending a body panicked: %v", e)
			_ = u.s.conn.Close()
		}
		u.ended <- struct{}{}
	}()
	s := u.s
	b := wire.Bodies.Get()
	defer wire.Bodies.Put(b)
	left := s.x.Request.ContentLength
	chunked := left == exchange.Unknown
	// A chunk's size is written in front of its data and its end behind, so that it is one
	// write.
	const before, behind = 8, 2
	for {
		data := b.Bytes[before : len(b.Bytes)-behind]
		u.reading.Store(true)
		n, err := s.x.Client.ReadBody(data)
		u.reading.Store(false)
		if n > 0 {
			// The target may answer as soon as it has the last byte, so what is the last piece must
			// be known before it is written.
			if left -= int64(n); !chunked && left == 0 {
				u.last.Store(true)
			}
			out := data[:n]
			if chunked {
				head := http1.AppendChunkHeader(u.head[:0], n)
				start := before - len(head)
				copy(b.Bytes[start:], head)
				out = append(b.Bytes[start:before+n], http1.ChunkEnd...)
			}
			if u.targetErr = u.write(out); u.targetErr != nil {
				return
			}
			u.progress.Add(1)
			if !chunked && left == 0 {
				u.complete.Store(true) // whatever the client's side says of the end
				return
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			u.last.Store(true)
			if chunked {
				u.targetErr = u.write(http1.AppendLastChunk(b.Bytes[:0], nil))
			}
			u.complete.Store(u.targetErr == nil)
			return
		case u.stopped.Load():
			return
		default:
			u.clientErr = err
			_ = s.conn.Close() // the target would wait for the rest, and we for the target
			return
		}
	}
}

func (u *upload) write(p []byte) error {
	u.s.conn.ExtendWrite(time.Now(), u.s.sendTimeout())
	_, err := u.s.conn.Write(p)
	if wire.Timeout(err) {
		u.late.Store(true)
		u.s.conn.ExpireRead() // nobody need wait for an answer as well
	}
	return err
}

// moving reports whether the body has moved since the last call or the client is waited for
// with more of it; it then sets began to now, since the target cannot be late with an answer
// to half a request. How long the client may take is for the client's side to say.
func (u *upload) moving(began *time.Time) bool {
	if !u.running {
		return false
	}
	p := u.progress.Load()
	if p == u.seen && !u.reading.Load() {
		return false
	}
	u.seen = p
	*began = time.Now()
	return true
}

// blame returns the status that the client's side of a failed upload calls for, or 0.
func (u *upload) blame() int {
	switch {
	case u.clientErr == nil:
		return 0
	case wire.Timeout(u.clientErr):
		return http.StatusRequestTimeout
	case errors.Is(u.clientErr, errTooLarge):
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

// stopUpload waits for the upload to end; one that still waits for the client is cut, and
// both connections end with the exchange. It returns status.
func (s *session) stopUpload(status int) int {
	u := &s.upload
	if !u.running {
		return status
	}
	if !u.last.Load() {
		u.stopped.Store(true)
		s.x.Client.StopBody()
		_ = s.conn.Close()
	}
	<-u.ended
	u.running = false
	if !u.complete.Load() {
		s.keep = false
		s.x.Request.Close = true
	}
	return status
}
