package forward

import (
	"errors"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// errTooLarge: the client sent more than the target group takes.
var errTooLarge = errors.New("request body is too large")

// tooLarge reports whether the request's body is larger than most by what its head says. One
// of which the head says nothing is counted as it comes.
func tooLarge(x *exchange.Exchange, most int64) bool {
	if x.Request.ContentLength == exchange.Unknown {
		x.Client = &bounded{Client: x.Client, left: most}
		return false
	}
	return x.Request.ContentLength > most
}

// unbind takes away the bound that tooLarge set, so that those before it find their own client.
func unbind(x *exchange.Exchange) {
	if b, ok := x.Client.(*bounded); ok {
		x.Client = b.Client
	}
}

// bounded is a client of whose body so much is read and no more.
type bounded struct {
	exchange.Client
	left int64
}

var _ exchange.Decorator = (*bounded)(nil)

// Unwrap implements exchange.Decorator.
func (b *bounded) Unwrap() exchange.Client { return b.Client }

// ReadBody implements exchange.Client.
func (b *bounded) ReadBody(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	n, err := b.Client.ReadBody(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// Spliceable reports whether SpliceBody may be used for this answer.
func (b *bounded) Spliceable() bool {
	s, ok := b.Client.(splicer)
	return ok && s.Spliceable()
}

// SpliceBody moves n bytes of the answer's body from src within the kernel.
func (b *bounded) SpliceBody(src *wire.Conn, n int64, silence time.Duration) (int64, error) {
	return b.Client.(splicer).SpliceBody(src, n, silence)
}
