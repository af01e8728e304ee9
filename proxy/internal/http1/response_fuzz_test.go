package http1_test

import (
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http1"
)

// FuzzResponseParser: how a head is cut makes no difference, and an accepted one has one
// framing and nothing in it that could split the answer.
func FuzzResponseParser(f *testing.F) {
	for _, head := range []string{
		typicalResponse, "HTTP/1.1 200\r\n\r\n", "HTTP/1.0 304 x\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 101 y\r\nUpgrade: z\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 204 \r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", "HTTP/1.1 200 OK\nA: b\n\n",
	} {
		f.Add([]byte(head), []byte("GET"), uint16(1))
		f.Add([]byte(head), []byte("HEAD"), uint16(9))
	}
	f.Fuzz(func(t *testing.T, head, method []byte, step uint16) {
		var p http1.ResponseParser
		var r exchange.Response
		n, err := p.Parse(head, method, &r)
		if n < 0 || n > len(head) || n > 0 && err != nil {
			t.Fatalf("n = %d of %d, %v", n, len(head), err)
		}
		if err != nil && (status(t, err) != 502 || len(r.Fields) != 0) {
			t.Fatalf("%v, %d fields", err, len(r.Fields))
		}
		pieces, m, perr := parseResponseInSteps(head, method, max(1, int(step)))
		if m != n || status(t, perr) != status(t, err) {
			t.Fatalf("in pieces %d, %v; at once %d, %v", m, perr, n, err)
		}
		if n == 0 {
			return
		}
		if got, want := describeResponse(&pieces), describeResponse(&r); got != want {
			t.Fatalf("in pieces\n%s\nat once\n%s", got, want)
		}
		switch {
		case r.Chunked && r.ContentLength != exchange.Unknown,
			r.NoBody && (r.ContentLength != 0 || r.Chunked),
			r.ContentLength == exchange.Unknown && !r.Chunked && !r.Close:
			t.Fatalf("framing of %s", describeResponse(&r))
		}
		noBreak(t, r.Reason)
		again := http1.AppendStatusLine(nil, r.Version, r.Status, r.Reason)
		lengths := 0
		for _, f := range r.Fields {
			noBreak(t, f.Name, f.Value)
			if f.ID == exchange.FieldContentLength {
				lengths++
			}
			again = http1.AppendField(again, f.Name, f.Value)
		}
		if lengths > 1 {
			t.Fatal("several lengths are forwarded")
		}
		again = append(again, "\r\n"...)
		var q http1.ResponseParser
		var r2 exchange.Response
		if k, err := q.Parse(again, method, &r2); k != len(again) || err != nil {
			if len(again) <= n {
				t.Fatalf("written again, %q: %d, %v", again, k, err)
			}
			return
		}
		r2.HeadBytes = r.HeadBytes
		if r.NoBody {
			r2.Close = r.Close // by a length that has been taken out
		}
		if got, want := describeResponse(&r2), describeResponse(&r); got != want {
			t.Fatalf("written again\n%s\nfirst\n%s", got, want)
		}
	})
}
