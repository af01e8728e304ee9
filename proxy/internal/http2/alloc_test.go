//go:build !race

// The race detector makes sync.Pool forget on purpose, so that nothing can be said of
// allocations under it: `make test` runs this file without.

package http2_test

import (
	"encoding/binary"
	"io"
	"runtime"
	"testing"

	xhttp2 "golang.org/x/net/http2"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http2"
)

// TestWarmStreamAllocatesNothing sends requests whose fields are in the table.
func TestWarmStreamAllocatesNothing(t *testing.T) {
	body := []byte("fine")
	fields := []exchange.Field{{Name: []byte("content-type"), Value: []byte("text/plain"), ID: exchange.FieldContentType}}
	p := meet(t, http2.Options{MaxRequests: 1 << 30}, func(x *exchange.Exchange) {
		r := &x.Response
		r.Status, r.ContentLength = 200, int64(len(body))
		r.Fields = append(r.Fields, fields...)
		_ = x.Client.WriteHead(r, body, false)
	})
	more := []string{"user-agent", "test", "accept", "*/*", "cookie", "a=b"}
	p.open(1, true, p.request("GET", more...))
	p.until("answer", func(f xhttp2.Frame) bool { d, ok := f.(*xhttp2.DataFrame); return ok && d.StreamEnded() })

	block := p.request("GET", more...) // by numbers of the table alone
	frame := append([]byte{0, 0, byte(len(block)), byte(xhttp2.FrameHeaders), byte(xhttp2.FlagHeadersEndHeaders | xhttp2.FlagHeadersEndStream), 0, 0, 0, 0}, block...)
	answer := make([]byte, 4096)
	id := uint32(1)
	// The size of an answer is always the same, once it has been seen.
	size := 0
	ask := func() {
		id += 2
		binary.BigEndian.PutUint32(frame[5:], id)
		if _, err := p.conn.Write(frame); err != nil {
			t.Fatal(err)
		}
		if size == 0 {
			for done := false; !done; {
				f, err := p.ReadFrame()
				if err != nil {
					t.Fatal(err)
				}
				size += 9 + int(f.Header().Length)
				done = f.Header().Flags.Has(xhttp2.FlagDataEndStream) && f.Header().Type == xhttp2.FrameData
			}
			return
		}
		if _, err := io.ReadFull(p.conn, answer[:size]); err != nil {
			t.Fatal(err)
		}
	}
	const warm, measured = 2000, 5000
	for range warm {
		ask()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range measured {
		ask()
	}
	runtime.ReadMemStats(&after)
	if per := float64(after.Mallocs-before.Mallocs) / measured; per > 0.05 {
		t.Errorf("%.2f allocations a request", per)
	}
}
