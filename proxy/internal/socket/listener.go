package socket

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Listener is a listening TCP socket.
type Listener struct {
	descriptor
	local netip.AddrPort
}

// NewListener takes the socket of ln, which is closed in any case.
func NewListener(ln *net.TCPListener) (*Listener, error) {
	defer ln.Close()
	fd, err := Duplicate(ln)
	if err != nil {
		return nil, err
	}
	return &Listener{descriptor: descriptor{fd: fd, shared: true}, local: localAddress(fd)}, nil
}

// Duplicate returns a second descriptor of a socket, which is the caller's. os.File would make
// both blocking.
func Duplicate(s syscall.Conn) (fd int, err error) {
	raw, err := s.SyscallConn()
	if err != nil {
		return -1, err
	}
	var failed error
	err = raw.Control(func(s uintptr) { fd, failed = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(err, os.NewSyscallError("fcntl", failed))
}

// Addr is where it listens.
func (l *Listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.local) }

// Duplicate is Duplicate of the listener.
func (l *Listener) Duplicate() (fd int, err error) {
	err = l.control(func(s int) error {
		fd, err = unix.FcntlInt(uintptr(s), unix.F_DUPFD_CLOEXEC, 0)
		return os.NewSyscallError("fcntl", err)
	})
	return fd, err
}

// AcceptSome waits for a connection and appends it to list with those that came meanwhile, as long
// as there is room. What it returns beside an error is good.
func (l *Listener) AcceptSome(list []*Conn) ([]*Conn, error) {
	c, err := l.Accept()
	for err == nil {
		list = append(list, c)
		again := len(list) == cap(list)
		if !again {
			c, again, err = l.tryAccept()
		}
		if again {
			break
		}
	}
	return list, err
}

// Accept waits for a connection. It fails with net.ErrClosed once the listener is closed; of
// other errors some pass, as when descriptors are short.
func (l *Listener) Accept() (*Conn, error) {
	for {
		c, again, err := l.tryAccept()
		if !again {
			return c, err
		}
		if err := l.awaitRead(); err != nil {
			return nil, err
		}
	}
}

func (l *Listener) tryAccept() (c *Conn, again bool, err error) {
	if ok, err := l.beginTaking(); !ok {
		return nil, err == nil, err
	}
	defer l.leave()
	for {
		var sa unix.RawSockaddrAny
		size := uint32(unix.SizeofSockaddrAny)
		fd, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(l.fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)),
			unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		switch errno {
		case 0:
			l.in.again() // there may be more of them
			c := &Conn{descriptor: descriptor{fd: int(fd)}, local: l.local, peer: address(&sa)}
			if l.local.Addr().IsUnspecified() {
				c.local = localAddress(int(fd))
			}
			return c, false, nil
		case unix.EAGAIN:
			return nil, true, nil
		case unix.EINTR, unix.ECONNABORTED: // a client that left before it was looked at
		default:
			l.in.again()
			return nil, false, os.NewSyscallError("accept4", errno)
		}
	}
}
