package forward

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/spec"
)

// compiled is what a target group makes of its headers.
func compiled(t *testing.T, h spec.RequestHeaders) *target.Headers {
	t.Helper()
	registry := target.NewRegistry(target.Options{})
	t.Cleanup(registry.Close)
	env := &spec.Environment{TargetGroups: []spec.TargetGroup{{Name: "web", Algorithm: spec.RoundRobin, ProxyOnly: spec.ProxyOnly{Headers: h}}}}
	if err := registry.Apply(env); err != nil {
		t.Fatal(err)
	}
	return registry.Groups()[0].Snapshot().Config.Headers
}

func field(name, value string) exchange.Field {
	return exchange.Field{ID: exchange.Identify([]byte(name)), Name: []byte(name), Value: []byte(value)}
}

// head is fields as text, one a line.
func head(fields []exchange.Field) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(string(f.Name) + ": " + string(f.Value) + "\n")
	}
	return b.String()
}

func askedOver(tls *exchange.TLS) *exchange.Exchange {
	x := &exchange.Exchange{Conn: &exchange.Connection{Peer: netip.MustParseAddrPort("[::ffff:192.0.2.7]:1234"), TLS: tls}}
	x.Request = exchange.Request{
		Method: []byte("GET"), Host: []byte("example.com"), Path: []byte("/a"), Query: []byte("b=c"), HasQuery: true,
		Fields: []exchange.Field{field("User-Agent", "test"), field("Cookie", "a=1; s=abc"), field("X-Bad", "a\r\nX-Evil: 1\x00")},
	}
	x.Record.TraceID = []byte("Self=1-67891233-abcdef012345678912345678;Root=1-00000000-000000000000000000000000")
	return x
}

func sent() []exchange.Field {
	return []exchange.Field{
		field("X-Forwarded-For", "203.0.113.9, 192.0.2.7"), field("X-Forwarded-Proto", "https"), field("X-Forwarded-Port", "443"),
		field("Host", "example.com"), field("x-gone", "1"), field("X-Tag", "theirs"), field("X-Gone", "2"),
	}
}

func TestChangeFields(t *testing.T) {
	h := compiled(t, spec.RequestHeaders{
		Remove: []string{"X-GONE"},
		Set: map[string]string{
			"X-Real-IP": "{client_ip}", "X-Forwarded-For": "{forwarded_for}", "X-Forwarded-Proto": "http", "X-Empty": " {header:X-None} ",
			"X-All":     "{client_port} {host} {scheme} {port} {method} {uri} {path} {query} {header:user-agent} {cookie:s} {{}",
			"X-TLS":     "{tls_version}/{tls_cipher}/{tls_server_name}",
			"X-Request": "{request_id}",
		},
		Add: map[string]string{"X-Tag": "ours"},
	})
	x := askedOver(&exchange.TLS{Version: "TLSv1.3", CipherSuite: "TLS_AES_128_GCM_SHA256", ServerName: "a\r\nX-Evil: 1"})
	got := head(changeFields(sent(), x, h))
	want := `X-Forwarded-Port: 443
Host: example.com
X-Tag: theirs
X-All: 1234 example.com https 443 GET /a?b=c /a b=c test abc {}
X-Forwarded-For: 203.0.113.9, 192.0.2.7
X-Forwarded-Proto: http
X-Real-IP: 192.0.2.7
X-Request: 67891233abcdef012345678912345678
X-TLS: TLSv1.3/TLS_AES_128_GCM_SHA256/aX-Evil: 1
X-Tag: ours
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestChangedFieldsHoldNoLineEnds: what a client sends cannot become a field of its own, and
// cannot be long many times over.
func TestChangedFieldsHoldNoLineEnds(t *testing.T) {
	h := compiled(t, spec.RequestHeaders{Set: map[string]string{"X-A": "{header:X-Bad}", "X-B": "{uri}{tls_version}"}})
	x := askedOver(nil)
	x.Request.Path = bytes.Repeat([]byte("/a"), 1<<15)
	for _, f := range changeFields(nil, x, h) {
		if bytes.ContainsAny(f.Value, "\r\n\x00") || len(f.Value) > 5<<10 {
			t.Errorf("%s is %d bytes: %.40q", f.Name, len(f.Value), f.Value)
		}
	}
}

func TestChangeFieldsAllocatesNothing(t *testing.T) {
	h := compiled(t, spec.RequestHeaders{
		Remove: []string{"X-Gone"}, Set: map[string]string{"X-Real-IP": "{client_ip}", "X-R": "{request_id}"}, Add: map[string]string{"X-Tag": "{uri}"},
	})
	x, all := askedOver(nil), sent()
	fields := make([]exchange.Field, 0, 32)
	change := func() {
		x.Arena.Reset()
		fields = changeFields(append(fields[:0], all...), x, h)
	}
	change()
	change()
	if n := testing.AllocsPerRun(100, change); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
