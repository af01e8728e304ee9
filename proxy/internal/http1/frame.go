package http1

import (
	"bytes"
	"math"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// Frame decides the one way in which the request's body ends, and sets ContentLength and
// Chunked. What has no single reading is refused, whatever desync mitigation would let
// through; the error is an *[Error] with status 400, or 501 for a transfer coding that is
// known and not supported. It is for HTTP/1 only.
//
// Transfer-Encoding beside Content-Length has one reading: the former counts, and the
// connection ends with the exchange (RFC 9112, 6.3). A name that some target could take for
// one of the two is refused, unless it is made of letters, digits and hyphens, which nobody
// takes for another name, or of underscores and dots as well: those the caller drops, see
// [AliasOf].
//
// A request with a body does not upgrade: what follows its head could not be told from what
// follows the switch.
func Frame(r *exchange.Request) error {
	var length []byte // the first Content-Length
	counted, coded := false, false
	coding := codingNone
	for i := range r.Fields {
		f := &r.Fields[i]
		switch f.ID {
		case exchange.FieldContentLength:
			if counted && !bytes.Equal(length, f.Value) {
				return errTwoLengths
			}
			length, counted = f.Value, true
		case exchange.FieldTransferEncoding:
			c := codingsOf(f.Value)
			if coded {
				c = c.after(coding)
			}
			coding, coded = c, true
		case exchange.FieldOther:
			if exchange.LikeFraming(f.Name) != exchange.FieldOther && !all(f.Name, octetAlias) {
				return errLooksFraming
			}
		}
	}
	size := int64(0)
	if counted {
		var ok bool
		if size, ok = parseLength(length); !ok {
			return errLength
		}
	}
	if counted || coded {
		if r.Version < exchange.HTTP10 || coded && !speaksChunked(r) {
			return errOldVersion
		}
	}
	r.ContentLength, r.Chunked = size, false
	if coded {
		r.Close = r.Close || counted
		switch coding {
		case codingIdentity:
		case codingChunked:
			r.ContentLength, r.Chunked = exchange.Unknown, true
		case codingUnsupported:
			return errCodingOf
		default:
			return errCoding
		}
	}
	r.Upgrade = r.Upgrade && r.ContentLength == 0
	return nil
}

// speaksChunked reports whether the request's version has transfer codings: HTTP/1.1 to
// 1.9, and not one that is HTTP/1.1 only for want of another reading.
func speaksChunked(r *exchange.Request) bool {
	v := trim(r.RawVersion)
	return r.Version == exchange.HTTP11 &&
		(len(v) == 0 || len(v) == len("HTTP/1.1") && string(v[:7]) == "HTTP/1." && v[7] >= '1' && v[7] <= '9')
}

// parseLength reads 1*DIGIT that fits into 63 bits, and nothing else.
func parseLength(b []byte) (int64, bool) {
	if len(b) == 0 {
		return 0, false
	}
	n := int64(0)
	for _, c := range b {
		d := int64(c) - '0'
		if d < 0 || d > 9 || n > (math.MaxInt64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

// coding is what all transfer codings of a message come to.
type coding uint8

const (
	codingNone coding = iota
	codingIdentity
	codingChunked
	codingUnsupported // known codings, chunked last if at all
	codingBad
)

// after combines the codings of a field with those of the fields before it.
func (c coding) after(before coding) coding {
	switch {
	case before == codingUnsupported && (c == codingUnsupported || c == codingChunked):
		return codingUnsupported
	default:
		// Nothing follows chunked, and identity is no coding to be listed with others.
		return codingBad
	}
}

// codingsOf reads a value of Transfer-Encoding. Parameters are not read: chunked has none,
// and what has some is not supported anyway.
func codingsOf(value []byte) coding {
	sum, first := codingNone, true
	for more := true; more; first = false {
		var name []byte
		name, value, more = nextElement(value)
		c := codingBad
		switch {
		case exchange.EqualFold(name, "chunked"):
			c = codingChunked
		case exchange.EqualFold(name, "identity"):
			c = codingIdentity
		case isKnownCoding(name):
			c = codingUnsupported
		}
		if first {
			sum = c
		} else {
			sum = c.after(sum)
		}
	}
	return sum
}

// isKnownCoding reports whether name is a registered coding that a load balancer does not
// undo, with parameters or without.
func isKnownCoding(name []byte) bool {
	if i := bytes.IndexByte(name, ';'); i >= 0 {
		name = trim(name[:i])
	}
	for _, known := range [...]string{"gzip", "x-gzip", "deflate", "compress", "x-compress"} {
		if exchange.EqualFold(name, known) {
			return true
		}
	}
	return false
}
