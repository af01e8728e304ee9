package http1_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http1"
)

// parseRequest parses head in one call.
func parseRequest(head string) (exchange.Request, int, error) {
	var p http1.RequestParser
	var r exchange.Request
	n, err := p.Parse([]byte(head), &r)
	return r, n, err
}

// parseRequestInSteps gives the parser step bytes more at a time, in a new buffer each
// time, and overwrites the old one.
func parseRequestInSteps(head []byte, step int) (exchange.Request, int, error) {
	var p http1.RequestParser
	var r exchange.Request
	var old []byte
	for i := min(step, len(head)); ; i = min(i+step, len(head)) {
		buf := bytes.Clone(head[:i])
		for j := range old {
			old[j] = '#'
		}
		n, err := p.Parse(buf, &r)
		if n > 0 || err != nil || i == len(head) {
			return r, n, err
		}
		old = buf
	}
}

// status is the status of a refusal, 0 for none.
func status(t testing.TB, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	var e *http1.Error
	if !errors.As(err, &e) || e.Reason == "" || e.Error() != e.Reason {
		t.Fatalf("the error is %#v", err)
	}
	return e.Status
}

// describe writes down all that a parser fills.
func describe(r *exchange.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %q %d head %d upgrade %v expect %v close %v\n",
		r.Method, r.Target, r.RawVersion, r.Version, r.HeadBytes, r.Upgrade, r.ExpectContinue, r.Close)
	for _, f := range r.Fields {
		fmt.Fprintf(&b, "%q %q %d\n", f.Name, f.Value, f.ID)
	}
	return b.String()
}

func TestRequestIsTakenApart(t *testing.T) {
	head := "POST /a?b HTTP/1.1\r\nHost: example.com\r\nX-Empty:\r\nX-Space: \t a b\t \r\ncontent-length:3\r\n\r\n"
	r, n, err := parseRequest(head + "abcGET")
	if err != nil || n != len(head) {
		t.Fatalf("n = %d, %v", n, err)
	}
	want := fmt.Sprintf(`"POST" "/a?b" "HTTP/1.1" 11 head %d upgrade false expect false close false
"Host" "example.com" %d
"X-Empty" "" 0
"X-Space" "a b" 0
"content-length" "3" %d
`, n, exchange.FieldHost, exchange.FieldContentLength)
	if got := describe(&r); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestRequestLines(t *testing.T) {
	for _, tt := range []struct {
		line    string
		status  int
		method  string
		target  string
		version exchange.Version
		raw     string
		close   bool
	}{
		{"GET / HTTP/1.1", 0, "GET", "/", exchange.HTTP11, "HTTP/1.1", false},
		{"GET / HTTP/1.0", 0, "GET", "/", exchange.HTTP10, "HTTP/1.0", true},
		{"GET / HTTP/1.2", 0, "GET", "/", exchange.HTTP11, "HTTP/1.2", false},
		{"GET / HTTP/1.9", 0, "GET", "/", exchange.HTTP11, "HTTP/1.9", false},
		{"GET / HTTP/0.9", 0, "GET", "/", exchange.HTTP09, "HTTP/0.9", true},
		{"GET /a b HTTP/1.1", 0, "GET", "/a b", exchange.HTTP11, "HTTP/1.1", false},
		{"GET /a  HTTP/1.1", 0, "GET", "/a ", exchange.HTTP11, "HTTP/1.1", false},
		{"GET  /a HTTP/1.1", 0, "GET", " /a", exchange.HTTP11, "HTTP/1.1", false},
		{"GET /a HTTP/1.1 \t ", 0, "GET", "/a", exchange.HTTP11, "HTTP/1.1 \t ", false},
		{"GET /\x01\x7f\xff HTTP/1.1", 0, "GET", "/\x01\x7f\xff", exchange.HTTP11, "HTTP/1.1", false},
		{"GET /\t HTTP/1.1", 0, "GET", "/\t", exchange.HTTP11, "HTTP/1.1", false},
		{"G(T / HTTP/1.1", 0, "G(T", "/", exchange.HTTP11, "HTTP/1.1", false},
		{"FOO * HTTP/1.1", 0, "FOO", "*", exchange.HTTP11, "HTTP/1.1", false},
		{"GET / HTTP/1.10", 0, "GET", "/", exchange.HTTP11, "HTTP/1.10", true},
		{"GET / http/1.1", 0, "GET", "/", exchange.HTTP11, "http/1.1", true},
		{"GET / HTTP/1.x", 0, "GET", "/", exchange.HTTP11, "HTTP/1.x", true},
		{"GET / HTTP/0.8", 0, "GET", "/", exchange.HTTP11, "HTTP/0.8", true},
		{"GET /a b", 0, "GET", "/a", exchange.HTTP11, "b", true},
		{"GET / HTTP/", 0, "GET", "/", exchange.HTTP11, "HTTP/", true},

		{"PRI * HTTP/2.0", 505, "", "", 0, "", false},
		{"GET / HTTP/2.0", 505, "", "", 0, "", false},
		{"GET / HTTP/3", 505, "", "", 0, "", false},
		{"GET", 400, "", "", 0, "", false},
		{"GET ", 400, "", "", 0, "", false},
		{"GET  ", 400, "", "", 0, "", false},
		{"GET \t", 400, "", "", 0, "", false},
		{"GET HTTP/1.1", 400, "", "", 0, "", false},
		{"GET  HTTP/1.1", 400, "", "", 0, "", false},
		{" GET / HTTP/1.1", 400, "", "", 0, "", false},
		{"\tGET / HTTP/1.1", 400, "", "", 0, "", false},
		{"POST /a", 400, "", "", 0, "", false},
		{"GET\t/a HTTP/1.1", 400, "", "", 0, "", false},
		{"GET\t/a / HTTP/1.1", 400, "", "", 0, "", false},
		{"G\xa0T / HTTP/1.1", 400, "", "", 0, "", false},
		{"GET / HTTP/1.1\tx", 400, "", "", 0, "", false},
		{"GET / HTTP/1.1\x0b", 400, "", "", 0, "", false},
		{"GET / HTTP/1.\xb1", 400, "", "", 0, "", false},
		{"GET /\x00 HTTP/1.1", 400, "", "", 0, "", false},
		{"GET /\r HTTP/1.1", 400, "", "", 0, "", false},
		{"GET / HTTP/1.1\r", 400, "", "", 0, "", false},
		{"GET /\n HTTP/1.1", 400, "", "", 0, "", false},
		{"\x16\x03\x01 / HTTP/1.1", 400, "", "", 0, "", false},
	} {
		r, n, err := parseRequest(tt.line + "\r\nHost: a\r\n\r\n")
		if got := status(t, err); got != tt.status || (n == 0) != (tt.status != 0) {
			t.Errorf("%q: n = %d, status %d (%v), want %d", tt.line, n, got, err, tt.status)
			continue
		}
		if string(r.Method) != tt.method || string(r.Target) != tt.target || r.Version != tt.version ||
			string(r.RawVersion) != tt.raw || r.Close != tt.close {
			t.Errorf("%q: %s", tt.line, describe(&r))
		}
	}
}

// TestSimpleRequestEndsWithItsLine has HTTP/0.9, whose requests have no header.
func TestSimpleRequestEndsWithItsLine(t *testing.T) {
	for _, line := range []string{"GET /path\r\n", "GET /path \r\n"} {
		r, n, err := parseRequest(line + "Host: a\r\n\r\n")
		if err != nil || n != len(line) {
			t.Fatalf("%q: n = %d, %v", line, n, err)
		}
		if string(r.Target) != "/path" || r.Version != exchange.HTTP09 || len(r.RawVersion)+len(r.Fields) != 0 || !r.Close {
			t.Errorf("%q: %s", line, describe(&r))
		}
	}
	if _, _, err := parseRequest("GET /\x00\r\n"); status(t, err) != 400 {
		t.Errorf("a NUL: %v", err)
	}
}

func TestHeaderLines(t *testing.T) {
	for _, tt := range []struct {
		lines  string
		status int
		want   string // name=value, comma-separated
	}{
		{"", 0, ""},
		{"A: b\r\n", 0, "A=b"},
		{"A:b\r\nA:\tb \r\n", 0, "A=b,A=b"},
		{": b\r\n", 0, "=b"},
		{":b: c\r\n", 0, "=b: c"},
		{"A B: c\r\n", 0, "A B=c"},
		{"A\x01\x7f\xe9: c\r\n", 0, "A\x01\x7f\xe9=c"},
		{"A: \x01\x7f\xe9\r\n", 0, "A=\x01\x7f\xe9"},
		{"A: \x0bb\x0c\r\n", 0, "A=\x0bb\x0c"},

		{"A\r\n", 400, ""},
		{"A : b\r\n", 400, ""},
		{"A\t: b\r\n", 400, ""},
		{" : b\r\n", 400, ""},
		{" A: b\r\n", 400, ""},
		{"A: b\r\n c\r\n", 400, ""},
		{"A: b\r\n\tC: d\r\n", 400, ""},
		{"A: b\r\n \r\n", 400, ""},
		{"A: b\n", 400, ""},
		{"A: b\nB: c\r\n", 400, ""},
		{"A: b\r\n\n", 400, ""},
		{"A: b\rC: d\r\n", 400, ""},
		{"A: b\r\r\n", 400, ""},
		{"\rA: b\r\n", 400, ""},
		{"A: b\x00\r\n", 400, ""},
		{"A\x00: b\r\n", 400, ""},
	} {
		r, n, err := parseRequest("GET / HTTP/1.1\r\n" + tt.lines + "\r\n")
		if got := status(t, err); got != tt.status || (n == 0) != (tt.status != 0) {
			t.Errorf("%q: n = %d, status %d (%v), want %d", tt.lines, n, got, err, tt.status)
		}
		var got []string
		for _, f := range r.Fields {
			got = append(got, string(f.Name)+"="+string(f.Value))
		}
		if s := strings.Join(got, ","); s != tt.want {
			t.Errorf("%q: fields %q, want %q", tt.lines, s, tt.want)
		}
	}
}

// TestEveryByteInARequest puts each byte into a name and into a value. What must never pass
// is refused, and everything else arrives as it was sent.
func TestEveryByteInARequest(t *testing.T) {
	for c := range 256 {
		b := string([]byte{byte(c)})
		value := 0
		if b == "\r" || b == "\n" || b == "\x00" {
			value = 400
		}
		r, _, err := parseRequest("GET / HTTP/1.1\r\nA: x" + b + "y\r\n\r\n")
		if got := status(t, err); got != value {
			t.Errorf("value with %q: %d (%v), want %d", b, got, err, value)
		} else if got == 0 && string(r.Fields[0].Value) != "x"+b+"y" {
			t.Errorf("value with %q: %q", b, r.Fields[0].Value)
		}
		r, _, err = parseRequest("GET / HTTP/1.1\r\nX" + b + "Y: v\r\n\r\n")
		switch got := status(t, err); {
		case got != value:
			t.Errorf("name with %q: %d (%v), want %d", b, got, err, value)
		case got != 0:
		case b == ":":
			if string(r.Fields[0].Name) != "X" || string(r.Fields[0].Value) != "Y: v" {
				t.Errorf("colon: %s", describe(&r))
			}
		case string(r.Fields[0].Name) != "X"+b+"Y":
			t.Errorf("name with %q: %q", b, r.Fields[0].Name)
		}
	}
}

func TestConnectionOfARequest(t *testing.T) {
	const upgrade = "HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket"
	for _, tt := range []struct {
		rest                   string // from the version on
		upgrade, expect, close bool
	}{
		{"HTTP/1.1", false, false, false},
		{"HTTP/1.1\r\nConnection: close", false, false, true},
		{"HTTP/1.1\r\nConnection: a,\t CLOSE ,b", false, false, true},
		{"HTTP/1.1\r\nConnection: a\r\nConnection: close", false, false, true},
		{"HTTP/1.1\r\nConnection: closed", false, false, false},
		{"HTTP/1.0", false, false, true},
		{"HTTP/1.0\r\nConnection: Keep-Alive", false, false, false},
		{"HTTP/1.0\r\nConnection: Keep-Alive, close", false, false, true},
		{"HTTP/0.9\r\nConnection: Keep-Alive", false, false, true},
		{"HTTP/1.x\r\nConnection: keep-alive", false, false, true},

		{upgrade, true, false, false},
		{"HTTP/1.1\r\nUpgrade: websocket\r\nConnection: keep-alive, upgrade", true, false, false},
		{"HTTP/1.1\r\nUpgrade: foo/1, bar\r\nConnection: upgrade", true, false, false},
		{"HTTP/1.1\r\nUpgrade: websocket", false, false, false},
		{"HTTP/1.1\r\nConnection: upgrade", false, false, false},
		{"HTTP/1.1\r\nConnection: upgrade\r\nUpgrade:", false, false, false},
		{"HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: web socket", false, false, false},
		{"HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c", false, false, false},
		{"HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket, H2C", false, false, false},
		{"HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c/1", false, false, false},
		{"HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: \x0bh2c", false, false, false},
		{upgrade + "\r\nUpgrade: h2c", false, false, false},
		{upgrade + "\r\nHTTP2-Settings: AAMAAABkAAQAAP__", false, false, false},
		{"HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket", false, false, true},
		{"HTTP/1.x\r\nConnection: Upgrade\r\nUpgrade: websocket", false, false, true},

		{"HTTP/1.1\r\nExpect: 100-continue", false, true, false},
		{"HTTP/1.1\r\nExpect: 100-Continue", false, true, false},
		{"HTTP/1.1\r\nExpect: y 100-continue", false, false, false},
		{"HTTP/1.1\r\nExpect: 100-continue, x", false, false, false},
		{"HTTP/1.1\r\nExpect:", false, false, false},
		{"HTTP/1.0\r\nExpect: 100-continue", false, false, true},
	} {
		r, _, err := parseRequest("GET / " + tt.rest + "\r\n\r\n")
		if err != nil || r.Upgrade != tt.upgrade || r.ExpectContinue != tt.expect || r.Close != tt.close {
			t.Errorf("%q: %v %s", tt.rest, err, describe(&r))
		}
	}
}

// TestRequestInPieces parses heads from every number of bytes at a time.
func TestRequestInPieces(t *testing.T) {
	for _, head := range []string{
		"GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\nA: b\r\n\r\nrest",
		"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /simple\r\n",
		"GET / HTTP/1.1\r\nHost: a\nB: c\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\rB: c\r\n\r\n",
		"GET / HTTP/2.0\r\n\r\n",
		"\r\rGET / HTTP/1.1\r\n\r\n",
	} {
		want, wantN, wantErr := parseRequest(head)
		for step := 1; step <= len(head); step++ {
			r, n, err := parseRequestInSteps([]byte(head), step)
			if n != wantN || status(t, err) != status(t, wantErr) || err == nil && describe(&r) != describe(&want) {
				t.Errorf("%q by %d: n = %d, %v, %s\nwant %d, %v, %s", head, step, n, err, describe(&r), wantN, wantErr, describe(&want))
			}
		}
	}
}

func TestRequestParserIsUsedAgain(t *testing.T) {
	var p http1.RequestParser
	var r exchange.Request
	buf := []byte("GET /1 HTTP/1.1\r\nA: b\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
	n, err := p.Parse(buf, &r)
	if err != nil || string(r.Target) != "/1" {
		t.Fatalf("%v %s", err, describe(&r))
	}
	p.Reset()
	m, err := p.Parse(buf[n:], &r)
	if err != nil || n+m != len(buf) || string(r.Target) != "/2" || len(r.Fields) != 0 {
		t.Errorf("%v %s", err, describe(&r))
	}
}
