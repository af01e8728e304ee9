package socket

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Dialing is a connection that is being made.
type Dialing struct {
	*Conn
}

// Dial begins to connect to a TCP address. Connected waits for the end of it, and Close gives
// it up.
func Dial(to netip.AddrPort) (Dialing, error) {
	family := unix.AF_INET
	var sa unix.Sockaddr
	ip := to.Addr().Unmap()
	if ip.Is4() {
		sa = &unix.SockaddrInet4{Port: int(to.Port()), Addr: ip.As4()}
	} else {
		family = unix.AF_INET6
		zone, err := zoneID(ip.Zone())
		if err != nil {
			return Dialing{}, err
		}
		sa = &unix.SockaddrInet6{Port: int(to.Port()), Addr: ip.As16(), ZoneId: zone}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return Dialing{}, os.NewSyscallError("socket", err)
	}
	c := &Conn{descriptor: descriptor{fd: fd}, peer: netip.AddrPortFrom(ip, to.Port())}
	switch err := unix.Connect(fd, sa); {
	case err == nil:
	case errors.Is(err, unix.EINPROGRESS), errors.Is(err, unix.EINTR):
	default:
		return Dialing{}, errors.Join(os.NewSyscallError("connect", err), c.Close())
	}
	return Dialing{c}, nil
}

func zoneID(name string) (uint32, error) {
	if name == "" {
		return 0, nil
	}
	i, err := net.InterfaceByName(name)
	if err != nil {
		return 0, err
	}
	return uint32(i.Index), nil
}

// Connected waits until the connection stands, for timeout at the most. The error wraps
// os.ErrDeadlineExceeded, net.ErrClosed, or what the kernel says. After an error nothing is
// left to close.
func (d Dialing) Connected(timeout time.Duration) (*Conn, error) {
	c := d.Conn
	if err := c.connected(timeout); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Conn) connected(timeout time.Duration) error {
	if timeout > 0 {
		if err := c.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
			return err
		}
	}
	c.out.begin()
	if err := c.watch(unix.EPOLLOUT); err != nil {
		return err
	}
	for {
		if err := c.out.await(&c.descriptor); err != nil {
			return err
		}
		c.out.begin()
		var broken error
		var local netip.AddrPort
		done := false
		err := c.control(func(fd int) error {
			n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
			if err != nil {
				return os.NewSyscallError("getsockopt", err)
			}
			if n != 0 {
				broken = os.NewSyscallError("connect", syscall.Errno(n))
				return nil
			}
			// Something else may have woken us: it stands once there is a peer.
			if _, err := unix.Getpeername(fd); err != nil {
				return nil //nolint:nilerr // not yet
			}
			done, local = true, localAddress(fd)
			return nil
		})
		switch {
		case err != nil:
			return err
		case broken != nil:
			return broken
		case !done:
			continue
		case local == c.peer:
			// TCP lets a socket meet itself when nobody listens at a port that the kernel gives out.
			return os.NewSyscallError("connect", unix.ECONNREFUSED)
		}
		c.local = local
		c.out.again()
		return c.SetWriteDeadline(time.Time{})
	}
}
