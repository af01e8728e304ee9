package harness

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Dialing says how a client connects.
type Dialing struct {
	// From is the local IP address; empty for any.
	From string
	// TLS is the client's side of a handshake; nil for none.
	TLS *tls.Config
	// First is sent before all else, the handshake too.
	First []byte
}

// Client is a client's connection, on which tests say every byte.
type Client struct {
	tb   testing.TB
	conn net.Conn
	in   *recorder
}

// Dial connects to address; the connection is closed with the test at the latest.
func Dial(tb testing.TB, address string, how Dialing) *Client {
	tb.Helper()
	c, err := TryDial(tb, address, how)
	if err != nil {
		tb.Fatalf("connecting to %s: %v", address, err)
	}
	return c
}

// TryDial is Dial for connections that may be refused.
func TryDial(tb testing.TB, address string, how Dialing) (*Client, error) {
	d := net.Dialer{Timeout: Patience}
	if how.From != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(how.From)}
	}
	conn, err := d.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if len(how.First) > 0 {
		if _, err := conn.Write(how.First); err != nil {
			_ = conn.Close()
			return nil, err
		}
	}
	if how.TLS != nil {
		secure := tls.Client(conn, how.TLS)
		_ = secure.SetDeadline(time.Now().Add(Patience))
		if err := secure.Handshake(); err != nil {
			_ = conn.Close()
			return nil, err
		}
		conn = secure
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return &Client{tb: tb, conn: conn, in: newRecorder(conn)}, nil
}

// Conn returns the connection itself.
func (c *Client) Conn() net.Conn { return c.conn }

// Local returns ip:port of the client's end.
func (c *Client) Local() string { return c.conn.LocalAddr().String() }

// TLS returns what the handshake settled; nil without TLS.
func (c *Client) TLS() *tls.ConnectionState {
	if t, ok := c.conn.(*tls.Conn); ok {
		return new(t.ConnectionState())
	}
	return nil
}

// Send writes bytes as they are. That the other side is gone already is no error: what it
// said before tells more.
func (c *Client) Send(b []byte) {
	c.tb.Helper()
	_ = c.conn.SetWriteDeadline(time.Now().Add(Patience))
	if _, err := c.conn.Write(b); err != nil && !Gone(err) {
		c.tb.Fatalf("sending: %v", err)
	}
}

// CloseWrite says that nothing more will come.
func (c *Client) CloseWrite() {
	if t, ok := c.conn.(interface{ CloseWrite() error }); ok {
		_ = t.CloseWrite()
	}
}

// Close closes the connection.
func (c *Client) Close() { _ = c.conn.Close() }

// Reset closes the connection with a TCP reset.
func (c *Client) Reset() { reset(c.conn) }

func reset(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// Gone reports whether an error says that the other side has closed or reset the
// connection.
func Gone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// Response is an HTTP answer as a client read it.
type Response struct {
	// Interim are the 1xx answers before it.
	Interim  []*Response
	Proto    string // HTTP/1.1
	Status   int
	Reason   string
	Fields   Fields
	Body     []byte
	Trailers Fields
	// Wire is every byte of this answer, without those of Interim.
	Wire []byte
	// Cut is why the answer ended before its end; nil when it was whole.
	Cut error
}

// ReadResponse reads the answer to a request with the given method. An error says that
// there is none; one that broke off is returned with Cut.
func (c *Client) ReadResponse(method string) (*Response, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(Patience))
	var interim []*Response
	for {
		r, err := c.readOne(method)
		if err != nil {
			return nil, err
		}
		if r.Status >= 200 || r.Status == 101 {
			r.Interim = interim
			return r, nil
		}
		interim = append(interim, r)
	}
}

func (c *Client) readOne(method string) (*Response, error) {
	c.in.taken()
	line, err := c.in.line()
	if err != nil {
		return nil, err
	}
	r := &Response{}
	var status string
	r.Proto, status, _ = strings.Cut(line, " ")
	status, r.Reason, _ = strings.Cut(status, " ")
	if r.Status, err = strconv.Atoi(status); err != nil || !strings.HasPrefix(r.Proto, "HTTP/") {
		return nil, fmt.Errorf("status line %q", line)
	}
	r.Fields, r.Cut = c.in.fields()
	if r.Cut == nil && method != "HEAD" && r.Status >= 200 && r.Status != 204 && r.Status != 304 {
		r.Body, r.Trailers, r.Cut = c.in.body(r.Fields, true)
	}
	r.Wire = c.in.taken()
	return r, nil
}

// Read reads n bytes as they come.
func (c *Client) Read(n int) ([]byte, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(Patience))
	return c.in.exactly(int64(n))
}

// ReadAll reads until the connection ends. A reset is an end too.
func (c *Client) ReadAll() []byte {
	c.tb.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(Patience))
	b, err := c.in.rest()
	if err != nil && !Gone(err) {
		c.tb.Fatalf("reading to the end: %v, after %q", err, b)
	}
	return b
}

// Quiet reports whether the connection is open and nothing comes for the given time.
func (c *Client) Quiet(d time.Duration) bool {
	_ = c.conn.SetReadDeadline(time.Now().Add(d))
	_, err := c.in.Peek(1)
	return errors.Is(err, os.ErrDeadlineExceeded)
}
