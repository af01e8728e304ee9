// Package wire is the one place that knows how bytes come off and go onto a socket:
// reading without holding a buffer while idle, idle deadlines that are not set anew for
// every read, looking at a socket without taking from it, and moving a body between two
// sockets inside the kernel. Everything above it knows only Read, Write and timeouts.
package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/socket"
)

// Conn is a connection to a client or a target, plain or TLS. One goroutine reads and one
// writes at a time; Close may come from anywhere.
type Conn struct {
	// nc carries plain bytes: the socket itself, or TLS over it.
	nc net.Conn
	// sock is the socket. It is nil for a connection that has none (a pipe in a test), which
	// then is read the ordinary way.
	sock *socket.Conn
	tls  bool

	// The deadlines in force, as nanoseconds since the epoch. See ExtendRead.
	readUntil, writeUntil atomic.Int64

	one [1]byte
}

// NewConn wraps nc; sock is the socket below it, which is nc itself when there is no TLS.
func NewConn(nc net.Conn, sock *socket.Conn) *Conn {
	_, plain := nc.(*socket.Conn)
	return &Conn{nc: nc, sock: sock, tls: !plain}
}

// Read reads into p, waiting for the deadline of ExtendRead at the longest.
func (c *Conn) Read(p []byte) (int, error) { return c.nc.Read(p) }

// Write writes p whole, waiting for the deadline of ExtendWrite at the longest.
func (c *Conn) Write(p []byte) (int, error) { return c.nc.Write(p) }

// WriteParts writes up to three pieces, in one system call where Plain.
func (c *Conn) WriteParts(parts ...[]byte) (int64, error) {
	if c.Plain() {
		return c.sock.WriteParts(parts...)
	}
	written := int64(0)
	for _, p := range parts {
		n, err := c.nc.Write(p)
		if written += int64(n); err != nil {
			return written, err
		}
	}
	return written, nil
}

// Close closes the connection; what waits in Read or Write ends with net.ErrClosed.
func (c *Conn) Close() error { return c.nc.Close() }

// Reset closes the connection so that the peer sees that it broke off. TLS is not ended
// first: saying so to a peer that takes nothing would be waited for.
func (c *Conn) Reset() {
	if c.sock == nil {
		_ = c.Close()
		return
	}
	c.sock.Reset()
}

// Plain reports whether there is no TLS on the connection, so that bodies can be spliced.
func (c *Conn) Plain() bool { return !c.tls && c.sock != nil }

// NetConn returns the connection that carries plain bytes.
func (c *Conn) NetConn() net.Conn { return c.nc }

// FirstRead waits until the peer sends and returns what came in a buffer from pool. While
// it waits it holds no buffer, which is what makes an idle connection cheap.
func (c *Conn) FirstRead(pool *BufferPool) (*Buffer, int, error) {
	if !c.Plain() {
		// Below TLS there is no telling decrypted bytes from none without reading, so one byte
		// is read into the connection itself and the rest of its record after it.
		n, err := c.nc.Read(c.one[:])
		if n == 0 {
			return nil, 0, err
		}
		b := pool.Get()
		b.Bytes[0] = c.one[0]
		return b, 1, nil
	}
	for {
		if err := c.sock.AwaitRead(); err != nil {
			return nil, 0, err
		}
		b := pool.Get()
		n, again, err := c.sock.TryRead(b.Bytes)
		if n > 0 {
			return b, n, nil
		}
		pool.Put(b)
		if !again {
			return nil, 0, err
		}
	}
}

// EarlyRead is FirstRead of what has come already; no buffer when there is nothing, or an end
// that FirstRead will find. Below TLS it finds nothing.
func (c *Conn) EarlyRead(pool *BufferPool) (*Buffer, int) {
	if !c.Plain() || !c.sock.Promising() {
		return nil, 0
	}
	b := pool.Get()
	if n, _, _ := c.sock.TryRead(b.Bytes); n > 0 {
		return b, n
	}
	pool.Put(b)
	return nil, 0
}

// Park has f called once when FirstRead would return, and returns true; false when that would be
// at once or cannot be told, as below TLS. f must not wait for anything. An error is one that FirstRead
// would return.
func (c *Conn) Park(f func()) (bool, error) {
	if !c.Plain() {
		return false, nil
	}
	return c.sock.Park(f)
}

// TryRead reads what has come and waits for nothing; again says that nothing has, and that Park
// tells of more. c must be Plain.
func (c *Conn) TryRead(p []byte) (n int, again bool, err error) { return c.sock.TryRead(p) }

// Promising reports whether TryRead may find something. c must be Plain.
func (c *Conn) Promising() bool { return c.sock.Promising() }

// TryWrite writes what the kernel takes of p and waits for nothing. c must be Plain.
func (c *Conn) TryWrite(p []byte) (int, error) { return c.sock.TryWrite(p) }

// Look is what Peek saw.
type Look = socket.Look

// What a peek can see.
const (
	// Quiet: open, and nothing to read.
	Quiet = socket.Quiet
	// Waiting: bytes wait to be read.
	Waiting = socket.Waiting
	// Gone: the peer has closed its side or the connection is broken.
	Gone = socket.Gone
)

// Peek looks at the socket without blocking and without taking anything from it. On TLS
// it sees records, not what is in them.
func (c *Conn) Peek() Look {
	if c.sock == nil {
		return Quiet
	}
	return c.sock.Peek()
}

// AwaitGone waits until the peer has closed its side or the connection is broken, and returns
// true; false when the read deadline passes first. It takes nothing from the socket, and
// nobody else may read meanwhile. Of what is no socket it cannot tell.
func (c *Conn) AwaitGone() bool { return c.sock != nil && c.sock.AwaitGone() }

// LimitWrite is LimitRead for writing.
func (c *Conn) LimitWrite(until time.Time) {
	c.writeUntil.Store(0)
	_ = c.nc.SetWriteDeadline(until)
}

// ReadHeld reads on behind p[:n] what TLS has taken off the socket already, and returns how
// much of p is filled then. It waits for nothing. Nobody else may be reading meanwhile.
func (c *Conn) ReadHeld(p []byte, n int) (int, error) {
	c.ExpireRead() // so that reading does not get as far as the socket
	m, err := c.nc.Read(p[n:])
	c.LimitRead(time.Time{})
	if m > 0 || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.EOF) {
		err = nil // an end shows on the next read
	}
	return n + m, err
}

// Holds reports whether TLS has taken bytes off the socket that nobody has read, which Peek
// cannot see; also when the peer has ended TLS. It takes what it finds: a connection that
// holds something is good for nothing but Close. Nobody may be reading meanwhile.
func (c *Conn) Holds() bool {
	if !c.tls {
		return false
	}
	// With a deadline that is over, reading does not get as far as the socket.
	c.ExpireRead()
	_, err := c.nc.Read(c.one[:])
	c.LimitRead(time.Time{})
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// ExtendRead says that now is a moment of progress and that the next bytes may be timeout
// away. The deadline is only set when less than timeout is left of the one in force, and
// then a quarter further out, so that a busy connection sets it now and then and not for
// every request; an idle one therefore ends between timeout and 1.25 x timeout.
func (c *Conn) ExtendRead(now time.Time, timeout time.Duration) {
	if until := extend(&c.readUntil, now, timeout); !until.IsZero() {
		_ = c.nc.SetReadDeadline(until) // a closed connection says so on the next read
	}
}

// ExtendWrite is ExtendRead for writing.
func (c *Conn) ExtendWrite(now time.Time, timeout time.Duration) {
	if until := extend(&c.writeUntil, now, timeout); !until.IsZero() {
		_ = c.nc.SetWriteDeadline(until)
	}
}

// extend returns the deadline to set, or zero when the one in force will do. One much
// further out than asked for belongs to a longer timeout and is pulled in.
func extend(inForce *atomic.Int64, now time.Time, timeout time.Duration) time.Time {
	need := now.UnixNano() + int64(timeout)
	if set := inForce.Load(); set >= need && set <= need+int64(timeout/2) {
		return time.Time{}
	}
	until := now.Add(timeout + timeout/4)
	inForce.Store(until.UnixNano())
	return until
}

// ExpireRead makes what waits in Read end at once with a timeout. The next ExtendRead
// revives the connection.
func (c *Conn) ExpireRead() { c.LimitRead(time.Unix(1, 0)) }

// LimitRead sets the read deadline exactly, for a wait that has its own end.
func (c *Conn) LimitRead(until time.Time) {
	c.readUntil.Store(0)
	_ = c.nc.SetReadDeadline(until)
}

// SpliceFrom moves up to n bytes from src to c inside the kernel; both must be Plain. None
// and no error mean that src ended. It fails when src sends nothing for silence. A peer of
// c has to take n bytes within twice the longer of silence and slow: what is in the kernel's
// pipe when it does not is lost, so that this cannot be waited for longer.
func (c *Conn) SpliceFrom(src *Conn, n int64, silence, slow time.Duration) (int64, error) {
	now := time.Now()
	written := now.Add(2 * max(silence, slow))
	src.LimitRead(now.Add(silence))
	c.LimitWrite(written)
	moved, err := c.sock.SpliceFrom(src.sock, n)
	if moved > 0 && Timeout(err) && time.Now().Before(written) {
		err = nil // src was not silent, and the pipe is empty
	}
	return moved, err
}

// SendFile sends up to n bytes of a file inside the kernel, from where it stands; c must be
// Plain. None and no error mean that the file has ended. A peer has to take n bytes within
// twice slow, as with SpliceFrom.
func (c *Conn) SendFile(f *os.File, n int64, slow time.Duration) (int64, error) {
	c.LimitWrite(time.Now().Add(2 * slow))
	return c.sock.SendFile(f, n)
}

// CloseWrite sends FIN, on TLS behind close_notify, and leaves reading open.
func (c *Conn) CloseWrite() error {
	w, ok := c.nc.(interface{ CloseWrite() error })
	if !ok {
		return nil
	}
	err := w.CloseWrite()
	if c.tls && c.sock != nil {
		err = errors.Join(err, c.sock.CloseWrite())
	}
	return err
}

// Timeout reports whether err is a deadline that passed.
func Timeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
