package forward

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// pipe joins the two connections of a tunnel.
type pipe struct {
	idle time.Duration
	// last is when either side last sent, as nanoseconds since the epoch.
	last     atomic.Int64
	up, down atomic.Int64
	// silent says that the tunnel ended for want of bytes.
	silent atomic.Bool
	// ended has what each direction panicked with, nil for an orderly end, when it ends.
	ended chan any
}

func newPipe(idle time.Duration) *pipe {
	p := &pipe{idle: idle, ended: make(chan any, 2)}
	p.touch(time.Now())
	return p
}

func (p *pipe) touch(now time.Time) { p.last.Store(now.UnixNano()) }

// join moves bytes both ways until both ends are through; rest is what the client has sent
// already.
func (p *pipe) join(client, target *wire.Conn, rest []byte) {
	up, down := p.streams(client, target)
	go up.run(rest)
	down.run(nil)
	first, second := <-p.ended, <-p.ended
	if first == nil {
		first = second
	}
	if first != nil {
		panic(first) // here it is caught and logged as any other of this connection
	}
}

// streams are the directions of the pipe.
func (p *pipe) streams(client, target *wire.Conn) (up, down *stream) {
	up = &stream{pipe: p, dst: target, src: client, moved: &p.up}
	down = &stream{pipe: p, dst: client, src: target, moved: &p.down}
	if client.Plain() && target.Plain() {
		up.lane = nextLane() // one for both, or else each lane would have one direction of all
		down.lane = up.lane
	}
	return up, down
}

// stream is one direction of a pipe. Between plain connections it has no goroutine: when there
// is something to move, its lane moves it. Otherwise it has one.
type stream struct {
	pipe     *pipe
	dst, src *wire.Conn
	moved    *atomic.Int64
	lane     *lane // nil for none
	// resume is goOn, bound once.
	resume func()
}

// run moves rest and then what src sends, with the goroutine that calls it or, with a lane, without.
func (s *stream) run(rest []byte) {
	defer s.contain()
	if len(rest) > 0 {
		s.dst.ExtendWrite(time.Now(), s.pipe.idle)
		if _, err := s.dst.Write(rest); err != nil {
			s.sever()
			return
		}
		s.moved.Add(int64(len(rest)))
	}
	if s.lane == nil {
		s.copy()
		return
	}
	s.resume = s.goOn
	s.await()
}

// contain ends the whole tunnel when one direction panics.
func (s *stream) contain() {
	if e := recover(); e != nil {
		_ = s.dst.Close()
		_ = s.src.Close()
		s.pipe.ended <- e
	}
}

// sever takes both connections with the one that broke.
func (s *stream) sever() {
	_ = s.dst.Close()
	_ = s.src.Close()
	s.pipe.ended <- nil
}

// failed is what follows from an error of reading: it reports whether the stream is at its end.
func (s *stream) failed(err error) bool {
	if wire.Timeout(err) {
		if time.Since(time.Unix(0, s.pipe.last.Load())) < s.pipe.idle {
			return false // the other direction is alive
		}
		s.pipe.silent.Store(true)
	}
	if !errors.Is(err, io.EOF) || s.dst.CloseWrite() != nil {
		s.sever()
	} else {
		s.pipe.ended <- nil
	}
	return true
}

// copy moves bytes until src ends, and then ends dst's other direction.
func (s *stream) copy() {
	for {
		now := time.Now() // dst may have taken its time
		s.src.ExtendRead(now, s.pipe.idle)
		b, n, err := s.src.FirstRead(wire.Heads)
		if err != nil {
			if s.failed(err) {
				return
			}
			continue
		}
		s.pipe.touch(time.Now())
		if !s.src.Plain() {
			// FirstRead has one byte of a TLS record; the rest of it is at hand.
			if n, err = s.src.ReadHeld(b.Bytes, n); err != nil {
				wire.Heads.Put(b)
				s.sever()
				return
			}
		}
		if !s.write(b, 0, n) {
			return
		}
	}
}

// write waits until dst has taken b.Bytes[from:to] and gives b back. It reports whether dst has.
func (s *stream) write(b *wire.Buffer, from, to int) bool {
	s.dst.ExtendWrite(time.Now(), s.pipe.idle)
	_, err := s.dst.Write(b.Bytes[from:to])
	wire.Heads.Put(b)
	if err != nil {
		s.sever()
		return false
	}
	s.moved.Add(int64(to - from))
	return true
}

// await has the lane go on when src has something to say.
func (s *stream) await() {
	s.src.ExtendRead(time.Now(), s.pipe.idle)
	switch parked, err := s.src.Park(s.resume); {
	case err != nil:
		s.sever()
	case !parked:
		s.goOn()
	}
}

// goOn is for who must not wait.
func (s *stream) goOn() { s.lane.do(s) }

// stepReads is how much of one stream is moved before others have their turn.
const stepReads = 4

// step moves what src has sent, and waits for nothing.
func (s *stream) step() {
	defer s.contain()
	for range stepReads {
		b := wire.Heads.Get()
		n, again, err := s.src.TryRead(b.Bytes)
		if n == 0 {
			wire.Heads.Put(b)
			if !again && s.failed(err) {
				return
			}
			break
		}
		now := time.Now()
		s.pipe.touch(now)
		s.dst.ExtendWrite(now, s.pipe.idle)
		m, err := s.dst.TryWrite(b.Bytes[:n])
		s.moved.Add(int64(m))
		if err != nil {
			wire.Heads.Put(b)
			s.sever()
			return
		}
		if m < n {
			go s.catchUp(b, m, n)
			return
		}
		wire.Heads.Put(b)
		if !s.src.Promising() {
			break
		}
	}
	s.await()
}

// catchUp is for a dst that takes less than src sends.
func (s *stream) catchUp(b *wire.Buffer, from, to int) {
	defer s.contain()
	if s.write(b, from, to) {
		s.await()
	}
}
