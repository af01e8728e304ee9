package forward

import (
	"net"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// brokenConn is the end of a tunnel that panics when it is written to.
type brokenConn struct{ net.Conn }

func (brokenConn) Write([]byte) (int, error) { panic("broken") }

// TestTunnelGoroutineThatPanics: what goes wrong in the tunnel's second goroutine must not
// take the process with it, but end the tunnel and be reported where its first one is.
func TestTunnelGoroutineThatPanics(t *testing.T) {
	client, farClient := net.Pipe()
	target, farTarget := net.Pipe()
	defer farClient.Close()
	defer farTarget.Close()
	p := newPipe(time.Minute)
	caught := make(chan any, 1)
	go func() {
		defer func() { caught <- recover() }()
		p.join(wire.NewConn(client, nil), wire.NewConn(brokenConn{target}, nil), nil)
	}()
	if _, err := farClient.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if got := <-caught; got != "broken" {
		t.Errorf("recovered %v, want the panic of the other goroutine", got)
	}
	for name, far := range map[string]net.Conn{"client": farClient, "target": farTarget} {
		if _, err := far.Write([]byte("x")); err == nil {
			t.Errorf("the connection to the %s is still open", name)
		}
	}
}
