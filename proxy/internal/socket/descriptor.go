package socket

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// closed is the bit of descriptor.refs that Close sets.
const closed = 1 << 31

// descriptor is a socket of any kind: who uses it, and what can be waited for.
type descriptor struct {
	fd int
	// refs counts who uses fd, so that its number is not another socket's meanwhile.
	refs atomic.Uint32
	// ended says that the peer has closed its side or that the connection is broken: behind
	// what there may be to read there is an end.
	ended   atomic.Bool
	in, out side

	// watched are the events that the poller has been asked for; id tells this socket from one
	// that had the same number.
	watched atomic.Uint32
	id      int32
	// shared says that others may have a descriptor of the same socket, which would keep the
	// kernel's interest alive.
	shared bool

	mu sync.Mutex // guards watching and the deadlines
}

// enter keeps fd open until leave; false when it is closed.
func (d *descriptor) enter() bool {
	for {
		n := d.refs.Load()
		if n&closed != 0 {
			return false
		}
		if d.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (d *descriptor) leave() {
	if d.refs.Add(^uint32(0)) == closed {
		d.finish()
	}
}

// Close closes the socket; what waits on it ends with net.ErrClosed.
func (d *descriptor) Close() error {
	before := d.refs.Or(closed)
	if before&closed != 0 {
		return net.ErrClosed
	}
	d.in.rouse()
	d.out.rouse()
	if before == 0 {
		d.finish()
	}
	return nil
}

// finish gives fd back. It is called once, when nobody uses it any more.
func (d *descriptor) finish() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.in.forget()
	d.out.forget()
	if d.watched.Load() != 0 {
		events.forget(d)
	}
	closeNow(d.fd)
}

// control calls f with fd, unless it is closed.
func (d *descriptor) control(f func(fd int) error) error {
	if !d.enter() {
		return net.ErrClosed
	}
	defer d.leave()
	return f(d.fd)
}

// watch has the poller announce events from now on, beginning with what is the case now.
func (d *descriptor) watch(want uint32) error {
	if d.watched.Load()&want == want {
		return nil
	}
	return d.control(func(int) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		return events.watch(d, d.watched.Load()|want)
	})
}

// beginTaking is how an attempt to take something begins; leave ends it. It reports false, with no
// error, when there is nothing to take yet.
func (d *descriptor) beginTaking() (ok bool, err error) {
	if d.in.expired.Load() {
		return false, os.ErrDeadlineExceeded
	}
	if !d.enter() {
		return false, net.ErrClosed
	}
	if !d.in.begin() {
		d.leave()
		return false, nil
	}
	return true, nil
}

// awaitRead returns when there may be something to take; an end and an error are something.
func (d *descriptor) awaitRead() error {
	if d.in.state.Load() != ready {
		if err := d.watch(unix.EPOLLIN | unix.EPOLLRDHUP); err != nil {
			return err
		}
	}
	return d.in.await(d)
}

// SetDeadline implements net.Conn.
func (d *descriptor) SetDeadline(t time.Time) error {
	_ = d.SetReadDeadline(t)
	return d.SetWriteDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (d *descriptor) SetReadDeadline(t time.Time) error { return d.limit(&d.in, t) }

// SetWriteDeadline implements net.Conn.
func (d *descriptor) SetWriteDeadline(t time.Time) error { return d.limit(&d.out, t) }

// armInTime sets a timer for the deadline of s, unless there is one.
func (d *descriptor) armInTime(s *side) {
	if s.unarmed() {
		d.mu.Lock()
		s.arm(d)
		d.mu.Unlock()
	}
}

func (d *descriptor) limit(s *side, t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refs.Load()&closed != 0 {
		return net.ErrClosed
	}
	s.limit(d, t)
	return nil
}
