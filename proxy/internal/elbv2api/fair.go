package elbv2api

import (
	"net"
	"net/netip"
	"sync"
)

// fairListener is a listener of which no address has more than its share of connections.
type fairListener struct {
	net.Listener
	share int

	mu   sync.Mutex
	open map[netip.Prefix]int
}

func newFairListener(ln net.Listener, share int) *fairListener {
	return &fairListener{Listener: ln, share: share, open: map[netip.Prefix]int{}}
}

// Accept implements net.Listener.
func (l *fairListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := networkOf(c.RemoteAddr())
		if l.count(from, 1) {
			return &fairConn{c, sync.OnceFunc(func() { l.count(from, -1) })}, nil
		}
		_ = c.Close()
	}
}

// count adds n to the connections of an address, unless that is more than its share.
func (l *fairListener) count(from netip.Prefix, n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch n += l.open[from]; {
	case n > l.share:
		return false
	case n == 0:
		delete(l.open, from)
	default:
		l.open[from] = n
	}
	return true
}

// fairConn gives its place back when it is closed.
type fairConn struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *fairConn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// networkOf is what one client has of addresses: one of IPv4, 64 bits of IPv6.
func networkOf(a net.Addr) netip.Prefix {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	address := t.AddrPort().Addr().Unmap().WithZone("")
	network, _ := address.Prefix(min(64, address.BitLen())) // it has that many
	return network
}
