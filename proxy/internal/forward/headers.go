package forward

import (
	"bytes"
	"strconv"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/spec"
)

// maxPlaceholder bounds what one placeholder puts into a header, in bytes: a client must not
// make a long head many times as long.
const maxPlaceholder = 4 << 10

// changeFields changes the fields that the target is to receive as the target group asks.
// A header that comes out empty is not sent, as with nginx's proxy_set_header.
//
// https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header
func changeFields(fields []exchange.Field, x *exchange.Exchange, h *target.Headers) []exchange.Field {
	e := expander{x: x}
	for i := range fields {
		switch f := &fields[i]; f.ID {
		case exchange.FieldXForwardedFor:
			e.forwardedFor = f.Value
		case exchange.FieldXForwardedProto:
			e.scheme = f.Value
		case exchange.FieldXForwardedPort:
			e.port = f.Value
		}
	}
	kept := fields[:0]
	for i := range fields {
		if f := fields[i]; !h.Removes(&f) {
			kept = append(kept, f)
		}
	}
	for i := range h.New {
		n := &h.New[i]
		b := x.Arena.Begin()
		for j := range n.Value {
			b = e.append(b, &n.Value[j])
		}
		if value := bytes.Trim(x.Arena.End(b), " \t"); len(value) > 0 {
			kept = append(kept, exchange.Field{ID: n.ID, Name: n.Name, Value: value})
		}
	}
	return kept
}

// expander puts what is known of a request in the place of placeholders.
type expander struct {
	x *exchange.Exchange
	// What the load balancer tells the target of the client.
	forwardedFor, scheme, port []byte
}

// append appends a part of a value.
func (e *expander) append(b []byte, p *spec.HeaderPart) []byte {
	r := &e.x.Request
	switch p.Placeholder {
	case "":
		return append(b, p.Text...)
	case spec.PlaceholderClientIP:
		return e.x.ClientAddr().Addr().Unmap().AppendTo(b)
	case spec.PlaceholderClientPort:
		return strconv.AppendUint(b, uint64(e.x.ClientAddr().Port()), 10)
	case spec.PlaceholderForwardedFor:
		return appendGiven(b, e.forwardedFor)
	case spec.PlaceholderHost:
		return appendGiven(b, r.Host)
	case spec.PlaceholderScheme:
		return appendGiven(b, e.scheme)
	case spec.PlaceholderPort:
		return appendGiven(b, e.port)
	case spec.PlaceholderMethod:
		return appendGiven(b, r.Method)
	case spec.PlaceholderPath:
		return appendGiven(b, r.Path)
	case spec.PlaceholderQuery:
		return appendGiven(b, r.Query)
	case spec.PlaceholderURI:
		b = appendGiven(b, r.Path)
		if r.HasQuery {
			b = appendGiven(append(b, '?'), r.Query)
		}
		return b
	case spec.PlaceholderRequestID:
		return appendRequestID(b, e.x.Record.TraceID)
	case spec.PlaceholderHeader:
		value, _ := findField(r.Fields, p.Name)
		return appendGiven(b, value)
	case spec.PlaceholderCookie:
		value, _ := findCookie(r, p.Name)
		return appendGiven(b, value)
	}
	return e.appendTLS(b, p.Placeholder)
}

// appendTLS appends what the handshake settled; nothing without TLS.
func (e *expander) appendTLS(b []byte, placeholder string) []byte {
	t := e.x.Conn.TLS
	if t == nil {
		return b
	}
	switch placeholder {
	case spec.PlaceholderTLSVersion:
		return appendGiven(b, t.Version)
	case spec.PlaceholderTLSCipher:
		return appendGiven(b, t.CipherSuite)
	case spec.PlaceholderTLSServerName:
		return appendGiven(b, t.ServerName)
	}
	return b
}

// appendGiven appends what may come from the client. The codecs let no control character into
// a head; should one ever slip through, it does not get into a header that the operator set.
// Of a name in a TLS handshake nobody has promised that.
func appendGiven[T []byte | string](b []byte, value T) []byte {
	for i := range min(len(value), maxPlaceholder) {
		if c := value[i]; c >= ' ' && c != 0x7f || c == '\t' {
			b = append(b, c)
		}
	}
	return b
}

// appendRequestID appends the 32 hexadecimal digits of the id that the load balancer has given
// the request, which the access log has in the trace id: Root=1-67891233-abcdef012345678912345678,
// or the same after Self=.
func appendRequestID(b, traceID []byte) []byte {
	_, id, _ := bytes.Cut(traceID, []byte("=1-"))
	if end := bytes.IndexByte(id, ';'); end >= 0 {
		id = id[:end]
	}
	for _, c := range id {
		if c != '-' {
			b = append(b, c)
		}
	}
	return b
}
