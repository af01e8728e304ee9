package targetconn_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/certs"
	"github.com/evenkeel/evenkeel/proxy/internal/targetconn"
)

// secure is the TLS of a target for localhost, and of a client that trusts it.
func secure(t *testing.T) (target, client *tls.Config) {
	t.Helper()
	pair, err := tls.X509KeyPair(selfSigned(t))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(pair.Leaf)
	return &tls.Config{Certificates: []tls.Certificate{pair}}, &tls.Config{ServerName: "localhost", RootCAs: roots}
}

func selfSigned(t *testing.T) (certPEM, keyPEM []byte) {
	t.Helper()
	certPEM, keyPEM, err := certs.SelfSigned("localhost")
	if err != nil {
		t.Fatal(err)
	}
	return certPEM, keyPEM
}

// newTLSPool has more time for a handshake than one takes, unless a test says otherwise.
func newTLSPool(address string, client *tls.Config, handshake time.Duration) *targetconn.Pool {
	return targetconn.NewPool(targetconn.Config{
		Address: address, TLS: client, ConnectTimeout: time.Minute, TLSHandshakeTimeout: handshake,
		IdleConnections: 8, IdleTimeout: time.Minute,
	})
}

// meet dials a TLS target and returns both ends.
func meet(t *testing.T) (*targetconn.Pool, *targetconn.Conn, *tls.Conn) {
	t.Helper()
	address, conns := listen(t)
	targetConfig, clientConfig := secure(t)
	p := newTLSPool(address, clientConfig, time.Minute)
	target := make(chan *tls.Conn, 1)
	go func() {
		tc := tls.Server(<-conns, targetConfig)
		_ = tc.Handshake() // the client's end tells when it fails
		target <- tc
	}()
	c := dial(t, p)
	tc := <-target
	t.Cleanup(func() { p.CloseAll(); _ = tc.Close() })
	return p, c, tc
}

func TestTLSConnectionsServeAgain(t *testing.T) {
	p, c, target := meet(t)
	for range 3 {
		if _, err := c.Write([]byte("ping")); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 4)
		if _, err := io.ReadFull(target, got); err != nil || string(got) != "ping" {
			t.Fatalf("the target read %q, %v", got, err)
		}
		if _, err := target.Write([]byte("pong")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "pong" {
			t.Fatalf("read %q, %v", got, err)
		}
		p.Put(0, c, time.Now())
		if again := p.Get(0, time.Now()); again != c {
			t.Fatalf("Get returned %v", again)
		}
	}
	if c.Plain() {
		t.Error("bodies would be spliced around TLS")
	}
}

// TestGetDropsWhatTLSHolds has a target send more than its answer, in one go: TLS takes all
// of it off the socket, where the rest would wait for the next client.
func TestGetDropsWhatTLSHolds(t *testing.T) {
	for name, records := range map[string][]string{
		"of the same record": {"answer another"},
		"of the next record": {"answer", " another"},
	} {
		t.Run(name, func(t *testing.T) {
			address, conns := listen(t)
			targetConfig, clientConfig := secure(t)
			p := newTLSPool(address, clientConfig, time.Minute)
			defer p.CloseAll()
			go func() {
				joined := &joiner{Conn: <-conns}
				target := tls.Server(joined, targetConfig)
				_ = target.Handshake()
				joined.hold = true
				for _, r := range records {
					_, _ = target.Write([]byte(r))
				}
				_, _ = joined.Conn.Write(joined.held)
			}()
			c := dial(t, p)
			if _, err := io.ReadFull(c, make([]byte, len("answer"))); err != nil {
				t.Fatal(err)
			}
			p.Put(0, c, time.Now())
			if got := p.Get(0, time.Now()); got != nil {
				rest := make([]byte, 32)
				n, err := got.Read(rest)
				t.Fatalf("the next exchange gets %q, %v", rest[:n], err)
			}
			if n := p.Open(); n != 0 {
				t.Errorf("%d connections are open", n)
			}
		})
	}
}

// joiner collects what is written, to be sent as one.
type joiner struct {
	net.Conn
	hold bool
	held []byte
}

func (j *joiner) Write(b []byte) (int, error) {
	if !j.hold {
		return j.Conn.Write(b)
	}
	j.held = append(j.held, b...)
	return len(b), nil
}

func TestDialTellsWhyThereIsNoTLS(t *testing.T) {
	targetConfig, trusting := secure(t)
	old := targetConfig.Clone()
	old.MaxVersion = tls.VersionTLS11
	handshake := func(config *tls.Config) func(net.Conn) {
		return func(nc net.Conn) { _ = tls.Server(nc, config).Handshake() }
	}
	silent := func(net.Conn) {}
	for name, c := range map[string]struct {
		target    func(net.Conn)
		client    *tls.Config
		handshake time.Duration
		want, not error
	}{
		"plain":          {func(nc net.Conn) { _, _ = nc.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }, trusting, time.Minute, targetconn.ErrTLS, targetconn.ErrTLSTimeout},
		"closed":         {func(nc net.Conn) { _ = nc.Close() }, trusting, time.Minute, targetconn.ErrTLS, targetconn.ErrTLSTimeout},
		"not trusted":    {handshake(targetConfig), &tls.Config{ServerName: "localhost"}, time.Minute, targetconn.ErrTLS, targetconn.ErrTLSTimeout},
		"another name":   {handshake(targetConfig), &tls.Config{ServerName: "other", RootCAs: trusting.RootCAs}, time.Minute, targetconn.ErrTLS, targetconn.ErrTLSTimeout},
		"too old":        {handshake(old), trusting, time.Minute, targetconn.ErrTLS, targetconn.ErrTLSTimeout},
		"silent":         {silent, trusting, time.Millisecond, targetconn.ErrTLSTimeout, targetconn.ErrTLS},
		"no time at all": {silent, trusting, 0, targetconn.ErrTLSTimeout, targetconn.ErrTLS},
	} {
		t.Run(name, func(t *testing.T) {
			address, conns := listen(t)
			p := newTLSPool(address, c.client, c.handshake)
			closed := make(chan struct{})
			go func() {
				defer close(closed)
				nc := <-conns
				defer nc.Close()
				c.target(nc)
				_, _ = io.Copy(io.Discard, nc) // until the other side closes
			}()
			_, err := p.Dial()
			if !errors.Is(err, c.want) || errors.Is(err, c.not) || errors.Is(err, targetconn.ErrConnect) {
				t.Errorf("Dial() error = %v, want %v", err, c.want)
			}
			if n := p.Open(); n != 0 {
				t.Errorf("%d connections are open", n)
			}
			<-closed
		})
	}
}

// TestCloseAllRefusesWhatIsBeingDialled has the target leave its group in the middle of a
// handshake, which then comes to an end all the same.
func TestCloseAllRefusesWhatIsBeingDialled(t *testing.T) {
	address, conns := listen(t)
	targetConfig, client := secure(t)
	p := newTLSPool(address, client, time.Minute)
	go func() {
		nc := <-conns
		defer nc.Close()
		p.CloseAll()
		_ = tls.Server(nc, targetConfig).Handshake()
		_, _ = io.Copy(io.Discard, nc)
	}()
	if _, err := p.Dial(); !errors.Is(err, targetconn.ErrClosed) {
		t.Errorf("Dial() error = %v, want ErrClosed", err)
	}
	if n := p.Open(); n != 0 {
		t.Errorf("%d connections are open", n)
	}
}
