package http2

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
)

// Errors of TargetConns.Do, for the forwarder's table of statuses.
var (
	// ErrConnect: the target refused the connection or it broke while being made (502).
	ErrConnect = errors.New("connect to target")
	// ErrConnectTimeout: the TCP handshake took too long (504).
	ErrConnectTimeout = errors.New("connect to target timed out")
	// ErrTLS: the TLS handshake went wrong, or the target does not speak h2 over TLS (502).
	ErrTLS = errors.New("tls handshake with target")
	// ErrTLSTimeout: the TLS handshake took too long (504).
	ErrTLSTimeout = errors.New("tls handshake with target timed out")
	// ErrTimeout: nothing moved for the idle timeout, and it was the target's turn (504).
	ErrTimeout = errors.New("target timed out")
	// ErrReset: the target reset the stream or closed the connection, or CloseAll did (502).
	ErrReset = errors.New("target ended the exchange")
	// ErrMalformed: the target's answer is no valid HTTP/2, or its head is over 32 KiB (502).
	ErrMalformed = errors.New("target sent a malformed response")
	// ErrClient: reading from or writing to the client went wrong; the target is not to blame.
	// It wraps os.ErrDeadlineExceeded when the client sent or took nothing for the idle timeout.
	ErrClient = errors.New("client ended the exchange")
)

// errGone: the target has left its group.
var errGone = fmt.Errorf("%w: target is gone", ErrConnect)

// A response that its client does not take waits here. The connection's window is as good
// as unlimited, so that a slow client does not hold up the others that share it.
const (
	responseWindow           = 128 << 10
	responseConnectionWindow = 1 << 30
)

// TargetConfig says how to reach one target.
type TargetConfig struct {
	// Address is host:port.
	Address string
	// TLS is nil for HTTP/2 with prior knowledge over plain TCP (h2c). The configuration is
	// cloned; ALPN becomes h2, and the target's certificate is not checked, as by an ALB.
	TLS *tls.Config
	// ConnectTimeout bounds the TCP handshake, TLSHandshakeTimeout the TLS handshake. Both
	// default to the 10 s at which they are fixed on an ALB.
	ConnectTimeout      time.Duration
	TLSHandshakeTimeout time.Duration
	// IdleTimeout is how long a connection without streams is kept; default 60 s.
	IdleTimeout time.Duration
}

// TargetConns keeps the connections to one target of an HTTP2 or GRPC target group.
// Requests share them, and a connection is added when all are at the target's limit of
// streams.
type TargetConns struct {
	cfg TargetConfig
	// connectTimeout is Config's until Tune.
	connectTimeout atomic.Int64
	transport      *http2.Transport

	mu      sync.Mutex
	conns   []*targetConn
	dialing *dialing
	closed  bool
}

// targetConn is one connection to the target.
type targetConn struct {
	net.Conn
	h2   *http2.ClientConn
	used atomic.Bool
	// heard is when the target last sent anything, since epoch.
	heard atomic.Int64
}

func (c *targetConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.heard.Store(int64(time.Since(epoch)))
	}
	return n, err
}

// dialing is a connection being made, for all who wait for it.
type dialing struct {
	done chan struct{}
	err  error
}

// NewTargetConns returns the connections to one target; none is opened before the first
// request.
func NewTargetConns(cfg TargetConfig) *TargetConns {
	cfg.ConnectTimeout = cmp.Or(cfg.ConnectTimeout, 10*time.Second)
	cfg.TLSHandshakeTimeout = cmp.Or(cfg.TLSHandshakeTimeout, 10*time.Second)
	cfg.IdleTimeout = cmp.Or(cfg.IdleTimeout, time.Minute)
	if cfg.TLS != nil {
		cfg.TLS = cfg.TLS.Clone()
		cfg.TLS.NextProtos = []string{"h2"}
		cfg.TLS.InsecureSkipVerify = true
	}
	c := &TargetConns{cfg: cfg}
	c.Tune(cfg.ConnectTimeout)
	t1 := &http.Transport{
		IdleConnTimeout:        cfg.IdleTimeout,
		MaxResponseHeaderBytes: MaxResponseHead,
		DisableCompression:     true,
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerConnection: responseConnectionWindow,
			MaxReceiveBufferPerStream:     responseWindow,
			WriteByteTimeout:              cfg.IdleTimeout,
		},
	}
	// It fails only for a transport that is configured for HTTP/2 already.
	c.transport, _ = http2.ConfigureTransports(t1)
	c.transport.ConnPool = pool{c}
	c.transport.AllowHTTP = true
	c.transport.DisableCompression = true
	c.transport.MaxHeaderListSize = MaxResponseHead
	c.transport.IdleConnTimeout = cfg.IdleTimeout
	return c
}

// Tune replaces the connect timeout; connections stay.
func (c *TargetConns) Tune(connectTimeout time.Duration) {
	c.connectTimeout.Store(int64(connectTimeout))
}

// CloseIdle closes the connections without streams.
func (c *TargetConns) CloseIdle() {
	for _, tc := range c.snapshot() {
		// A connection that takes no new streams closes with its last one.
		tc.h2.SetDoNotReuse()
		if s := tc.h2.State(); s.StreamsActive+s.StreamsReserved+s.StreamsPending == 0 {
			_ = tc.Close()
		}
	}
}

// CloseAll closes every connection and lets no new one be made: the target is gone.
// Exchanges in flight end with ErrReset.
func (c *TargetConns) CloseAll() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	for _, tc := range c.snapshot() {
		_ = tc.Close()
	}
}

// Open returns how many connections are open, in use or idle.
func (c *TargetConns) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.conns)
}

func (c *TargetConns) snapshot() []*targetConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.conns)
}

// get returns a connection with room for one more stream, which is reserved. fresh says
// that no exchange used it before.
func (c *TargetConns) get(ctx context.Context) (tc *targetConn, fresh bool, err error) {
	for {
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return nil, false, errGone
		}
		for _, tc := range c.conns {
			if tc.h2.ReserveNewRequest() {
				c.mu.Unlock()
				return tc, !tc.used.Swap(true), nil
			}
		}
		d := c.dialing
		if d == nil {
			d = &dialing{done: make(chan struct{})}
			c.dialing = d
			// Others may wait for this connection: it does not end with the request that asked
			// for it first.
			go c.dial(d)
		}
		c.mu.Unlock()
		select {
		case <-d.done:
			if d.err != nil {
				return nil, false, d.err
			}
		case <-ctx.Done():
			return nil, false, context.Cause(ctx)
		}
	}
}

func (c *TargetConns) dial(d *dialing) {
	tc, err := c.connect()
	c.mu.Lock()
	if err == nil && c.closed {
		_ = tc.Close()
		err = errGone
	}
	if err == nil {
		c.conns = append(c.conns, tc)
	}
	d.err = err
	c.dialing = nil
	c.mu.Unlock()
	close(d.done)
}

func (c *TargetConns) connect() (*targetConn, error) {
	dialer := net.Dialer{Timeout: time.Duration(c.connectTimeout.Load())}
	nc, err := dialer.Dial("tcp", c.cfg.Address)
	if err != nil {
		if isTimeout(err) {
			return nil, fmt.Errorf("%w: %w", ErrConnectTimeout, err)
		}
		return nil, fmt.Errorf("%w: %w", ErrConnect, err)
	}
	if c.cfg.TLS != nil {
		if nc, err = c.handshake(nc); err != nil {
			return nil, err
		}
	}
	tc := &targetConn{Conn: nc}
	if tc.h2, err = c.transport.NewClientConn(tc); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("%w: %w", ErrConnect, err)
	}
	return tc, nil
}

func (c *TargetConns) handshake(nc net.Conn) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.TLSHandshakeTimeout)
	defer cancel()
	t := tls.Client(nc, c.cfg.TLS)
	err := t.HandshakeContext(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		err = fmt.Errorf("%w: %w", ErrTLSTimeout, err)
	case err != nil:
		err = fmt.Errorf("%w: %w", ErrTLS, err)
	case t.ConnectionState().NegotiatedProtocol != "h2":
		err = fmt.Errorf("%w: target does not offer h2", ErrTLS)
	}
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return t, nil
}

// pool gives the connections to x/net/http2, which thereby repeats a request on another
// connection when the target said that it has not looked at it (GOAWAY, REFUSED_STREAM).
type pool struct{ *TargetConns }

// GetClientConn implements http2.ClientConnPool.
func (p pool) GetClientConn(r *http.Request, _ string) (*http2.ClientConn, error) {
	tc, fresh, err := p.get(r.Context())
	if err != nil {
		return nil, err
	}
	if a, ok := r.Context().Value(attemptKey{}).(*attempt); ok {
		a.use(tc, fresh)
	}
	return tc.h2, nil
}

// MarkDead implements http2.ClientConnPool.
func (p pool) MarkDead(cc *http2.ClientConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = slices.DeleteFunc(p.conns, func(tc *targetConn) bool { return tc.h2 == cc })
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
