package targetconn_test

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/targetconn"
	"github.com/evenkeel/evenkeel/test/harness"
)

// TestCloseAllEndsReadsInFlight has an exchange wait for an answer when the deregistration
// delay is over, on a plain connection and on one with TLS.
func TestCloseAllEndsReadsInFlight(t *testing.T) {
	address, _ := listen(t)
	plain := newPool(address, 8)
	secured, c, target := meet(t)
	go func() { _, _ = io.Copy(io.Discard, target) }() // takes the goodbye of TLS
	for name, one := range map[string]struct {
		pool *targetconn.Pool
		conn *targetconn.Conn
	}{"plain": {plain, dial(t, plain)}, "TLS": {secured, c}} {
		t.Run(name, func(t *testing.T) {
			read := make(chan error, 1)
			go func() {
				_, err := one.conn.Read(make([]byte, 1))
				read <- err
			}()
			one.pool.CloseAll()
			if err := <-read; !errors.Is(err, net.ErrClosed) {
				t.Errorf("Read() error = %v, want net.ErrClosed", err)
			}
			if _, err := one.conn.Write([]byte("x")); err == nil {
				t.Error("Write() goes on")
			}
			if n := one.pool.Open(); n != 0 {
				t.Errorf("%d connections are open", n)
			}
		})
	}
}

// TestCutConnectionsServeNobody wants neither the idle connections of before CloseAll nor one
// that its exchange gives back late to serve again.
func TestCutConnectionsServeNobody(t *testing.T) {
	address, _ := listen(t)
	p := newPool(address, 8)
	idle, used := dial(t, p), dial(t, p)
	p.Put(0, idle, time.Now())
	p.CloseAll()
	if got := p.Get(0, time.Now()); got != nil {
		t.Error("a closed pool has an idle connection")
	}
	p.Put(0, used, time.Now())
	if got := p.Get(0, time.Now()); got != nil {
		t.Error("Get returned a connection that was cut")
	}
}

// TestCloseAllEndsDialing has a target that never accepts.
func TestCloseAllEndsDialing(t *testing.T) {
	p := newPool(harness.Unanswered(t), 8)
	ended := make(chan error, 1)
	go func() {
		_, err := p.Dial()
		ended <- err
	}()
	p.CloseAll()
	if err := <-ended; !errors.Is(err, targetconn.ErrClosed) {
		t.Errorf("Dial() error = %v, want ErrClosed", err)
	}
}

// TestTuneKeepsConnections shortens what is kept.
func TestTuneKeepsConnections(t *testing.T) {
	address, _ := listen(t)
	p := newPool(address, 8)
	c := dial(t, p)
	now := time.Now()
	p.Put(0, c, now)
	p.Tune(time.Minute, time.Second, 1)
	if got := p.Get(0, now); got != c {
		t.Error("a connection was lost")
	}
	p.Put(0, c, now)
	if got := p.Get(0, now.Add(2*time.Second)); got != nil {
		t.Error("the new idle timeout does not count")
	}
}

func TestCloseIdleLeavesWhatIsInUse(t *testing.T) {
	address, conns := listen(t)
	p := newPool(address, 8)
	used := dial(t, p)
	target := <-conns
	for shard := range uint32(2) {
		p.Put(shard, dial(t, p), time.Now())
	}
	p.CloseIdle()
	if n := p.Open(); n != 1 {
		t.Errorf("%d connections are open, want the one in use", n)
	}
	if got := p.Get(0, time.Now()); got != nil {
		t.Error("an idle connection is left")
	}
	if _, err := target.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := used.Read(make([]byte, 1)); err != nil {
		t.Errorf("the one in use: %v", err)
	}
	p.Put(0, used, time.Now())
	if p.Get(0, time.Now()) != used {
		t.Error("the pool keeps nothing any more")
	}
}

func TestPoolThatKeepsNothing(t *testing.T) {
	address, _ := listen(t)
	for _, shards := range []int{0, 1, 4} {
		p := targetconn.NewPool(targetconn.Config{Address: address, ConnectTimeout: time.Minute, IdleTimeout: time.Minute, Shards: shards})
		p.Put(3, dial(t, p), time.Now())
		if p.Get(3, time.Now()) != nil || p.Open() != 0 {
			t.Errorf("with %d shards it keeps %d", shards, p.Open())
		}
	}
}

// TestPoolInUseByMany has clients come and go while the target leaves its group.
func TestPoolInUseByMany(t *testing.T) {
	address, conns := listen(t)
	go func() {
		var kept []net.Conn
		for nc := range conns { // until the end of the test, which closes the listener
			kept = append(kept, nc)
		}
		for _, nc := range kept {
			_ = nc.Close()
		}
	}()
	p := newPool(address, 4)
	var all sync.WaitGroup
	for client := range uint32(8) {
		all.Go(func() {
			for i := range 50 {
				c := p.Get(client, time.Now())
				if c == nil {
					var err error
					if c, err = p.Dial(); errors.Is(err, targetconn.ErrClosed) {
						continue
					} else if err != nil {
						t.Error(err)
						return
					}
				}
				if i%5 == 0 {
					p.Discard(c)
				} else {
					p.Put(client, c, time.Now())
				}
			}
		})
	}
	all.Go(func() {
		for range 20 {
			p.CloseIdle()
		}
		p.CloseAll()
	})
	all.Wait()
	p.CloseAll()
	if n := p.Open(); n != 0 {
		t.Errorf("%d connections are open", n)
	}
	if _, err := p.Dial(); !errors.Is(err, targetconn.ErrClosed) {
		t.Errorf("Dial() error = %v, want ErrClosed", err)
	}
}
