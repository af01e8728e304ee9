package edge

import (
	"os"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// client is the decorated client of one exchange. Clients are pooled.
type client struct {
	exchange.Client
	site *Site
	x    *exchange.Exchange

	// extra are fields for the answer, whoever makes it.
	extra []exchange.Field
	// cacheControl says that the answer's Cache-Control is not the edge's response headers' to set.
	cacheControl bool
	// replaced says that the client has an error page in place of the answer.
	replaced bool
	// encoder compresses the body; nil for one that stays as it is. stream says that each piece
	// of it goes out at once.
	encoder *encoder
	stream  bool
}

var _ exchange.Decorator = (*client)(nil)

var clients = sync.Pool{New: func() any { return new(client) }}

// Wrap puts the edge between x and its client, until Unwrap.
func (s *Site) Wrap(x *exchange.Exchange) {
	c := clients.Get().(*client)
	c.Client, c.site, c.x = x.Client, s, x
	x.Client = c
}

// Unwrap takes the edge away from between x and its client, when the answer is through.
func (s *Site) Unwrap(x *exchange.Exchange) {
	c, ok := x.Client.(*client)
	if !ok {
		return
	}
	x.Client = c.Client
	c.release()
	*c = client{extra: c.extra[:0]}
	clients.Put(c)
}

// clientOf returns the edge between x and its client; nil for none.
func clientOf(x *exchange.Exchange) *client {
	for d, ok := x.Client.(exchange.Decorator); ok; d, ok = d.Unwrap().(exchange.Decorator) {
		if c, ours := d.(*client); ours {
			return c
		}
	}
	return nil
}

// addField adds a field to the answer of x, whoever makes it.
func addField(x *exchange.Exchange, f exchange.Field) {
	if c := clientOf(x); c != nil {
		c.extra = append(c.extra, f)
	}
}

// keepCacheControl leaves the answer's Cache-Control as it is: that of files wins over that of
// all answers.
func keepCacheControl(x *exchange.Exchange) {
	if c := clientOf(x); c != nil {
		c.cacheControl = true
	}
}

// Unwrap implements exchange.Decorator.
func (c *client) Unwrap() exchange.Client { return c.Client }

// WriteHead implements exchange.Client.
func (c *client) WriteHead(r *exchange.Response, body []byte, more bool) error {
	if p := c.pageFor(r.Status); p != nil {
		return c.writePage(p, r, len(body), more)
	}
	return c.send(r, body, more)
}

// WriteBody implements exchange.Client.
func (c *client) WriteBody(p []byte) error {
	if c.replaced {
		return nil
	}
	if c.encoder != nil {
		return c.writeCompressed(p)
	}
	return c.Client.WriteBody(p)
}

// Finish implements exchange.Client.
func (c *client) Finish(trailers []exchange.Field) error {
	if c.replaced {
		return nil
	}
	if c.encoder != nil {
		return c.finishCompressed(trailers)
	}
	return c.Client.Finish(trailers)
}

// Abort implements exchange.Client. Who has a page has all of it, however the answer ends
// that it replaced.
func (c *client) Abort() {
	if !c.replaced {
		c.Client.Abort()
	}
}

// splicer is a client whose connection can take a body inside the kernel.
type splicer interface {
	Spliceable() bool
	SpliceBody(src *wire.Conn, n int64, silence time.Duration) (int64, error)
	SendFile(f *os.File, n int64) (int64, error)
}

// Spliceable reports whether SpliceBody may be used for this answer.
func (c *client) Spliceable() bool {
	s, ok := c.Client.(splicer)
	return ok && !c.replaced && c.encoder == nil && s.Spliceable()
}

// SpliceBody moves n bytes of the answer's body from src within the kernel.
func (c *client) SpliceBody(src *wire.Conn, n int64, silence time.Duration) (int64, error) {
	return c.Client.(splicer).SpliceBody(src, n, silence)
}

// SendFile sends n bytes of a file within the kernel, where Spliceable allows it.
func (c *client) SendFile(f *os.File, n int64) (int64, error) {
	return c.Client.(splicer).SendFile(f, n)
}
