package http2_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	xhttp2 "golang.org/x/net/http2"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http2"
)

func TestDoForwardsBothWays(t *testing.T) {
	for _, overTLS := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", overTLS), func(t *testing.T) {
			tg := serveTarget(t, overTLS, &xhttp2.Server{}, func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				w.Header().Set("X-Path", r.RequestURI)
				w.Header().Set("X-Host", r.Host)
				w.Header().Set("X-Field", strings.Join(r.Header["X-Test"], "|"))
				w.Header().Set("X-Agent", fmt.Sprint(len(r.Header["User-Agent"])))
				w.WriteHeader(201)
				_, _ = w.Write(b)
			})
			conns := http2.NewTargetConns(config(tg, overTLS))
			t.Cleanup(conns.CloseAll)
			f := serveFront(t, http2.Options{}, proxy(conns, http2.Timeouts{}, nil))
			cc := f.client(t)
			for _, path := range []string{"/a?b=c", "//double", "/%41%2f?", "/caf%C3%A9"} {
				r := f.request(t, "POST", "", strings.NewReader("hello"))
				r.URL.Opaque = "//" + f.addr + path
				r.Header["X-Test"] = []string{"1", "2"}
				r.Header["User-Agent"] = nil
				res, err := cc.RoundTrip(r)
				if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				got := fmt.Sprint(res.StatusCode, " ", readAll(t, res.Body), " ", res.Header.Get("X-Path"), " ", res.Header.Get("X-Host"), " ", res.Header.Get("X-Field"), " ", res.Header.Get("X-Agent"))
				if want := fmt.Sprint("201 hello ", path, " ", f.addr, " 1|2 0"); got != want {
					t.Errorf("got  %q\nwant %q", got, want)
				}
			}
			if n := tg.accepted(); n != 1 {
				t.Errorf("%d connections to the target, want 1", n)
			}
		})
	}
}

// TestBidirectionalStream talks the way a gRPC stream does: message by message, the next
// one only after the answer to the one before.
func TestBidirectionalStream(t *testing.T) {
	tg := serveTarget(t, false, &xhttp2.Server{}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		in := bufio.NewReader(r.Body)
		for {
			m, err := readMessage(in)
			if err != nil {
				break
			}
			_ = writeMessage(w, "echo "+m)
			w.(http.Flusher).Flush()
		}
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
		w.Header().Set(http.TrailerPrefix+"Grpc-Message", "fine")
	})
	conns := http2.NewTargetConns(config(tg, false))
	t.Cleanup(conns.CloseAll)
	kinds := make(chan string, 1)
	f := serveFront(t, http2.Options{}, func(x *exchange.Exchange) {
		kinds <- x.Record.Type
		proxy(conns, http2.Timeouts{}, nil)(x)
	})
	pr, pw := io.Pipe()
	r := f.request(t, "POST", "/echo.Echo/Talk", pr)
	r.Header.Set("Content-Type", "application/grpc+proto")
	r.Header.Set("Te", "trailers")
	res, err := f.client(t).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(res.Body)
	for i := range 20 {
		m := fmt.Sprint("message ", i)
		if err := writeMessage(pw, m); err != nil {
			t.Fatal(err)
		}
		got, err := readMessage(in)
		if err != nil || got != "echo "+m {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	_ = pw.Close()
	readAll(t, in)
	if res.Trailer.Get("Grpc-Status") != "0" || res.Trailer.Get("Grpc-Message") != "fine" {
		t.Errorf("trailers %v", res.Trailer)
	}
	if k := within(t, kinds, "record type"); k != "grpcs" {
		t.Errorf("type %q", k)
	}
}

func TestTrailersOnly(t *testing.T) {
	tg := serveTarget(t, false, &xhttp2.Server{}, func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "application/grpc")
		h.Set("Grpc-Status", "12")
		h["Content-Length"] = nil
		h["Date"] = nil
	})
	conns := http2.NewTargetConns(config(tg, false))
	t.Cleanup(conns.CloseAll)
	f := serveFront(t, http2.Options{}, proxy(conns, http2.Timeouts{}, nil))
	r := f.request(t, "POST", "/x", strings.NewReader("m"))
	res, err := f.client(t).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if body := readAll(t, res.Body); body != "" {
		t.Errorf("body %q", body)
	}
	if len(res.Header) != 2 || res.Header.Get("Grpc-Status") != "12" {
		t.Errorf("head %v", res.Header)
	}
}

func TestRequestTrailers(t *testing.T) {
	got := make(chan string, 1)
	tg := serveTarget(t, false, &xhttp2.Server{}, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		got <- r.Trailer.Get("Checksum")
	})
	conns := http2.NewTargetConns(config(tg, false))
	t.Cleanup(conns.CloseAll)
	f := serveFront(t, http2.Options{}, proxy(conns, http2.Timeouts{}, nil))
	r := f.request(t, "POST", "/", nil)
	r.Trailer = http.Header{"Checksum": nil}
	r.Body = io.NopCloser(readerFunc(func([]byte) (int, error) {
		r.Trailer.Set("Checksum", "abc")
		return 0, io.EOF
	}))
	r.ContentLength = -1
	res, err := f.client(t).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if v := within(t, got, "trailer"); v != "abc" {
		t.Errorf("trailer %q", v)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func readMessage(r io.Reader) (string, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	b := make([]byte, binary.BigEndian.Uint32(head[1:]))
	_, err := io.ReadFull(r, b)
	return string(b), err
}

func writeMessage(w io.Writer, m string) error {
	b := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...)
	n, err := w.Write(b)
	if err == nil && n < len(b) {
		err = errors.New("short write")
	}
	return err
}

func config(tg *target, overTLS bool) http2.TargetConfig {
	c := http2.TargetConfig{Address: tg.addr}
	if overTLS {
		c.TLS = clientTLS()
	}
	return c
}
