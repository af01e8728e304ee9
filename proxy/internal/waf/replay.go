package waf

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// unread is a body that the client did not send.
type unread struct{ status int }

func (u *unread) Error() string { return "the client did not send the body" }

// readBody reads as much of the body as is inspected, and puts it back: from here on the
// exchange's client is one that gives it out first. gRPC is not looked into, and its streams
// may wait for an answer before they send more.
func (q *query) readBody(c *content) error {
	x := q.x
	if x.Request.ContentLength == 0 || x.Request.GRPC() || kindOf(c.contentType) == kindOther {
		return nil
	}
	r := &replay{Client: x.Client, buffer: wire.Heads.Get(), unknown: x.Request.ContentLength == exchange.Unknown}
	x.Client.Buffered() // which answers Expect: 100-continue
	for r.w < maxBody && !r.ended {
		n, err := x.Client.ReadBody(r.buffer.Bytes[r.w:maxBody])
		r.w += n
		switch {
		case errors.Is(err, io.EOF):
			r.ended = true
		case err != nil:
			wire.Heads.Put(r.buffer)
			status := http.StatusBadRequest
			if wire.Timeout(err) {
				status = http.StatusRequestTimeout
			}
			return &unread{status}
		case !r.unknown && int64(r.w) == x.Request.ContentLength:
			r.ended = true
		}
	}
	x.Client = r
	c.body, c.cut = string(r.buffer.Bytes[:r.w]), !r.ended
	return nil
}

// replay is a client of whose body a part has been read, which it gives out again.
type replay struct {
	exchange.Client
	buffer  *wire.Buffer
	r, w    int // buffer.Bytes[r:w] is to be given out
	unknown bool
	ended   bool // there is no more behind it
}

var _ exchange.Decorator = (*replay)(nil)

// Unwrap implements exchange.Decorator.
func (r *replay) Unwrap() exchange.Client { return r.Client }

// ReadBody implements exchange.Client.
func (r *replay) ReadBody(p []byte) (int, error) {
	if r.r < r.w {
		n := copy(p, r.buffer.Bytes[r.r:r.w])
		r.r += n
		return n, nil
	}
	if r.ended {
		return 0, io.EOF
	}
	return r.Client.ReadBody(p)
}

// Buffered implements exchange.Client. A body of unknown length is never whole: it has an
// end to be sent on.
func (r *replay) Buffered() (n int, whole bool) {
	n = r.w - r.r
	switch {
	case r.unknown:
		return n, false
	case r.ended:
		return n, true
	}
	more, whole := r.Client.Buffered()
	return n + more, whole
}

// splicer is a client whose connection can take a body inside the kernel.
type splicer interface {
	Spliceable() bool
	SpliceBody(src *wire.Conn, n int64, silence time.Duration) (int64, error)
	SendFile(f *os.File, n int64) (int64, error)
}

// Spliceable reports whether SpliceBody may be used for this answer.
func (r *replay) Spliceable() bool {
	s, ok := r.Client.(splicer)
	return ok && s.Spliceable()
}

// SpliceBody moves n bytes of the answer's body from src within the kernel.
func (r *replay) SpliceBody(src *wire.Conn, n int64, silence time.Duration) (int64, error) {
	return r.Client.(splicer).SpliceBody(src, n, silence)
}

// SendFile sends n bytes of a file within the kernel, where Spliceable allows it.
func (r *replay) SendFile(f *os.File, n int64) (int64, error) {
	return r.Client.(splicer).SendFile(f, n)
}

// Release gives back what Judge took for x, once nobody reads its body any more.
func (f *Firewall) Release(x *exchange.Exchange) {
	if r, ok := x.Client.(*replay); ok {
		x.Client = r.Client
		wire.Heads.Put(r.buffer)
	}
}
