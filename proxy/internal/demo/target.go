package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxAbsence bounds how long POST /stop keeps a target away.
	maxAbsence = 10 * time.Minute
	// reopenEvery is how often a target that comes back tries for its port.
	reopenEvery = time.Second
)

// Target is a small web application that stands for one of yours. It says which target it
// is, can be told to fail its health checks and can be taken away.
type Target struct {
	// Name is the id the target has in its target group.
	Name string
	// Addr is where it listens.
	Addr netip.AddrPort
	// Key is where the environment file says so.
	Key string

	version  string
	requests atomic.Int64
	broken   atomic.Bool

	mu sync.Mutex
	// server is nil while the target is away; closed ends its comings and goings. cut ends
	// WebSockets while there is a server, and the wait for the return while there is none.
	server   *http.Server
	listener net.Listener
	closed   bool
	cut      context.CancelFunc
}

// NewTarget returns a target that is not started. version is what its health check tells.
func NewTarget(name string, addr netip.AddrPort, key, version string) *Target {
	return &Target{Name: name, Addr: addr, Key: key, version: version, cut: func() {}}
}

// PortError says that a demo target's port cannot be opened.
type PortError struct {
	Target *Target
	Err    error
}

// Error implements error.
func (e *PortError) Error() string {
	return fmt.Sprintf("demo target %s: %v", e.Target.Name, e.Err)
}

// Unwrap returns what the system said.
func (e *PortError) Unwrap() error { return e.Err }

// Start opens the port and serves until Close. A *PortError says that it cannot be opened.
func (t *Target) Start(ctx context.Context) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", t.Addr.String())
	if err != nil {
		return &PortError{Target: t, Err: err}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		_ = ln.Close() // Close came first
		return nil
	}
	// Addr may have asked for any port.
	t.Addr = ln.Addr().(*net.TCPAddr).AddrPort()
	serving, cut := context.WithCancel(context.Background())
	t.cut = cut
	t.server = &http.Server{
		Handler:           t.Handler(),
		BaseContext:       func(net.Listener) context.Context { return serving },
		ReadHeaderTimeout: 10 * time.Second,
		// A load balancer wants to be the side that closes idle connections: this is more
		// than its idle timeout.
		IdleTimeout: 2 * time.Minute,
		ErrorLog:    slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	t.listener = ln
	go t.serve(t.server, ln)
	return nil
}

func (t *Target) serve(s *http.Server, ln net.Listener) {
	if err := s.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		slog.Error("demo target ended", "target", t.Name, "error", err)
	}
}

// Leave closes the port and cuts every connection, as a machine that loses its power
// does, and comes back after d.
func (t *Target) Leave(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.server == nil {
		return
	}
	t.end()
	away, cut := context.WithCancel(context.Background())
	t.cut = cut
	go t.comeBack(away, min(d, maxAbsence))
}

// end closes the port and every connection; mu is held.
func (t *Target) end() {
	t.cut()
	if t.server != nil {
		_ = t.listener.Close() // the server may not have come to know it yet
		_ = t.server.Close()   // nothing is owed to anyone
		t.server = nil
	}
}

func (t *Target) comeBack(ctx context.Context, after time.Duration) {
	for wait := after; ; wait = reopenEvery {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if t.Start(ctx) == nil {
			return
		}
	}
}

// Close ends the target for good.
func (t *Target) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.end()
}
