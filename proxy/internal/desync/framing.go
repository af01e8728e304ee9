package desync

import (
	"math"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// framing judges the fields that say where the body ends, and those that look like them.
func (v *verdict) framing(r *exchange.Request) {
	var f framing
	for i := range r.Fields {
		f.count(&r.Fields[i])
	}
	if r.Version < exchange.HTTP11 && f.codings > 0 {
		v.raise(Ambiguous, UndefinedTransferEncodingSemantics)
		return
	}
	if r.Version < exchange.HTTP10 && f.lengths > 0 {
		v.raise(Ambiguous, UndefinedContentLengthSemantics)
		return
	}
	v.codings(r.Fields)
	length, counted := v.lengths(r.Fields)
	if method := string(r.Method); method == "GET" || method == "HEAD" {
		if f.codings > 0 {
			v.raise(Ambiguous, UndefinedTransferEncodingSemantics)
		}
		switch {
		case !counted:
		case length == 0:
			v.raise(Acceptable, GetHeadZeroContentLength)
		default:
			v.raise(Ambiguous, UndefinedContentLengthSemantics)
		}
	}
	if f.codings == 0 || f.lengths == 0 {
		return
	}
	if f.suspicious {
		v.raise(Severe, SuspiciousTeClPresent)
	}
	v.raise(Ambiguous, BothTeClPresent)
}

// framing counts the fields of either kind.
type framing struct {
	codings, lengths int
	suspicious       bool // one of them under a name that only looks like it
}

func (f *framing) count(field *exchange.Field) {
	switch framingOf(field) {
	case exchange.FieldTransferEncoding:
		f.codings++
	case exchange.FieldContentLength:
		f.lengths++
	default:
		return
	}
	f.suspicious = f.suspicious || field.ID == exchange.FieldOther
}

// framingOf returns which of the two fields this is or looks like. One with a CR, LF or NUL
// in it is severe already and counts as neither.
func framingOf(f *exchange.Field) exchange.FieldID {
	switch f.ID {
	case exchange.FieldContentLength, exchange.FieldTransferEncoding:
		return f.ID
	case exchange.FieldOther:
		if id := exchange.LikeFraming(f.Name); id != exchange.FieldOther {
			badName, _ := unusual(f.Name, octetToken)
			badValue, _ := unusualText(f.Value)
			if !badName && !badValue {
				return id
			}
		}
	}
	return exchange.FieldOther
}

// codings judges the values of Transfer-Encoding.
func (v *verdict) codings(fields []exchange.Field) {
	chunked := false
	for i := range fields {
		if framingOf(&fields[i]) != exchange.FieldTransferEncoding {
			continue
		}
		for list, more := fields[i].Value, true; more; {
			var element []byte
			element, list, more = cut(list, ',')
			coding, _, _ := cut(element, ';')
			switch coding = trim(coding); {
			case exchange.EqualFold(coding, "chunked"):
				if chunked {
					v.raise(Severe, MultipleTransferEncodingChunked)
				}
				chunked = true
			case exchange.EqualFold(coding, "compress"), exchange.EqualFold(coding, "deflate"),
				exchange.EqualFold(coding, "gzip"), exchange.EqualFold(coding, "identity"):
			default:
				v.raise(Severe, BadTransferEncoding)
			}
		}
	}
}

// lengths judges the values of Content-Length and returns the first that is a number.
func (v *verdict) lengths(fields []exchange.Field) (length uint64, counted bool) {
	for i := range fields {
		if framingOf(&fields[i]) != exchange.FieldContentLength {
			continue
		}
		switch n, ok := parseLength(trim(fields[i].Value)); {
		case !ok:
			v.raise(Severe, BadContentLength)
		case !counted:
			length, counted = n, true
		case n != length:
			v.raise(Severe, MultipleContentLength)
		default:
			v.raise(Ambiguous, DuplicateContentLength)
		}
	}
	return length, counted
}

// parseLength reads 1*DIGIT that fits into 64 bits.
func parseLength(b []byte) (uint64, bool) {
	n := uint64(0)
	for _, c := range b {
		d := uint64(c) - '0'
		if d > 9 || n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, len(b) > 0
}

func cut(b []byte, separator byte) (before, after []byte, found bool) {
	for i, c := range b {
		if c == separator {
			return b[:i], b[i+1:], true
		}
	}
	return b, nil, false
}
