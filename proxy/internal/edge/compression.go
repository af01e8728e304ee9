package edge

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// emitAt is how much of a compressed body of known length is gathered before it goes out: 8
// KiB. A body of unknown length goes out with each piece that the target writes, as somebody
// may wait for it.
const emitAt = 8 << 10

// compression is edge.compression.
type compression struct {
	types    map[string]bool
	minimum  int64
	encoders *encoders
}

func compressionOf(c *spec.Compression) *compression {
	if !c.Enabled {
		return nil
	}
	types := map[string]bool{}
	for _, t := range c.Types {
		types[t] = true
	}
	return &compression{types: types, minimum: int64(c.MinimumSize), encoders: newEncoders(c.Level)}
}

// preferred are the codings in the order in which they are given to clients that want several
// alike: zstd makes about as little of an answer as brotli, in a fifth of the time.
var preferred = []coding{codingZstd, codingBrotli, codingGzip}

var (
	nameVary            = []byte("Vary")
	nameContentEncoding = []byte("Content-Encoding")
	valueAcceptEncoding = []byte("Accept-Encoding")
)

// facts are what the head of an answer says of whether it can be compressed.
type facts struct {
	contentType, etag []byte
	length            int64 // of HEAD's answer
	forbidden, varies bool
}

// factsOf looks at each field once.
func factsOf(r *exchange.Response) facts {
	f := facts{length: exchange.Unknown}
	for i := range r.Fields {
		switch field := &r.Fields[i]; field.ID {
		case exchange.FieldContentType:
			f.contentType = field.Value
		case exchange.FieldContentLength:
			if n, err := strconv.ParseInt(string(field.Value), 10, 64); err == nil {
				f.length = n
			}
		case exchange.FieldOther:
			f.note(field)
		default:
		}
	}
	return f
}

// digests are of the bytes that are sent, which would be others.
var digests = []string{"Content-Encoding", "Content-Range", "Content-Digest", "Repr-Digest", "Digest", "Content-MD5"}

func (f *facts) note(field *exchange.Field) {
	switch {
	case exchange.EqualFold(field.Name, "ETag"):
		f.etag = field.Value
	case exchange.EqualFold(field.Name, "Vary"):
		f.varies = f.varies || lists(field.Value, "Accept-Encoding") || lists(field.Value, "*")
	case exchange.EqualFold(field.Name, "Cache-Control"):
		f.forbidden = f.forbidden || lists(field.Value, "no-transform")
	default:
		for _, name := range digests {
			f.forbidden = f.forbidden || exchange.EqualFold(field.Name, name)
		}
	}
}

// lists reports whether a list of tokens has this one.
func lists(value []byte, token string) bool {
	for len(value) > 0 {
		var member []byte
		if member, value = cutComma(value); exchange.EqualFold(member, token) {
			return true
		}
	}
	return false
}

// takes reports whether an answer may be compressed, if the client wants it. head says that it
// is one to HEAD, more that there is more than body.
//
// https://www.rfc-editor.org/rfc/rfc9110#section-8.4
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/ServingCompressedFiles.html
func (p *compression) takes(x *exchange.Exchange, r *exchange.Response, f *facts, have int, more, head bool) bool {
	switch r.Status {
	case http.StatusOK, http.StatusForbidden, http.StatusNotFound:
	default:
		return false
	}
	if x.Request.Version < exchange.HTTP11 || r.NoBody && !head || f.forbidden || !p.hasType(f.contentType) || noTransform(&x.Request) {
		return false
	}
	size := int64(have)
	switch {
	case head:
		size = f.length
	case more:
		size = r.ContentLength
	}
	return size == exchange.Unknown || size > 0 && size >= p.minimum
}

// noTransform reports whether the client asks for the answer as it is.
func noTransform(r *exchange.Request) bool {
	for i := range r.Fields {
		if f := &r.Fields[i]; f.ID == exchange.FieldOther && exchange.EqualFold(f.Name, "Cache-Control") && lists(f.Value, "no-transform") {
			return true
		}
	}
	return false
}

// maxType bounds the media types that are looked up.
const maxType = 128

// hasType reports whether a Content-Type is one of those to compress, whatever its parameters.
func (p *compression) hasType(value []byte) bool {
	if i := bytes.IndexByte(value, ';'); i >= 0 {
		value = value[:i]
	}
	value = trim(value)
	var lower [maxType]byte
	if len(value) > len(lower) {
		return false
	}
	for i, c := range value {
		lower[i] = exchange.Lower(c)
	}
	return p.types[string(lower[:len(value)])]
}

// send writes the head, with body, compressed if it can be and the client wants it.
func (c *client) send(r *exchange.Response, body []byte, more bool) error {
	c.setHeaders(r)
	p := c.site.compression
	if p == nil {
		return c.Client.WriteHead(r, body, more)
	}
	head := string(c.x.Request.Method) == http.MethodHead
	f := factsOf(r)
	if !p.takes(c.x, r, &f, len(body), more, head) {
		if r.Status == http.StatusPartialContent && !f.varies && p.hasType(f.contentType) {
			// What the whole would say: https://www.rfc-editor.org/rfc/rfc9110#section-15.3.7
			r.Fields = append(r.Fields, exchange.Field{Name: nameVary, Value: valueAcceptEncoding})
		}
		return c.Client.WriteHead(r, body, more)
	}
	if !f.varies {
		r.Fields = append(r.Fields, exchange.Field{Name: nameVary, Value: valueAcceptEncoding})
	}
	w := weightsOf(&c.x.Request)
	chosen := w.best(preferred...)
	if chosen == identity {
		return c.Client.WriteHead(r, body, more)
	}
	if head {
		c.recode(r, &f, chosen)
		return c.Client.WriteHead(r, nil, false)
	}
	if c.encoder = p.encoders.get(chosen); c.encoder == nil {
		return c.Client.WriteHead(r, body, more)
	}
	c.stream = r.ContentLength == exchange.Unknown
	c.recode(r, &f, chosen)
	return c.begin(r, body, more)
}

// recode makes the head that of the compressed answer. Its tag becomes a weak one, since the
// bytes are others than the target means, and what was for ranges of them goes.
func (c *client) recode(r *exchange.Response, f *facts, to coding) {
	kept := r.Fields[:0]
	for i := range r.Fields {
		field := r.Fields[i]
		if field.ID == exchange.FieldContentLength || field.ID == exchange.FieldOther && exchange.EqualFold(field.Name, "Accept-Ranges") {
			continue
		}
		if field.ID == exchange.FieldOther && exchange.EqualFold(field.Name, "ETag") && len(f.etag) > 0 && f.etag[0] == '"' {
			field.Value = c.x.Arena.End(append(append(c.x.Arena.Begin(), "W/"...), f.etag...))
		}
		kept = append(kept, field)
	}
	r.Fields = append(kept, exchange.Field{Name: nameContentEncoding, Value: codingValues[to]})
	r.ContentLength = exchange.Unknown
}

// begin writes the head with the first of the compressed body. The head's memory is its
// caller's again when it returns, so that it cannot wait for more.
func (c *client) begin(r *exchange.Response, body []byte, more bool) error {
	e, headSent := c.encoder, false
	e.emit = func(p []byte) error {
		if headSent {
			return c.Client.WriteBody(p)
		}
		headSent = true
		return c.Client.WriteHead(r, p, true)
	}
	if len(body) > 0 {
		if _, err := e.codec.Write(body); err != nil {
			return err
		}
	}
	if more {
		if err := c.flush(len(body)); err != nil {
			return err
		}
		if !headSent || e.n > 0 {
			if err := e.drain(); err != nil {
				return err
			}
		}
		e.emit = c.Client.WriteBody
		return nil
	}
	if err := e.codec.Close(); err != nil {
		return err
	}
	if headSent {
		return c.end(nil)
	}
	// All of it has come, so that its length is known.
	made := e.made()
	length := c.x.Arena.End(strconv.AppendInt(c.x.Arena.Begin(), int64(len(made)), 10))
	r.Fields = append(r.Fields, exchange.Field{ID: exchange.FieldContentLength, Name: nameContentLength, Value: length})
	r.ContentLength = int64(len(made))
	err := c.Client.WriteHead(r, made, false)
	c.release()
	return err
}

// flush brings what was written so far into the buffer, if somebody may wait for it.
func (c *client) flush(written int) error {
	if !c.stream || written == 0 {
		return nil
	}
	return c.encoder.codec.Flush()
}

// writeCompressed writes more of the body.
func (c *client) writeCompressed(p []byte) error {
	if _, err := c.encoder.codec.Write(p); err != nil {
		return err
	}
	if err := c.flush(len(p)); err != nil {
		return err
	}
	if c.stream && c.encoder.n > 0 || c.encoder.n >= emitAt {
		return c.encoder.drain()
	}
	return nil
}

// finishCompressed ends the body.
func (c *client) finishCompressed(trailers []exchange.Field) error {
	if err := c.encoder.codec.Close(); err != nil {
		return err
	}
	return c.end(trailers)
}

// end writes what is left of a body and ends it.
func (c *client) end(trailers []exchange.Field) error {
	if c.encoder.n > 0 {
		if err := c.encoder.drain(); err != nil {
			return err
		}
	}
	c.release()
	return c.Client.Finish(trailers)
}

// release gives the encoder back.
func (c *client) release() {
	if c.encoder != nil {
		c.site.compression.encoders.put(c.encoder)
		c.encoder = nil
	}
}
