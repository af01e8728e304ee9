package http1_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http1"
)

func parseResponse(method, head string) (exchange.Response, int, error) {
	var p http1.ResponseParser
	var r exchange.Response
	n, err := p.Parse([]byte(head), []byte(method), &r)
	return r, n, err
}

func describeResponse(r *exchange.Response) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %q %d head %d length %d chunked %v close %v nobody %v\n",
		r.Status, r.Reason, r.Version, r.HeadBytes, r.ContentLength, r.Chunked, r.Close, r.NoBody)
	for _, f := range r.Fields {
		fmt.Fprintf(&b, "%q %q %d\n", f.Name, f.Value, f.ID)
	}
	return b.String()
}

func TestStatusLines(t *testing.T) {
	for _, tt := range []struct {
		line   string
		status int // of the refusal
		code   int
		reason string
	}{
		{"HTTP/1.1 200 OK", 0, 200, "OK"},
		{"HTTP/1.0 200 OK", 0, 200, "OK"},
		{"HTTP/1.1 404 Not  Found ", 0, 404, "Not  Found "},
		{"HTTP/1.1 464 ", 0, 464, ""},
		{"HTTP/1.1 200", 0, 200, ""},
		{"HTTP/1.1 999 x", 0, 999, "x"},
		{"HTTP/1.1 200 a\tb\xe9", 0, 200, "a\tb\xe9"},
		{"HTTP/1.1 099 x", 502, 0, ""},
		{"HTTP/1.1 20 OK", 502, 0, ""},
		{"HTTP/1.1 2000 OK", 502, 0, ""},
		{"HTTP/1.1 +20 OK", 502, 0, ""},
		{"HTTP/1.1 200\tOK", 502, 0, ""},
		{"HTTP/1.1  200 OK", 502, 0, ""},
		{"HTTP/1.1\t200 OK", 502, 0, ""},
		{"HTTP/1.2 200 OK", 502, 0, ""},
		{"HTTP/2.0 200 OK", 502, 0, ""},
		{"http/1.1 200 OK", 502, 0, ""},
		{"ICY 200 OK", 502, 0, ""},
		{" HTTP/1.1 200 OK", 502, 0, ""},
		{"HTTP/1.1 200 O\x01K", 502, 0, ""},
		{"HTTP/1.1 200 O\x7fK", 502, 0, ""},
		{"HTTP/1.1 200 O\rK", 502, 0, ""},
		{"HTTP/1.1 200 OK\r", 502, 0, ""},
		{"HTTP/1.1 200 O\x00K", 502, 0, ""},
		{"", 502, 0, ""},
	} {
		r, n, err := parseResponse("GET", tt.line+"\r\nA: b\r\n\r\n")
		if got := status(t, err); got != tt.status || (n == 0) != (tt.status != 0) {
			t.Errorf("%q: n = %d, %d (%v), want %d", tt.line, n, got, err, tt.status)
		} else if got == 0 && (r.Status != tt.code || string(r.Reason) != tt.reason) {
			t.Errorf("%q: %s", tt.line, describeResponse(&r))
		}
	}
}

func TestResponseFraming(t *testing.T) {
	const unknown = exchange.Unknown
	for _, tt := range []struct {
		method, head string
		status       int // of the refusal
		length       int64
		chunked      bool
		close        bool
		noBody       bool
		fields       string
	}{
		{"GET", "1.1 200\r\nContent-Length: 5", 0, 5, false, false, false, "Content-Length=5"},
		{"GET", "1.1 200\r\nContent-Length: 0", 0, 0, false, false, false, "Content-Length=0"},
		{"GET", "1.1 200\r\ncontent-length: 5\r\nContent-Length: 5", 0, 5, false, false, false, "content-length=5"},
		{"GET", "1.1 200\r\nTransfer-Encoding: chunked", 0, unknown, true, false, false, "Transfer-Encoding=chunked"},
		{"GET", "1.1 200\r\nTransfer-Encoding: Chunked\r\nConnection: close", 0, unknown, true, true, false, "Transfer-Encoding=Chunked Connection=close"},
		{"GET", "1.1 200", 0, unknown, false, true, false, ""},
		{"GET", "1.0 200\r\nContent-Length: 5", 0, 5, false, true, false, "Content-Length=5"},
		{"GET", "1.0 200\r\nContent-Length: 5\r\nConnection: keep-alive", 0, 5, false, false, false, "Content-Length=5 Connection=keep-alive"},
		{"GET", "1.0 200\r\nConnection: keep-alive", 0, unknown, false, true, false, "Connection=keep-alive"},
		{"HEAD", "1.1 200\r\nContent-Length: 5", 0, 0, false, false, true, "Content-Length=5"},
		{"HEAD", "1.1 200\r\nTransfer-Encoding: chunked", 0, 0, false, false, true, "Transfer-Encoding=chunked"},
		{"HEAD", "1.1 200", 0, 0, false, false, true, ""},
		{"head", "1.1 200\r\nContent-Length: 5", 0, 5, false, false, false, "Content-Length=5"},
		{"GET", "1.1 304\r\nContent-Length: 5", 0, 0, false, false, true, "Content-Length=5"},
		{"GET", "1.1 204", 0, 0, false, false, true, ""},
		{"GET", "1.1 204\r\nContent-Length: 0", 0, 0, false, false, true, ""},
		{"GET", "1.1 204\r\nContent-Length: 5", 0, 0, false, true, true, ""},
		{"GET", "1.1 204\r\nTransfer-Encoding: chunked", 0, 0, false, true, true, "Transfer-Encoding=chunked"},
		{"GET", "1.1 100", 0, 0, false, false, true, ""},
		{"GET", "1.1 103\r\nLink: </a>", 0, 0, false, false, true, "Link=</a>"},
		{"GET", "1.1 101\r\nUpgrade: websocket\r\nConnection: upgrade", 0, 0, false, false, true, "Upgrade=websocket Connection=upgrade"},

		{"GET", "1.1 200\r\nContent-Length: 5\r\nContent-Length: 6", 502, 0, false, false, false, ""},
		{"GET", "1.1 200\r\nContent-Length: 5, 5", 502, 0, false, false, false, ""},
		{"GET", "1.1 200\r\nContent-Length: +5", 502, 0, false, false, false, ""},
		{"GET", "1.1 200\r\nContent-Length: -0", 502, 0, false, false, false, ""},
		{"GET", "1.1 200\r\nContent-Length: 0x5", 502, 0, false, false, false, ""},
		{"GET", "1.1 200\r\nContent-Length:", 502, 0, false, false, false, ""},
		{"GET", "1.1 200\r\nContent-Length: 9223372036854775808", 502, 0, false, false, false, ""},
		{"HEAD", "1.1 200\r\nContent-Length: x", 502, 0, false, false, false, ""},
		{"GET", "1.1 200\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", 502, 0, false, false, false, ""},
		{"GET", "1.1 200\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", 502, 0, false, false, false, ""},
		{"GET", "1.1 200\r\nTransfer-Encoding: gzip, chunked", 502, 0, false, false, false, ""},
		{"GET", "1.1 200\r\nTransfer-Encoding: identity", 502, 0, false, false, false, ""},
		{"GET", "1.1 200\r\nTransfer-Encoding: xchunked", 502, 0, false, false, false, ""},
		{"GET", "1.1 200\r\nTransfer-Encoding: chunked, chunked", 502, 0, false, false, false, ""},
		{"GET", "1.1 200\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 502, 0, false, false, false, ""},
		{"GET", "1.1 200\r\nTransfer-Encoding:", 502, 0, false, false, false, ""},
		{"GET", "1.0 200\r\nTransfer-Encoding: chunked", 502, 0, false, false, false, ""},
	} {
		r, n, err := parseResponse(tt.method, "HTTP/"+tt.head+"\r\n\r\n")
		if got := status(t, err); got != tt.status || (n == 0) != (tt.status != 0) {
			t.Errorf("%s %q: n = %d, %d (%v), want %d", tt.method, tt.head, n, got, err, tt.status)
			continue
		}
		if err != nil {
			continue
		}
		var fields []string
		for _, f := range r.Fields {
			fields = append(fields, string(f.Name)+"="+string(f.Value))
		}
		if r.ContentLength != tt.length || r.Chunked != tt.chunked || r.Close != tt.close || r.NoBody != tt.noBody ||
			strings.Join(fields, " ") != tt.fields {
			t.Errorf("%s %q: %s", tt.method, tt.head, describeResponse(&r))
		}
	}
}

func TestResponseHeaderLines(t *testing.T) {
	for _, lines := range []string{
		"A\r\n", ": b\r\n", "A : b\r\n", "A\t: b\r\n", " A: b\r\n", "A: b\r\n c\r\n", "A: b\r\n\tc\r\n",
		"A: b\n", "A: b\nC: d\r\n", "A: b\rC: d\r\n", "A: b\r\r\n", "A B: c\r\n", "A: b\x00\r\n", "A: b\r\n\n",
	} {
		if _, n, err := parseResponse("GET", "HTTP/1.1 200 OK\r\n"+lines+"\r\n"); n != 0 || status(t, err) != 502 {
			t.Errorf("%q: n = %d, %v", lines, n, err)
		}
	}
}

func TestEveryByteInAResponse(t *testing.T) {
	const tchar = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for c := range 256 {
		b := string([]byte{byte(c)})
		want := 0
		if c < ' ' && c != '\t' || c == 0x7f {
			want = 502
		}
		// At each place of a word of eight bytes, and in what is left of one.
		for i := range 20 {
			value := []byte("aaaaaaaaaaaaaaaaaaaa")
			value[i] = byte(c)
			r, _, err := parseResponse("GET", "HTTP/1.1 200 OK\r\nA: "+string(value)+"\r\n\r\n")
			if got := status(t, err); got != want {
				t.Errorf("value %q: %d (%v), want %d", value, got, err, want)
			} else if got == 0 && !bytes.Equal(r.Fields[0].Value, bytes.Trim(value, " \t")) {
				t.Errorf("value %q: %q", value, r.Fields[0].Value)
			}
		}
		want = 502
		if strings.Contains(tchar, b) || c == ':' {
			want = 0
		}
		if _, _, err := parseResponse("GET", "HTTP/1.1 200 OK\r\nX"+b+"Y: v\r\n\r\n"); status(t, err) != want {
			t.Errorf("name with %q: %v, want %d", b, err, want)
		}
	}
}

func TestResponseInPieces(t *testing.T) {
	for _, head := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: b\r\n\r\nabc",
		"HTTP/1.1 304\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA: b\n\r\n",
		"HTTP/1.1 200 OK\r\nA\r\n\r\n",
	} {
		want, wantN, wantErr := parseResponse("GET", head)
		for step := 1; step <= len(head); step++ {
			r, n, err := parseResponseInSteps([]byte(head), []byte("GET"), step)
			if n != wantN || status(t, err) != status(t, wantErr) || err == nil && describeResponse(&r) != describeResponse(&want) {
				t.Errorf("%q by %d: n = %d, %v, %s", head, step, n, err, describeResponse(&r))
			}
		}
	}
}

func parseResponseInSteps(head, method []byte, step int) (exchange.Response, int, error) {
	var p http1.ResponseParser
	var r exchange.Response
	var old []byte
	for i := min(step, len(head)); ; i = min(i+step, len(head)) {
		buf := bytes.Clone(head[:i])
		for j := range old {
			old[j] = '#'
		}
		n, err := p.Parse(buf, method, &r)
		if n > 0 || err != nil || i == len(head) {
			return r, n, err
		}
		old = buf
	}
}

// TestAnswerWithoutStatusLine: what is no HTTP/1 is refused with its first bytes, since a
// target of HTTP/0.9 never ends its head.
func TestAnswerWithoutStatusLine(t *testing.T) {
	for _, begin := range []string{"<", "HTTP/2", "HTTP/0.9 200", "http/1.1 200 OK", "ICY 200 OK\r\n", "\r\nHTTP/1.1 200 OK", "SSH-2.0-OpenSSH"} {
		var p http1.ResponseParser
		var r exchange.Response
		if _, err := p.Parse([]byte(begin), []byte("GET"), &r); status(t, err) != 502 {
			t.Errorf("%q: %v, want a 502", begin, err)
		}
	}
	for _, begin := range []string{"", "H", "HTTP/1", "HTTP/1.", "HTTP/1.1 200 OK\r\n"} {
		var p http1.ResponseParser
		var r exchange.Response
		if n, err := p.Parse([]byte(begin), []byte("GET"), &r); n != 0 || err != nil {
			t.Errorf("%q: %d, %v, want more to be waited for", begin, n, err)
		}
	}
}
