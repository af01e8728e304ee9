package forward

import (
	"bytes"
	"strconv"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http1"
	"github.com/evenkeel/evenkeel/proxy/internal/routing"
	"github.com/evenkeel/evenkeel/spec"
)

var (
	nameXFF       = []byte("X-Forwarded-For")
	nameXFProto   = []byte("X-Forwarded-Proto")
	nameXFPort    = []byte("X-Forwarded-Port")
	nameHost      = []byte("Host")
	nameTrace     = []byte("X-Amzn-Trace-Id")
	nameTLSVer    = []byte("X-Amzn-Tls-Version")
	nameTLSCipher = []byte("X-Amzn-Tls-Cipher-Suite")
	valueHTTP     = []byte("http")
	valueHTTPS    = []byte("https")
)

// prepareRequest makes the fields that the target receives.
func (s *session) prepareRequest() {
	s.fields = s.l.requestFields(s.fields[:0], s.x)
	if c := s.cfg.Persistence; c != nil && c.Indirect {
		s.fields = hideCookie(s.fields, s.x, c.Name)
	}
	if s.cfg.Headers != nil {
		s.fields = changeFields(s.fields, s.x, s.cfg.Headers)
	}
}

// requestFields appends to dst the header fields that the target receives: those of the
// load balancer first, in the order in which an ALB sends them, then the client's in
// theirs, without the ones that concern only the client's connection. How the body is
// framed is added by whoever writes the head.
func (l *Listener) requestFields(dst []exchange.Field, x *exchange.Exchange) []exchange.Field {
	r := &x.Request
	dst = l.appendForwardedFor(dst, x)
	proto, port := l.cameTo(x)
	dst = append(dst,
		exchange.Field{ID: exchange.FieldXForwardedProto, Name: nameXFProto, Value: proto},
		exchange.Field{ID: exchange.FieldXForwardedPort, Name: nameXFPort, Value: port},
		exchange.Field{ID: exchange.FieldHost, Name: nameHost, Value: x.Arena.End(routing.AppendForwardedHost(x.Arena.Begin(), r, l.attributes.PreserveHostHeader, l.port))},
		exchange.Field{ID: exchange.FieldXAmznTraceID, Name: nameTrace, Value: x.Record.TraceID})
	tlsFields := l.attributes.TLSVersionAndCipherSuite
	if tlsFields && x.Conn.TLS != nil {
		dst = append(dst,
			exchange.Field{ID: exchange.FieldXAmznTLSVersion, Name: nameTLSVer, Value: x.Arena.CopyString(x.Conn.TLS.Version)},
			exchange.Field{ID: exchange.FieldXAmznTLSCipherSuite, Name: nameTLSCipher, Value: x.Arena.CopyString(x.Conn.TLS.CipherSuite)})
	}
	named := connectionNames(r.Fields)
	for i := range r.Fields {
		f := &r.Fields[i]
		switch f.ID {
		case exchange.FieldXForwardedFor, exchange.FieldXForwardedProto, exchange.FieldXForwardedPort,
			exchange.FieldHost, exchange.FieldXAmznTraceID, exchange.FieldExpect,
			exchange.FieldTransferEncoding, exchange.FieldContentLength:
			continue
		case exchange.FieldXAmznTLSVersion, exchange.FieldXAmznTLSCipherSuite:
			if tlsFields {
				continue
			}
		}
		if http1.HopByHop(f.ID) || (named != nil && namedByAny(r.Fields, f)) {
			continue
		}
		dst = append(dst, *f)
	}
	return dst
}

// cameTo returns the values of X-Forwarded-Proto and X-Forwarded-Port: the listener's, which
// replace the client's as on an ALB, unless a trusted proxy knows better what the client
// connected to. One that names a scheme and no port means the scheme's own.
func (l *Listener) cameTo(x *exchange.Exchange) (proto, port []byte) {
	proto = valueHTTP
	if l.https {
		proto = valueHTTPS
	}
	number := l.port
	if l.trusted != nil {
		peer, fields := x.Conn.Peer.Addr(), x.Request.Fields
		port = l.trusted.Port(peer, fields)
		if named := l.trusted.Proto(peer, fields); named != nil && !bytes.Equal(named, proto) {
			proto, number = named, 80
			if bytes.Equal(named, valueHTTPS) {
				number = 443
			}
		}
	}
	if port == nil {
		port = x.Arena.End(strconv.AppendInt(x.Arena.Begin(), int64(number), 10))
	}
	return proto, port
}

// appendForwardedFor appends X-Forwarded-For as the load balancer's mode asks.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html
func (l *Listener) appendForwardedFor(dst []exchange.Field, x *exchange.Exchange) []exchange.Field {
	mode := l.attributes.XFFHeaderProcessingMode
	if mode == spec.XFFRemove {
		return dst
	}
	b := x.Arena.Begin()
	had := false
	for i := range x.Request.Fields {
		if f := &x.Request.Fields[i]; f.ID == exchange.FieldXForwardedFor {
			if had {
				b = append(b, ", "...)
			}
			b = append(b, f.Value...)
			had = true
		}
	}
	if mode == spec.XFFPreserve {
		if !had {
			return dst
		}
	} else {
		if had = len(b) > 0; had {
			b = append(b, ", "...)
		}
		peer := x.Conn.Peer
		address := peer.Addr().Unmap()
		switch {
		case l.attributes.XFFClientPort && address.Is6(), address.Is6() && had:
			b = append(address.AppendTo(append(b, '[')), ']')
		default:
			b = address.AppendTo(b)
		}
		if l.attributes.XFFClientPort {
			b = strconv.AppendUint(append(b, ':'), uint64(peer.Port()), 10)
		}
	}
	return append(dst, exchange.Field{ID: exchange.FieldXForwardedFor, Name: nameXFF, Value: x.Arena.End(b)})
}

// connectionNames returns the value of the Connection field when it names more than the
// connection's own options. Nearly no request does.
func connectionNames(fields []exchange.Field) []byte {
	for i := range fields {
		if fields[i].ID != exchange.FieldConnection {
			continue
		}
		v := fields[i].Value
		if !exchange.EqualFold(v, "keep-alive") && !exchange.EqualFold(v, "close") && !exchange.EqualFold(v, "upgrade") {
			return v
		}
	}
	return nil
}

// namedByAny is namedIn for all Connection fields of a message together.
func namedByAny(fields []exchange.Field, f *exchange.Field) bool {
	for i := range fields {
		if fields[i].ID == exchange.FieldConnection && namedIn(fields[i].Value, f) {
			return true
		}
	}
	return false
}

// namedIn reports whether Connection names f, which then belongs to that connection. A
// field that says who the client is or what it may do cannot be removed that way.
func namedIn(connection []byte, f *exchange.Field) bool {
	if http1.Protected(f) {
		return false
	}
	for token := range bytes.SplitSeq(connection, []byte{','}) {
		if bytes.EqualFold(bytes.TrimSpace(token), f.Name) {
			return true
		}
	}
	return false
}

// appendURI appends path and query.
func appendURI(b []byte, r *exchange.Request) []byte {
	b = append(b, r.Path...)
	if r.HasQuery {
		b = append(append(b, '?'), r.Query...)
	}
	return b
}

// appendRequest appends the head of an HTTP/1.1 request.
func appendRequest(b []byte, x *exchange.Exchange, fields []exchange.Field) []byte {
	r := &x.Request
	b = append(append(b, r.Method...), ' ')
	b = append(appendURI(b, r), " HTTP/1.1\r\n"...)
	for i := range fields {
		b = http1.AppendField(b, fields[i].Name, fields[i].Value)
	}
	switch _, counted := r.Lookup(exchange.FieldContentLength); {
	case r.ContentLength == exchange.Unknown:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case r.ContentLength > 0 || counted:
		b = strconv.AppendInt(append(b, "Content-Length: "...), r.ContentLength, 10)
		b = append(b, "\r\n"...)
	}
	if r.Upgrade {
		upgrade, _ := r.Lookup(exchange.FieldUpgrade)
		b = append(b, "Connection: upgrade\r\n"...)
		b = http1.AppendField(b, []byte("Upgrade"), upgrade)
	}
	return append(b, "\r\n"...)
}
