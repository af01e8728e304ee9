package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/certs"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/metrics"
	"github.com/evenkeel/evenkeel/proxy/internal/socket"
	"github.com/evenkeel/evenkeel/proxy/internal/tlspolicy"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
	"github.com/evenkeel/evenkeel/spec"
)

// security is what an HTTPS listener brings to a handshake.
type security struct {
	config *tls.Config
	set    *certs.Set
}

// choosing is the connection below TLS. It remembers which certificate was chosen, and what
// came first when that is no TLS.
type choosing struct {
	*socket.Conn
	entry *certs.Entry

	// early is what stands before what the socket brings.
	early early

	read  bool
	plain []byte
	// broken says that a write has failed, after which TLS cannot go on.
	broken atomic.Bool
}

// recordHandshake is the first byte of every client's first TLS record (RFC 8446, 5.1).
const recordHandshake = 22

// Read implements net.Conn.
func (c *choosing) Read(p []byte) (int, error) {
	var n int
	var err error
	if c.early.buffer != nil {
		n = c.early.read(p)
	} else {
		n, err = c.Conn.Read(p)
	}
	if n > 0 && !c.read {
		c.read = true
		if p[0] != recordHandshake {
			c.plain = bytes.Clone(p[:n])
			if e := &c.early; e.buffer != nil {
				c.plain = append(c.plain, e.buffer.Bytes[e.r:e.w]...)
				e.drop()
			}
		}
	}
	return n, err
}

// Write implements net.Conn. After a write that failed it fails at once: crypto/tls would
// wait five seconds for its closing alert to get through to a client that takes nothing.
func (c *choosing) Write(p []byte) (int, error) {
	if c.broken.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		c.broken.Store(true)
	}
	return n, err
}

// newSecurity loads what an HTTPS listener needs; nil for HTTP.
func newSecurity(env *spec.Environment, l *spec.Listener, dir string, logger *slog.Logger) (*security, error) {
	if l.Protocol != spec.ProtocolHTTPS {
		return nil, nil
	}
	set, err := certs.Load(dir, env.Certificates, l.Certificates)
	if err != nil {
		return nil, fmt.Errorf("listener %s: %w", l.Name, err)
	}
	for _, w := range set.Warnings() {
		logger.Warn("certificate", slog.String("listener", l.Name), slog.String("warning", w))
	}
	policy, ok := tlspolicy.Lookup(l.SSLPolicy)
	if !ok {
		return nil, fmt.Errorf("listener %s: unknown ssl_policy %q (nearest is %s)", l.Name, l.SSLPolicy, tlspolicy.Nearest(l.SSLPolicy))
	}
	// HTTP/1.0 by name too: a client that offers nothing that is listed gets no handshake.
	protocols := []string{"http/1.1", "http/1.0"}
	if env.LoadBalancer.Attributes.HTTP2 {
		protocols = slices.Insert(protocols, 0, "h2")
	}
	config := &tls.Config{
		NextProtos: protocols,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			e := set.Choose(hello)
			if c, ok := hello.Conn.(*choosing); ok {
				c.entry = e
			}
			return e.Certificate, nil
		},
	}
	policy.Configure(config)
	return &security{config: config, set: set}, nil
}

// certificateGauges is what the metrics tell of the listeners' certificates.
func (s *Server) certificateGauges() []metrics.CertificateGauges {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []metrics.CertificateGauges
	for _, l := range s.listeners {
		sec := l.security.Load()
		if sec == nil {
			continue
		}
		for _, e := range sec.set.Entries() {
			list = append(list, metrics.CertificateGauges{Listener: l.current.Load().Name(), Certificate: e.Name, NotAfter: e.Certificate.Leaf.NotAfter})
		}
	}
	return list
}

// handshake makes c a TLS connection. It reports false when none came about; the client
// has been answered then, as far as it can be.
func (l *listener) handshake(c *clientConn, sec *security) bool {
	below := &choosing{Conn: c.sock, early: c.behind}
	c.behind = early{}
	tc := tls.Server(below, sec.config)
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
	defer cancel()
	began := time.Now()
	if err := tc.HandshakeContext(ctx); err != nil {
		var rh tls.RecordHeaderError
		if errors.As(err, &rh) && rh.Conn != nil && looksLikeHTTP(rh.RecordHeader) {
			l.answerPlain(c, below.plain)
			return false
		}
		l.server.tlsFailed(c, err)
		return false
	}
	state := tc.ConnectionState()
	c.facts.TLS = &exchange.TLS{
		Version:     tlspolicy.VersionName(state.Version),
		CipherSuite: tlspolicy.SuiteName(state.CipherSuite),
		KeyExchange: state.CurveID.String(),
	}
	switch e := below.entry; {
	case state.DidResume:
		c.facts.TLS.ServerName = state.ServerName
		c.facts.TLS.CertificateARN = "session-reused"
	case e != nil:
		c.facts.TLS.CertificateARN = e.ARN
		if !e.Default {
			c.facts.TLS.ServerName = state.ServerName
		}
	}
	l.mu.Lock() // closeAll reads c.wire
	c.wire = wire.NewConn(tc, c.sock)
	l.mu.Unlock()
	l.server.logConnection(c, time.Since(began))
	return true
}

// looksLikeHTTP reports whether what should have been a TLS record starts like a request.
func looksLikeHTTP(header [5]byte) bool {
	switch string(header[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "PUT h", "OPTIO", "DELET", "PATCH", "TRACE", "CONNE", "GET h":
		return true
	}
	return false
}

// answerPlain tells a client that it speaks HTTP where TLS is expected. first is what it
// has sent so far.
func (l *listener) answerPlain(c *clientConn, first []byte) {
	h := newHTTP1Conn(c)
	defer h.release()
	h.in, h.pool = wire.Bodies.Get(), wire.Bodies
	h.w = copy(h.in.Bytes, first)
	x := exchanges.Get().(*exchange.Exchange)
	x.Reset()
	x.Conn, x.Client = &c.facts, h
	x.Record.Created = time.Now()
	h.x, h.framed, h.bodyDone = x, true, true
	current := l.current.Load()
	_ = c.sock.SetWriteDeadline(time.Time{}) // the handshake's is over
	c.wire.LimitRead(x.Record.Created.Add(current.IdleTimeout()))
	if _, err := h.readHead(current, x.Record.Created); err != nil {
		x.Record.MalformedRequest = true
	}
	x.Record.ReceivedBytes = int64(h.w)
	current.PlainHTTP(x)
	h.linger()
	exchanges.Put(x)
}
