package socket

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// The states of a side.
const (
	// ready: there may be something to do; only trying tells. It is how every side begins.
	ready uint32 = iota
	// quiet: trying has come to an end since the poller last said anything.
	quiet
	// awaited: quiet, and somebody waits for that to change.
	awaited
)

// side is what is known of one direction of a socket.
type side struct {
	// busy lets one after the other use it.
	busy  sync.Mutex
	state atomic.Uint32
	// expired says that the deadline is over.
	expired atomic.Bool
	// For every change away from awaited, wake has one token, or resume is called once, if there
	// is one. Who waits makes either.
	wake   chan struct{}
	resume func()

	// until is the deadline by clock, 0 for none; armed is when timer fires, 0 for never. A deadline
	// that nobody waits for needs no timer, and one that is moved further out leaves it alone.
	// descriptor.mu is held where they change.
	until, armed atomic.Int64
	timer        *time.Timer
}

var start = time.Now()

// clock is the process's own, in nanoseconds, which nobody sets: a deadline is no time of day.
func clock() int64 { return int64(time.Since(start)) }

// begin says that somebody is about to try, and reports whether that is worth it.
func (s *side) begin() bool { return s.state.Swap(quiet) == ready }

// again says that trying has not come to an end.
func (s *side) again() { s.state.Store(ready) }

// announce is the poller's: there may be something to do.
func (s *side) announce() {
	if s.state.Load() != ready && s.state.Swap(ready) == awaited {
		s.stir()
	}
}

// rouse makes who waits look at why.
func (s *side) rouse() {
	if s.state.CompareAndSwap(awaited, quiet) {
		s.stir()
	}
}

// stir is called by who ended the state awaited.
func (s *side) stir() {
	if f := s.resume; f != nil {
		s.resume = nil
		f()
		return
	}
	s.wake <- struct{}{}
}

// await returns when there may be something to do, or the reason why nobody need wait.
func (s *side) await(d *descriptor) error {
	for {
		switch {
		case d.refs.Load()&closed != 0:
			return net.ErrClosed
		case s.expired.Load():
			return os.ErrDeadlineExceeded
		case s.state.Load() == ready:
			return nil
		}
		if s.wake == nil {
			s.wake = make(chan struct{}, 1)
		}
		if !s.state.CompareAndSwap(quiet, awaited) {
			continue
		}
		// Who closes or lets expire first says so and then looks whether anybody waits.
		if (d.refs.Load()&closed != 0 || s.expired.Load()) && s.state.CompareAndSwap(awaited, quiet) {
			continue
		}
		d.armInTime(s)
		<-s.wake
	}
}

// park has f called once when await would return, and returns true; false when that would be
// at once.
func (s *side) park(d *descriptor, f func()) bool {
	if d.refs.Load()&closed != 0 || s.expired.Load() || s.state.Load() != quiet {
		return false
	}
	d.armInTime(s)
	s.resume = f
	if !s.state.CompareAndSwap(quiet, awaited) {
		s.resume = nil
		return false
	}
	// From here on f may be under way.
	d.armInTime(s)
	if d.refs.Load()&closed != 0 || s.expired.Load() {
		s.rouse()
	}
	return true
}

// unarmed reports whether the deadline would pass unnoticed.
func (s *side) unarmed() bool {
	until, armed := s.until.Load(), s.armed.Load()
	return until != 0 && (armed == 0 || armed > until)
}

// limit sets the deadline. Whoever does not have to wait does not notice when it passes.
// descriptor.mu is held.
func (s *side) limit(d *descriptor, t time.Time) {
	if t.IsZero() {
		s.until.Store(0)
		s.expired.Store(false)
		return
	}
	left := time.Until(t)
	s.until.Store(max(clock()+int64(left), 1))
	if left <= 0 {
		s.expired.Store(true)
		s.rouse()
		return
	}
	s.expired.Store(false)
	if s.state.Load() == awaited {
		s.arm(d)
	}
}

// overdue reports whether the deadline is over, noticed or not.
func (s *side) overdue() bool {
	until := s.until.Load()
	return until != 0 && clock() >= until
}

// notice is for who has not waited for the deadline to pass.
func (s *side) notice(d *descriptor) {
	if !s.overdue() {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.overdue() { // it may have been moved meanwhile
		s.expired.Store(true)
	}
}

// arm sets the timer for a deadline that somebody waits for. descriptor.mu is held.
func (s *side) arm(d *descriptor) {
	if !s.unarmed() || d.refs.Load()&closed != 0 {
		return
	}
	until := s.until.Load()
	left := time.Duration(max(until-clock(), 0))
	s.armed.Store(until)
	if s.timer == nil {
		s.timer = time.AfterFunc(left, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			s.fire(d)
		})
	} else {
		s.timer.Reset(left)
	}
}

// fire is what the timer does. descriptor.mu is held.
func (s *side) fire(d *descriptor) {
	s.armed.Store(0)
	until := s.until.Load()
	switch {
	case until == 0:
	case clock() >= until:
		s.expired.Store(true)
		s.rouse()
	case s.state.Load() == awaited:
		s.arm(d)
	}
}

// forget stops the timer for good. descriptor.mu is held.
func (s *side) forget() {
	if s.timer != nil {
		s.timer.Stop()
	}
}
