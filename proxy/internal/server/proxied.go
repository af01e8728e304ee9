package server

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/accesslog"
	"github.com/evenkeel/evenkeel/proxy/internal/client"
	"github.com/evenkeel/evenkeel/proxy/internal/proxyheader"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
	"github.com/evenkeel/evenkeel/spec"
)

// proxied is what a listener wants of a PROXY header; nil for a listener whose connections
// begin with the client's own first byte.
type proxied struct {
	required bool
	// trusted are those from whom a header is taken.
	trusted *client.Blocks
}

func newProxied(env *spec.Environment, l *spec.Listener) (*proxied, error) {
	mode := env.Proxy.ProxyProtocol[l.Name]
	if mode == "" || mode == spec.ProxyProtocolOff {
		return nil, nil
	}
	trusted, err := client.NewBlocks(env.Proxy.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("proxy.trusted_proxies: %w", err)
	}
	return &proxied{required: mode == spec.ProxyProtocolRequired, trusted: trusted}, nil
}

// early is what came with the PROXY header and behind it.
type early struct {
	buffer *wire.Buffer // of wire.Heads; nil when there is nothing
	r, w   int
}

// read moves what is there to p.
func (e *early) read(p []byte) int {
	n := copy(p, e.buffer.Bytes[e.r:e.w])
	if e.r += n; e.r == e.w {
		e.drop()
	}
	return n
}

// drop gives the buffer back.
func (e *early) drop() {
	if e.buffer != nil {
		wire.Heads.Put(e.buffer)
		*e = early{}
	}
}

// introduce reads the PROXY header with which a trusted proxy introduces the client, and makes
// that client the connection's peer. It reports false when the connection is refused.
func (l *listener) introduce(c *clientConn, p *proxied) bool {
	trusted := p.trusted.Contains(c.facts.Peer.Addr())
	if p.required && !trusted {
		l.refuseHeader(c, accesslog.ProxyHeaderNotTrusted)
		return false
	}
	header, reason := l.readHeader(c, p)
	if reason == "" && header.found && !trusted {
		reason = accesslog.ProxyHeaderNotTrusted
	}
	if reason != "" || header.silent {
		c.behind.drop()
		if reason != "" {
			l.refuseHeader(c, reason)
		}
		return false
	}
	if header.Source.IsValid() {
		c.facts.Peer = header.Source
	}
	c.wire.LimitRead(time.Time{})
	return true
}

// received is what came of a PROXY header.
type received struct {
	proxyheader.Header
	found bool
	// silent says that the connection ended before anything came.
	silent bool
}

// readHeader reads until the header is whole, or it is clear that there is none. It returns
// what is wrong with it, for the connection log.
func (l *listener) readHeader(c *clientConn, p *proxied) (received, string) {
	if p.required || l.security.Load() != nil {
		c.wire.LimitRead(c.opened.Add(handshakeTimeout))
	} else {
		c.idle(c.opened) // a client may connect first and ask later
	}
	b, n, err := c.wire.FirstRead(wire.Heads)
	c.busy()
	if err != nil {
		if p.required && wire.Timeout(err) {
			return received{}, accesslog.ProxyHeaderTimeout
		}
		return received{silent: true}, ""
	}
	c.behind = early{buffer: b}
	c.wire.LimitRead(time.Now().Add(handshakeTimeout))
	for {
		header, used, err := proxyheader.Parse(b.Bytes[:n])
		switch {
		case used > 0:
			if c.behind.r, c.behind.w = used, n; used == n {
				c.behind.drop()
			}
			return received{Header: header, found: true}, ""
		case errors.Is(err, proxyheader.ErrNone):
			if p.required {
				return received{}, accesslog.ProxyHeaderMissing
			}
			c.behind.w = n
			return received{}, ""
		case errors.Is(err, proxyheader.ErrUnsupported):
			return received{}, accesslog.ProxyHeaderUnsupported
		case err != nil:
			return received{}, accesslog.ProxyHeaderMalformed
		}
		m, err := c.wire.Read(b.Bytes[n:min(len(b.Bytes), proxyheader.MaxSize)])
		if n += m; m > 0 {
			continue
		}
		switch {
		case errors.Is(err, net.ErrClosed): // cut by us
			return received{silent: true}, ""
		case wire.Timeout(err):
			return received{}, accesslog.ProxyHeaderTimeout
		case err == nil:
			err = io.ErrNoProgress
		}
		l.server.logger.Debug("PROXY header cut short", slog.String("peer", c.facts.Peer.String()), slog.Any("error", err))
		return received{}, accesslog.ProxyHeaderMalformed
	}
}

// refuseHeader counts and records a connection that is closed for its PROXY header.
func (l *listener) refuseHeader(c *clientConn, reason string) {
	l.server.metrics.ProxyHeaderRefused(c.facts.Shard)
	r := c.connectionRecord()
	r.VerifyStatus = reason
	l.server.logs.Connection(&r)
}
