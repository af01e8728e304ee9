package http1_test

import (
	"bytes"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http1"
)

// noBreak fails when one of the slices could end a line somewhere else.
func noBreak(t *testing.T, slices ...[]byte) {
	t.Helper()
	for _, b := range slices {
		if bytes.ContainsAny(b, "\r\n\x00") {
			t.Errorf("%q has a line break or NUL", b)
		}
	}
}

// FuzzRequestParser: how a head is cut makes no difference; what is accepted means the same
// when it is written down again.
func FuzzRequestParser(f *testing.F) {
	for _, head := range []string{
		typicalRequest, "GET /\r\n", "GET /a b HTTP/1.5 \r\nA : b\r\n\r\n", "\r\nPOST * HTTP/1.0\r\nConnection: keep-alive\r\n\r\nx",
		"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET / HTTP/1.1\nA: b\n\n", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "GET / x\r\n: y\r\n\r\n",
	} {
		f.Add([]byte(head), uint16(1))
		f.Add([]byte(head), uint16(7))
	}
	f.Fuzz(func(t *testing.T, head []byte, step uint16) {
		var p http1.RequestParser
		var r exchange.Request
		n, err := p.Parse(head, &r)
		if n < 0 || n > len(head) || n > 0 && err != nil {
			t.Fatalf("n = %d of %d, %v", n, len(head), err)
		}
		pieces, m, perr := parseRequestInSteps(head, max(1, int(step)))
		if m != n || status(t, perr) != status(t, err) {
			t.Fatalf("in pieces %d, %v; at once %d, %v", m, perr, n, err)
		}
		if err != nil && len(r.Fields) != 0 {
			t.Fatal("fields of a refused head")
		}
		if n == 0 {
			return
		}
		if got, want := describe(&pieces), describe(&r); got != want {
			t.Fatalf("in pieces\n%s\nat once\n%s", got, want)
		}
		again := append(append(bytes.Clone(r.Method), ' '), r.Target...)
		if len(r.RawVersion) > 0 {
			again = append(append(again, ' '), r.RawVersion...)
		}
		again = append(again, "\r\n"...)
		noBreak(t, r.Method, r.Target, r.RawVersion)
		for _, f := range r.Fields {
			noBreak(t, f.Name, f.Value)
			if f.ID != exchange.Identify(f.Name) {
				t.Fatalf("%q is %v", f.Name, f.ID)
			}
			again = http1.AppendField(again, f.Name, f.Value)
		}
		if len(r.RawVersion) > 0 {
			again = append(again, "\r\n"...)
		}
		var q http1.RequestParser
		var r2 exchange.Request
		if k, err := q.Parse(again, &r2); k != len(again) || err != nil {
			// ": " instead of ":" may make a line too long, and nothing else may go wrong.
			if len(again) <= n {
				t.Fatalf("written again, %q: %d, %v", again, k, err)
			}
			return
		}
		r2.HeadBytes = r.HeadBytes
		if got, want := describe(&r2), describe(&r); got != want {
			t.Fatalf("written again\n%s\nfirst\n%s", got, want)
		}
	})
}

// FuzzFrame: a body ends in one way or the request is refused, and whoever reads the framing
// that is sent on finds the same end.
func FuzzFrame(f *testing.F) {
	for _, lines := range []string{
		"Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "Transfer-Encoding: gzip, chunked\r\n",
		"Content-Length: 5\r\nContent-Length: 6\r\n", "transfer-encoding: identity\r\n", "Transfer-Encoding\x0b: chunked\r\n",
		"Content_Length: 5\r\n", "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n",
	} {
		f.Add("POST / HTTP/1.1\r\n" + lines + "\r\n")
		f.Add("GET / HTTP/1.0\r\n" + lines + "\r\n")
	}
	f.Fuzz(func(t *testing.T, head string) {
		r, n, err := parseRequest(head)
		if n == 0 || err != nil {
			return
		}
		closed := r.Close
		if err := http1.Frame(&r); err != nil {
			if s := status(t, err); s != 400 && s != 501 {
				t.Fatalf("status %d", s)
			}
			return
		}
		if r.Chunked != (r.ContentLength == exchange.Unknown) || r.ContentLength < exchange.Unknown {
			t.Fatalf("chunked %v and length %d", r.Chunked, r.ContentLength)
		}
		if closed && !r.Close || r.Upgrade && r.ContentLength != 0 {
			t.Fatalf("close %v, then %v; upgrade %v with length %d", closed, r.Close, r.Upgrade, r.ContentLength)
		}
		var codings, lengths int
		for _, f := range r.Fields {
			switch f.ID {
			case exchange.FieldTransferEncoding:
				codings++
			case exchange.FieldContentLength:
				lengths++
				if v := bytes.TrimLeft(f.Value, "0"); len(v) > 19 || len(f.Value) == 0 {
					t.Fatalf("length %q", f.Value)
				}
			}
		}
		switch {
		case codings > 1:
			t.Fatal("several codings were accepted")
		case codings > 0 && lengths > 0 && !r.Close:
			t.Fatal("both, and the connection stays")
		case r.Chunked && (codings == 0 || r.Version != exchange.HTTP11):
			t.Fatalf("chunked by %d fields in %q", codings, r.RawVersion)
		case codings == 0 && lengths == 0 && r.ContentLength != 0:
			t.Fatalf("length %d by nothing", r.ContentLength)
		}
	})
}
