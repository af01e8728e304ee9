package wire_test

import (
	"crypto/tls"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/certs"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// tlsPair returns two ends of one TLS connection: a wrapped client and its peer.
func tlsPair(t *testing.T) (*wire.Conn, *tls.Conn) {
	t.Helper()
	cert, err := tls.X509KeyPair(selfSigned(t))
	if err != nil {
		t.Fatal(err)
	}
	below, peer := socketPair(t)
	server := tls.Server(peer, &tls.Config{Certificates: []tls.Certificate{cert}})
	served := make(chan error, 1)
	go func() { served <- server.Handshake() }()
	client := tls.Client(below, &tls.Config{InsecureSkipVerify: true})
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	return wire.NewConn(client, below), server
}

func selfSigned(t *testing.T) (certPEM, keyPEM []byte) {
	t.Helper()
	certPEM, keyPEM, err := certs.SelfSigned("localhost")
	if err != nil {
		t.Fatal(err)
	}
	return certPEM, keyPEM
}

// TestHoldsLeavesAQuietConnectionAsItWas wants it to be read on, in time and too late.
func TestHoldsLeavesAQuietConnectionAsItWas(t *testing.T) {
	plain, _ := pair(t)
	if plain.Holds() {
		t.Error("a plain connection holds something")
	}
	c, peer := tlsPair(t)
	c.ExtendRead(time.Now(), time.Hour)
	for _, text := range []string{"one", "two"} {
		if c.Holds() {
			t.Fatal("a quiet connection holds something")
		}
		write(t, peer, text)
		got := make([]byte, 8)
		if n, err := c.Read(got); err != nil || string(got[:n]) != text {
			t.Fatalf("Read() = %q, %v", got[:n], err)
		}
	}
	if c.Holds() {
		t.Fatal("a quiet connection holds something")
	}
	// The deadline of before is gone, so the next one must be set.
	c.ExtendRead(time.Now().Add(-2*time.Hour), time.Hour)
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read() error = %v, want os.ErrDeadlineExceeded", err)
	}
}

func TestHoldsSeesWhatTLSTook(t *testing.T) {
	c, peer := tlsPair(t)
	write(t, peer, "answer and more")
	if _, err := c.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	if c.Peek() != wire.Quiet || !c.Holds() {
		t.Errorf("Peek() = %v, Holds() = false", c.Peek())
	}
	_ = c.Close()
	if !c.Holds() {
		t.Error("a closed connection is like a quiet one")
	}
}
