package elbv2api

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// fairListener is a listener of which no address has more than its share of connections. One
// more takes the place of one that is idle, as clients forget to close theirs.
type fairListener struct {
	net.Listener
	share int

	mu sync.Mutex
	// open are the connections by where they come from, and whether they are idle.
	open map[netip.Prefix]map[*fairConn]bool
}

func newFairListener(ln net.Listener, share int) *fairListener {
	return &fairListener{Listener: ln, share: share, open: map[netip.Prefix]map[*fairConn]bool{}}
}

// Accept implements net.Listener.
func (l *fairListener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &fairConn{nc, l, networkOf(nc.RemoteAddr())}
		if l.enter(c) {
			return c, nil
		}
		_ = nc.Close()
	}
}

// enter gives a connection a place if there is one.
func (l *fairListener) enter(c *fairConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	peers := l.open[c.from]
	if peers == nil {
		peers = map[*fairConn]bool{}
		l.open[c.from] = peers
	}
	if len(peers) >= l.share && !dropIdle(peers) {
		return false
	}
	peers[c] = false
	return true
}

// dropIdle closes one of the connections that is idle, if any is.
func dropIdle(peers map[*fairConn]bool) bool {
	for c, idle := range peers {
		if idle {
			delete(peers, c)
			_ = c.Conn.Close()
			return true
		}
	}
	return false
}

// leave gives a connection's place back.
func (l *fairListener) leave(c *fairConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open[c.from], c)
	if len(l.open[c.from]) == 0 {
		delete(l.open, c.from)
	}
}

// fairConn is a connection that has a place.
type fairConn struct {
	net.Conn
	listener *fairListener
	from     netip.Prefix
}

// Close implements net.Conn.
func (c *fairConn) Close() error {
	c.listener.leave(c)
	return c.Conn.Close()
}

// stateChanged notes which connections are idle. It is a server's ConnState.
func stateChanged(nc net.Conn, state http.ConnState) {
	if secure, ok := nc.(*tls.Conn); ok {
		nc = secure.NetConn()
	}
	c, ok := nc.(*fairConn)
	if !ok {
		return
	}
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	if peers := c.listener.open[c.from]; peers != nil {
		if _, there := peers[c]; there {
			peers[c] = state == http.StateIdle
		}
	}
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
