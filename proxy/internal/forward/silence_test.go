package forward

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/proxy/internal/targetconn"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// waiter is a client that stays.
type waiter struct{ exchange.Client }

func (waiter) Gone() bool { return false }

// TestSilentTarget has as long as read_timeout says for the first byte of its answer, whatever
// the looks at the client in between.
func TestSilentTarget(t *testing.T) {
	for _, timeout := range []time.Duration{
		time.Millisecond, 900 * time.Millisecond, time.Second, 1300 * time.Millisecond, 2 * time.Second, 4 * time.Second, time.Minute,
	} {
		t.Run(timeout.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer far.Close()
				defer near.Close()
				s := newSession(nil, &exchange.Exchange{Client: waiter{}}, nil, &target.Config{ReadTimeout: timeout}, nil, stickiness{})
				s.conn = &targetconn.Conn{Conn: wire.NewConn(near, nil)}
				s.in, s.inPool = wire.Heads.Get(), wire.Heads
				began := time.Now()
				s.x.Record.Dispatched = began
				if err := s.fill(began); !wire.Timeout(err) {
					t.Errorf("got %v, want a timeout", err)
				}
				if took := time.Since(began); took != timeout {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}
