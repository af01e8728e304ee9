// Package http2 is HTTP/2 on both sides. Serve fills exchanges from a client's streams, with
// frames and flow control of our own. TargetConns sends them to the targets of HTTP2 and
// GRPC target groups by golang.org/x/net/http2, whose net/http types are the only ones near
// a request; nothing of them gets out.
package http2

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// Limits of a client connection. Those of sizes and counts are ALB's:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
// and load-balancer-listeners.html.
const (
	// MaxStreams is how many streams a client may have open at once.
	MaxStreams = 128
	// MaxRequests is after how many requests a connection is told to go away.
	MaxRequests = 10000
	// MaxLine bounds :path, and every field's name and value together, in bytes.
	MaxLine = 16 << 10
	// MaxHead bounds the request head, in bytes.
	MaxHead = 64 << 10
	// MaxResponseHead bounds a target's response head, in bytes.
	MaxResponseHead = 32 << 10
)

// What a client may make the proxy hold. A stream's window is what it may send ahead of
// the target's reading; the connection's bounds the sum.
const (
	streamWindow     = 128 << 10
	connectionWindow = 512 << 10
	frameSize        = 16 << 10
	headerTable      = 4 << 10
	// headSlack lets a head somewhat over MaxHead arrive, so that it is answered and logged
	// as an ALB does it. HTTP/2 counts 32 bytes for every field on top.
	headSlack = 32 << 10
)

// Options of Serve. The zero value has the limits above and no timeouts.
type Options struct {
	// IdleTimeout ends a connection without open streams, and a stream on which the proxy
	// waits for the client and nothing moves either way. PING resets neither. 0: never.
	IdleTimeout time.Duration
	// MaxAge is after how long a connection is told to go away (client_keep_alive). 0: never.
	MaxAge time.Duration
	// MaxStreams and MaxRequests default to the constants of these names.
	MaxStreams  int
	MaxRequests int
	// Refuse answers a request that must not reach routing: malformed in a way that an
	// HTTP/1.1 target could read differently (400), over a limit (400, 414), or CONNECT (405).
	// Its fields are not filled. Without it the answer is the bare status.
	Refuse func(x *exchange.Exchange, status int, reason string)
	// Logger is told of panics in handle; nil: nobody is.
	Logger *slog.Logger
}

func (o *Options) setDefaults() {
	o.MaxStreams = cmp.Or(o.MaxStreams, MaxStreams)
	o.MaxRequests = cmp.Or(o.MaxRequests, MaxRequests)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}
