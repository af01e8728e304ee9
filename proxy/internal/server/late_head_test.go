package server

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// TestLateHead gives a client its time to take an answer whose first byte, or an interim answer
// before it, came long before it was whole.
func TestLateHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		defer near.Close()
		c := &http1Conn{clientConn: &clientConn{listener: &listener{}, wire: wire.NewConn(near, nil), idleTimeout: time.Minute}}
		c.x = &exchange.Exchange{Client: c}
		c.x.Record.Answered = time.Now()
		time.Sleep(2 * time.Minute)
		go func() {
			time.Sleep(50 * time.Second)
			_, _ = io.Copy(io.Discard, far)
		}()
		if err := c.WriteHead(&exchange.Response{Status: 200}, nil, false); err != nil {
			t.Errorf("the head is not sent: %v", err)
		}
	})
}
