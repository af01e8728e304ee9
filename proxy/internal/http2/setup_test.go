package http2_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	xhttp2 "golang.org/x/net/http2"

	"github.com/evenkeel/evenkeel/proxy/internal/certs"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http2"
)

// patience is how long a test waits for what must happen; it never decides a result.
const patience = 20 * time.Second

func certificate(t testing.TB) *tls.Certificate {
	t.Helper()
	certPEM, keyPEM, err := certs.SelfSigned("localhost", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return &pair
}

// front is the proxy's side towards clients.
type front struct {
	addr string
	stop context.CancelFunc // graceful
	wg   sync.WaitGroup
}

// serveFront serves HTTP/2 over TLS on a loopback port.
func serveFront(t testing.TB, o http2.Options, handle func(*exchange.Exchange)) *front {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &front{addr: ln.Addr().String(), stop: cancel}
	cfg := &tls.Config{Certificates: []tls.Certificate{*certificate(t)}, NextProtos: []string{"h2"}}
	f.wg.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = nc.Close() })
			f.wg.Go(func() {
				tc := tls.Server(nc, cfg)
				if tc.Handshake() != nil {
					return
				}
				http2.Serve(ctx, tc, &exchange.Connection{ListenerPort: 443}, o, handle)
			})
		}
	})
	t.Cleanup(f.wg.Wait)
	t.Cleanup(func() { _ = ln.Close(); cancel() })
	return f
}

// dial opens a TLS connection with ALPN h2.
func (f *front) dial(t testing.TB) *tls.Conn {
	t.Helper()
	c, err := tls.Dial("tcp", f.addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// client returns an HTTP/2 client of one connection.
func (f *front) client(t testing.TB) *xhttp2.ClientConn {
	t.Helper()
	tr := &xhttp2.Transport{DisableCompression: true}
	cc, err := tr.NewClientConn(f.dial(t))
	if err != nil {
		t.Fatal(err)
	}
	return cc
}

func (f *front) request(t testing.TB, method, path string, body io.Reader) *http.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, "https://"+f.addr+path, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// target is an h2c server.
type target struct {
	addr  string
	mu    sync.Mutex
	conns []net.Conn
}

func (tg *target) accepted() int {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	return len(tg.conns)
}

// serveTarget serves h2 with prior knowledge, or over TLS.
func serveTarget(t testing.TB, overTLS bool, h2 *xhttp2.Server, h http.HandlerFunc) *target {
	t.Helper()
	return serveRaw(t, func(nc net.Conn) {
		if overTLS {
			tc := tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{*certificate(t)}, NextProtos: []string{"h2"}})
			if tc.Handshake() != nil {
				return
			}
			nc = tc
		}
		h2.ServeConn(nc, &xhttp2.ServeConnOpts{Handler: h, BaseConfig: &http.Server{}})
	})
}

// serveRaw accepts connections for serve.
func serveRaw(t testing.TB, serve func(net.Conn)) *target {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tg := &target{addr: ln.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			tg.mu.Lock()
			tg.conns = append(tg.conns, nc)
			tg.mu.Unlock()
			wg.Go(func() { serve(nc) })
		}
	})
	t.Cleanup(wg.Wait)
	t.Cleanup(func() {
		_ = ln.Close()
		tg.mu.Lock()
		defer tg.mu.Unlock()
		for _, nc := range tg.conns {
			_ = nc.Close()
		}
	})
	return tg
}

// proxy sends every exchange to conns with its own fields and reports what Do returned.
func proxy(conns *http2.TargetConns, idle http2.Timeouts, result chan<- error) func(*exchange.Exchange) {
	return func(x *exchange.Exchange) {
		canonical(x)
		err := conns.Do(context.Background(), x, x.Request.Fields, idle, func(*exchange.Response) error { return nil })
		if err != nil && x.Record.Answered.IsZero() {
			r := &x.Response
			r.Status, r.NoBody = 502, true
			_ = x.Client.WriteHead(r, nil, false)
		}
		if result != nil {
			result <- err
		}
	}
}

// canonical stands in for routing.
func canonical(x *exchange.Exchange) {
	q := &x.Request
	path, query, ok := strings.Cut(string(q.Target), "?")
	q.Path, q.Query, q.HasQuery = []byte(path), []byte(query), ok
	q.Host = q.Authority
}

func within[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

func readAll(t testing.TB, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func clientTLS() *tls.Config { return &tls.Config{} }
