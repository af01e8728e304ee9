package http1

import (
	"bytes"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

const (
	// maxTrailers bounds the trailer section of a body, in bytes.
	maxTrailers = 16 << 10
	// maxTrailerFields bounds the fields in it.
	maxTrailerFields = 128
	// keptTrailers bounds what a decoder keeps of its memory for the next body, in bytes.
	keptTrailers = 1 << 10
)

// trailerSection collects the lines after the last chunk. It copies them: the buffer of the
// body is used again before they are.
type trailerSection struct {
	text   []byte
	line   int // where the current line begins in text
	fields []exchange.Field
}

func (t *trailerSection) reset() {
	if cap(t.text) > keptTrailers {
		t.text, t.fields = nil, nil
	}
	t.text, t.fields, t.line = t.text[:0], t.fields[:0], 0
}

// add takes one byte. It reports whether it was the last of the section.
func (t *trailerSection) add(c byte) (ended bool, err error) {
	if len(t.text) == maxTrailers {
		return false, errTrailerLong
	}
	n := len(t.text)
	afterCR := n > t.line && t.text[n-1] == '\r'
	if afterCR != (c == '\n') {
		return false, errTrailer // a bare CR or LF
	}
	if c != '\r' && c != '\n' && octets[c]&octetText == 0 {
		return false, errTrailer
	}
	t.text = append(t.text, c)
	if c != '\n' {
		return false, nil
	}
	empty := len(t.text)-t.line == len("\r\n")
	t.line = len(t.text)
	if !empty {
		return false, nil
	}
	return true, t.parse()
}

// parse fills fields, now that text does not move any more.
func (t *trailerSection) parse() error {
	for lines := t.text; len(lines) > len("\r\n"); {
		end := bytes.IndexByte(lines, '\n')
		f, err := parseField(lines[:end-1])
		if err != nil {
			return errTrailer
		}
		lines = lines[end+1:]
		if forbiddenTrailer(&f) {
			continue
		}
		if len(t.fields) == maxTrailerFields {
			return errTrailerLong
		}
		t.fields = append(t.fields, f)
	}
	return nil
}

// forbidden are the fields that mean something only in a head: they frame or route the
// message, control or authenticate the request, or say what the content is (RFC 9110,
// 6.5.1). Those with a FieldID are in forbiddenTrailer.
var forbidden = [...]string{
	"Accept", "Accept-Charset", "Accept-Language", "Age", "Authentication-Info", "Authorization", "Cache-Control",
	"Content-Encoding", "Content-Range", "Expires", "Forwarded", "If-Match", "If-Modified-Since",
	"If-None-Match", "If-Range", "If-Unmodified-Since", "Location", "Max-Forwards", "Origin", "Pragma",
	"Proxy-Authentication-Info", "Range", "Referer", "Retry-After", "Vary", "Via", "WWW-Authenticate", "X-Real-Ip",
}

func forbiddenTrailer(f *exchange.Field) bool {
	if f.ID != exchange.FieldOther || Protected(f) || AliasOf(f.Name) != exchange.FieldOther ||
		exchange.LikeFraming(f.Name) != exchange.FieldOther {
		return true
	}
	for _, name := range forbidden {
		if exchange.EqualFold(f.Name, name) {
			return true
		}
	}
	return false
}
