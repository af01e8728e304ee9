package http1_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/http1"
)

// dechunk decodes body, given step bytes more at a time in a buffer that is overwritten
// afterwards. It returns the data, how much of body it took and the trailers.
func dechunk(t testing.TB, d *http1.ChunkDecoder, body []byte, step int) (data []byte, used int, trailers string, err error) {
	t.Helper()
	window := make([]byte, min(step, len(body)))
	for used < len(body) && !d.Done() {
		buf := window[:copy(window, body[used:])]
		piece, n, err := d.Decode(buf)
		if err != nil {
			return data, used, "", err
		}
		if n < 1 || n > len(buf) {
			t.Fatalf("took %d of %d bytes", n, len(buf))
		}
		if len(piece) > n {
			t.Fatalf("%d bytes of data in %d", len(piece), n)
		}
		data = append(data, piece...)
		used += n
		for i := range window {
			window[i] = '#'
		}
	}
	if len(d.Trailers()) > 0 && !d.Done() {
		t.Fatal("trailers before the end")
	}
	var b strings.Builder
	for _, f := range d.Trailers() {
		fmt.Fprintf(&b, "%s=%s ", f.Name, f.Value)
	}
	return data, used, strings.TrimSpace(b.String()), nil
}

func TestChunkedBodies(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tt := range []struct {
		body     string
		status   int
		data     string
		trailers string
	}{
		{"0\r\n\r\n", 0, "", ""},
		{"5\r\nhello\r\n0\r\n\r\n", 0, "hello", ""},
		{"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", 0, "hello world", ""},
		{"A\r\n0123456789\r\nb\r\n0123456789a\r\n000\r\n\r\n", 0, "01234567890123456789a", ""},
		{"0000000000000001\r\nx\r\n0\r\n\r\n", 0, "x", ""},
		{"1;a\r\nx\r\n0;b=\"c d\"; e\r\n\r\n", 0, "x", ""},
		{"1;" + long[:255] + "\r\nx\r\n0\r\n\r\n", 0, "x", ""},
		{"2\r\n\r\n\r\n0\r\n\r\n", 0, "\r\n", ""},
		{"0\r\nX-Sum: 1\r\nY:2\r\n\r\n", 0, "", "X-Sum=1 Y=2"},

		{"\r\n", 400, "", ""},
		{";a\r\n", 400, "", ""},
		{"+1\r\nx\r\n", 400, "", ""},
		{"-1\r\nx\r\n", 400, "", ""},
		{"_1\r\nx\r\n", 400, "", ""},
		{"1_0\r\nx\r\n", 400, "", ""},
		{" 1\r\nx\r\n", 400, "", ""},
		{"1 \r\nx\r\n", 400, "", ""},
		{"1\t\r\nx\r\n", 400, "", ""},
		{"1 ;a\r\nx\r\n", 400, "", ""},
		{"0x1\r\nx\r\n", 400, "", ""},
		{"g\r\nx\r\n", 400, "", ""},
		{"1\x00\r\nx\r\n", 400, "", ""},
		{"1\nx\r\n", 400, "", ""},
		{"1\rx\r\n", 400, "", ""},
		{"1\r\r\nx\r\n", 400, "", ""},
		{"1;\r\nx\r\n", 400, "", ""},
		{"1; \r\nx\r\n", 400, "", ""},
		{"1;a;\r\nx\r\n", 400, "", ""},
		{"1;a\nx\r\n", 400, "", ""},
		{"1;a\rx\r\n", 400, "", ""},
		{"1;\r\r\nx\r\n", 400, "", ""},
		{"1;a\x00\r\nx\r\n", 400, "", ""},
		{"1;a\x0b\r\nx\r\n", 400, "", ""},
		{"1;a\x7f\r\nx\r\n", 400, "", ""},
		{"1;" + long[:256] + "\r\nx\r\n", 400, "", ""},
		{"00000000000000001\r\nx\r\n", 400, "", ""},
		{"8000000000000000\r\n", 400, "", ""},
		{"ffffffffffffffff\r\n", 400, "", ""},
		{"10000000000000001\r\n", 400, "", ""},
		{"1\r\nxy\r\n", 400, "x", ""},
		{"1\r\nx\n", 400, "x", ""},
		{"1\r\nx\r0\r\n", 400, "x", ""},
		{"1\r\nx0\r\n\r\n", 400, "x", ""},
		{"0\r\n\n", 400, "", ""},
		{"0\r\n\rx", 400, "", ""},
		{"0\r\nA: b\n\r\n", 400, "", ""},
		{"0\r\nA: b\rC: d\r\n\r\n", 400, "", ""},
		{"0\r\nA: b\x00\r\n\r\n", 400, "", ""},
		{"0\r\nA\r\n\r\n", 400, "", ""},
		{"0\r\nA : b\r\n\r\n", 400, "", ""},
		{"0\r\n: b\r\n\r\n", 400, "", ""},
		{"0\r\nA: b\r\n c\r\n\r\n", 400, "", ""},
		{"0\r\n A: b\r\n\r\n", 400, "", ""},
	} {
		for step := 1; step <= min(len(tt.body), 40); step++ {
			var d http1.ChunkDecoder
			body := []byte(tt.body)
			if tt.status == 0 {
				body = append(body, "GET / HTTP/1.1"...)
			}
			data, used, trailers, err := dechunk(t, &d, body, step)
			if got := status(t, err); got != tt.status || string(data) != tt.data || trailers != tt.trailers || d.Done() != (err == nil) {
				t.Errorf("%q by %d: %q, trailers %q, done %v, %v", tt.body, step, data, trailers, d.Done(), err)
			}
			if tt.status == 0 && used != len(tt.body) {
				t.Errorf("%q by %d: took %d of %d", tt.body, step, used, len(tt.body))
			}
			if _, n, again := d.Decode([]byte("0\r\n\r\n")); tt.status != 0 && (again == nil || n != 0) || tt.status == 0 && n != 0 {
				t.Errorf("%q by %d: afterwards %d, %v", tt.body, step, n, again)
			}
		}
	}
}

// TestChunkLargest accepts the size that still fits, and reads on.
func TestChunkLargest(t *testing.T) {
	var d http1.ChunkDecoder
	buf := []byte("7fffffffffffffff\r\nabc")
	data, n, err := d.Decode(buf)
	if string(data) != "abc" || n != len(buf) || err != nil || d.Done() {
		t.Errorf("%q, %d, %v", data, n, err)
	}
}

// TestDecodeAnswersWithAllItSees has the end of the body come with its last data, and a
// fault behind the data after it.
func TestDecodeAnswersWithAllItSees(t *testing.T) {
	var d http1.ChunkDecoder
	buf := []byte("3\r\nabc\r\n0\r\n\r\nx")
	data, n, err := d.Decode(buf)
	if string(data) != "abc" || n != len(buf)-1 || err != nil || !d.Done() {
		t.Errorf("%q, %d, %v, done %v", data, n, err, d.Done())
	}
	d.Reset()
	buf = []byte("3\r\nabc\r\n0\r\n\n")
	data, n, err = d.Decode(buf)
	if string(data) != "abc" || n != len(buf)-1 || err != nil || d.Done() {
		t.Errorf("%q, %d, %v, done %v", data, n, err, d.Done())
	}
	for range 2 {
		if data, n, err = d.Decode(buf[n:]); len(data)+n != 0 || status(t, err) != 400 {
			t.Errorf("then %q, %d, %v", data, n, err)
		}
	}
}

func TestEveryByteInAChunkLine(t *testing.T) {
	for c := range 256 {
		b := string([]byte{byte(c)})
		var d http1.ChunkDecoder
		_, _, err := d.Decode([]byte("1" + b))
		if want := !strings.Contains("0123456789abcdefABCDEF;\r", b); (err != nil) != want {
			t.Errorf("size with %q: %v", b, err)
		}
		d.Reset()
		_, _, err = d.Decode([]byte("1;a" + b))
		if want := c < ' ' && c != '\t' && c != '\r' || c == 0x7f; (err != nil) != want {
			t.Errorf("extension with %q: %v", b, err)
		}
	}
}

// TestChunkWaste has bodies that are nearly all chunk lines.
func TestChunkWaste(t *testing.T) {
	for _, tt := range []struct {
		name   string
		chunk  string
		n      int
		status int
	}{
		{"single bytes", "1\r\nx\r\n", 100_000, 0},
		{"short extensions", "1;abcdefghi\r\nx\r\n", 100_000, 0},
		{"long extensions", "1;" + strings.Repeat("a", 200) + "\r\nx\r\n", 100, 400},
		{"long extensions on long chunks", "100;" + strings.Repeat("a", 200) + "\r\n" + strings.Repeat("x", 256) + "\r\n", 1000, 0},
	} {
		var d http1.ChunkDecoder
		body := []byte(strings.Repeat(tt.chunk, tt.n) + "0\r\n\r\n")
		if _, _, _, err := dechunk(t, &d, body, 4096); status(t, err) != tt.status {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestTrailerLimits(t *testing.T) {
	for _, tt := range []struct {
		name   string
		lines  string
		status int
	}{
		{"at the limit", padded("A: ", "\r\n", 16<<10-2), 0},
		{"over the limit", padded("A: ", "\r\n", 16<<10-1), 400},
		{"endless", padded("A: ", "", 1<<16), 400},
		{"most fields", strings.Repeat("A:\r\n", 128), 0},
		{"too many fields", strings.Repeat("A:\r\n", 129), 400},
	} {
		var d http1.ChunkDecoder
		if _, _, _, err := dechunk(t, &d, []byte("0\r\n"+tt.lines+"\r\n"), 1000); status(t, err) != tt.status {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestForbiddenTrailers drops what means something only in a head.
func TestForbiddenTrailers(t *testing.T) {
	var lines strings.Builder
	for _, name := range []string{
		"Transfer-Encoding", "Content-Length", "content_length", "Host", "Connection", "Trailer", "TE", "Upgrade",
		"Cookie", "Set-Cookie", "Authorization", "Proxy-Authorization", "WWW-Authenticate", "Content-Type",
		"Content-Encoding", "Content-Range", "Cache-Control", "X-Forwarded-For", "X_Forwarded.For", "x-forwarded-host",
		"X-Amzn-Trace-Id", "X-Amzn-Oidc-Data", "X-Real-IP", "Forwarded", "Expect", "Range", "If-Match", "Location",
	} {
		lines.WriteString(name + ": x\r\n")
	}
	var d http1.ChunkDecoder
	_, _, trailers, err := dechunk(t, &d, []byte("0\r\nServer-Timing: a\r\n"+lines.String()+"Digest: b\r\n\r\n"), 7)
	if err != nil || trailers != "Server-Timing=a Digest=b" {
		t.Errorf("%q, %v", trailers, err)
	}
}

func TestChunkDecoderIsUsedAgain(t *testing.T) {
	var d http1.ChunkDecoder
	for i := range 3 {
		want := fmt.Sprintf("T=%d", i)
		body := fmt.Appendf(nil, "1;x\r\na\r\n0\r\nT: %d\r\n\r\n", i)
		data, _, trailers, err := dechunk(t, &d, body, 3)
		if string(data) != "a" || trailers != want || err != nil {
			t.Errorf("%q, %q, %v", data, trailers, err)
		}
		d.Reset()
		if d.Done() || len(d.Trailers()) != 0 {
			t.Error("not ready after Reset")
		}
		if _, _, err := d.Decode([]byte("x")); err == nil {
			t.Error("no error")
		}
		d.Reset()
	}
}

// TestAppendedBodyDecodes writes a body as the proxy does and reads it back.
func TestAppendedBodyDecodes(t *testing.T) {
	var body []byte
	var want []byte
	for _, n := range []int{1, 15, 16, 255, 65535} {
		head := http1.AppendChunkHeader(nil, n)
		if len(head) > 8 {
			t.Errorf("header of %d bytes is %q", n, head)
		}
		data := bytes.Repeat([]byte("d"), n)
		body = append(append(append(body, head...), data...), http1.ChunkEnd...)
		want = append(want, data...)
	}
	for _, end := range []string{http1.LastChunk, string(http1.AppendLastChunk(nil, nil))} {
		var d http1.ChunkDecoder
		data, used, _, err := dechunk(t, &d, append(bytes.Clone(body), end...), 999)
		if !bytes.Equal(data, want) || used != len(body)+len(end) || err != nil || !d.Done() {
			t.Errorf("%d bytes, took %d, %v", len(data), used, err)
		}
	}
}
