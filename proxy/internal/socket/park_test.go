package socket_test

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evenkeel/evenkeel/proxy/internal/socket"
)

// TestPark has what ends a wait come while it begins: whoever parked is called once, and finds out
// why.
func TestPark(t *testing.T) {
	ln := listen(t)
	for _, c := range []struct {
		name   string
		happen func(parked, peer *socket.Conn)
		want   error
	}{
		{"data", func(_, peer *socket.Conn) { _, _ = peer.Write([]byte("x")) }, nil},
		{"end", func(_, peer *socket.Conn) { _ = peer.Close() }, io.EOF},
		{"close", func(parked, _ *socket.Conn) { _ = parked.Close() }, net.ErrClosed},
		{"reset", func(parked, _ *socket.Conn) { parked.Reset() }, net.ErrClosed},
		{"expired", func(parked, _ *socket.Conn) { _ = parked.SetReadDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
		{"deadline", func(parked, _ *socket.Conn) { _ = parked.SetReadDeadline(time.Now().Add(time.Millisecond)) }, os.ErrDeadlineExceeded},
		{"nearer deadline", func(parked, _ *socket.Conn) {
			_ = parked.SetReadDeadline(time.Now().Add(time.Hour))
			_ = parked.SetReadDeadline(time.Now().Add(time.Millisecond))
		}, os.ErrDeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 200 {
				peer := dial(t, ln)
				parked, err := ln.Accept()
				if err != nil {
					t.Fatal(err)
				}
				p := make([]byte, 2)
				if _, again, err := parked.TryRead(p); !again || err != nil {
					t.Fatalf("TryRead() = %v, %v of nothing", again, err)
				}
				called := make(chan struct{}, 2)
				var both sync.WaitGroup
				both.Go(func() { c.happen(parked, peer) })
				if waits, _ := parked.Park(func() { called <- struct{}{} }); !waits {
					called <- struct{}{}
				}
				select {
				case <-called:
				case <-time.After(10 * time.Second):
					t.Fatal("nobody calls")
				}
				if _, err := parked.Read(p); !errors.Is(err, c.want) {
					t.Fatalf("Read() error = %v, want %v", err, c.want)
				}
				both.Wait()
				_, _ = parked.Close(), peer.Close()
				if len(called) > 0 {
					t.Fatal("called twice")
				}
			}
		})
	}
}

// TestTryWrite takes what there is room for and waits for none.
func TestTryWrite(t *testing.T) {
	ln := listen(t)
	peer := dial(t, ln)
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 1<<20)
	sent := 0
	for n := 1; n > 0; sent += n {
		if n, err = c.TryWrite(p); err != nil {
			t.Fatal(err)
		}
	}
	taken := make(chan int64)
	go func() {
		n, _ := io.Copy(io.Discard, peer)
		taken <- n
	}()
	n, err := c.Write(p) // which waits for room
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if got := <-taken; got != int64(sent+n) {
		t.Errorf("the peer got %d bytes of %d", got, sent+n)
	}
	if _, err := c.TryWrite(p); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	_ = peer.Close()
}

// TestParkFails when the kernel does not watch: nobody would be called then.
func TestParkFails(t *testing.T) {
	fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0) // on which there is nothing to wait for
	if err != nil {
		t.Fatal(err)
	}
	c := socket.ConnOf(fd)
	defer c.Close()
	if _, again, _ := c.TryRead(make([]byte, 1)); again {
		t.Fatal("a file has something to wait for")
	}
	parked, err := c.Park(func() { t.Error("called") })
	if parked || !errors.Is(err, unix.EPERM) {
		t.Errorf("Park() = %v, %v", parked, err)
	}
}
