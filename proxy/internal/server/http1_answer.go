package server

import (
	"os"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http1"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// maxWrite bounds one write, and so what a client must take within one idle timeout: a
// slow but honest reader is not cut, one that reads a byte a minute is.
const maxWrite = 64 << 10

// WriteInterim implements exchange.Client. HTTP/1.0 knows no 1xx.
func (c *http1Conn) WriteInterim(r *exchange.Response) error {
	if c.x.Request.Version < exchange.HTTP11 {
		return nil
	}
	b := wire.Heads.Get()
	defer wire.Heads.Put(b)
	out := appendHead(b.Bytes[:0], r)
	return c.write(append(out, '\r', '\n'))
}

// WriteHead implements exchange.Client.
func (c *http1Conn) WriteHead(r *exchange.Response, body []byte, more bool) error {
	c.frame()
	c.headSent = true
	b := wire.Heads.Get()
	defer wire.Heads.Put(b)
	out := appendHead(b.Bytes[:0], r)
	now := time.Now() // Answered may be long ago: of a head that came slowly, behind an interim answer

	if r.Status == 101 {
		out = append(out, "Connection: upgrade\r\n\r\n"...)
		c.closeNow = true // the tunnel owns the connection from here on
		return c.writeAt(now, append(out, body...))
	}
	c.chunked = false
	if r.ContentLength == exchange.Unknown && !r.NoBody {
		if c.x.Request.Version >= exchange.HTTP11 {
			c.chunked = true
			out = append(out, "Transfer-Encoding: chunked\r\n"...)
		} else {
			c.closeNow = true
		}
	}
	c.closeNow = c.closeNow || c.x.Request.Close || c.listener.draining.Load() || c.bodyWillStay()
	if c.closeNow {
		out = append(out, "Connection: close\r\n\r\n"...)
	} else {
		out = append(out, "Connection: keep-alive\r\n\r\n"...)
	}

	switch {
	case len(body) == 0:
		if c.chunked && !more {
			out = append(out, http1.LastChunk...)
		}
		return c.writeAt(now, out)
	case c.chunked:
		out = http1.AppendChunkHeader(out, len(body))
		if !more {
			return c.writeParts(now, out, body, chunkEndAndLast)
		}
		return c.writeParts(now, out, body, chunkEnd)
	case len(out)+len(body) <= cap(out):
		return c.writeAt(now, append(out, body...))
	default:
		return c.writeParts(now, out, body, nil)
	}
}

var (
	chunkEnd        = []byte(http1.ChunkEnd)
	chunkEndAndLast = []byte(http1.ChunkEnd + http1.LastChunk)
	lastChunk       = []byte(http1.LastChunk)
)

// bodyWillStay reports whether so much of the request body will be left unread that the
// connection cannot go on. A body on its way to a target is the forwarder's to read, in
// another goroutine perhaps, and is not looked at here.
func (c *http1Conn) bodyWillStay() bool {
	if !c.x.Record.Dispatched.IsZero() || c.bodyDone {
		return false
	}
	return !c.continued || c.left > skipBytes
}

// appendHead appends the status line and the fields, but not the empty line.
func appendHead(out []byte, r *exchange.Response) []byte {
	out = http1.AppendStatusLine(out, exchange.HTTP11, r.Status, r.Reason)
	for i := range r.Fields {
		out = http1.AppendField(out, r.Fields[i].Name, r.Fields[i].Value)
	}
	return out
}

// WriteBody implements exchange.Client.
func (c *http1Conn) WriteBody(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if !c.chunked {
		return c.write(p)
	}
	return c.writeParts(time.Now(), http1.AppendChunkHeader(c.chunkHead[:0], len(p)), p, chunkEnd)
}

// Finish implements exchange.Client.
func (c *http1Conn) Finish(trailers []exchange.Field) error {
	if !c.chunked {
		return nil
	}
	if len(trailers) == 0 {
		return c.write(lastChunk)
	}
	b := wire.Heads.Get()
	defer wire.Heads.Put(b)
	return c.write(http1.AppendLastChunk(b.Bytes[:0], trailers))
}

// Abort ends an answer that cannot be completed. The connection is reset, since a plain
// close would be the regular end of an answer without a length.
func (c *http1Conn) Abort() {
	c.broken, c.closeNow = true, true
	c.wire.Reset()
}

// SpliceBody moves n bytes of the answer's body from src within the kernel. It is only
// for an answer whose length is known.
func (c *http1Conn) SpliceBody(src *wire.Conn, n int64, silence time.Duration) (int64, error) {
	moved, err := c.wire.SpliceFrom(src, n, silence, c.idleTimeout)
	c.x.Record.SentBytes += moved
	if err != nil {
		c.broken = true
	}
	return moved, err
}

// SendFile sends n bytes of a file, from where it stands, within the kernel. It is only for an
// answer whose length is known.
func (c *http1Conn) SendFile(f *os.File, n int64) (int64, error) {
	sent, err := c.wire.SendFile(f, n, c.idleTimeout)
	c.x.Record.SentBytes += sent
	if err != nil {
		c.broken = true
	}
	return sent, err
}

// Spliceable reports whether SpliceBody and SendFile may be used for this answer.
func (c *http1Conn) Spliceable() bool { return !c.chunked && c.wire.Plain() }

func (c *http1Conn) write(p []byte) error { return c.writeAt(time.Now(), p) }

// writeAt is write when it is now.
func (c *http1Conn) writeAt(now time.Time, p []byte) error {
	for len(p) > 0 {
		n := min(len(p), maxWrite)
		c.wire.ExtendWrite(now, c.idleTimeout)
		m, err := c.wire.Write(p[:n])
		c.x.Record.SentBytes += int64(m)
		if err != nil {
			c.broken = true
			return err
		}
		if p = p[n:]; len(p) > 0 {
			now = time.Now()
		}
	}
	return nil
}

// writeParts writes up to three pieces in one system call where the connection can.
func (c *http1Conn) writeParts(now time.Time, a, b, z []byte) error {
	if !c.wire.Plain() || len(a)+len(b)+len(z) > maxWrite {
		joined := wire.Bodies.Get()
		defer wire.Bodies.Put(joined)
		if len(a)+len(b)+len(z) <= len(joined.Bytes) {
			out := append(append(append(joined.Bytes[:0], a...), b...), z...)
			return c.writeAt(now, out)
		}
		if err := c.writeAt(now, a); err != nil {
			return err
		}
		if err := c.write(b); err != nil {
			return err
		}
		return c.write(z)
	}
	c.wire.ExtendWrite(now, c.idleTimeout)
	n, err := c.wire.WriteParts(a, b, z)
	c.x.Record.SentBytes += n
	if err != nil {
		c.broken = true
	}
	return err
}

// Hijack gives the forwarder the connection for a tunnel, with what was read of it beyond
// the request head.
func (c *http1Conn) Hijack() (*wire.Conn, []byte) {
	rest := c.in.Bytes[c.r:c.w]
	c.r = c.w
	return c.wire, rest
}
