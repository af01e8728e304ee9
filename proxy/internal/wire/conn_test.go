package wire_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/socket"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// pair returns two ends of one TCP connection: a wrapped one and its peer.
func pair(t testing.TB) (*wire.Conn, *net.TCPConn) {
	t.Helper()
	sock, peer := socketPair(t)
	return wire.NewConn(sock, sock), peer
}

func socketPair(t testing.TB) (*socket.Conn, *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dialing, err := socket.Dial(ln.Addr().(*net.TCPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	peer, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	sock, err := dialing.Connected(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sock.Close(); _ = peer.Close() })
	return sock, peer.(*net.TCPConn)
}

func write(t testing.TB, c net.Conn, s string) {
	t.Helper()
	if _, err := c.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
}

// look peeks until it sees want; what was written takes a moment to arrive.
func look(t *testing.T, c *wire.Conn, want wire.Look) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		if c.Peek() == want {
			return
		}
	}
	t.Fatalf("Peek() = %v, want %v", c.Peek(), want)
}

func TestFirstReadReturnsWhatCame(t *testing.T) {
	c, peer := pair(t)
	write(t, peer, "GET / HTTP/1.1\r\n")
	b, n, err := c.FirstRead(wire.Heads)
	if err != nil || string(b.Bytes[:n]) != "GET / HTTP/1.1\r\n" {
		t.Fatalf("FirstRead() = %q, %v", b.Bytes[:n], err)
	}
	wire.Heads.Put(b)
}

func TestFirstReadEnds(t *testing.T) {
	t.Run("at the peer's close", func(t *testing.T) {
		c, peer := pair(t)
		_ = peer.Close()
		if b, _, err := c.FirstRead(wire.Heads); !errors.Is(err, io.EOF) || b != nil {
			t.Fatalf("FirstRead() = %v, %v, want no buffer and io.EOF", b, err)
		}
	})
	t.Run("at the deadline", func(t *testing.T) {
		c, _ := pair(t)
		c.LimitRead(time.Now().Add(time.Millisecond))
		if b, _, err := c.FirstRead(wire.Heads); !wire.Timeout(err) || b != nil {
			t.Fatalf("FirstRead() = %v, %v, want no buffer and a timeout", b, err)
		}
	})
	t.Run("when expired from outside", func(t *testing.T) {
		c, _ := pair(t)
		ended := make(chan error)
		go func() {
			_, _, err := c.FirstRead(wire.Heads)
			ended <- err
		}()
		c.ExpireRead()
		if err := <-ended; !wire.Timeout(err) {
			t.Fatalf("FirstRead() error = %v, want a timeout", err)
		}
	})
}

func TestExtendRevivesAnExpiredConnection(t *testing.T) {
	c, peer := pair(t)
	c.ExtendRead(time.Now(), time.Minute)
	c.ExpireRead()
	c.ExtendRead(time.Now(), time.Minute)
	write(t, peer, "x")
	if n, err := c.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Fatalf("Read() = %d, %v after ExtendRead", n, err)
	}
}

func TestPeekTakesNothing(t *testing.T) {
	c, peer := pair(t)
	if got := c.Peek(); got != wire.Quiet {
		t.Fatalf("Peek() of a silent connection = %v, want Quiet", got)
	}
	write(t, peer, "x")
	look(t, c, wire.Waiting)
	p := make([]byte, 2)
	if n, err := c.Read(p); n != 1 || err != nil || p[0] != 'x' {
		t.Fatalf("Read() after Peek = %d, %v", n, err)
	}
	_ = peer.Close()
	look(t, c, wire.Gone)
}

func TestSpliceFromMovesTheBody(t *testing.T) {
	src, sender := pair(t)
	dst, receiver := pair(t)
	const size = 1 << 20
	go func() {
		_, _ = sender.Write(make([]byte, size))
		_ = sender.Close()
	}()
	got := make(chan int64)
	go func() {
		n, _ := io.Copy(io.Discard, receiver)
		got <- n
	}()
	n, err := dst.SpliceFrom(src, 2*size, time.Minute, time.Minute)
	if n != size || err != nil {
		t.Fatalf("SpliceFrom() = %d, %v, want %d and no error at the source's end", n, err, size)
	}
	_ = dst.Close()
	if n := <-got; n != size {
		t.Fatalf("receiver got %d bytes, want %d", n, size)
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	c, peer := pair(t)
	one := []byte("x")
	if n := testing.AllocsPerRun(200, func() {
		_, _ = peer.Write(one)
		c.ExtendRead(time.Now(), time.Minute)
		b, _, err := c.FirstRead(wire.Heads)
		if err != nil {
			t.Fatal(err)
		}
		wire.Heads.Put(b)
		c.Peek()
	}); n > 0 {
		t.Errorf("a read and a peek allocate %v times, want 0", n)
	}
}

// TestSpliceFromWaitsForASlowSource has a source that is never silent for long and takes
// many times that in all.
func TestSpliceFromWaitsForASlowSource(t *testing.T) {
	src, sender := pair(t)
	dst, receiver := pair(t)
	go func() { _, _ = io.Copy(io.Discard, receiver) }()
	const pieces, piece, silence = 40, 1000, 200 * time.Millisecond
	go func() {
		tick := time.NewTicker(silence / 10)
		defer tick.Stop()
		for range pieces {
			<-tick.C
			_, _ = sender.Write(make([]byte, piece))
		}
	}()
	for left := int64(pieces * piece); left > 0; {
		n, err := dst.SpliceFrom(src, left, silence, silence)
		if err != nil || n == 0 {
			t.Fatalf("SpliceFrom() = %d, %v with %d bytes left", n, err, left)
		}
		left -= n
	}
	if _, err := dst.SpliceFrom(src, 1, silence, silence); !wire.Timeout(err) {
		t.Errorf("a silent source: %v, want a timeout", err)
	}
}
