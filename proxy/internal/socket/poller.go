package socket

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// events is the process's poller. There is one, so that what happened to one socket is known
// before what that caused on another: a target's connection that closed before a client asked
// is known to be closed when the request is read.
var events poller

// poller has the kernel say what happens to sockets, edge by edge, and tells their sides. It
// waits in the runtime's own poller for the kernel to have something to say, so that it holds
// no thread.
type poller struct {
	mu      sync.Mutex
	started bool
	fd      int
	lastID  int32
	// watched are the sockets by fd, in blocks that stay where they are.
	watched atomic.Pointer[[]*block]

	list [256]unix.EpollEvent
}

type block [1024]atomic.Pointer[descriptor]

// slot is where the socket of this number stands; nil when there never was one.
func (p *poller) slot(fd int) *atomic.Pointer[descriptor] {
	if blocks := p.watched.Load(); blocks != nil && fd/len(block{}) < len(*blocks) {
		return &(*blocks)[fd/len(block{})][fd%len(block{})]
	}
	return nil
}

// watch asks for events of d, whose mutex is held.
func (p *poller) watch(d *descriptor, want uint32) error {
	if err := p.ready(d.fd); err != nil {
		return err
	}
	op := unix.EPOLL_CTL_MOD
	if d.watched.Load() == 0 {
		op = unix.EPOLL_CTL_ADD
		d.id = atomic.AddInt32(&p.lastID, 1)
		p.slot(d.fd).Store(d)
	}
	e := unix.EpollEvent{Events: want | unix.EPOLLET, Fd: int32(d.fd), Pad: d.id}
	if errno := epollCtl(p.fd, op, d.fd, &e); errno != 0 {
		if op == unix.EPOLL_CTL_ADD {
			p.slot(d.fd).Store(nil) // forget is for those that are watched
		}
		return os.NewSyscallError("epoll_ctl", errno)
	}
	d.watched.Store(want)
	return nil
}

// forget is called before d's number is given back, which ends the kernel's interest.
func (p *poller) forget(d *descriptor) {
	p.slot(d.fd).CompareAndSwap(d, nil)
	if d.shared {
		_ = epollCtl(p.fd, unix.EPOLL_CTL_DEL, d.fd, nil)
	}
}

// ready starts the poller and makes room for a socket of this number.
func (p *poller) ready(fd int) error {
	if p.slot(fd) != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.started {
		if err := p.start(); err != nil {
			return fmt.Errorf("start the poller: %w", err)
		}
		p.started = true
	}
	var blocks []*block
	if old := p.watched.Load(); old != nil {
		blocks = append(blocks, *old...)
	}
	for len(blocks) <= fd/len(block{}) {
		blocks = append(blocks, new(block))
	}
	p.watched.Store(&blocks)
	return nil
}

func (p *poller) start() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // or else the runtime does not wait for it
		return errors.Join(os.NewSyscallError("fcntl", err), unix.Close(fd))
	}
	p.fd = fd
	raw, err := os.NewFile(uintptr(fd), "epoll").SyscallConn()
	if err != nil {
		return err
	}
	go p.run(raw)
	return nil
}

// run is the poller's goroutine. It lives as long as the process.
func (p *poller) run(raw syscall.RawConn) {
	err := raw.Read(func(uintptr) bool {
		// Whoever was told goes first: until all of them have gone on there will be more to
		// tell, for the price of one call.
		for p.tell() > 0 {
			runtime.Gosched()
		}
		return false
	})
	panic(fmt.Errorf("wait for sockets: %w", err)) // nothing could ever be waited for again
}

// tell passes on what the kernel has to say, and returns how much that was.
func (p *poller) tell() int {
	n, err := epollWait(p.fd, p.list[:])
	if err != nil && !errors.Is(err, unix.EINTR) {
		panic(os.NewSyscallError("epoll_wait", err))
	}
	for i := range p.list[:max(n, 0)] {
		e := &p.list[i]
		d := p.slot(int(e.Fd)).Load()
		if d == nil || d.id != e.Pad {
			continue // it was closed meanwhile
		}
		if e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			d.ended.Store(true)
		}
		if e.Events&^unix.EPOLLOUT != 0 {
			d.in.announce()
		}
		if e.Events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			d.out.announce()
		}
	}
	return n
}
