package edge_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/evenkeel/evenkeel/proxy/internal/edge"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// compressing is an edge that compresses by the defaults.
func compressing(t testing.TB, change func(c *spec.Compression)) *edge.Site {
	t.Helper()
	c := spec.Default[spec.Compression]()
	c.Enabled = true
	if change != nil {
		change(&c)
	}
	return siteOf(t, spec.Edge{Compression: c})
}

// decoder undoes a coding as far as the bytes go.
func decoder(t testing.TB, coding string, r io.Reader) io.Reader {
	t.Helper()
	switch coding {
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		return z
	case "br":
		return brotli.NewReader(r)
	case "zstd":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(z.Close)
		return z
	}
	return r
}

// decoded is the whole body that the client got.
func (c *fakeClient) decoded(t testing.TB) string {
	t.Helper()
	body, err := io.ReadAll(decoder(t, c.fields.Get("Content-Encoding"), bytes.NewReader(c.body.Bytes())))
	if err != nil {
		t.Fatalf("%s: %v", c.fields.Get("Content-Encoding"), err)
	}
	return string(body)
}

var page = strings.Repeat("<p>All work and no play makes Jack a dull boy.</p>\n", 100)

// once puts one answer of a single piece through the edge.
func once(t testing.TB, site *edge.Site, request_, fields []string, status int, body string) *fakeClient {
	t.Helper()
	c := &fakeClient{}
	x := request(t, c, request_...)
	site.Wrap(x)
	defer site.Unwrap(x)
	if err := answer(x, status, body, fields...); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCompression(t *testing.T) {
	for level := 1; level <= 9; level++ {
		site := compressing(t, func(c *spec.Compression) { c.Level = level })
		for range 2 { // the second time with what the first has used
			for accept, want := range map[string]string{"gzip": "gzip", "br": "br", "zstd": "zstd", "gzip, deflate, br, zstd": "zstd", "gzip, deflate, br": "br"} {
				c := once(t, site, []string{"GET /", "Accept-Encoding: " + accept}, []string{"Content-Type: text/html; charset=utf-8", `ETag: "v1"`, "Accept-Ranges: bytes", "Vary: Cookie"}, 200, page)
				if got := c.decoded(t); got != page || c.body.Len() > len(page)/5 {
					t.Errorf("level %d, %s: %d bytes of %d", level, accept, c.body.Len(), len(page))
				}
				for name, value := range map[string]string{"Content-Encoding": want, "Content-Length": strconv.Itoa(c.body.Len()), "Etag": `W/"v1"`, "Accept-Ranges": "", "Content-Type": "text/html; charset=utf-8"} {
					if got := c.fields.Get(name); got != value {
						t.Errorf("%s: %s is %q, want %q", accept, name, got, value)
					}
				}
				if vary := c.fields["Vary"]; len(vary) != 2 || vary[1] != "Accept-Encoding" {
					t.Errorf("%s: Vary %q", accept, vary)
				}
				if !c.ended || c.length != int64(c.body.Len()) || len(c.pieces) != 1 {
					t.Errorf("%s: ended %v, length %d, pieces %d", accept, c.ended, c.length, c.pieces)
				}
			}
		}
	}
}

// TestCompressionLeavesAlone is all that is not compressed, and whether caches are told that it
// might be.
func TestCompressionLeavesAlone(t *testing.T) {
	const (
		html = "Content-Type: text/html"
		gzip = "Accept-Encoding: gzip"
	)
	site := compressing(t, nil)
	for name, tt := range map[string]struct {
		request, answer []string
		status          int
		body            string
		vary            string
	}{
		"nobody wants it":    {[]string{"GET /"}, []string{html}, 200, page, "Accept-Encoding"},
		"other coding":       {[]string{"GET /", "Accept-Encoding: deflate"}, []string{html}, 200, page, "Accept-Encoding"},
		"refused":            {[]string{"GET /", "Accept-Encoding: gzip;q=0"}, []string{html}, 200, page, "Accept-Encoding"},
		"told to caches":     {[]string{"GET /"}, []string{html, "Vary: accept-encoding, Cookie"}, 200, page, "accept-encoding, Cookie"},
		"varies anyhow":      {[]string{"GET /"}, []string{html, "Vary: *"}, 200, page, "*"},
		"type":               {[]string{"GET /", gzip}, []string{"Content-Type: image/png"}, 200, page, ""},
		"type alike":         {[]string{"GET /", gzip}, []string{"Content-Type: text/htmlx"}, 200, page, ""},
		"no type":            {[]string{"GET /", gzip}, nil, 200, page, ""},
		"long type":          {[]string{"GET /", gzip}, []string{"Content-Type: " + strings.Repeat("t", 500)}, 200, page, ""},
		"events":             {[]string{"GET /", gzip}, []string{"Content-Type: text/event-stream"}, 200, page, ""},
		"encoded":            {[]string{"GET /", gzip}, []string{html, "Content-Encoding: br"}, 200, page, ""},
		"no-transform":       {[]string{"GET /", gzip}, []string{html, "Cache-Control: public, No-Transform"}, 200, page, ""},
		"asked not to":       {[]string{"GET /", gzip, "Cache-Control: no-transform"}, []string{html}, 200, page, ""},
		"digest":             {[]string{"GET /", gzip}, []string{html, "Repr-Digest: sha-256=:x:"}, 200, page, ""},
		"small":              {[]string{"GET /", gzip}, []string{html}, 200, page[:999], ""},
		"empty":              {[]string{"GET /", gzip}, []string{html}, 200, "", ""},
		"part":               {[]string{"GET /", gzip}, []string{html, "Content-Range: bytes 0-4999/9999"}, 206, page, "Accept-Encoding"},
		"created":            {[]string{"POST /", gzip}, []string{html}, 201, page, ""},
		"error":              {[]string{"GET /", gzip}, []string{html}, 500, page, ""},
		"HEAD of small":      {[]string{"HEAD /", gzip}, []string{html}, 200, page[:999], ""},
		"HEAD for nobody":    {[]string{"HEAD /"}, []string{html}, 200, page, "Accept-Encoding"},
		"HEAD of an encoded": {[]string{"HEAD /", gzip}, []string{html, "Content-Encoding: br"}, 200, page, ""},
	} {
		c := once(t, site, tt.request, append(tt.answer, `ETag: "v1"`), tt.status, tt.body)
		body := tt.body
		if strings.HasPrefix(tt.request[0], "HEAD") {
			body = ""
		}
		if c.body.String() != body || c.fields.Get("Etag") != `"v1"` || c.fields.Get("Content-Length") != strconv.Itoa(len(tt.body)) || c.fields.Get("Vary") != tt.vary {
			t.Errorf("%s: %d bytes, %v", name, c.body.Len(), c.fields)
		}
	}
	old := &fakeClient{}
	x := request(t, old, "GET /", gzip)
	x.Request.Version = exchange.HTTP10
	site.Wrap(x)
	if err := answer(x, 200, page, html); err != nil || old.body.String() != page {
		t.Errorf("HTTP/1.0: %v, %v", err, old.fields)
	}
}

func TestCompressionOfStatuses(t *testing.T) {
	site := compressing(t, nil)
	for _, status := range []int{200, 403, 404} {
		if c := once(t, site, []string{"GET /", "Accept-Encoding: gzip"}, []string{"CONTENT-TYPE: Text/HTML;charset=x"}, status, page); c.decoded(t) != page || c.fields.Get("Content-Encoding") != "gzip" {
			t.Errorf("%d: %v", status, c.fields)
		}
	}
	// HEAD says what GET would: no length, as that is not known without the body.
	c := once(t, site, []string{"HEAD /", "Accept-Encoding: gzip"}, []string{"Content-Type: text/html", `ETag: "v1"`}, 200, page)
	if c.fields.Get("Content-Encoding") != "gzip" || c.fields["Content-Length"] != nil || c.fields.Get("Etag") != `W/"v1"` || c.fields.Get("Vary") != "Accept-Encoding" || c.body.Len() > 0 || !c.ended {
		t.Errorf("HEAD: %v, %d bytes", c.fields, c.body.Len())
	}
	// A tag that is weak stays, and so does one that is no tag.
	for _, tag := range []string{`W/"v1"`, "v1"} {
		if c := once(t, site, []string{"GET /", "Accept-Encoding: gzip"}, []string{"Content-Type: text/html", "ETag: " + tag}, 200, page); c.fields.Get("Etag") != tag {
			t.Errorf("tag %s became %s", tag, c.fields.Get("Etag"))
		}
	}
}

// TestCompressionStreams wants each piece that a target writes to come out at once, decodable
// so far, where the target did not say how much there will be.
func TestCompressionStreams(t *testing.T) {
	site := compressing(t, func(c *spec.Compression) { c.Types = append(c.Types, "text/event-stream") })
	for _, coding := range []string{"gzip", "br", "zstd"} {
		c := &fakeClient{}
		x := request(t, c, "GET /events", "Accept-Encoding: "+coding)
		site.Wrap(x)
		x.Response = exchange.Response{Status: 200, ContentLength: exchange.Unknown, Chunked: true, Fields: fieldsOf("Content-Type: text/event-stream")}
		if err := x.Client.WriteHead(&x.Response, nil, true); err != nil || c.fields == nil || c.length != exchange.Unknown {
			t.Fatalf("%s: the head waits for the body: %v", coding, err)
		}
		if x.Client.(interface{ Spliceable() bool }).Spliceable() {
			t.Error("a body that is to be compressed would be spliced")
		}
		r, w := io.Pipe()
		events := make(chan string)
		go func() {
			body := decoder(t, coding, r)
			b := make([]byte, 100)
			for {
				n, err := body.Read(b)
				if n > 0 {
					events <- string(b[:n])
				}
				if err != nil {
					close(events)
					return
				}
			}
		}()
		sent := 0
		for i := range 20 {
			event := fmt.Sprintf("data: %d\n\n", i)
			if err := x.Client.WriteBody([]byte(event)); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(c.body.Bytes()[sent:]); err != nil {
				t.Fatal(err)
			}
			sent = c.body.Len()
			if got := <-events; got != event {
				t.Errorf("%s: %q, want %q", coding, got, event)
			}
		}
		if err := x.Client.Finish(nil); err != nil || !c.ended {
			t.Errorf("%s: %v", coding, err)
		}
		if _, err := w.Write(c.body.Bytes()[sent:]); err != nil {
			t.Fatal(err)
		}
		_ = w.Close()
		if rest, open := <-events; open {
			t.Errorf("%s: %q behind the last event", coding, rest)
		}
		site.Unwrap(x)
	}
}

// TestCompressionOfLargeBodies sends more than any buffer holds, of known length and of none,
// and what cannot be made smaller.
func TestCompressionOfLargeBodies(t *testing.T) {
	site := compressing(t, nil)
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "line %d of many, %x\n", i, i*2654435761)
	}
	noise := make([]byte, 100<<10)
	state := uint32(1)
	for i := range noise {
		state = state*1664525 + 1013904223
		noise[i] = byte(state >> 24)
	}
	for _, body := range []string{text.String(), string(noise), page} {
		for _, coding := range []string{"gzip", "br", "zstd"} {
			for _, length := range []int64{int64(len(body)), exchange.Unknown} {
				for _, first := range []int{0, 1, 64 << 10, len(body)} {
					c := &fakeClient{}
					x := request(t, c, "GET /", "Accept-Encoding: "+coding)
					site.Wrap(x)
					x.Response = exchange.Response{Status: 200, ContentLength: length, Fields: fieldsOf("Content-Type: text/html", "Content-Length: "+strconv.FormatInt(length, 10))}
					first = min(first, len(body))
					more := first < len(body)
					err := x.Client.WriteHead(&x.Response, []byte(body[:first]), more)
					for rest := body[first:]; len(rest) > 0 && err == nil; {
						n := min(len(rest), 10000)
						err = x.Client.WriteBody([]byte(rest[:n]))
						rest = rest[n:]
					}
					if more && err == nil {
						err = x.Client.Finish(nil)
					}
					site.Unwrap(x)
					if err != nil || c.decoded(t) != body || !c.ended || c.aborted {
						t.Errorf("%s of %d bytes, length %d, first %d: %v", coding, len(body), length, first, err)
					}
				}
			}
		}
	}
}

// TestCompressionThatCannotBeWritten ends with the error of the client's side, and what was used
// is as good as new.
func TestCompressionThatCannotBeWritten(t *testing.T) {
	site := compressing(t, nil)
	for range 300 { // more than may be in use at a time: each must be given back
		c := &fakeClient{fail: errors.New("gone")}
		x := request(t, c, "GET /", "Accept-Encoding: gzip")
		site.Wrap(x)
		x.Response = exchange.Response{Status: 200, ContentLength: exchange.Unknown, Fields: fieldsOf("Content-Type: text/html")}
		if err := x.Client.WriteHead(&x.Response, []byte(page), true); !errors.Is(err, c.fail) {
			t.Fatalf("error %v", err)
		}
		if x.Client.Abort(); !c.aborted {
			t.Fatal("half an answer passes for a whole one")
		}
		site.Unwrap(x)
	}
	if c := once(t, site, []string{"GET /", "Accept-Encoding: gzip"}, []string{"Content-Type: text/html"}, 200, page); c.fields.Get("Content-Encoding") != "gzip" || c.decoded(t) != page {
		t.Errorf("%v", c.fields)
	}
}

// TestCompressionIsBounded has more answers on their way than may be compressed at a time: the
// others go as they are.
func TestCompressionIsBounded(t *testing.T) {
	site := compressing(t, func(c *spec.Compression) { c.Level = 1 })
	var open []*exchange.Exchange
	compressed := 0
	for range edge.MaxEncoders + 10 {
		c := &fakeClient{}
		x := request(t, c, "GET /", "Accept-Encoding: gzip")
		site.Wrap(x)
		x.Response = exchange.Response{Status: 200, ContentLength: exchange.Unknown, Fields: fieldsOf("Content-Type: text/html")}
		if err := x.Client.WriteHead(&x.Response, []byte("<p>"), true); err != nil {
			t.Fatal(err)
		}
		if c.fields.Get("Content-Encoding") != "" {
			compressed++
		} else if c.body.String() != "<p>" || c.fields.Get("Vary") == "" {
			t.Errorf("%v", c.fields)
		}
		open = append(open, x)
	}
	if compressed != edge.MaxEncoders {
		t.Errorf("%d answers are compressed at a time, want %d", compressed, edge.MaxEncoders)
	}
	for _, x := range open {
		if err := x.Client.Finish(nil); err != nil {
			t.Fatal(err)
		}
		site.Unwrap(x)
	}
	if c := once(t, site, []string{"GET /", "Accept-Encoding: gzip"}, []string{"Content-Type: text/html"}, 200, page); c.fields.Get("Content-Encoding") != "gzip" {
		t.Errorf("nothing is compressed any more: %v", c.fields)
	}
}

// TestCompressionOfFiles: files are compressed as answers are, unless that has been done.
func TestCompressionOfFiles(t *testing.T) {
	c := spec.Default[spec.Compression]()
	c.Enabled = true
	site := filesOf(t, folder(t, "a.css", page, "b.css", page, "b.css.gz", "zipped", "c.png", page), spec.Edge{Static: []spec.Static{{Path: "/*", Directory: "."}}, Compression: c})
	got, _ := ask(t, site, "GET /a.css", "Accept-Encoding: zstd")
	if got.decoded(t) != page || got.fields.Get("Vary") != "Accept-Encoding" || !strings.HasPrefix(got.fields.Get("Etag"), `W/"`) || got.fields["Accept-Ranges"] != nil {
		t.Errorf("%v", got.fields)
	}
	// The weak tag still says that nothing has changed.
	if again, _ := ask(t, site, "GET /a.css", "Accept-Encoding: zstd", "If-None-Match: "+got.fields.Get("Etag")); again.status != 304 {
		t.Errorf("%d", again.status)
	}
	if part, _ := ask(t, site, "GET /a.css", "Accept-Encoding: zstd", "Range: bytes=0-1999"); part.status != 206 || part.body.String() != page[:2000] {
		t.Errorf("%d, %d bytes", part.status, part.body.Len())
	}
	if head, _ := ask(t, site, "HEAD /a.css", "Accept-Encoding: zstd"); head.fields.Get("Content-Encoding") != "zstd" || head.fields["Content-Length"] != nil {
		t.Errorf("%v", head.fields)
	}
	if got, _ := ask(t, site, "GET /b.css", "Accept-Encoding: gzip"); got.body.String() != "zipped" || len(got.fields["Vary"]) != 1 {
		t.Errorf("%q, %v", got.body.String(), got.fields)
	}
	if got, _ := ask(t, site, "GET /c.png", "Accept-Encoding: gzip"); got.body.String() != page || got.spliced != 0 && got.spliced != int64(len(page)) {
		t.Errorf("%d bytes", got.body.Len())
	}
}
