package http1_test

import (
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http1"
)

func TestHopByHop(t *testing.T) {
	for name, want := range map[string]bool{
		"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "TE": true, "Trailer": true,
		"Upgrade": true, "HTTP2-Settings": true,
		"Proxy-Authenticate": false, "Proxy-Authorization": false, "Host": false, "Transfer-Encoding": false, "A": false,
	} {
		if got := http1.HopByHop(exchange.Identify([]byte(name))); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestProtected has what Connection may not name away, in any case.
func TestProtected(t *testing.T) {
	for name, want := range map[string]bool{
		"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Cookie": true, "Authorization": true,
		"Proxy-Authorization": true, "X-Real-Ip": true, "Forwarded": true, "X-Forwarded-For": true,
		"X-Forwarded-Host": true, "X-Forwarded-Proto": true, "X-Amzn-Trace-Id": true, "X-Amzn-Oidc-Data": true,
		"X-Forwarded-": false, "X-Custom": false, "Keep-Alive": false, "A": false,
	} {
		for _, n := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			f := exchange.Field{Name: []byte(n), ID: exchange.Identify([]byte(n))}
			if got := http1.Protected(&f); got != want {
				t.Errorf("%s: %v", n, got)
			}
		}
	}
}

func TestValidFieldName(t *testing.T) {
	const valid = "-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	if http1.ValidFieldName(nil) {
		t.Error("an empty name is valid")
	}
	for c := range 256 {
		want := strings.IndexByte(valid, byte(c)) >= 0
		if got := http1.ValidFieldName([]byte{'A', byte(c), 'b'}); got != want {
			t.Errorf("%#x: %v", c, got)
		}
	}
}

func TestAliasOf(t *testing.T) {
	for name, want := range map[string]exchange.FieldID{
		"X_Forwarded_For":             exchange.FieldXForwardedFor,
		"x.forwarded.for":             exchange.FieldXForwardedFor,
		"X-Forwarded_For":             exchange.FieldXForwardedFor,
		"X-Forwarded-For\x0b":         exchange.FieldXForwardedFor,
		"X Forwarded For":             exchange.FieldXForwardedFor,
		"X_FORWARDED_PROTO":           exchange.FieldXForwardedProto,
		"X_Forwarded_Port":            exchange.FieldXForwardedPort,
		"X.Amzn.Trace.Id":             exchange.FieldXAmznTraceID,
		"X_Amzn_Tls_Version":          exchange.FieldXAmznTLSVersion,
		"X_Amzn_Tls_Cipher_Suite":     exchange.FieldXAmznTLSCipherSuite,
		"Content_Length":              exchange.FieldContentLength,
		"Transfer.Encoding":           exchange.FieldTransferEncoding,
		"Tran\u017ffer-Encod\u0131ng": exchange.FieldTransferEncoding,
		"Host_":                       exchange.FieldHost,
		"Proxy_Connection":            exchange.FieldProxyConnection,
		"HTTP2_Settings":              exchange.FieldHTTP2Settings,

		"X-Forwarded-For":   exchange.FieldOther,
		"XForwardedFor":     exchange.FieldOther,
		"X_Forwarded_Fo":    exchange.FieldOther,
		"X_Forwarded_For_X": exchange.FieldOther,
		"user_agent":        exchange.FieldOther,
		"_":                 exchange.FieldOther,
		"":                  exchange.FieldOther,
	} {
		if got := http1.AliasOf([]byte(name)); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func TestAppend(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{string(http1.AppendStatusLine([]byte("x"), exchange.HTTP11, 200, []byte("OK"))), "xHTTP/1.1 200 OK\r\n"},
		{string(http1.AppendStatusLine(nil, exchange.HTTP11, 464, nil)), "HTTP/1.1 464 \r\n"},
		{string(http1.AppendStatusLine(nil, exchange.HTTP10, 200, nil)), "HTTP/1.0 200 \r\n"},
		{string(http1.AppendField([]byte("x"), []byte("A"), []byte("b"))), "xA: b\r\n"},
		{string(http1.AppendChunkHeader(nil, 65535)), "ffff\r\n"},
		{string(http1.AppendLastChunk(nil, nil)), http1.LastChunk},
		{string(http1.AppendLastChunk(nil, []exchange.Field{{Name: []byte("A"), Value: []byte("b")}})), "0\r\nA: b\r\n\r\n"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
