package cache

import (
	"math"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// directives are what Cache-Control says, of a request or of an answer.
//
// https://www.rfc-editor.org/rfc/rfc9111#section-5.2
type directives struct {
	noStore, noCache, private, public  bool
	mustRevalidate, proxyRevalidate    bool
	onlyIfCached                       bool
	maxAge, sMaxAge                    seconds
	staleWhileRevalidate, staleIfError seconds
	malformed                          bool
	withheld                           [maxWithheld]string // fields that no-cache="…" and private="…" name
	withheldCount                      int
}

// maxWithheld bounds the fields that no-cache and private may name. An answer with more is
// taken to be private as a whole.
const maxWithheld = 8

// seconds is a delta-seconds, or none.
type seconds struct {
	n   int64
	set bool
}

// maxSeconds stands for all that is larger.
//
// https://www.rfc-editor.org/rfc/rfc9111#section-1.2.2
const maxSeconds = math.MaxInt32

// tighten keeps the smaller of two values of a directive that is there twice. What is no
// number is 0: an answer whose freshness cannot be told is stale.
//
// https://www.rfc-editor.org/rfc/rfc9111#section-4.2.1
func (s *seconds) tighten(text []byte) {
	n := int64(0)
	for _, c := range text {
		if c < '0' || c > '9' {
			n = 0
			break
		}
		n = min(n*10+int64(c-'0'), maxSeconds)
	}
	if !s.set || n < s.n {
		s.n = n
	}
	s.set = true
}

// read adds the directives of one Cache-Control line.
func (d *directives) read(line []byte) {
	for rest := line; ; {
		rest = skip(rest, " \t,")
		if len(rest) == 0 {
			return
		}
		name, after := token(rest)
		if len(name) == 0 {
			d.malformed = true
			return
		}
		rest = after
		var value []byte
		valued := len(rest) > 0 && rest[0] == '='
		if valued {
			var ok bool
			if value, rest, ok = argument(rest[1:]); !ok {
				d.malformed = true
				return
			}
		}
		d.apply(name, value, valued)
		rest = skip(rest, " \t")
		if len(rest) > 0 && rest[0] != ',' {
			d.malformed = true // "max-age=60; private" means something, and not what it says
			return
		}
	}
}

func (d *directives) apply(name, value []byte, valued bool) {
	switch {
	case is(name, "no-store"):
		d.noStore = true
	case is(name, "no-cache"):
		if !valued || !d.withhold(value) {
			d.noCache = true
		}
	case is(name, "private"):
		if !valued || !d.withhold(value) {
			d.private = true
		}
	case is(name, "public"):
		d.public = true
	case is(name, "must-revalidate"):
		d.mustRevalidate = true
	case is(name, "proxy-revalidate"):
		d.proxyRevalidate = true
	case is(name, "only-if-cached"):
		d.onlyIfCached = true
	case is(name, "max-age"):
		d.maxAge.tighten(value)
	case is(name, "s-maxage"):
		d.sMaxAge.tighten(value)
	case is(name, "stale-while-revalidate"):
		d.staleWhileRevalidate.tighten(value)
	case is(name, "stale-if-error"):
		d.staleIfError.tighten(value)
	}
}

// withhold notes the fields that list names, which are not kept. It returns false when
// they are none or too many, so that the directive is for the whole answer.
func (d *directives) withhold(list []byte) bool {
	some := false
	for rest := skip(list, " \t,"); len(rest) > 0; rest = skip(rest, " \t,") {
		name, after := token(rest)
		if len(name) == 0 || d.withheldCount == maxWithheld {
			return false
		}
		d.withheld[d.withheldCount] = string(name)
		d.withheldCount++
		rest, some = after, true
	}
	return some
}

// withholds reports whether a field is not to be kept.
func (d *directives) withholds(name []byte) bool {
	for _, w := range d.withheld[:d.withheldCount] {
		if is(name, w) {
			return true
		}
	}
	return false
}

// argument returns a token or the text of a quoted string, and what follows. Escapes stay as
// they are: no directive that is understood has any.
func argument(b []byte) (value, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		value, rest = token(b)
		return value, rest, true
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[1:i], b[i+1:], true
		}
	}
	return nil, nil, false
}

// token returns the token that b begins with, and what follows.
func token(b []byte) (name, rest []byte) {
	i := 0
	for i < len(b) && tokenByte[b[i]] {
		i++
	}
	return b[:i], b[i:]
}

var tokenByte = func() (t [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t[c] = true
	}
	return t
}()

// skip returns b without the bytes of set that it begins with.
func skip(b []byte, set string) []byte {
next:
	for len(b) > 0 {
		for i := range len(set) {
			if b[0] == set[i] {
				b = b[1:]
				continue next
			}
		}
		break
	}
	return b
}

// is compares without regard to case.
func is(b []byte, s string) bool { return exchange.EqualFold(b, s) }
