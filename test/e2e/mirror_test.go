//go:build e2e

package e2e_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// mirror is a target that says in its answer what it was asked, so that a client can tell
// its own answer from another's. /large answers with ?size= bytes, /slow after ?ms=
// milliseconds, and /ws echoes.
type mirror struct {
	name string
	port int
	// requests counts all but health checks, running those in progress, most their highest
	// number, large those of them for /large.
	requests, running, most, large atomic.Int64
	// poisoned has the paths below poison that were asked for.
	poisoned sync.Map
	// unwell is the status that checks get instead of 200, and checkTime how long they take, in
	// milliseconds.
	unwell, checkTime atomic.Int64
}

// poison begins the paths of requests that an attacker hides and that must not get through.
const poison = "/poison/"

func newMirror(t *testing.T, name string) *mirror { return newMirrorAt(t, name, "127.0.0.1:0") }

func newMirrorAt(t *testing.T, name, address string) *mirror {
	t.Helper()
	l := listenAt(t, address)
	m := &mirror{name: name, port: l.Addr().(*net.TCPAddr).Port}
	s := &http.Server{Handler: m, ConnContext: func(ctx context.Context, c net.Conn) context.Context {
		// What nobody takes is not to keep a busy machine busy filling the kernel's buffers.
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetWriteBuffer(64 << 10)
		}
		return ctx
	}}
	go s.Serve(l)
	t.Cleanup(func() { _ = s.Close() })
	return m
}

func listenAt(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// entry is the target in an environment file.
func (m *mirror) entry() string {
	return fmt.Sprintf("{id: %s, address: 127.0.0.1, port: %d}", m.name, m.port)
}

func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/health/" {
		time.Sleep(time.Duration(m.checkTime.Load()) * time.Millisecond)
		if status := m.unwell.Load(); status != 0 {
			w.WriteHeader(int(status))
		}
		return
	}
	m.requests.Add(1)
	if n := m.running.Add(1); n > m.most.Load() {
		m.most.Store(n)
	}
	defer m.running.Add(-1)
	if strings.HasPrefix(r.URL.Path, poison) {
		m.poisoned.Store(r.URL.Path, true)
	}
	w.Header().Set("X-Target", m.name)
	w.Header().Set("X-Client", r.Header.Get("X-Forwarded-For"))
	switch r.URL.Path {
	case "/ws":
		m.echo(w, r)
		return
	case "/large":
		m.large.Add(1)
		defer m.large.Add(-1)
		size, _ := strconv.Atoi(r.URL.Query().Get("size"))
		w.Header().Set("Content-Length", strconv.Itoa(size))
		_, _ = io.CopyN(w, &pattern{}, int64(size)) // a client may leave
		return
	case "/slow":
		ms, _ := strconv.Atoi(r.URL.Query().Get("ms"))
		select {
		case <-time.After(time.Duration(ms) * time.Millisecond):
		case <-r.Context().Done():
		}
	}
	digest := sha256.New()
	n, err := io.Copy(digest, r.Body)
	if err != nil {
		return // the request broke off
	}
	_, _ = io.WriteString(w, reflection(r.Method, r.URL.RequestURI(), r.Header.Get("X-Id"), n, digest.Sum(nil)))
}

// reflection is the answer to a request.
func reflection(method, uri, id string, n int64, digest []byte) string {
	return fmt.Sprintf("%s %s %s %d %s\n", method, uri, id, n, hex.EncodeToString(digest))
}

func (m *mirror) echo(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	defer c.CloseNow()
	for {
		kind, message, err := c.Read(r.Context())
		if err != nil || c.Write(r.Context(), kind, message) != nil {
			return
		}
	}
}

// pattern is an endless text whose every byte depends on where it stands.
type pattern struct{ at int }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'a' + byte((p.at+p.at>>10)%26)
		p.at++
	}
	return len(b), nil
}
