package forward

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/targetconn"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// plainPair returns two ends of one TCP connection: one as it is to targets, and its peer.
func plainPair(t testing.TB) (*wire.Conn, *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := targetconn.NewPool(targetconn.Config{Address: ln.Addr().String(), ConnectTimeout: time.Minute}).Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	peer, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	_ = peer.SetDeadline(time.Now().Add(time.Minute))
	return c.Conn, peer.(*net.TCPConn)
}

// joined is a tunnel between plain connections; over is closed when it has ended.
type joined struct {
	*pipe
	client, target *net.TCPConn
	over           chan struct{}
}

func join(t testing.TB, idle time.Duration, rest string) *joined {
	t.Helper()
	near, client := plainPair(t)
	far, target := plainPair(t)
	j := &joined{pipe: newPipe(idle), client: client, target: target, over: make(chan struct{})}
	go func() {
		defer close(j.over)
		j.join(near, far, []byte(rest))
		_, _ = near.Close(), far.Close()
	}()
	return j
}

func (j *joined) ends(t testing.TB) {
	t.Helper()
	select {
	case <-j.over:
	case <-time.After(20 * time.Second):
		t.Fatal("the tunnel does not end")
	}
}

func expect(t testing.TB, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v, want %q", got, err, want)
	}
}

func say(t testing.TB, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// TestQuietTunnelsShareGoroutines: a tunnel holds the goroutine of its session, and none for
// its directions.
func TestQuietTunnelsShareGoroutines(t *testing.T) {
	const tunnels = 50
	before := runtime.NumGoroutine()
	all := make([]*joined, tunnels)
	for i := range all {
		all[i] = join(t, time.Minute, "rest ")
		expect(t, all[i].target, "rest ")
	}
	for _, j := range all {
		say(t, j.client, "up")
		expect(t, j.target, "up")
		say(t, j.target, "down")
		expect(t, j.client, "down")
	}
	most := before + tunnels + 5 // the poller, and a lane or two at their end
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > most; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines for %d tunnels", runtime.NumGoroutine()-before, tunnels)
		}
	}
	for _, j := range all {
		_ = j.client.Close()
		_ = j.target.Close()
		j.ends(t)
		if up, down := j.up.Load(), j.down.Load(); up != int64(len("rest up")) || down != int64(len("down")) {
			t.Errorf("counted %d bytes up and %d down", up, down)
		}
	}
}

// TestTunnelOfTwoSpeeds: both sides say more than the kernel keeps for who takes nothing, and
// nothing is lost.
func TestTunnelOfTwoSpeeds(t *testing.T) {
	j := join(t, time.Minute, "")
	text := make([]byte, 48<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(text)
	full := make(chan int, 2)
	for _, c := range []*net.TCPConn{j.client, j.target} {
		go func() {
			_ = c.SetWriteDeadline(time.Now().Add(time.Second))
			n, _ := c.Write(text)
			_ = c.SetWriteDeadline(time.Time{})
			full <- n
			_, _ = c.Write(text[n:])
			_ = c.CloseWrite()
		}()
	}
	for range 2 {
		if n := <-full; n == len(text) {
			t.Fatal("all of it was taken")
		}
	}
	got := make(chan error, 2)
	for _, c := range []*net.TCPConn{j.client, j.target} {
		go func() {
			all, err := io.ReadAll(c)
			if err == nil && !bytes.Equal(all, text) {
				err = errors.New("something else came out than went in")
			}
			got <- err
		}()
	}
	for range 2 {
		if err := <-got; err != nil {
			t.Error(err)
		}
	}
	j.ends(t)
	if j.up.Load() != int64(len(text)) || j.down.Load() != int64(len(text)) {
		t.Errorf("counted %d bytes up and %d down", j.up.Load(), j.down.Load())
	}
}

// TestHalfClosedTunnel: who has said all can still be answered.
func TestHalfClosedTunnel(t *testing.T) {
	j := join(t, time.Minute, "")
	say(t, j.client, "question")
	_ = j.client.CloseWrite()
	if all, err := io.ReadAll(j.target); err != nil || string(all) != "question" {
		t.Fatalf("got %q, %v", all, err)
	}
	say(t, j.target, "answer")
	_ = j.target.Close()
	if all, err := io.ReadAll(j.client); err != nil || string(all) != "answer" {
		t.Fatalf("got %q, %v", all, err)
	}
	j.ends(t)
}

// TestBrokenTunnel: a side that breaks takes the other with it.
func TestBrokenTunnel(t *testing.T) {
	j := join(t, time.Minute, "")
	say(t, j.client, "x")
	expect(t, j.target, "x")
	_ = j.target.SetLinger(0)
	_ = j.target.Close()
	if _, err := io.ReadAll(j.client); wire.Timeout(err) {
		t.Fatal("the client is kept")
	}
	j.ends(t)
}

// TestSilentTunnel ends when neither side has said anything for so long, and not before.
func TestSilentTunnel(t *testing.T) {
	const idle = 200 * time.Millisecond
	j := join(t, idle, "")
	for began := time.Now(); time.Since(began) < 3*idle; { // one direction keeps the other alive
		say(t, j.target, "tick")
		expect(t, j.client, "tick")
	}
	select {
	case <-j.over:
		t.Fatal("ended while one side was talking")
	default:
	}
	j.ends(t)
	if !j.silent.Load() {
		t.Error("not told as silent")
	}
}

// TestStreamThatPanics: what goes wrong on a lane ends the tunnel, not the process or the lane.
func TestStreamThatPanics(t *testing.T) {
	near, client := plainPair(t)
	far, target := plainPair(t)
	p := newPipe(time.Minute)
	s := &stream{pipe: p, dst: far, src: near, moved: (*atomic.Int64)(nil), lane: nextLane()}
	s.run(nil)
	say(t, client, "x")
	select {
	case e := <-p.ended:
		if e == nil {
			t.Error("the panic is not told")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the stream does not end")
	}
	for name, c := range map[string]*net.TCPConn{"client": client, "target": target} {
		if _, err := io.ReadAll(c); wire.Timeout(err) {
			t.Errorf("the connection to the %s is still open", name)
		}
	}
	for range 2 * len(lanes()) { // whichever lane it was
		j := join(t, time.Minute, "")
		say(t, j.client, "x")
		expect(t, j.target, "x")
		_, _ = j.client.Close(), j.target.Close()
		j.ends(t)
	}
}

// TestTunnelsShareLanes: both directions of a tunnel are on one lane, and tunnels on all of them.
func TestTunnelsShareLanes(t *testing.T) {
	used := map[*lane]int{}
	for range 4 * len(lanes()) {
		near, _ := plainPair(t)
		far, _ := plainPair(t)
		up, down := newPipe(time.Minute).streams(near, far)
		if up.lane == nil || up.lane != down.lane {
			t.Fatalf("up is on lane %p, down on %p", up.lane, down.lane)
		}
		used[up.lane]++
	}
	for _, l := range lanes() {
		if used[l] != 4 {
			t.Errorf("a lane has %d tunnels, want 4", used[l])
		}
	}
}
