//go:build e2e

package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
)

// question is a request to a mirror.
type question struct {
	method, path, id string
	body             []byte
	chunked          bool
}

// questions says what the n-th request of a client is: mostly small, now and then with a
// body of either framing or with a large answer.
func questions(who string, n int) question {
	q := question{method: http.MethodGet, path: "/q/" + strconv.Itoa(n), id: who + "-" + strconv.Itoa(n)}
	switch n % 8 {
	case 3:
		q.method, q.body = http.MethodPost, bytes.Repeat([]byte(q.id), 64)
	case 5:
		q.method, q.body, q.chunked = http.MethodPost, bytes.Repeat([]byte(q.id), 256), true
	case 7:
		if n%64 == 63 {
			q.path = "/large?size=" + strconv.Itoa(32<<10+n%1000)
		}
	}
	return q
}

// check holds an answer to the question.
func (q question) check(status int, body []byte) error {
	if status != http.StatusOK {
		return fmt.Errorf("%s %s: status %d: %.200q", q.method, q.path, status, body)
	}
	if size, ok := strings.CutPrefix(q.path, "/large?size="); ok {
		want, _ := strconv.Atoi(size)
		b, _ := io.ReadAll(io.LimitReader(&pattern{}, int64(want)))
		if !bytes.Equal(b, body) {
			return fmt.Errorf("%s: another body, of %d bytes", q.path, len(body))
		}
		return nil
	}
	digest := sha256.Sum256(q.body)
	if want := reflection(q.method, q.path, q.id, int64(len(q.body)), digest[:]); string(body) != want {
		return fmt.Errorf("%s %s of %s: another's answer: %.200q", q.method, q.path, q.id, body)
	}
	return nil
}

// asker asks a mirror through the load balancer. An error is a request that failed.
type asker interface {
	ask(q question) error
	close()
}

// keeper speaks HTTP/1.1 and keeps its connection until the server has said that it will
// close it. What else goes wrong has failed: it repeats nothing.
type keeper struct {
	address, from string
	secure        *tls.Config
	// once opens a connection for each request.
	once bool
	// patience is how long an answer may take; patience without one.
	patience time.Duration

	conn  net.Conn
	in    *bufio.Reader
	dials int
}

func (k *keeper) dial() error {
	d := net.Dialer{Timeout: patience, KeepAlive: -1}
	if k.from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(k.from)}
	}
	c, err := d.Dial("tcp", k.address)
	if err != nil {
		return err
	}
	if k.secure != nil {
		s := tls.Client(c, k.secure)
		_ = s.SetDeadline(time.Now().Add(patience))
		if err := s.Handshake(); err != nil {
			_ = c.Close()
			return fmt.Errorf("handshake: %w", err)
		}
		c = s
	}
	k.use(c)
	return nil
}

// use makes c the connection.
func (k *keeper) use(c net.Conn) {
	k.conn, k.in = c, bufio.NewReader(c)
	k.dials++
}

func (k *keeper) ask(q question) error {
	if k.conn == nil {
		if err := k.dial(); err != nil {
			return err
		}
	}
	_ = k.conn.SetDeadline(time.Now().Add(max(patience, k.patience)))
	if err := k.send(q); err != nil {
		k.close()
		return fmt.Errorf("%s %s on a connection, the client's %d: %w", q.method, q.path, k.dials, err)
	}
	return k.answered(q)
}

// answered reads an answer and holds it to the question.
func (k *keeper) answered(q question) error {
	answer, err := http.ReadResponse(k.in, &http.Request{Method: q.method})
	if err != nil {
		k.close()
		return fmt.Errorf("%s %s on a connection, the client's %d: answer: %w", q.method, q.path, k.dials, err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		k.close()
		return fmt.Errorf("%s %s: body: %w", q.method, q.path, err)
	}
	if answer.Close || k.once {
		k.close()
	}
	return q.check(answer.StatusCode, body)
}

func (k *keeper) send(q question) error {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\nHost: app.test\r\nX-Id: %s\r\n", q.method, q.path, q.id)
	if k.once {
		out.WriteString("Connection: close\r\n")
	}
	switch {
	case q.chunked:
		half := len(q.body) / 2
		fmt.Fprintf(&out, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", half, q.body[:half])
		if _, err := k.conn.Write(out.Bytes()); err != nil {
			return err
		}
		out.Reset()
		fmt.Fprintf(&out, "%x\r\n%s\r\n0\r\n\r\n", len(q.body)-half, q.body[half:])
	case q.body != nil:
		fmt.Fprintf(&out, "Content-Length: %d\r\n\r\n%s", len(q.body), q.body)
	default:
		out.WriteString("\r\n")
	}
	_, err := k.conn.Write(out.Bytes())
	return err
}

func (k *keeper) close() {
	if k.conn != nil {
		_ = k.conn.Close()
		k.conn = nil
	}
}

// streamer speaks HTTP/2 on one connection, for several goroutines. A request that the
// server said by GOAWAY it has not looked at goes over the next connection, as RFC 9113
// section 6.8 has it; these are counted in moved.
type streamer struct {
	address string
	from    string

	transport http2.Transport
	moved     atomic.Int64
	dials     atomic.Int64

	mu   sync.Mutex
	conn *http2.ClientConn
}

func (s *streamer) current() (*http2.ClientConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil && s.conn.CanTakeNewRequest() {
		return s.conn, nil
	}
	k := &keeper{address: s.address, from: s.from, secure: untrusting("h2")}
	if err := k.dial(); err != nil {
		return nil, err
	}
	_ = k.conn.SetDeadline(time.Time{})
	c, err := s.transport.NewClientConn(k.conn)
	if err != nil {
		return nil, err
	}
	if s.conn != nil {
		s.conn.SetDoNotReuse() // its streams finish
	}
	s.dials.Add(1)
	s.conn = c
	return c, nil
}

func (s *streamer) ask(q question) error {
	const tries = 5
	var err error
	for range tries {
		var c *http2.ClientConn
		if c, err = s.current(); err != nil {
			return err
		}
		if err = s.over(c, q); !unseen(err) {
			return err
		}
		s.moved.Add(1)
	}
	return err
}

func (s *streamer) over(c *http2.ClientConn, q question) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var body io.Reader
	if q.body != nil {
		body = bytes.NewReader(q.body)
		if q.chunked {
			body = io.MultiReader(body) // of unknown length
		}
	}
	r, err := http.NewRequestWithContext(ctx, q.method, "https://app.test"+q.path, body)
	if err != nil {
		return err
	}
	r.Header.Set("X-Id", q.id)
	answer, err := c.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("%s %s over HTTP/2: %w", q.method, q.path, err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("%s %s over HTTP/2: body: %w", q.method, q.path, err)
	}
	return q.check(answer.StatusCode, got)
}

// unseen reports whether an error says that the server has not processed the request: it
// was above the last stream of its GOAWAY, or was never sent.
func unseen(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		switch err.Error() {
		case "http2: Transport received Server's graceful shutdown GOAWAY", "http2: client conn not usable":
			return true
		}
	}
	return false
}

func (s *streamer) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}
