package cache

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
)

// request is what a client's request is to the cache: the key of its answer, what the target
// gets to see, and what the client wants to be spared.
type request struct {
	key []byte
	// place is host, port and path: what an unsafe method changes is what is kept for its place.
	// The path begins at pathAt; it is that of before any transform.
	place  []byte
	pathAt int
	// host is Host, with the port if there is one, in its canonical form: in the client's own, with
	// other capitals or a dot at its end, it is in no key.
	host []byte
	// fields are what the target receives of the client's.
	fields []exchange.Field
	query  []byte
	// authorized says that it has credentials that are not part of the key.
	authorized bool
	// believed says that the client's address before a trusted proxy is among the fields.
	believed bool
	control  directives

	ifNoneMatch, ifModifiedSince, byteRange, ifRange []byte
	// conditional says that it has a precondition that only the target can judge.
	conditional bool
}

// maxKey bounds a key, in bytes. Answers to a request with a longer one are not kept.
const maxKey = 8 << 10

var (
	nameCookie         = []byte(exchange.FieldCookie.String())
	nameAcceptEncoding = []byte(exchange.FieldAcceptEncoding.String())
)

// Encodings that Accept-Encoding is brought down to, as CloudFront does: whether the client
// takes gzip, Brotli, both or neither.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/controlling-the-cache-key.html#cache-policy-compressed-objects
const (
	acceptsGzip = 1 << iota
	acceptsBrotli
)

var encodings = [4][]byte{0: nil, acceptsGzip: []byte("gzip"), acceptsBrotli: []byte("br"), acceptsGzip | acceptsBrotli: []byte("br, gzip")}

// read reads x's request. What is neither part of the key nor listed in passes is not for
// the target: if it never sees it, it cannot let it show in an answer that others get.
func (q *request) read(b *Behavior, x *exchange.Exchange, o *exchange.Origin) {
	*q = request{fields: q.fields[:0]}
	r, a := &x.Request, &x.Arena
	q.locate(x)
	q.spell(x)
	accepted := 0
	for i := range r.Fields {
		f := &r.Fields[i]
		switch f.ID {
		case exchange.FieldCookie:
			continue
		case exchange.FieldAcceptEncoding:
			accepted |= accepts(f.Value)
			continue
		case exchange.FieldHost:
			q.fields = append(q.fields, exchange.Field{ID: f.ID, Name: f.Name, Value: q.host})
			continue
		case exchange.FieldXForwardedFor, exchange.FieldXForwardedProto, exchange.FieldXForwardedPort:
			if o.Trusted {
				q.believe(x, o, f)
			}
			continue
		case exchange.FieldOther:
			q.note(f)
		default: // the target's own affair, if it is keyed
		}
		switch {
		case b.keyed(f.Name):
			q.fields = append(q.fields, *f)
		case passes(f):
			q.authorized = q.authorized || is(f.Name, "Authorization")
			q.fields = append(q.fields, *f)
		}
	}
	q.query = a.End(b.appendQuery(a.Begin(), r))
	cookies := a.End(b.appendCookies(a.Begin(), r, o.Cookies))
	q.key = a.End(b.appendKey(a.Begin(), x, o, q, cookies, accepted))
	if len(q.key) > maxKey {
		q.key = nil
	}
	cookies = a.End(appendSticky(append(a.Begin(), cookies...), r, o.Cookies))
	if len(cookies) > 0 {
		q.fields = append(q.fields, exchange.Field{ID: exchange.FieldCookie, Name: nameCookie, Value: cookies})
	}
	if accepted > 0 {
		q.fields = append(q.fields, exchange.Field{ID: exchange.FieldAcceptEncoding, Name: nameAcceptEncoding, Value: encodings[accepted]})
	}
}

// locate notes where x's request goes.
func (q *request) locate(x *exchange.Exchange) {
	place := appendPart(appendPart(x.Arena.Begin(), x.Request.Host), x.Request.Port)
	q.pathAt = len(place)
	q.place = x.Arena.End(append(place, x.Request.Path...))
}

// spell notes the canonical form of x's host.
func (q *request) spell(x *exchange.Exchange) {
	if q.host = x.Request.Host; len(x.Request.Port) > 0 {
		host := append(append(x.Arena.Begin(), x.Request.Host...), ':')
		q.host = x.Arena.End(append(host, x.Request.Port...))
	}
}

// plainTrace is an X-Amzn-Trace-Id without what a client put into it, other than the root of
// a trace, which is nothing but a number.
func plainTrace(text []byte) []byte {
	own, given, found := bytes.Cut(text, semicolon)
	if !found || isRoot(given) {
		return text
	}
	return own
}

// isRoot reports whether text is Root=1-, 8 hex digits, a hyphen and 24 hex digits.
func isRoot(text []byte) bool {
	const shape = "Root=1-00000000-000000000000000000000000"
	if len(text) != len(shape) {
		return false
	}
	for i, c := range text {
		switch {
		case shape[i] != '0':
			if c != shape[i] {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}

// believe lets the target know what a trusted proxy said of the client's connection: scheme
// and port, which are in the key, and of all that X-Forwarded-For says the client's address.
func (q *request) believe(x *exchange.Exchange, o *exchange.Origin, f *exchange.Field) {
	known := *f
	switch f.ID {
	case exchange.FieldXForwardedProto:
		known.Value = o.Proto
	case exchange.FieldXForwardedPort:
		known.Value = o.Port
	default:
		if !x.Forwarded.IsValid() || q.believed {
			return
		}
		q.believed = true
		known.Value = x.Arena.End(x.Forwarded.Addr().AppendTo(x.Arena.Begin()))
	}
	q.fields = append(q.fields, known)
}

// note keeps what the cache itself acts on.
func (q *request) note(f *exchange.Field) {
	switch len(f.Name) {
	case len("Range"):
		if is(f.Name, "Range") {
			q.byteRange = f.Value
		}
	case len("Pragma"):
		if is(f.Name, "Pragma") && is(f.Value, "no-cache") {
			q.control.noCache = true
		}
	case len("If-Range"): // and If-Match
		switch {
		case is(f.Name, "If-Range"):
			q.ifRange = f.Value
		case is(f.Name, "If-Match"):
			q.conditional = true
		}
	case len("Cache-Control"): // and If-None-Match
		switch {
		case is(f.Name, "Cache-Control"):
			q.control.read(f.Value)
		case is(f.Name, "If-None-Match"):
			q.ifNoneMatch = f.Value
		}
	case len("If-Modified-Since"):
		if is(f.Name, "If-Modified-Since") {
			q.ifModifiedSince = f.Value
		}
	case len("If-Unmodified-Since"):
		if is(f.Name, "If-Unmodified-Since") {
			q.conditional = true
		}
	}
}

// passes reports whether a field goes to the target though it is not in the key: those that
// answers are chosen by, since Vary says when it mattered, and Authorization, which RFC 9111
// has rules for.
func passes(f *exchange.Field) bool {
	if f.ID != exchange.FieldOther {
		return false
	}
	switch len(f.Name) {
	case len("Accept"): // and Origin
		return is(f.Name, "Accept") || is(f.Name, "Origin")
	case len("Authorization"):
		return is(f.Name, "Authorization")
	case len("Accept-Language"):
		return is(f.Name, "Accept-Language")
	}
	return false
}

// appendKey appends the key: all that the answer may depend on.
func (b *Behavior) appendKey(k []byte, x *exchange.Exchange, o *exchange.Origin, q *request, cookies []byte, accepted int) []byte {
	r := &x.Request
	k = append(k, b.identity...)
	k = append(k, byte(accepted))
	k = binary.AppendUvarint(k, uint64(x.Conn.ListenerPort))
	k = appendPart(k, o.Proto)
	k = appendPart(k, o.Port)
	k = binary.AppendVarint(k, int64(x.Record.Priority))
	k = appendPart(k, o.Route)
	k = appendPart(k, r.Host)
	k = appendPart(k, r.Port)
	k = appendPart(k, r.Path)
	k = appendPart(k, q.query)
	k = appendPart(k, cookies)
	for _, name := range b.headers {
		at := len(k)
		k = append(k, 0)
		lines := byte(0)
		for i := range q.fields {
			if is(q.fields[i].Name, name) && lines < 255 {
				k = appendPart(k, q.fields[i].Value)
				lines++
			}
		}
		if lines == 255 {
			return append(k, make([]byte, maxKey)...) // more than is told apart: not kept
		}
		k[at] = lines
	}
	return k
}

// appendQuery appends the part of the query that is in the key, in the order of the key:
// what the target sees follows from the key alone, however it reads queries.
func (b *Behavior) appendQuery(dst []byte, r *exchange.Request) []byte {
	if b.allQuery {
		return append(dst, r.Query...)
	}
	first := len(dst)
	for _, name := range b.query {
		for pair := range bytes.SplitSeq(r.Query, ampersand) {
			key, _, _ := bytes.Cut(pair, equals)
			if string(key) != name {
				continue
			}
			if len(dst) > first {
				dst = append(dst, '&')
			}
			dst = append(dst, pair...)
		}
	}
	return dst
}

var (
	ampersand = []byte{'&'}
	equals    = []byte{'='}
	semicolon = []byte{';'}
)

// appendCookies appends the cookies that are in the key, in the order of the key; of two
// with the same name, the first.
func (b *Behavior) appendCookies(dst []byte, r *exchange.Request, own []string) []byte {
	if b.allCookies {
		return appendPairs(dst, r, func(name []byte) bool { return !keepsTarget(name, own) })
	}
	for _, name := range b.cookies {
		for i := range r.Fields {
			if r.Fields[i].ID != exchange.FieldCookie {
				continue
			}
			if value, ok := sticky.Find(r.Fields[i].Value, name); ok {
				dst = append(append(append(appendSeparator(dst), name...), '='), value...)
				break
			}
		}
	}
	return dst
}

// stickyNames are the load balancer's own cookies. They choose a target, never an answer, and
// change with every one.
var stickyNames = [...]string{sticky.NameLB, sticky.NameLBCORS, sticky.NameTG, sticky.NameTGCORS, sticky.NameApp}

// appendSticky appends the load balancer's own cookies.
func appendSticky(dst []byte, r *exchange.Request, own []string) []byte {
	return appendPairs(dst, r, func(name []byte) bool { return keepsTarget(name, own) })
}

// keepsTarget reports whether a cookie is the load balancer's own: of all, or of the groups here.
func keepsTarget(name []byte, own []string) bool {
	return slices.Contains(stickyNames[:], string(name)) || slices.Contains(own, string(name))
}

// appendPairs appends the cookies whose names want accepts.
func appendPairs(dst []byte, r *exchange.Request, want func(name []byte) bool) []byte {
	for i := range r.Fields {
		if r.Fields[i].ID != exchange.FieldCookie {
			continue
		}
		for pair := range bytes.SplitSeq(r.Fields[i].Value, semicolon) {
			pair = bytes.Trim(pair, " \t")
			name, _, _ := bytes.Cut(pair, equals)
			if len(pair) > 0 && want(bytes.TrimRight(name, " \t")) {
				dst = append(appendSeparator(dst), pair...)
			}
		}
	}
	return dst
}

// appendSeparator appends what stands between two cookies.
func appendSeparator(dst []byte) []byte {
	if len(dst) == 0 {
		return dst
	}
	return append(dst, "; "...)
}

// ofStickiness reports whether a Set-Cookie field is the load balancer's own.
func ofStickiness(setCookie []byte) bool {
	return slices.ContainsFunc(stickyNames[:], func(name string) bool { return sticky.Sets(setCookie, name) })
}

// accepts returns which of the encodings an Accept-Encoding field has, without q=0.
func accepts(value []byte) int {
	found := 0
	for item := range bytes.SplitSeq(value, []byte{','}) {
		name, parameters, _ := bytes.Cut(item, semicolon)
		if refused(parameters) {
			continue
		}
		switch name = bytes.Trim(name, " \t"); {
		case is(name, "gzip"):
			found |= acceptsGzip
		case is(name, "br"):
			found |= acceptsBrotli
		}
	}
	return found
}

// refused reports whether parameters are q=0.
func refused(parameters []byte) bool {
	p := bytes.Trim(parameters, " \t")
	if len(p) < 3 || !is(p[:2], "q=") {
		return false
	}
	return len(bytes.Trim(p[2:], "0.")) == 0
}

// appendValues appends the values of a field, in a form that can be compared: "=" and the value of each line,
// and nothing when there is none.
func appendValues(dst []byte, fields []exchange.Field, name string) []byte {
	for i := range fields {
		if is(fields[i].Name, name) {
			dst = append(append(append(dst, '='), fields[i].Value...), '\n')
		}
	}
	return dst
}

// hasValues reports whether want is what appendValues makes of fields.
func hasValues(want string, fields []exchange.Field, name string) bool {
	for i := range fields {
		f := &fields[i]
		if !is(f.Name, name) {
			continue
		}
		n := len(f.Value) + 2
		if len(want) < n || want[0] != '=' || want[1:n-1] != string(f.Value) || want[n-1] != '\n' {
			return false
		}
		want = want[n:]
	}
	return want == ""
}
