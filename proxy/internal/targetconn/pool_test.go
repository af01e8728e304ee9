package targetconn_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/targetconn"
	"github.com/evenkeel/evenkeel/test/harness"
)

// listen runs a target that accepts connections and hands them over.
func listen(t *testing.T) (string, <-chan net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan net.Conn, 16)
	go func() {
		defer close(conns)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			conns <- c
		}
	}()
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String(), conns
}

func newPool(address string, idle int) *targetconn.Pool {
	return targetconn.NewPool(targetconn.Config{
		Address: address, ConnectTimeout: 5 * time.Second, IdleConnections: idle, IdleTimeout: time.Minute, Shards: 2,
	})
}

func dial(t *testing.T, p *targetconn.Pool) *targetconn.Conn {
	t.Helper()
	c, err := p.Dial()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestGetReturnsTheLastPut(t *testing.T) {
	address, _ := listen(t)
	p := newPool(address, 8)
	a, b := dial(t, p), dial(t, p)
	now := time.Now()
	p.Put(0, a, now)
	p.Put(0, b, now)
	if got := p.Get(0, now); got != b {
		t.Fatal("Get did not return the connection put last")
	}
	if got := p.Get(1, now); got != a {
		t.Fatal("Get did not look into the other shard")
	}
	if got := p.Get(0, now); got != nil {
		t.Fatal("Get returned a connection from an empty pool")
	}
}

func TestGetDropsWhatTheTargetClosedOrSpokeOn(t *testing.T) {
	for name, spoil := range map[string]func(net.Conn){
		"closed": func(c net.Conn) { _ = c.Close() },
		"spoke":  func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 200 OK\r\n")) },
	} {
		t.Run(name, func(t *testing.T) {
			address, conns := listen(t)
			p := newPool(address, 8)
			c := dial(t, p)
			spoil(<-conns)
			for c.Peek() == 0 { // until it has arrived
			}
			p.Put(0, c, time.Now())
			if got := p.Get(0, time.Now()); got != nil {
				t.Fatal("Get returned a spoilt connection")
			}
			if n := p.Open(); n != 0 {
				t.Fatalf("%d connections are open, want 0", n)
			}
		})
	}
}

func TestPutKeepsNoMoreThanItsLimit(t *testing.T) {
	address, _ := listen(t)
	p := newPool(address, 2) // one a shard
	a, b := dial(t, p), dial(t, p)
	p.Put(0, a, time.Now())
	p.Put(0, b, time.Now())
	if n := p.Open(); n != 1 {
		t.Fatalf("%d connections are open, want 1", n)
	}
}

func TestGetDropsWhatWasIdleTooLong(t *testing.T) {
	address, _ := listen(t)
	p := newPool(address, 8)
	now := time.Now()
	p.Put(0, dial(t, p), now)
	if got := p.Get(0, now.Add(2*time.Minute)); got != nil {
		t.Fatal("Get returned a connection that was idle for longer than the idle timeout")
	}
}

func TestCloseAllCutsWhatIsInUse(t *testing.T) {
	address, _ := listen(t)
	p := newPool(address, 8)
	c := dial(t, p)
	p.CloseAll()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("Read() error = %v, want net.ErrClosed", err)
	}
	if _, err := p.Dial(); !errors.Is(err, targetconn.ErrClosed) {
		t.Fatalf("Dial() error = %v, want ErrClosed", err)
	}
}

func TestDialTellsRefusedFromLate(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	_ = ln.Close()
	if _, err := newPool(address, 1).Dial(); !errors.Is(err, targetconn.ErrConnect) {
		t.Fatalf("Dial() error = %v, want ErrConnect", err)
	}
	p := newPool(harness.Unanswered(t), 1)
	p.Tune(50*time.Millisecond, time.Minute, 1)
	if _, err := p.Dial(); !errors.Is(err, targetconn.ErrConnectTimeout) {
		t.Fatalf("Dial() error = %v, want ErrConnectTimeout", err)
	}
}
