// Package answer builds the answers that the load balancer itself makes: error pages,
// redirects and fixed responses. It is pure: it sets the response head of an exchange and
// returns the body, to the byte of what an ALB sends, and leaves writing to the front end.
//
// An ALB's own answers are those of nginx with another name in Server; the texts of
// nginx, its padding for old browsers and its choice of which errors end the connection
// hold where AWS documents nothing.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
// https://github.com/nginx/nginx/blob/master/src/http/ngx_http_special_response.c
package answer

import (
	"maps"
	"slices"
	"strconv"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/routing"
)

// Maker makes the answers of one listener. Each method replaces x.Response, whose fields
// come in ALB's order, Server, Date, Content-Type, Content-Length and then others, without
// Connection, which the front end writes. It returns the body, which is valid until the
// exchange ends and must not be changed. date is the value of Date, which may be kept until
// then. A HEAD request gets the head alone, with the Content-Length that GET would have.
type Maker struct {
	// ServerName is the value of Server; empty for no such field.
	ServerName string
}

var (
	nameServer        = []byte(exchange.FieldServer.String())
	nameDate          = []byte(exchange.FieldDate.String())
	nameContentType   = []byte(exchange.FieldContentType.String())
	nameContentLength = []byte(exchange.FieldContentLength.String())
	nameLocation      = []byte("Location")
	nameGRPCStatus    = []byte("grpc-status")
	nameGRPCMessage   = []byte("grpc-message")

	typeHTML = []byte("text/html")
	typeGRPC = []byte("application/grpc")
	zero     = []byte("0")
)

// Error answers with the page of an error status, 400-599. Browsers that show a page of
// their own in place of a short one get the padding that stops them. The page is empty for
// the statuses that only an ALB has, such as 464. A gRPC call gets its status in grpc-status
// and grpc-message, and no page.
func (m *Maker) Error(x *exchange.Exchange, status int, date []byte) (body []byte) {
	if x.Request.GRPC() {
		m.begin(x, status, date)
		code := grpcCodeOf(status)
		x.Response.Fields = append(x.Response.Fields,
			exchange.Field{ID: exchange.FieldContentType, Name: nameContentType, Value: typeGRPC},
			exchange.Field{ID: exchange.FieldContentLength, Name: nameContentLength, Value: zero},
			exchange.Field{Name: nameGRPCStatus, Value: code.number},
			exchange.Field{Name: nameGRPCMessage, Value: code.message})
		return nil
	}
	p := pageOf(status)
	if p == nil {
		m.begin(x, status, date)
		x.Response.Fields = append(x.Response.Fields,
			exchange.Field{ID: exchange.FieldContentLength, Name: nameContentLength, Value: zero})
		return nil
	}
	return m.page(x, status, p.forClient(&x.Request), date)
}

// PlainHTTP answers a request that came without TLS to an HTTPS listener.
func (m *Maker) PlainHTTP(x *exchange.Exchange, date []byte) (body []byte) {
	return m.page(x, 400, plainHTTP.forClient(&x.Request), date)
}

// Redirect answers with status, 301 or 302, and Location.
func (m *Maker) Redirect(x *exchange.Exchange, status int, location, date []byte) (body []byte) {
	v := &version{length: zero}
	if p := pageOf(status); p != nil {
		v = &p.short
	}
	body = m.page(x, status, v, date)
	x.Response.Fields = append(x.Response.Fields, exchange.Field{Name: nameLocation, Value: location})
	return body
}

// Fixed answers with a fixed response. Status 204 has neither a body nor fields about one
// (RFC 9110, 8.6).
func (m *Maker) Fixed(x *exchange.Exchange, f *routing.FixedResponse, date []byte) (body []byte) {
	m.begin(x, f.Status, date)
	r := &x.Response
	if f.Status == 204 {
		r.NoBody = true
		return nil
	}
	contentType := x.Arena.CopyString(f.ContentType)
	length := x.Arena.End(strconv.AppendInt(x.Arena.Begin(), int64(len(f.Body)), 10))
	r.Fields = append(r.Fields,
		exchange.Field{ID: exchange.FieldContentType, Name: nameContentType, Value: contentType},
		exchange.Field{ID: exchange.FieldContentLength, Name: nameContentLength, Value: length})
	return end(x, f.Body)
}

// Document answers with a body that was made elsewhere and its fields, in order of their
// names. Status 204 has no body.
func (m *Maker) Document(x *exchange.Exchange, status int, header map[string]string, body, date []byte) []byte {
	m.begin(x, status, date)
	r := &x.Response
	for _, name := range slices.Sorted(maps.Keys(header)) {
		r.Fields = append(r.Fields, exchange.Field{ID: exchange.Identify([]byte(name)), Name: []byte(name), Value: []byte(header[name])})
	}
	if status == 204 {
		r.NoBody = true
		return nil
	}
	r.Fields = append(r.Fields,
		exchange.Field{ID: exchange.FieldContentLength, Name: nameContentLength, Value: x.Arena.End(strconv.AppendInt(x.Arena.Begin(), int64(len(body)), 10))})
	return end(x, body)
}

// begin replaces the response and adds the fields that every answer has.
func (m *Maker) begin(x *exchange.Exchange, status int, date []byte) {
	r := &x.Response
	*r = exchange.Response{
		Status:  status,
		Reason:  reasonOf(status),
		Version: exchange.HTTP11,
		Fields:  r.Fields[:0],
		NoBody:  string(x.Request.Method) == "HEAD",
	}
	if m.ServerName != "" {
		r.Fields = append(r.Fields, exchange.Field{ID: exchange.FieldServer, Name: nameServer, Value: x.Arena.CopyString(m.ServerName)})
	}
	r.Fields = append(r.Fields, exchange.Field{ID: exchange.FieldDate, Name: nameDate, Value: date})
}

func (m *Maker) page(x *exchange.Exchange, status int, v *version, date []byte) []byte {
	m.begin(x, status, date)
	x.Response.Fields = append(x.Response.Fields,
		exchange.Field{ID: exchange.FieldContentType, Name: nameContentType, Value: typeHTML},
		exchange.Field{ID: exchange.FieldContentLength, Name: nameContentLength, Value: v.length})
	return end(x, v.body)
}

// end sets the length and returns what of the body is sent.
func end(x *exchange.Exchange, body []byte) []byte {
	x.Response.ContentLength = int64(len(body))
	if x.Response.NoBody {
		return nil
	}
	return body
}

// ClosesConnection reports whether the client's connection ends with an answer of this
// status: after these errors nobody knows, or cares, where the next request would begin.
// 502, 503, 504 and the others leave it open.
func ClosesConnection(status int) bool {
	switch status {
	case 400, 408, 413, 414, 500, 501, 505:
		return true
	}
	return false
}
