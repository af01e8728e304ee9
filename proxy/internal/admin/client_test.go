package admin_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
)

// client asks what h answers.
func client(t *testing.T, h http.Handler) admin.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return admin.Client{Addr: server.Listener.Addr().String()}
}

func TestClientGetsWhatTheServerSays(t *testing.T) {
	p := &process{status: sample(), stats: sampleStats(), ready: true}
	c := client(t, handler(p))
	status, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), status); diff != "" {
		t.Error(diff)
	}
	stats, err := c.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sampleStats(), stats, cmpopts.IgnoreFields(admin.Stats{}, "Problems")); diff != "" || len(stats.Problems) == 0 {
		t.Error(diff)
	}
	for name, call := range map[string]func(context.Context) error{"health": c.Health, "ready": c.Ready, "reload": c.Reload} {
		if err := call(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.ready = false
	if err := c.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "503 Service Unavailable: not ready: ") {
		t.Errorf("got %v", err)
	}
}

func TestClientTellsRefusedReloads(t *testing.T) {
	c := client(t, handler(&process{reload: func(context.Context) error { return errors.New("a.yaml:1:1: x\na.yaml:2:1: \x1b[2Jy") }}))
	err := c.Reload(t.Context())
	refused, ok := errors.AsType[*admin.RefusedError](err)
	if !ok || refused.Problems != "a.yaml:1:1: x\na.yaml:2:1: \ufffd[2Jy" || err.Error() != "reload was refused:\n"+refused.Problems {
		t.Errorf("got %q", err)
	}
}

// TestClientErrors wants the address that was asked in each, and nothing that a terminal
// might act on.
func TestClientErrors(t *testing.T) {
	answer := func(status int, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		})
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := ln.Addr().String()
	_ = ln.Close()
	for name, c := range map[string]struct {
		client admin.Client
		want   string
	}{
		"nobody listens":    {admin.Client{Addr: closed}, "ask ADDR: "},
		"no address":        {admin.Client{Addr: "\x7f"}, "admin address \"\\x7f\": "},
		"another program":   {client(t, answer(404, "\x1b]0;mine\x07\nsecond line")), "GET /status of ADDR: 404 Not Found: \ufffd]0;mine\ufffd"},
		"no JSON":           {client(t, answer(200, "hello")), "read status of ADDR: "},
		"status of a list":  {client(t, answer(200, "[]")), "read status of ADDR: "},
		"cut off":           {client(t, cut("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")), "read answer of ADDR: "},
		"no HTTP":           {client(t, cut("220 mail.example.com ESMTP\r\n")), "ask ADDR: "},
		"a status to print": {client(t, cut("HTTP/1.1 500 \x1b[2J\r\nContent-Length: 0\r\n\r\n")), "GET /status of ADDR: 500 \ufffd[2J: "},
	} {
		_, err := c.client.Status(t.Context())
		if want := strings.ReplaceAll(c.want, "ADDR", c.client.Addr); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %q, want %q…", name, err, want)
		}
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := client(t, answer(200, "ok")).Health(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

// cut answers with these bytes and closes the connection.
func cut(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		nc, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = nc.Write([]byte(text))
		_ = nc.Close()
	})
}

// TestClientAsksOnTheLoopback wants a listener on every address asked on the loopback, and
// the HTTP proxy of the process's environment left alone.
func TestClientAsksOnTheLoopback(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	server := httptest.NewServer(handler(&process{}))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"0.0.0.0", "", "localhost"} {
		if err := (admin.Client{Addr: net.JoinHostPort(host, port)}).Health(t.Context()); err != nil {
			t.Errorf("%q: %v", host, err)
		}
	}
	// Whether this machine has IPv6 or not, that is where it is asked.
	if err := (admin.Client{Addr: "[::]:1"}).Health(t.Context()); err == nil || !strings.Contains(err.Error(), "[::1]:1") {
		t.Errorf("got %v", err)
	}
}
