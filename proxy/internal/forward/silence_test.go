package forward

import (
	"io"
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

// TestSlowlyTakenRequest gives a target that takes its time over a large request as long for the
// answer as any other.
func TestSlowlyTakenRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		defer near.Close()
		request := make([]byte, 2*takenAtOnce)
		go func() {
			time.Sleep(50 * time.Second)
			_, _ = io.ReadFull(far, make([]byte, len(request)))
			time.Sleep(50 * time.Second)
			_, _ = far.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
		}()
		x := &exchange.Exchange{Client: waiter{}}
		x.Request.Method = []byte("GET")
		s := newSession(nil, x, nil, &target.Config{ReadTimeout: time.Minute, SendTimeout: time.Minute}, nil, stickiness{})
		s.conn = &targetconn.Conn{Conn: wire.NewConn(near, nil)}
		s.began = time.Now()
		if err := s.write(request, false); err != nil {
			t.Fatal(err)
		}
		if err := s.receive(); err != nil {
			t.Errorf("got %v for an answer in time", err)
		}
	})
}
