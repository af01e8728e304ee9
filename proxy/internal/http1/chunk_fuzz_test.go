package http1_test

import (
	"bytes"
	"io"
	"net/http/httputil"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/http1"
)

// FuzzChunkDecoder: how a body is cut makes no difference, and one that is accepted is the
// same to another reader.
func FuzzChunkDecoder(f *testing.F) {
	for _, body := range []string{
		typicalChunks, "0\r\n\r\n", "1;a=\"b\"\r\nx\r\n0\r\nT: u\r\n\r\nGET", "5\r\nhel", "1\nx\n0\n\n", "8000000000000000\r\n",
		"000000000000000a\r\n0123456789\r\n0;x\r\nContent-Length: 5\r\nA: b\r\n\r\n", "1;\r\nx\r\n0\r\n\r\n",
	} {
		f.Add([]byte(body), uint16(1))
		f.Add([]byte(body), uint16(5))
	}
	f.Fuzz(func(t *testing.T, body []byte, step uint16) {
		var whole, pieces http1.ChunkDecoder
		data, used, trailers, err := dechunk(t, &whole, body, max(1, len(body)))
		pdata, pused, ptrailers, perr := dechunk(t, &pieces, body, max(1, int(step)))
		if !bytes.Equal(data, pdata) || used != pused && err == nil || trailers != ptrailers || status(t, err) != status(t, perr) ||
			whole.Done() != pieces.Done() {
			t.Fatalf("at once %q %d %q %v, in pieces %q %d %q %v", data, used, trailers, err, pdata, pused, ptrailers, perr)
		}
		if err != nil && status(t, err) != 400 {
			t.Fatal(err)
		}
		if !whole.Done() {
			return
		}
		want, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(body)))
		if err != nil || !bytes.Equal(data, want) {
			t.Fatalf("we read %q; another reads %q, %v", data, want, err)
		}
	})
}
