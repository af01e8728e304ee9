// Package http1 is the HTTP/1 codec: it parses heads in place, without allocating, decides
// how bodies are framed, takes chunked bodies apart and writes all of that.
//
// It is strict wherever RFC 9112 allows it. A request that an ALB's desync mitigation has a
// word for is parsed, so that package desync can see what was sent; whether it goes on is
// not decided here.
package http1

import (
	"bytes"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
const (
	// maxLine bounds the request line and each header line, in bytes without CRLF: one of
	// this length is refused, as an ALB does.
	maxLine = 16 << 10
	// maxRequestHead bounds a request head, in bytes.
	maxRequestHead = 64 << 10
	// maxFields bounds the fields of a head. A field costs 56 bytes of memory and as little as
	// four on the wire, so the size alone would let a head grow fourteenfold.
	maxFields = 1000
	// maxEmptyLines bounds the empty lines skipped before a request (RFC 9112, 2.2).
	maxEmptyLines = 4
)

// RequestParser parses request heads. Its zero value is ready for the first.
type RequestParser struct {
	lines lines
	line  requestLine
	begun bool // the request line is known
}

// Reset makes the parser ready for another head.
func (p *RequestParser) Reset() { *p = RequestParser{} }

// Parse looks for a whole request head at the start of buf. Without one it returns 0 and
// nil: call it again with the same bytes and more behind them, wherever they stand by then.
// Otherwise it fills r, whose slices alias buf, and returns the size of the head in bytes,
// with the empty lines skipped before it. How the body is framed is not its to say; see
// [Frame]. The error is an *[Error]; nothing that follows on the connection can be read.
func (p *RequestParser) Parse(buf []byte, r *exchange.Request) (n int, err error) {
	for {
		start, end, strict, ok := p.lines.next(buf)
		if !ok {
			return 0, p.checkPartial(buf)
		}
		switch size := end - start; {
		case !p.begun && size > 0 && octets[buf[start]]&octetVisible == 0:
			return 0, errRequestLine
		case !p.begun && size >= maxLine:
			return 0, errRequestLineLong
		case size >= maxLine:
			return 0, errFieldLineLong
		case !strict:
			return 0, errBareLF
		case p.lines.start > maxRequestHead:
			return 0, errHeadLong
		case p.begun && size == 0:
			return p.finish(buf, r)
		case p.begun:
			if p.lines.count > maxFields {
				return 0, errFieldCount
			}
		case size == 0:
			if p.lines.count > maxEmptyLines {
				return 0, errEmptyLines
			}
		default:
			if err := p.line.parse(buf, start, end); err != nil {
				return 0, err
			}
			p.begun = true
			p.lines.count = 0 // counts header lines from here on
			if p.line.simple {
				return p.finish(buf, r)
			}
		}
	}
}

// checkPartial refuses a head that can only become too large, and what is not HTTP.
func (p *RequestParser) checkPartial(buf []byte) error {
	line := p.lines.partial(buf)
	switch {
	case !p.begun && len(line) > 0 && octets[line[0]]&octetVisible == 0:
		return errRequestLine
	case !p.begun && len(line) >= maxLine:
		return errRequestLineLong
	case len(line) >= maxLine:
		return errFieldLineLong
	case len(buf) >= maxRequestHead:
		return errHeadLong
	}
	return nil
}

var cr = []byte{'\r'}

// finish fills r from the head that ends where the next line would start.
func (p *RequestParser) finish(buf []byte, r *exchange.Request) (int, error) {
	n := p.lines.start
	head := buf[p.line.start:n]
	// One search of the whole head each is cheaper than one in every value. Each line has
	// been seen to end in CRLF.
	if bytes.Count(head, cr) != p.lines.count+1 {
		return 0, errBareCR
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return 0, errNUL
	}
	var seen requestOptions
	fields, err := appendRequestFields(r.Fields[:0], buf[p.line.end+len("\r\n"):n], &seen)
	r.Fields = fields
	if err != nil {
		r.Fields = fields[:0]
		return 0, err
	}
	p.line.fill(buf, r)
	r.HeadBytes = n
	r.Upgrade = r.Version == exchange.HTTP11 && !p.line.oddVersion && seen.upgrades()
	r.ExpectContinue = r.Version == exchange.HTTP11 && seen.expectContinue
	switch {
	case p.line.oddVersion, r.Version < exchange.HTTP10:
		r.Close = true
	case r.Version == exchange.HTTP10:
		r.Close = seen.connection&(optionClose|optionKeepAlive) != optionKeepAlive
	default:
		r.Close = seen.connection&optionClose != 0
	}
	return n, nil
}

// appendRequestFields appends the fields of lines, which ends with the empty line, and
// notes what they say about the connection. Without lines there are none: HTTP/0.9.
func appendRequestFields(dst []exchange.Field, lines []byte, seen *requestOptions) ([]exchange.Field, error) {
	for len(lines) > len("\r\n") {
		end := bytes.IndexByte(lines, '\n')
		line := lines[:end-1]
		lines = lines[end+1:]
		if isSpace(line[0]) {
			return dst, errFold
		}
		colon := bytes.IndexByte(line, ':')
		if colon < 0 {
			return dst, errColon
		}
		if colon > 0 && isSpace(line[colon-1]) {
			return dst, errSpaceBefore
		}
		name := line[:colon:colon]
		f := exchange.Field{Name: name, Value: trim(line[colon+1:]), ID: exchange.Identify(name)}
		dst = append(dst, f)
		switch f.ID {
		case exchange.FieldConnection, exchange.FieldUpgrade, exchange.FieldHTTP2Settings, exchange.FieldExpect:
			seen.note(&f)
		}
	}
	return dst, nil
}
