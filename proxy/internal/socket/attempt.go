package socket

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// attempt is a series of calls that write to a connection, each between enter and leave.
type attempt struct {
	c *Conn
	// watching says that room from now on will be announced.
	watching bool
}

func (a *attempt) enter() error {
	c := a.c
	if c.out.expired.Load() {
		return os.ErrDeadlineExceeded
	}
	if !c.descriptor.enter() {
		return net.ErrClosed
	}
	if c.writes < 2 {
		if c.writes++; c.writes == 2 {
			_ = unix.SetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		}
	}
	return nil
}

// leave waits for room if there was none.
func (a *attempt) leave(call string, errno syscall.Errno) error {
	c := a.c
	c.descriptor.leave()
	switch {
	case errno == 0, errno == unix.EINTR:
		return nil
	case errno != unix.EAGAIN:
		return os.NewSyscallError(call, errno)
	case !a.watching:
		// The kernel may have made room before it was asked to tell: the next call finds out.
		a.watching = true
		c.out.begin()
		return c.watch(unix.EPOLLOUT)
	}
	if err := c.out.await(&c.descriptor); err != nil {
		return err
	}
	c.out.begin()
	return nil
}

// errnoOf is the number behind an error of x/sys/unix.
func errnoOf(err error) syscall.Errno {
	errno, _ := err.(syscall.Errno) //nolint:errorlint // an errno, and nothing around it
	return errno
}
