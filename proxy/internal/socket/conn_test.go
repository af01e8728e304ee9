package socket_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/evenkeel/evenkeel/proxy/internal/socket"
)

// listen opens a listener on loopback.
func listen(t testing.TB) *socket.Listener {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := socket.NewListener(tcp.(*net.TCPListener))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

func dial(t testing.TB, ln *socket.Listener) *socket.Conn {
	t.Helper()
	d, err := socket.Dial(netip.MustParseAddrPort(ln.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.Connected(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// pair returns the two ends of a connection: dialled and accepted.
func pair(t testing.TB) (dialled, accepted *socket.Conn) {
	t.Helper()
	ln := listen(t)
	dialled = dial(t, ln)
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = accepted.Close() })
	return dialled, accepted
}

// TestConn holds a Conn to what every net.Conn promises.
func TestConn(t *testing.T) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		a, b := pair(t)
		return a, b, func() { _ = a.Close(); _ = b.Close() }, nil
	})
}

func TestAddresses(t *testing.T) {
	for _, at := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		tcp, err := net.Listen("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		ln, err := socket.NewListener(tcp.(*net.TCPListener))
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		to := "127.0.0.1:" + port
		if at == "[::1]:0" {
			to = "[::1]:" + port
		}
		nc, err := net.Dial("tcp", to)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if c.Local().String() != to || c.Peer().String() != nc.LocalAddr().String() || c.RemoteAddr().String() != nc.LocalAddr().String() || c.LocalAddr().String() != to {
			t.Errorf("%s: %v to %v, want %v to %v", at, c.Peer(), c.Local(), nc.LocalAddr(), to)
		}
		_, _ = c.Close(), nc.Close()
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept() after Close: %v, want net.ErrClosed", err)
		}
	}
}

// TestCloseEndsAccept has somebody wait.
func TestCloseEndsAccept(t *testing.T) {
	ln := listen(t)
	ended := make(chan error)
	go func() {
		_, err := ln.Accept()
		ended <- err
	}()
	_ = ln.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept() error = %v, want net.ErrClosed", err)
	}
}

func TestDialRefused(t *testing.T) {
	ln := listen(t)
	to := netip.MustParseAddrPort(ln.Addr().String())
	_ = ln.Close()
	d, err := socket.Dial(to)
	if err == nil {
		_, err = d.Connected(time.Minute)
	}
	if _, ok := errors.AsType[*os.SyscallError](err); !ok {
		t.Errorf("error = %v, want the kernel's", err)
	}
}

// TestEndBehindData has the peer send and leave before anybody looks: the end must not be
// lost behind the data that came in the same moment.
func TestEndBehindData(t *testing.T) {
	for _, watched := range []bool{false, true} {
		for range 50 {
			a, b := pair(t)
			if watched { // the poller knows the connection already
				_ = b.SetReadDeadline(time.Now().Add(time.Millisecond))
				if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatal(err)
				}
				_ = b.SetReadDeadline(time.Time{})
			}
			_, _ = a.Write([]byte("last words"))
			_ = a.CloseWrite()
			p := make([]byte, 100)
			if n, err := b.Read(p); string(p[:n]) != "last words" {
				t.Fatalf("Read() = %q, %v", p[:n], err)
			}
			if n, err := b.Read(p); n != 0 || !errors.Is(err, io.EOF) {
				t.Fatalf("Read() = %d, %v, want the end", n, err)
			}
			_, _ = a.Close(), b.Close()
		}
	}
}

// TestPeek has the kernel and the poller agree.
func TestPeek(t *testing.T) {
	a, b := pair(t)
	see := func(want socket.Look) {
		t.Helper()
		for until := time.Now().Add(5 * time.Second); b.Peek() != want; {
			if time.Now().After(until) {
				t.Fatalf("Peek() = %v, want %v", b.Peek(), want)
			}
		}
	}
	see(socket.Quiet)
	_, _ = a.Write([]byte("x"))
	see(socket.Waiting)
	p := make([]byte, 8)
	if n, err := b.Read(p); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	see(socket.Quiet)
	got := make(chan string)
	go func() {
		n, _ := b.Read(p)
		got <- string(p[:n])
	}()
	_, _ = a.Write([]byte("xy"))
	if s := <-got; s != "xy" {
		t.Fatalf("Read() = %q", s)
	}
	see(socket.Quiet)
	_ = a.Close()
	see(socket.Gone)
	_ = b.Close()
	see(socket.Gone)
}

func TestAwaitGone(t *testing.T) {
	a, b := pair(t)
	_ = b.SetReadDeadline(time.Now().Add(time.Millisecond))
	if b.AwaitGone() {
		t.Error("AwaitGone() = true while the peer is there")
	}
	_ = b.SetReadDeadline(time.Time{})
	gone := make(chan bool)
	go func() { gone <- b.AwaitGone() }()
	_, _ = a.Write([]byte("x"))
	_ = a.Close()
	if !<-gone {
		t.Error("AwaitGone() = false when the peer has left")
	}
	if n, err := b.Read(make([]byte, 2)); n != 1 || err != nil {
		t.Errorf("Read() = %d, %v: something was taken", n, err)
	}
}

// TestBigWrites writes more than the kernel holds to a peer that takes its time, by every way
// there is.
func TestBigWrites(t *testing.T) {
	body := make([]byte, 24<<20)
	_, _ = rand.Read(body)
	path := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	ways := map[string]func(c *socket.Conn) (int64, error){
		"Write": func(c *socket.Conn) (int64, error) {
			n, err := c.Write(body)
			return int64(n), err
		},
		"WriteParts": func(c *socket.Conn) (int64, error) {
			return c.WriteParts(body[:1<<20], nil, body[1<<20:])
		},
		"SendFile": func(c *socket.Conn) (int64, error) {
			f, err := os.Open(path)
			if err != nil {
				return 0, err
			}
			defer f.Close()
			return c.SendFile(f, 1<<30) // it ends early
		},
		"SpliceFrom": func(c *socket.Conn) (int64, error) {
			from, to := pair(t)
			go func() {
				_, _ = from.Write(body)
				_ = from.CloseWrite()
			}()
			return c.SpliceFrom(to, 1<<30)
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t)
			var got bytes.Buffer
			var all sync.WaitGroup
			all.Go(func() {
				p := make([]byte, 64<<10)
				for {
					runtime.Gosched()
					n, err := b.Read(p)
					got.Write(p[:n])
					if err != nil {
						return
					}
				}
			})
			n, err := way(a)
			if n != int64(len(body)) || err != nil {
				t.Errorf("wrote %d of %d bytes: %v", n, len(body), err)
			}
			_ = a.CloseWrite()
			all.Wait()
			if !bytes.Equal(got.Bytes(), body) {
				t.Errorf("%d bytes came, and not those", got.Len())
			}
		})
	}
}

// TestNobodyReads wants every way of writing to end at its deadline, and at Close.
func TestNobodyReads(t *testing.T) {
	big := make([]byte, 64<<20)
	for _, end := range []struct {
		name string
		by   func(c *socket.Conn)
		want error
	}{
		{"deadline", func(c *socket.Conn) { _ = c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)) }, os.ErrDeadlineExceeded},
		{"close", func(c *socket.Conn) { time.AfterFunc(20*time.Millisecond, func() { _ = c.Close() }) }, net.ErrClosed},
		{"reset", func(c *socket.Conn) { time.AfterFunc(20*time.Millisecond, c.Reset) }, net.ErrClosed},
	} {
		t.Run(end.name, func(t *testing.T) {
			a, _ := pair(t)
			end.by(a)
			if n, err := a.Write(big); !errors.Is(err, end.want) || n == 0 || n == len(big) {
				t.Errorf("Write() = %d, %v, want %v", n, err, end.want)
			}
			a, _ = pair(t)
			from, to := pair(t)
			go func() { _, _ = from.Write(big) }()
			end.by(a)
			if n, err := a.SpliceFrom(to, 1<<30); !errors.Is(err, end.want) || n == 0 {
				t.Errorf("SpliceFrom() = %d, %v, want %v", n, err, end.want)
			}
		})
	}
}

// TestResetIsSeen wants the peer to know that something is missing.
func TestResetIsSeen(t *testing.T) {
	a, b := pair(t)
	_, _ = a.Write([]byte("half"))
	p := make([]byte, 8)
	_, _ = b.Read(p)
	a.Reset()
	if _, err := b.Read(p); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("Read() error = %v, want that of a reset", err)
	}
}

// TestNumbersAreUsedAgain opens and closes so fast that new connections have the numbers of old
// ones that others still wait on.
func TestNumbersAreUsedAgain(t *testing.T) {
	ln := listen(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 100 {
				d, err := socket.Dial(netip.MustParseAddrPort(ln.Addr().String()))
				if err != nil {
					t.Error(err)
					return
				}
				c, err := d.Connected(time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				text := []byte{byte(i), byte(i >> 1)}
				if i%3 == 0 { // somebody waits when it is closed
					ended := make(chan error)
					go func() {
						_, err := c.Read(make([]byte, 1))
						ended <- err
					}()
					_ = c.Close()
					if err := <-ended; !errors.Is(err, net.ErrClosed) {
						t.Errorf("Read() error = %v", err)
					}
					continue
				}
				_, _ = c.Write(text)
				got := make([]byte, 2)
				if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, text) {
					t.Errorf("%v came back for %v: %v", got, text, err)
				}
				_ = c.Close()
			}
		})
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, struct{ io.Reader }{c})
				_ = c.Close()
			}()
		}
	}()
	all.Wait()
}

// TestDeadlineOfAReaderThatNeverWaits has the peer send more than is read, so that there is always
// something.
func TestDeadlineOfAReaderThatNeverWaits(t *testing.T) {
	a, b := pair(t)
	go func() {
		for _, err := a.Write(make([]byte, 64<<10)); err == nil; {
			_, err = a.Write(make([]byte, 64<<10))
		}
	}()
	_ = b.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	p := make([]byte, 16)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if _, err := b.Read(p); errors.Is(err, os.ErrDeadlineExceeded) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
	t.Error("it reads on for ever")
}

func TestNothingIsAllocated(t *testing.T) {
	a, b := pair(t)
	one, p := []byte("x"), make([]byte, 8)
	if n := testing.AllocsPerRun(200, func() {
		_ = b.SetReadDeadline(time.Now().Add(time.Minute))
		_ = a.SetWriteDeadline(time.Now().Add(time.Minute))
		_, _ = a.WriteParts(one, nil, one)
		_, _ = a.Write(one)
		for got := 0; got < 3; {
			n, err := b.Read(p)
			if err != nil {
				t.Fatal(err)
			}
			got += n
		}
		b.Peek()
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
