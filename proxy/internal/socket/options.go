package socket

import (
	"errors"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// CloseWrite sends FIN and leaves reading open.
func (c *Conn) CloseWrite() error {
	return c.control(func(fd int) error { return os.NewSyscallError("shutdown", unix.Shutdown(fd, unix.SHUT_WR)) })
}

// Reset closes the connection so that the peer sees that it broke off.
func (c *Conn) Reset() {
	_ = c.control(func(fd int) error {
		return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	})
	_ = c.Close()
}

// Look is what Peek saw.
type Look uint8

// What a peek can see.
const (
	// Quiet: open, and nothing to read.
	Quiet Look = iota
	// Waiting: bytes wait to be read.
	Waiting
	// Gone: the peer has closed its side or the connection is broken.
	Gone
)

// Peek tells what there is to read without taking it or waiting. It asks the kernel only when
// that is not known.
func (c *Conn) Peek() Look {
	if c.watched.Load()&unix.EPOLLIN != 0 && c.in.state.Load() != ready && !c.ended.Load() && c.refs.Load()&closed == 0 {
		return Quiet
	}
	return c.peek()
}

func (c *Conn) peek() Look {
	if !c.enter() {
		return Gone
	}
	defer c.leave()
	var one [1]byte
	n, err := recvPeek(c.fd, one[:])
	for errors.Is(err, unix.EINTR) {
		n, err = recvPeek(c.fd, one[:])
	}
	switch {
	case errors.Is(err, unix.EAGAIN):
		return Quiet
	case err != nil || n == 0, c.ended.Load() || hungUp(c.fd):
		return Gone
	}
	return Waiting
}

// AwaitGone waits until the peer has closed its side or the connection is broken, and returns
// true; false when the read deadline passes first or the connection is closed. It takes
// nothing from the socket.
func (c *Conn) AwaitGone() bool {
	c.in.busy.Lock()
	defer c.in.busy.Unlock()
	defer c.in.again() // there may be something to read now
	for {
		c.in.begin()
		if c.peek() == Gone {
			return c.refs.Load()&closed == 0
		}
		if c.AwaitRead() != nil {
			return false
		}
	}
}

// recvPeek is recv(2) with MSG_PEEK|MSG_DONTWAIT. The function of the same name in
// x/sys/unix allocates room for an address that a TCP socket does not have.
func recvPeek(fd int, p []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)),
		unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// hungUp reports whether the peer has closed its side, whatever waits to be read before.
func hungUp(fd int) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(fds[:], 0)
	return err == nil && n > 0 && fds[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
}

// address is a socket's name as the kernel gives it.
func address(sa *unix.RawSockaddrAny) netip.AddrPort {
	switch sa.Addr.Family {
	case unix.AF_INET:
		a := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), port(&a.Port))
	case unix.AF_INET6:
		a := (*unix.RawSockaddrInet6)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), port(&a.Port))
	}
	return netip.AddrPort{}
}

// port reads a port, which is in the network's byte order.
func port(p *uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(p))
	return uint16(b[0])<<8 | uint16(b[1])
}

// localAddress asks the kernel for a socket's own end.
func localAddress(fd int) netip.AddrPort {
	var sa unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	_, _, errno := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return netip.AddrPort{}
	}
	return address(&sa)
}
