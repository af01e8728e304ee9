//go:build e2e

package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/test/harness"
)

// streamProbe is a request over HTTP/2 that would be two over HTTP/1.1, were it written
// down as it stands.
type streamProbe struct {
	name string
	// fields stand behind, or with replace instead of, the pseudo-fields of a POST.
	fields   harness.Fields
	replace  bool
	data     []string
	trailers harness.Fields
	// fine says that it is a fair request; otherwise it is refused.
	fine bool
}

// request is the pseudo-fields of a request.
func request(method, scheme, authority, path string) harness.Fields {
	return harness.Fields{{Name: ":method", Value: method}, {Name: ":scheme", Value: scheme}, {Name: ":authority", Value: authority}, {Name: ":path", Value: path}}
}

func streamProbes() []streamProbe {
	const hidden = "GET %PATH% HTTP/1.1\r\nHost: app.test\r\n\r\n"
	field := func(name, value string) harness.Fields { return harness.Fields{{Name: name, Value: value}} }
	list := []streamProbe{
		{name: "hidden in a body", data: []string{hidden}, fine: true},
		{name: "length of nothing", fields: field("content-length", "0"), data: []string{hidden}},
		{name: "length too short", fields: field("content-length", "5"), data: []string{"12345" + hidden}},
		{name: "length too long", fields: field("content-length", "1000"), data: []string{hidden}},
		{name: "two lengths", fields: append(field("content-length", "0"), field("content-length", "60")...), data: []string{hidden}},
		{name: "length that is no number", fields: field("content-length", "+5"), data: []string{"12345"}},
		{name: "chunked", fields: field("transfer-encoding", "chunked"), data: []string{"0\r\n\r\n" + hidden}},
		{name: "coding", fields: field("transfer-encoding", "identity"), data: []string{hidden}},
		{name: "expectation", fields: field("expect", "100-continue"), data: []string{hidden}, fine: true},
		{name: "trailers that frame", data: []string{"x"}, trailers: harness.Fields{{Name: "content-length", Value: "100"}, {Name: "transfer-encoding", Value: "chunked"}}, fine: true},
		{name: "trailers with a pseudo-field", data: []string{"x"}, trailers: field(":path", "%PATH%")},
		{name: "trailer with an end of line", data: []string{"x"}, trailers: field("x", "a\r\n\r\n"+hidden)},
		{name: "other host", fields: field("host", "other.test")},
		{name: "two hosts", fields: append(field("host", "app.test"), field("host", "other.test")...)},
		{name: "te", fields: field("te", "gzip")},
		{name: "te trailers", fields: field("te", "trailers"), fine: true},
	}
	for _, name := range []string{"connection", "proxy-connection", "keep-alive", "upgrade"} {
		list = append(list, streamProbe{name: name, fields: field(name, "x")})
	}
	for _, value := range []string{"a\r\nTransfer-Encoding: chunked", "a\nTransfer-Encoding: chunked", "a\rb", "a\x00b", "a\r\n\r\n" + hidden} {
		list = append(list, streamProbe{name: fmt.Sprintf("value %q", value), fields: field("x-a", value), data: []string{"0\r\n\r\n" + hidden}})
	}
	for _, name := range []string{"x\r\ntransfer-encoding: chunked\r\nx", "x: y\r\nz", "x:y", "x y", "X-Upper", "", "x\x00", "x\n", ":unknown", ":status", "x\xff"} {
		list = append(list, streamProbe{name: fmt.Sprintf("name %q", name), fields: field(name, "chunked"), data: []string{"0\r\n\r\n" + hidden}})
	}
	for _, pseudo := range []struct {
		name   string
		fields harness.Fields
		fine   bool
	}{
		{"method with a request in it", request("GET %PATH% HTTP/1.1\r\nX: ", "https", "app.test", "/"), false},
		{"method with a space", request("GET /", "https", "app.test", "/"), false},
		{"no method", request("", "https", "app.test", "/"), false},
		{"path with a request in it", request("GET", "https", "app.test", "/ HTTP/1.1\r\nHost: app.test\r\n\r\n"+hidden), false},
		{"path with a space", request("GET", "https", "app.test", "/ HTTP/1.1"), false},
		{"path without a slash", request("GET", "https", "app.test", "x"), false},
		{"absolute path", request("GET", "https", "app.test", "https://other.test%PATH%"), false},
		{"no path", request("GET", "https", "app.test", ""), false},
		{"path with a fragment", request("GET", "https", "app.test", "/#x"), false},
		{"path up", request("GET", "https", "app.test", "/x/..%PATH%"), false},
		{"path encoded", request("GET", "https", "app.test", "/%70oison%REST%"), false},
		{"star", request("GET", "https", "app.test", "*"), false},
		{"authority with an end of line", request("GET", "https", "app.test\r\nX: y", "/"), false},
		{"authority with a path", request("GET", "https", "app.test/x", "/"), false},
		{"authority with a user", request("GET", "https", "user@app.test", "/"), false},
		{"two authorities", append(request("GET", "https", "app.test", "/"), field(":authority", "other.test")...), false},
		{"two paths", append(request("GET", "https", "app.test", "/"), field(":path", "%PATH%")...), false},
		{"scheme with a request in it", request("GET", "https://app.test%PATH%?", "app.test", "/"), false},
		{"CONNECT", harness.Fields{{Name: ":method", Value: "CONNECT"}, {Name: ":authority", Value: "app.test:80"}}, false},
		{"extended CONNECT", append(request("CONNECT", "https", "app.test", "/ws"), field(":protocol", "websocket")...), false},
		{"pseudo-field behind a field", append(field("x", "y"), request("GET", "https", "app.test", "/")...), false},
		{"nothing", field("x", "y"), false},
	} {
		list = append(list, streamProbe{name: pseudo.name, fields: pseudo.fields, replace: true, data: []string{hidden}, fine: pseudo.fine})
	}
	return list
}

// TestSmugglingOverHTTP2 sends every probe on a connection of its own.
func TestSmugglingOverHTTP2(t *testing.T) {
	s := besiege(t)
	list := streamProbes()
	s.under(func(time.Time) {
		for n, p := range list {
			s.probeStream(n, p)
		}
	})
	t.Logf("%d probes", len(list))
	s.unpoisoned(func(n int) string { return list[n].name })
}

func (s *siege) probeStream(n int, p streamProbe) {
	s.t.Helper()
	rest := fmt.Sprintf("/%d", n)
	fill := strings.NewReplacer("%PATH%", strings.TrimSuffix(poison, "/")+rest, "%REST%", rest).Replace
	filled := func(list harness.Fields) harness.Fields {
		list = slices.Clone(list)
		for i := range list {
			list[i].Name, list[i].Value = fill(list[i].Name), fill(list[i].Value)
		}
		return list
	}
	r := harness.HTTP2Request{Fields: filled(p.fields), Trailers: filled(p.trailers)}
	if !p.replace {
		r.Fields = append(request("POST", "https", "app.test", "/"), r.Fields...)
	}
	for _, d := range p.data {
		r.Data = append(r.Data, []byte(fill(d)))
	}
	c := harness.DialHTTP2(s.t, s.site.secure, harness.Dialing{TLS: untrusting()})
	defer c.Close()
	answer, err := c.Receive(c.Send(r))
	switch {
	case err != nil && p.fine:
		s.t.Errorf("%s: %v", p.name, err)
	case err == nil && p.fine && answer.Status != 200:
		s.t.Errorf("%s: status %d, want 200", p.name, answer.Status)
	case err == nil && !p.fine && answer.Status < 400 && answer.Cut == nil:
		s.t.Errorf("%s: status %d, want a refusal", p.name, answer.Status)
	}
}
