package elbv2api_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/elbv2api"
)

// serve serves the API on a socket, as a process does.
func (r *running) serve(security *tls.Config) string {
	r.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	s := elbv2api.NewServer(r.api, security)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ln) }()
	r.t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Shutdown(now)
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
	})
	return ln.Addr().String()
}

func dial(t *testing.T, address, from string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestUnknownClients: whoever has no good signature takes up neither memory nor a connection.
func TestUnknownClients(t *testing.T) {
	r := start(t, empty)
	c := dial(t, r.serve(nil), "127.0.0.1")
	// The body never comes.
	if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusForbidden || !strings.Contains(string(text), "MissingAuthenticationToken") || !answer.Close {
		t.Errorf("got %d, close %v: %s", answer.StatusCode, answer.Close, text)
	}
}

// TestOneRequestAtATime: HTTP/2 would bring 250 on each connection.
func TestOneRequestAtATime(t *testing.T) {
	certified := httptest.NewTLSServer(nil)
	defer certified.Close()
	r := start(t, empty)
	c, err := tls.Dial("tcp", r.serve(&tls.Config{Certificates: certified.TLS.Certificates}), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("%s is spoken", got)
	}
}

// TestShareOfConnections has one address open more connections than it may.
func TestShareOfConnections(t *testing.T) {
	r := start(t, open)
	address := r.serve(nil)
	asks := func(c net.Conn) bool {
		_, _ = io.WriteString(c, "GET /?Action=DescribeLoadBalancers&Version=2015-12-01 HTTP/1.1\r\nHost: localhost\r\n\r\n")
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}
	var share []net.Conn
	for range elbv2api.MaxPerAddress {
		share = append(share, dial(t, address, "127.0.0.1"))
	}
	if asks(dial(t, address, "127.0.0.1")) {
		t.Error("a connection beyond the share is served")
	}
	if !asks(dial(t, address, "127.0.0.2")) {
		t.Error("another address is locked out")
	}
	for _, c := range share {
		if !asks(c) {
			t.Error("a connection within the share is not served")
		}
	}
	for range 2 * elbv2api.MaxPerAddress { // each in the place of one that is idle
		for served := false; !served; { // once the server has noticed
			served = asks(dial(t, address, "127.0.0.1"))
		}
	}
}

// TestGate hands over to a process that does not come: connections are taken again.
func TestGate(t *testing.T) {
	r := startWith(t, load(t, open), filepath.Join(t.TempDir(), "state.json"))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := elbv2api.NewServer(r.api, nil)
	go func() { _ = s.Serve(ln) }()
	defer s.Shutdown(t.Context())
	for range 3 {
		if status, text, _ := post(t, "http://"+ln.Addr().String(), "Action=DescribeLoadBalancers"+version, nil); status != http.StatusOK {
			t.Errorf("got %d %s", status, text)
		}
		s.HandOver(0)
	}
}
