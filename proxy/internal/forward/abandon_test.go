package forward

import (
	"net"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/proxy/internal/targetconn"
)

// TestAbandonedSessionKeepsNoConnection: after a panic the connection to the target is closed,
// which ends an upload that still runs.
func TestAbandonedSessionKeepsNoConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	pool := targetconn.NewPool(targetconn.Config{Address: l.Addr().String(), ConnectTimeout: time.Minute})
	conn, err := pool.Dial()
	if err != nil {
		t.Fatal(err)
	}
	s := newSession(nil, nil, nil, nil, &target.Target{HTTP1: pool}, stickiness{})
	s.conn, s.open = conn, false // its end has been counted
	s.abandon()
	if n := pool.Open(); n != 0 {
		t.Errorf("%d connections are open", n)
	}
	if _, err := conn.Write([]byte("x")); err == nil {
		t.Error("the connection can be written to")
	}
}
