package http2

import (
	"runtime"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// output is what waits to be written to a client. Whoever finds nobody writing writes for
// all: frames of several streams leave in one record and one system call.
type output struct {
	out      []byte
	outBuf   *wire.Buffer
	flushing bool
	// room is told when out has been taken.
	room sync.Cond
	// until is the write deadline in force.
	until time.Time
}

// maxOut is how much may wait before who adds to it has to wait, too.
const maxOut = wire.BodySize / 2

// buffer returns out for appending. mu is held.
func (s *session) buffer() []byte {
	if s.outBuf == nil {
		s.outBuf = wire.Bodies.Get()
		s.out = s.outBuf.Bytes[:0]
	}
	return s.out
}

// flush writes what waits, unless somebody does so already. mu is held, and let go of
// meanwhile. Who is patient lets the handlers that can run add to it first.
func (s *session) flush(patient bool) {
	if s.flushing {
		return
	}
	if s.departed {
		s.out = s.out[:0]
		return
	}
	s.flushing = true
	if patient && s.running > 1 && 0 < len(s.out) && len(s.out) < maxOut {
		s.mu.Unlock()
		runtime.Gosched()
		s.mu.Lock()
	}
	for len(s.out) > 0 {
		out, buf := s.out, s.outBuf
		s.out, s.outBuf = nil, nil
		s.mu.Unlock()
		err := s.write(out)
		wire.Bodies.Put(buf)
		s.mu.Lock()
		s.room.Broadcast()
		if err != nil {
			s.fail(err)
			s.abandon() // so that the receiving goroutine ends
			s.out = s.out[:0]
			break
		}
	}
	s.flushing = false
	s.depart()
}

// write is called by one goroutine at a time.
func (s *session) write(p []byte) error {
	if limit := s.o.IdleTimeout; limit > 0 {
		// As wire.Conn does it: the deadline is set anew only now and then.
		if now := time.Now(); s.until.Sub(now) < limit {
			s.until = now.Add(limit + limit/4)
			if err := s.conn.SetWriteDeadline(s.until); err != nil {
				return err
			}
		}
	}
	_, err := s.conn.Write(p)
	return err
}

// quiet is called by the receiving goroutine before it waits for the client.
func (s *session) quiet() {
	s.mu.Lock()
	s.flush(false)
	s.mu.Unlock()
}

// bounded has the receiving goroutine wait while a client does not take the answers to what
// it sends. mu is held.
func (s *session) bounded() {
	for len(s.out) >= maxOut && s.failed == nil {
		if s.flushing {
			s.room.Wait()
		} else {
			s.flush(false)
		}
	}
}
