package elbv2api

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// gatePoll is how often it is looked whether another process that took over is gone.
const gatePoll = 5 * time.Second

// gate is a listener that takes no connection while the API has handed over: both processes
// accept from one queue, and what waits in it is for the other one.
type gate struct {
	net.Listener
	api    *API
	closed chan struct{}
	close  func()
}

func newGate(ln net.Listener, api *API) *gate {
	closed := make(chan struct{})
	return &gate{ln, api, closed, sync.OnceFunc(func() { close(closed) })}
}

// Accept implements net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	for {
		g.deadline(time.Time{}) // before it is looked, as shut sets it after a handover
		if look := g.api.handedOver.Load(); look != nil {
			if !g.wait(time.Until(*look)) {
				return nil, net.ErrClosed
			}
			continue
		}
		c, err := g.Listener.Accept()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return c, err
		}
	}
}

// wait looks after a while whether the API may go on. It reports false when the listener is
// closed.
func (g *gate) wait(d time.Duration) bool {
	if d <= 0 {
		if g.api.reclaim() {
			return true
		}
		d = gatePoll
	}
	select {
	case <-g.closed:
		return false
	case <-time.After(d):
		return true
	}
}

// shut ends an Accept that waits, once the API has handed over.
func (g *gate) shut() { g.deadline(time.Unix(1, 0)) }

func (g *gate) deadline(t time.Time) {
	if l, ok := g.Listener.(interface{ SetDeadline(t time.Time) error }); ok {
		_ = l.SetDeadline(t) // it fails if the listener is closed, as Accept does
	}
}

// Close implements net.Listener.
func (g *gate) Close() error {
	g.close()
	return g.Listener.Close()
}
