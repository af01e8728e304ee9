package http1

import (
	"bytes"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// maxResponseHead bounds a response head, in bytes.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
const maxResponseHead = 32 << 10

// ResponseParser parses response heads. Its zero value is ready for the first.
type ResponseParser struct {
	lines lines
}

// Reset makes the parser ready for another head.
func (p *ResponseParser) Reset() { *p = ResponseParser{} }

// answerPrefix is what every status line begins with. Bytes that do not are refused before
// there is a whole head: one of HTTP/0.9 never ends.
const answerPrefix = "HTTP/1."

// Parse looks for a whole response head at the start of buf, the answer to a request with
// this method. Without one it returns 0 and nil: call it again with the same bytes and more
// behind them, wherever they stand by then. Otherwise it fills r, whose slices alias buf,
// decides how the body is framed (RFC 9112, 6.3) and returns the size of the head in bytes.
// The error is an *[Error] with status 502.
func (p *ResponseParser) Parse(buf, method []byte, r *exchange.Response) (n int, err error) {
	if start := min(len(buf), len(answerPrefix)); string(buf[:start]) != answerPrefix[:start] {
		return 0, errStatusLine
	}
	for {
		start, end, strict, ok := p.lines.next(buf)
		switch {
		case !ok && len(buf) >= maxResponseHead:
			return 0, errAnswerLong
		case !ok:
			return 0, nil
		case p.lines.start > maxResponseHead:
			return 0, errAnswerLong
		case !strict:
			return 0, errAnswerBareLF
		case start == end && start == 0:
			return 0, errStatusLine
		case start == end:
			n = p.lines.start
			if err := fillResponse(buf[:n], r); err != nil {
				r.Fields = r.Fields[:0]
				return 0, err
			}
			if err := frameResponse(r, method); err != nil {
				r.Fields = r.Fields[:0]
				return 0, err
			}
			return n, nil
		case p.lines.count > maxFields+1:
			return 0, errAnswerCount
		}
	}
}

// fillResponse fills r from head, all of whose lines end in CRLF, but for the framing.
func fillResponse(head []byte, r *exchange.Response) error {
	end := bytes.IndexByte(head, '\n')
	if err := parseStatusLine(head[:end-1], r); err != nil {
		return err
	}
	r.HeadBytes = len(head)
	r.Fields = r.Fields[:0]
	for lines := head[end+1:]; len(lines) > len("\r\n"); {
		end := bytes.IndexByte(lines, '\n')
		f, err := parseField(lines[:end-1])
		if err != nil {
			return err
		}
		r.Fields = append(r.Fields, f)
		lines = lines[end+1:]
	}
	return nil
}

// parseField takes a header line apart that has to be what RFC 9110 makes of it.
func parseField(line []byte) (exchange.Field, error) {
	if isSpace(line[0]) {
		return exchange.Field{}, errAnswerFold
	}
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || !all(line[:colon], octetToken) {
		return exchange.Field{}, errAnswerName
	}
	value := trim(line[colon+1:])
	if !isText(value) {
		return exchange.Field{}, errAnswerValue
	}
	name := line[:colon:colon]
	return exchange.Field{Name: name, Value: value, ID: exchange.Identify(name)}, nil
}

// parseStatusLine reads HTTP/1.x SP 3DIGIT SP reason. The last space may be missing with the
// reason: many a target leaves it out.
func parseStatusLine(line []byte, r *exchange.Response) error {
	const shortest = len("HTTP/1.1 200")
	if len(line) < shortest || len(line) > shortest && line[shortest] != ' ' {
		return errStatusLine
	}
	switch string(line[:9]) {
	case "HTTP/1.1 ":
		r.Version = exchange.HTTP11
	case "HTTP/1.0 ":
		r.Version = exchange.HTTP10
	default:
		return errStatusLine
	}
	r.Status = 0
	for _, c := range line[9:shortest] {
		if c < '0' || c > '9' {
			return errStatusLine
		}
		r.Status = r.Status*10 + int(c-'0')
	}
	r.Reason = nil
	if len(line) > shortest {
		r.Reason = line[shortest+1 : len(line) : len(line)]
	}
	if r.Status < 100 || !isText(r.Reason) {
		return errStatusLine
	}
	return nil
}

// frameResponse decides how the body ends. A length given twice is forwarded once. One given
// with a status that has no body is not forwarded, and ends the connection: a target that
// says so may well send that body.
func frameResponse(r *exchange.Response, method []byte) error {
	var length []byte // the first Content-Length
	counted, chunked := false, false
	connection := uint8(0)
	bare := r.Status < 200 || r.Status == 204
	kept := r.Fields[:0]
	for _, f := range r.Fields {
		switch f.ID {
		case exchange.FieldConnection:
			connection |= connectionOptions(f.Value)
		case exchange.FieldContentLength:
			if counted {
				if !bytes.Equal(length, f.Value) {
					return errAnswerLength
				}
				continue
			}
			length, counted = f.Value, true
			if bare {
				continue
			}
		case exchange.FieldTransferEncoding:
			if chunked || r.Version != exchange.HTTP11 || !exchange.EqualFold(f.Value, "chunked") {
				return errAnswerCoding
			}
			chunked = true
		}
		kept = append(kept, f)
	}
	r.Fields = kept
	size := int64(0)
	if counted {
		var ok bool
		if size, ok = parseLength(length); !ok {
			return errAnswerLength
		}
	}
	if counted && chunked {
		return errAnswerTwoFrames
	}
	r.Close = connection&optionClose != 0 || r.Version == exchange.HTTP10 && connection&optionKeepAlive == 0
	r.ContentLength, r.Chunked = size, false
	r.NoBody = bare || r.Status == 304 || string(method) == "HEAD"
	switch {
	case r.NoBody:
		r.ContentLength = 0
		r.Close = r.Close || bare && (chunked || size > 0)
	case chunked:
		r.ContentLength, r.Chunked = exchange.Unknown, true
	case !counted:
		r.ContentLength, r.Close = exchange.Unknown, true
	}
	return nil
}
