package harness

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// NewHTTP2Target starts a target that speaks HTTP/2: with prior knowledge, or with a TLS
// configuration by ALPN. Its answers are written as HTTP/1.1 ones are; of them status,
// fields and body are used.
func NewHTTP2Target(tb testing.TB, name string, secure *tls.Config) *Target {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	t := newTarget(tb, name, l)
	h2 := &http2.Server{}
	go t.accept(func(c net.Conn) {
		number := t.next()
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.serveStream(w, r, number) })
		if secure != nil {
			config := secure.Clone()
			config.NextProtos = []string{"h2"}
			s := tls.Server(c, config)
			if s.Handshake() != nil {
				return
			}
			c = s
		}
		h2.ServeConn(c, &http2.ServeConnOpts{Handler: handler})
	})
	return t
}

// serveStream answers one request.
func (t *Target) serveStream(w http.ResponseWriter, in *http.Request, conn int) {
	r := &Request{Target: t.name, Line: in.Method + " " + in.RequestURI + " HTTP/2", Conn: conn}
	r.Fields = Fields{{":authority", in.Host}}
	for name, values := range in.Header {
		for _, v := range values {
			r.Fields = append(r.Fields, Field{strings.ToLower(name), v})
		}
	}
	r.Body, r.Err = io.ReadAll(in.Body)
	for name, values := range in.Trailer {
		for _, v := range values {
			r.Trailers = append(r.Trailers, Field{strings.ToLower(name), v})
		}
	}
	a, health, release := t.received(r)
	if health >= 0 {
		// A gRPC health check wants a gRPC status; 200 stands for the default matcher's 12.
		if strings.HasPrefix(in.Header.Get("Content-Type"), "application/grpc") && health == 200 {
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Grpc-Status", "12")
		}
		w.WriteHeader(max(health, 200))
		return
	}
	time.Sleep(a.Delay)
	if a.Reset {
		panic(http.ErrAbortHandler)
	}
	if a.Hold {
		<-release
	}
	parts := a.Parts
	if len(parts) == 0 {
		parts = [][]byte{DefaultAnswer(t.name)}
	}
	head, body, _ := bytes.Cut(parts[0], []byte("\r\n\r\n"))
	answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(append(head, "\r\n\r\n"...))), &http.Request{Method: http.MethodHead})
	if err != nil {
		t.tb.Errorf("answer of target %s: %v", t.name, err)
		return
	}
	maps.Copy(w.Header(), answer.Header)
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(body)
	release = t.nextRelease()
	for _, part := range parts[1:] {
		_ = http.NewResponseController(w).Flush()
		select {
		case <-release:
		case <-in.Context().Done():
			return
		}
		release = t.nextRelease()
		_, _ = w.Write(part)
	}
	for _, f := range a.Trailers {
		w.Header().Add(http.TrailerPrefix+f.Name, f.Value)
	}
}
