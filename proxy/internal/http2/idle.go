package http2

import (
	"sync"
	"sync/atomic"
	"time"
)

// idleTimer calls back once nothing has moved for a time while something waits for the
// other side. Progress is one atomic store: the timer is not set anew for every read.
type idleTimer struct {
	limit time.Duration
	// special tells of a limit that is in force now and then instead of limit; nil for none.
	// It is asked for no more than every often.
	special func() (limit time.Duration, is bool)
	often   time.Duration

	fire    func()
	moved   atomic.Int64 // when something last moved, since epoch
	waiting atomic.Int32

	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
}

var epoch = time.Now()

// start arms the timer; limit 0 never fires. fire is called again when nothing moves for
// another limit, and never after stop returned.
func (t *idleTimer) start(limit time.Duration, fire func()) {
	t.waiting.Store(0)
	t.moved.Store(int64(time.Since(epoch)))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.limit, t.fire = limit, fire
	if t.special == nil {
		t.often = limit
	}
	t.stopped = limit <= 0
	switch {
	case t.stopped:
	case t.timer == nil:
		t.timer = time.AfterFunc(min(limit, t.often), t.check)
	default: // of an earlier use; should its check still be about to run, it finds nothing to do
		t.timer.Reset(min(limit, t.often))
	}
}

// progress notes that something moved.
func (t *idleTimer) progress() {
	if t.limit > 0 {
		t.moved.Store(int64(time.Since(epoch)))
	}
}

// enter notes that a wait begins; leave that it ended.
func (t *idleTimer) enter() { t.waiting.Add(1) }
func (t *idleTimer) leave() { t.waiting.Add(-1) }

func (t *idleTimer) check() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return
	}
	limit := t.limit
	if t.special != nil {
		if special, is := t.special(); is {
			limit = special
		}
	}
	left := limit - (time.Since(epoch) - time.Duration(t.moved.Load()))
	if left <= 0 && t.waiting.Load() == 0 {
		// Whoever is waited for, it is not this side.
		left = limit
	}
	if left > 0 {
		t.timer.Reset(min(left, t.often))
		return
	}
	t.fire()
	t.progress()
	t.timer.Reset(min(limit, t.often))
}

// stop ends the timer and waits for fire if it is running.
func (t *idleTimer) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	if t.timer != nil {
		t.timer.Stop()
	}
}
