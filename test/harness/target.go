package harness

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Answer is what a target does with a request.
type Answer struct {
	// Parts are written one after the other, each but the first when the test says so with
	// Release; with Hold the first, too. None at all is DefaultAnswer.
	Parts [][]byte
	Hold  bool
	// Delay is waited for before the first part.
	Delay time.Duration
	// Early answers when the head has come, without waiting for the body.
	Early bool
	// Close closes the connection after the answer, Reset resets it.
	Close, Reset bool
	// Silent never answers.
	Silent bool
	// Echo gives back whatever comes on the connection after the answer.
	Echo bool
	// Trailers end the answer of an HTTP/2 target.
	Trailers Fields
}

// DefaultAnswer is the 200 of a target whose body is the target's name.
func DefaultAnswer(name string) []byte {
	return []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + strconv.Itoa(len(name)) + "\r\n\r\n" + name)
}

// Request is what a target received.
type Request struct {
	Target   string // the target's name
	Line     string // the request line
	Fields   Fields
	Body     []byte
	Trailers Fields
	Wire     []byte // all of it, byte by byte
	Conn     int    // counts the target's connections from 1
	Err      error  // why it broke off; nil when it was whole
}

// healthChecker is what the health checks' User-Agent begins with.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
const healthChecker = "ELB-HealthChecker/"

// Target is a target that does what the test says and remembers what it got.
type Target struct {
	tb       testing.TB
	name     string
	listener net.Listener

	mu       sync.Mutex
	answer   Answer
	health   int
	requests []*Request
	checks   []*Request
	conns    map[net.Conn]bool
	made     int // connections so far
	release  chan struct{}
	changed  chan struct{} // closed and replaced when a request has come
}

// NewTarget starts a target on a loopback port. With a TLS configuration it speaks TLS.
func NewTarget(tb testing.TB, name string, secure *tls.Config) *Target {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	t := newTarget(tb, name, l)
	go t.accept(func(c net.Conn) {
		if secure != nil {
			c = tls.Server(c, secure)
		}
		t.serve(c)
	})
	return t
}

func newTarget(tb testing.TB, name string, l net.Listener) *Target {
	t := &Target{
		tb: tb, name: name, listener: l, health: 200, conns: map[net.Conn]bool{},
		release: make(chan struct{}), changed: make(chan struct{}),
	}
	tb.Cleanup(t.Stop)
	return t
}

func (t *Target) accept(serve func(net.Conn)) {
	for {
		c, err := t.listener.Accept()
		if err != nil {
			return
		}
		t.mu.Lock()
		t.conns[c] = true
		t.mu.Unlock()
		go func() {
			defer func() {
				_ = c.Close()
				t.mu.Lock()
				delete(t.conns, c)
				t.mu.Unlock()
			}()
			serve(c)
		}()
	}
}

// Stop closes the target's port and its connections.
func (t *Target) Stop() {
	_ = t.listener.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.conns {
		_ = c.Close()
	}
}

// Name returns the target's name.
func (t *Target) Name() string { return t.name }

// Address returns ip:port.
func (t *Target) Address() string { return t.listener.Addr().String() }

// Port returns the port.
func (t *Target) Port() int { return t.listener.Addr().(*net.TCPAddr).Port }

// SetAnswer says what happens with requests from now on.
func (t *Target) SetAnswer(a Answer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answer = a
}

// SetHealth sets the status that health checks are answered with; 0 for no answer.
func (t *Target) SetHealth(status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.health = status
}

// Release lets every answer that is held now go on by one part.
func (t *Target) Release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.release)
	t.release = make(chan struct{})
}

// Requests returns what has been received so far, health checks not among it.
func (t *Target) Requests() []Request { return t.copies(&t.requests) }

// Checks returns the health checks received so far.
func (t *Target) Checks() []Request { return t.copies(&t.checks) }

func (t *Target) copies(list *[]*Request) []Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := make([]Request, len(*list))
	for i, r := range *list {
		c[i] = *r
	}
	return c
}

// Connections returns how many connections are open.
func (t *Target) Connections() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.conns)
}

// WaitRequests waits until n requests have been received in all.
func (t *Target) WaitRequests(n int) {
	t.tb.Helper()
	timeout := time.After(Patience)
	for {
		t.mu.Lock()
		got, changed := len(t.requests), t.changed
		t.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			t.tb.Fatalf("target %s received %d requests, want %d", t.name, got, n)
		}
	}
}

// received records a request and returns what to do with it.
func (t *Target) received(r *Request) (a Answer, health int, release chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if strings.HasPrefix(r.Fields.Get("User-Agent"), healthChecker) {
		t.checks = append(t.checks, r)
		return Answer{}, t.health, nil
	}
	t.requests = append(t.requests, r)
	close(t.changed)
	t.changed = make(chan struct{})
	return t.answer, -1, t.release
}

func (t *Target) next() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.made++
	return t.made
}

func (t *Target) nextRelease() chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.release
}

// serve answers the requests of one HTTP/1 connection.
func (t *Target) serve(c net.Conn) {
	defer c.Close()
	number, in := t.next(), newRecorder(c)
	for {
		in.taken()
		line, err := in.line()
		if err != nil {
			return
		}
		r := &Request{Target: t.name, Line: line, Conn: number}
		r.Fields, r.Err = in.fields()
		early := t.early()
		if r.Err == nil && !early {
			r.Body, r.Trailers, r.Err = in.body(r.Fields, false)
		}
		r.Wire = in.taken()
		a, health, release := t.received(r)
		if health >= 0 {
			if health > 0 {
				_, _ = c.Write([]byte("HTTP/1.1 " + strconv.Itoa(health) + " Checked\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
			} else {
				_, _ = io.Copy(io.Discard, in)
			}
			return
		}
		if r.Err != nil || !t.play(c, a, release) {
			return
		}
		if a.Echo {
			_, _ = io.Copy(c, in)
			return
		}
		if early {
			body, trailers, err := in.body(r.Fields, false)
			t.mu.Lock()
			r.Body, r.Trailers, r.Err = body, trailers, err
			t.mu.Unlock()
			if err != nil {
				return
			}
		}
	}
}

func (t *Target) early() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.answer.Early
}

// play writes an answer and reports whether the connection goes on.
func (t *Target) play(c net.Conn, a Answer, release chan struct{}) bool {
	if a.Silent {
		_, _ = io.Copy(io.Discard, c)
		return false
	}
	time.Sleep(a.Delay)
	parts := a.Parts
	if len(parts) == 0 {
		parts = [][]byte{DefaultAnswer(t.name)}
	}
	for i, part := range parts {
		if i > 0 || a.Hold {
			select {
			case <-release:
			case <-time.After(4 * Patience):
				return false
			}
		}
		release = t.nextRelease()
		if _, err := c.Write(part); err != nil {
			return false
		}
	}
	if a.Reset {
		reset(c)
	}
	return !a.Close && !a.Reset
}

// Unanswered is an address at which connecting takes for ever: its queue is full and
// nobody accepts. Linux drops what comes then.
func Unanswered(tb testing.TB) string {
	tb.Helper()
	l, err := listenWithoutQueue()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	for range 8 {
		c, err := net.DialTimeout("tcp", l.Addr().String(), 200*time.Millisecond)
		if err != nil {
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				return l.Addr().String()
			}
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = c.Close() })
	}
	tb.Fatal("a queue of length 0 does not fill")
	return ""
}
