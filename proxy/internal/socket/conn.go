package socket

import (
	"io"
	"net"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Conn is a TCP connection. Its methods may be called from anywhere; of those that read only one
// works at a time, and of those that write.
type Conn struct {
	descriptor
	local, peer netip.AddrPort
	pieces      [3]unix.Iovec
	// writes counts the first two writes. Nothing holds the first one up, so that Nagle's
	// algorithm is only turned off for the second (TCP_NODELAY, tcp(7)).
	writes uint8
}

var _ net.Conn = (*Conn)(nil)

// Local and Peer are the connection's ends. An IPv4 address is never in IPv6's clothes.
func (c *Conn) Local() netip.AddrPort { return c.local }

// Peer is the other end.
func (c *Conn) Peer() netip.AddrPort { return c.peer }

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.peer) }

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.in.busy.Lock()
	defer c.in.busy.Unlock()
	for {
		n, again, err := c.TryRead(p)
		if !again {
			return n, err
		}
		if err := c.AwaitRead(); err != nil {
			return 0, err
		}
	}
}

// TryRead reads what there is and waits for nothing; again says that there is nothing yet, and
// that AwaitRead is to be called. Only one goroutine may do that, and none read otherwise.
func (c *Conn) TryRead(p []byte) (n int, again bool, err error) {
	if ok, err := c.beginTaking(); !ok {
		return 0, err == nil, err
	}
	defer c.leave()
	n, errno := read(c.fd, p)
	switch {
	case n > 0:
		// Less than there is room for was all that there is, unless that is an end.
		if n == len(p) || c.ended.Load() {
			c.in.again()
		}
		if n == len(p) {
			c.in.notice(&c.descriptor) // who always finds something never waits
		}
		return n, false, nil
	case errno == unix.EAGAIN:
		return 0, true, nil
	case errno == 0:
		c.in.again()
		return 0, false, io.EOF
	default:
		c.in.again()
		return 0, false, os.NewSyscallError("read", errno)
	}
}

// Promising reports whether TryRead may find something.
func (c *Conn) Promising() bool { return c.in.state.Load() == ready }

// Park is AwaitRead for those who have better things to do than to wait: it has f called once when
// AwaitRead would return, which f then is the only one to call, and returns true. It returns
// false when AwaitRead would return at once. f must not wait for anything. It fails when the kernel
// does not watch the connection.
func (c *Conn) Park(f func()) (bool, error) {
	if err := c.watch(unix.EPOLLIN | unix.EPOLLRDHUP); err != nil {
		return false, err
	}
	return c.in.park(&c.descriptor, f), nil
}

// AwaitRead returns when there may be something to read; an end and an error are something.
func (c *Conn) AwaitRead() error { return c.awaitRead() }

// Write implements net.Conn.
func (c *Conn) Write(p []byte) (written int, err error) {
	c.out.busy.Lock()
	defer c.out.busy.Unlock()
	t := attempt{c: c}
	for written < len(p) {
		if err := t.enter(); err != nil {
			return written, err
		}
		n, errno := write(c.fd, p[written:])
		written += n
		if err := t.leave("write", errno); err != nil {
			return written, err
		}
	}
	return written, nil
}

// TryWrite writes what the kernel takes of p and waits for nothing.
func (c *Conn) TryWrite(p []byte) (int, error) {
	c.out.busy.Lock()
	defer c.out.busy.Unlock()
	t := attempt{c: c}
	if err := t.enter(); err != nil {
		return 0, err
	}
	n, errno := write(c.fd, p)
	c.leave()
	if errno != 0 && errno != unix.EAGAIN {
		return n, os.NewSyscallError("write", errno)
	}
	return n, nil
}

// WriteParts writes up to three pieces as one, in one system call if the kernel takes them.
func (c *Conn) WriteParts(parts ...[]byte) (written int64, err error) {
	c.out.busy.Lock()
	defer c.out.busy.Unlock()
	vectors := c.pieces[:0]
	for _, p := range parts {
		if len(p) > 0 {
			v := unix.Iovec{Base: &p[0]}
			v.SetLen(len(p))
			vectors = append(vectors, v)
		}
	}
	t := attempt{c: c}
	for len(vectors) > 0 {
		if err := t.enter(); err != nil {
			return written, err
		}
		n, errno := writev(c.fd, vectors)
		written += int64(n)
		vectors = after(vectors, n)
		if err := t.leave("writev", errno); err != nil {
			return written, err
		}
	}
	c.pieces = [3]unix.Iovec{}
	return written, nil
}

// after is what is left of pieces behind n bytes.
func after(pieces []unix.Iovec, n int) []unix.Iovec {
	for len(pieces) > 0 && n >= int(pieces[0].Len) {
		n -= int(pieces[0].Len)
		pieces = pieces[1:]
	}
	if n > 0 {
		pieces[0].Base = (*byte)(unsafe.Add(unsafe.Pointer(pieces[0].Base), n))
		pieces[0].SetLen(int(pieces[0].Len) - n)
	}
	return pieces
}
