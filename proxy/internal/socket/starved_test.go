package socket

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// connected returns two ends of a connection.
func connected(t *testing.T) (dialled, accepted *Conn) {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := NewListener(tcp.(*net.TCPListener))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	d, err := Dial(netip.MustParseAddrPort(ln.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	if dialled, err = d.Connected(time.Minute); err != nil {
		t.Fatal(err)
	}
	if accepted, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dialled.Close(); _ = accepted.Close() })
	return dialled, accepted
}

// TestSpliceOutOfDescriptors moves a body all the same when there is no pipe for it.
func TestSpliceOutOfDescriptors(t *testing.T) {
	from, src := connected(t)
	dst, to := connected(t)
	next, _ := connected(t)
	pipes.Lock()
	for _, p := range pipes.idle {
		p.close()
	}
	pipes.idle = nil
	pipes.Unlock()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 0
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) }()

	body := bytes.Repeat([]byte("body"), 64<<10)
	go func() { _, _ = from.Write(body) }()
	got := make(chan []byte, 1)
	go func() {
		p := make([]byte, len(body))
		n, _ := io.ReadFull(to, p)
		got <- p[:n]
	}()
	moved, err := dst.SpliceFrom(src, int64(len(body)))
	if err != nil || moved != int64(len(body)) {
		t.Errorf("SpliceFrom() = %d, %v, want all %d", moved, err, len(body))
	}
	_ = dst.Close()
	if p := <-got; !bytes.Equal(p, body) {
		t.Errorf("%d bytes came through, want %d", len(p), len(body))
	}
	_ = from.Close()
	if moved, err := next.SpliceFrom(src, 1); moved != 0 || err != nil {
		t.Errorf("SpliceFrom() = %d, %v behind the end, want 0", moved, err)
	}
}

// TestUnwatchedIsForgotten has the kernel refuse to watch.
func TestUnwatchedIsForgotten(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/file") // epoll(7) knows no files
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	d := &descriptor{fd: int(file.Fd())}
	if err := d.watch(unix.EPOLLIN); err == nil {
		t.Fatal("a file is watched")
	}
	if events.slot(d.fd).Load() == d {
		t.Error("the poller keeps what it does not watch")
	}
}
