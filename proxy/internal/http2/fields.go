package http2

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// fill fills the exchange from the request. A status other than 0 refuses it: what is
// refused here are requests that are well formed as HTTP/2 frames but that an HTTP/1.1
// target could read otherwise (RFC 9113, sections 8.1.1, 8.2 and 10.3).
func (s *stream) fill() (status int, reason string) {
	r, x := s.r, &s.x
	q := &x.Request
	x.Record.Created = time.Now()
	x.Record.Type = "h2"
	q.Version = exchange.HTTP2
	q.Method = x.Arena.CopyString(r.Method)
	q.Target = x.Arena.CopyString(r.RequestURI)
	q.Authority = x.Arena.CopyString(r.Host)
	q.Scheme = schemeOf(r)
	q.HeadBytes = len(q.Method) + len(q.Target) + len(q.Authority) + len(q.Scheme) + len(":method:path:authority:scheme")
	x.Record.ReceivedBytes = int64(q.HeadBytes)
	if status, reason = checkPseudo(q.Method, q.Target, q.Authority); status != 0 {
		return status, reason
	}

	s.keys = s.keys[:0]
	for name := range r.Header {
		s.keys = append(s.keys, name)
	}
	slices.Sort(s.keys)
	for _, name := range s.keys {
		if status, reason = s.addField(name, r.Header[name]); status != 0 {
			return status, reason
		}
	}
	s.addTrailerNames()
	if len(q.Authority) > 0 {
		q.Fields = append(q.Fields, exchange.Field{Name: hostName, Value: q.Authority, ID: exchange.FieldHost})
	}
	x.Record.ReceivedBytes = int64(q.HeadBytes)
	if q.HeadBytes > MaxHead {
		return http.StatusBadRequest, "request head over 64 KiB"
	}
	q.ContentLength = r.ContentLength
	return s.checkContentLength(r.Header["Content-Length"])
}

var (
	hostName    = []byte("host")
	trailerName = []byte("trailer")
	schemeHTTP  = []byte("http")
	schemeHTTPS = []byte("https")
)

func schemeOf(r *http.Request) []byte {
	if r.TLS != nil {
		return schemeHTTPS
	}
	return schemeHTTP
}

// checkPseudo judges the pseudo-header fields, which become an HTTP/1.1 request line: a
// space in one of them would be a second request line.
func checkPseudo(method, path, authority []byte) (status int, reason string) {
	switch {
	case !httpguts.ValidHeaderFieldName(string(method)):
		return http.StatusBadRequest, ":method is no token"
	case string(method) == http.MethodConnect:
		return http.StatusMethodNotAllowed, "CONNECT is not supported"
	case len(path) > MaxLine:
		return http.StatusRequestURITooLong, ":path over 16 KiB"
	case len(path) == 0 || path[0] != '/' && (string(path) != "*" || string(method) != http.MethodOptions):
		return http.StatusBadRequest, ":path does not begin with a slash"
	case !visible(path):
		return http.StatusBadRequest, ":path has a space or control character"
	case !visible(authority):
		return http.StatusBadRequest, ":authority has a space or control character"
	}
	return 0, ""
}

// visible reports whether b has no space, control character or DEL.
func visible(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// addField adds the values of one field, named in net/http's canonical form. Names go
// back to the lower case in which they came.
func (s *stream) addField(canonical string, values []string) (status int, reason string) {
	x := &s.x
	if canonical == "Expect" {
		// Not supported over HTTP/2 and not forwarded (how-elastic-load-balancing-works.html).
		return 0, ""
	}
	b := append(x.Arena.Begin(), canonical...)
	for i, c := range b {
		b[i] = exchange.Lower(c)
	}
	f := exchange.Field{Name: x.Arena.End(b)}
	f.ID = exchange.Identify(f.Name)
	if f.ID == exchange.FieldContentLength && len(values) > 1 && allEqual(values) {
		values = values[:1]
	}
	for _, v := range values {
		f.Value = x.Arena.CopyString(v)
		if status, reason = checkField(f); status != 0 {
			return status, reason
		}
		x.Request.HeadBytes += len(f.Name) + len(f.Value)
		x.Request.Fields = append(x.Request.Fields, f)
	}
	if f.ID == exchange.FieldContentType && len(values) > 0 && isGRPC(f.Value) {
		x.Record.Type, x.Record.GRPC = "grpcs", true
	}
	return 0, ""
}

// checkField judges one field. The HTTP/2 implementation refuses most of this before;
// what stands between a client and an HTTP/1.1 target is checked where it can be seen.
func checkField(f exchange.Field) (status int, reason string) {
	switch f.ID {
	case exchange.FieldConnection, exchange.FieldKeepAlive, exchange.FieldProxyConnection,
		exchange.FieldTransferEncoding, exchange.FieldUpgrade, exchange.FieldHTTP2Settings:
		return http.StatusBadRequest, "field of the connection in an HTTP/2 request"
	case exchange.FieldTE:
		if len(f.Value) > 0 && !exchange.EqualFold(f.Value, "trailers") {
			return http.StatusBadRequest, "te other than trailers"
		}
	}
	switch {
	case len(f.Name)+len(f.Value) > MaxLine:
		return http.StatusBadRequest, "field over 16 KiB"
	case !httpguts.ValidHeaderFieldName(string(f.Name)):
		return http.StatusBadRequest, "field name is no token"
	case bytes.ContainsAny(f.Value, "\r\n\x00"):
		return http.StatusBadRequest, "field value has a line break or NUL"
	}
	return 0, ""
}

func allEqual(values []string) bool {
	for _, v := range values[1:] {
		if v != values[0] {
			return false
		}
	}
	return true
}

// isGRPC reports whether a content type is gRPC's; gRPC-Web is not.
func isGRPC(contentType []byte) bool {
	const prefix = "application/grpc"
	if len(contentType) < len(prefix) || !exchange.EqualFold(contentType[:len(prefix)], prefix) {
		return false
	}
	rest := contentType[len(prefix):]
	return len(rest) == 0 || rest[0] == '+' || rest[0] == ';'
}

// addTrailerNames puts the trailer field back, which net/http turned into the keys of a
// map.
func (s *stream) addTrailerNames() {
	if len(s.r.Trailer) == 0 {
		return
	}
	names := make([]string, 0, len(s.r.Trailer))
	for name := range s.r.Trailer {
		names = append(names, strings.ToLower(name))
	}
	slices.Sort(names)
	v := s.x.Arena.CopyString(strings.Join(names, ", "))
	s.x.Request.HeadBytes += len(trailerName) + len(v)
	s.x.Request.Fields = append(s.x.Request.Fields, exchange.Field{Name: trailerName, Value: v, ID: exchange.FieldTrailer})
}

// checkContentLength refuses a content-length that is not what the frames say (RFC 9113,
// section 8.1.1): the field would reach an HTTP/1.1 target, and the rest of the "body"
// would be the next request. A body that turns out shorter or longer later is an error of
// ReadBody.
func (s *stream) checkContentLength(values []string) (status int, reason string) {
	if len(values) == 0 {
		return 0, ""
	}
	n, err := strconv.ParseUint(values[0], 10, 63)
	if err != nil || !allEqual(values) || values[0][0] == '+' {
		return http.StatusBadRequest, "content-length is no number, or several"
	}
	if int64(n) != s.r.ContentLength {
		return http.StatusBadRequest, "content-length without that body"
	}
	return 0, ""
}

// setFields puts response fields into a net/http map and returns their size. Fields of a
// connection do not exist in HTTP/2.
func setFields(h http.Header, fields []exchange.Field) (size int) {
	for _, f := range fields {
		switch f.ID {
		case exchange.FieldConnection, exchange.FieldKeepAlive, exchange.FieldProxyConnection,
			exchange.FieldTransferEncoding, exchange.FieldUpgrade:
			continue
		}
		key := headerKey(f)
		h[key] = append(h[key], string(f.Value))
		size += len(f.Name) + len(f.Value)
	}
	return size
}

// headerKey is net/http's form of a field's name.
func headerKey(f exchange.Field) string {
	if f.ID != exchange.FieldOther {
		return http.CanonicalHeaderKey(f.ID.String())
	}
	return http.CanonicalHeaderKey(string(f.Name))
}

// quiet keeps net/http from adding fields that the target did not send. An absent value
// under a name means "leave it out".
func quiet(h http.Header, noBody bool) {
	for _, name := range []string{"Date", "Content-Type"} {
		if _, ok := h[name]; !ok {
			h[name] = nil
		}
	}
	if _, ok := h["Content-Length"]; !ok && noBody {
		h["Content-Length"] = nil
	}
}
