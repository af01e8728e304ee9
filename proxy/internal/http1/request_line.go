package http1

import (
	"bytes"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// requestLine is where the parts of a request line stand in the buffer.
type requestLine struct {
	start, methodEnd   int
	target, targetEnd  int
	rawVersion, rawEnd int
	end                int // of the line, without CRLF
	version            exchange.Version
	// oddVersion says that the version is none: for desync mitigation to judge.
	oddVersion bool
	// simple says that the request is HTTP/0.9's and ends with its line.
	simple bool
}

// parse takes buf[start:end] apart. The first space ends the method, the last one begins
// the version, and all that is between them is the target, spaces too. Spaces behind the
// version belong to it: whether they may be there is for desync mitigation to judge.
//
// A method is visible ASCII: a target that splits at other whitespace would read another
// method and another path than the rules did.
func (l *requestLine) parse(buf []byte, start, end int) error {
	line := buf[start:end]
	*l = requestLine{start: start, end: end}
	first := bytes.IndexByte(line, ' ')
	if first <= 0 || !all(line[:first], octetVisible) {
		return errRequestLine
	}
	trimmed := len(line)
	for isSpace(line[trimmed-1]) {
		trimmed--
	}
	if trimmed <= first {
		return errNoTarget
	}
	last := bytes.LastIndexByte(line[:trimmed], ' ')
	l.methodEnd = start + first
	l.target = start + first + 1
	if last == first {
		return l.parseSimple(buf, start+trimmed)
	}
	l.targetEnd = start + last
	l.rawVersion, l.rawEnd = start+last+1, end
	if l.target == l.targetEnd {
		return errNoTarget
	}
	return l.parseVersion(line[last+1 : trimmed])
}

// parseSimple takes a line without a version, which is a whole request of HTTP/0.9.
func (l *requestLine) parseSimple(buf []byte, targetEnd int) error {
	l.targetEnd = targetEnd
	l.rawVersion, l.rawEnd = l.end, l.end
	l.version, l.simple = exchange.HTTP09, true
	switch {
	case bytes.HasPrefix(buf[l.target:targetEnd], http):
		return errNoTarget
	case string(buf[l.start:l.methodEnd]) != "GET":
		return errSimpleMethod
	}
	return nil
}

var http = []byte("HTTP/")

func (l *requestLine) parseVersion(v []byte) error {
	const shape = len("HTTP/1.1")
	numbered := bytes.HasPrefix(v, http)
	switch {
	case numbered && len(v) == shape && v[5] == '1' && v[6] == '.' && v[7] >= '0' && v[7] <= '9':
		l.version = exchange.HTTP11
		if v[7] == '0' {
			l.version = exchange.HTTP10
		}
	case string(v) == "HTTP/0.9":
		l.version = exchange.HTTP09
	case numbered && len(v) > len(http) && v[5] >= '2' && v[5] <= '9':
		// Among others the preface of HTTP/2, on a connection that does not speak it.
		return errRequestVersion
	case all(v, octetVisible):
		l.version, l.oddVersion = exchange.HTTP11, true
	default:
		return errRequestLine
	}
	return nil
}

func (l *requestLine) fill(buf []byte, r *exchange.Request) {
	r.Method = buf[l.start:l.methodEnd:l.methodEnd]
	r.Target = buf[l.target:l.targetEnd:l.targetEnd]
	r.RawVersion = buf[l.rawVersion:l.rawEnd:l.rawEnd]
	r.Version = l.version
}
