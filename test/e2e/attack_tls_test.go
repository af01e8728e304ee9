//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// handshakeTime is what a client has for its handshake, and some for a busy machine.
const handshakeTime = 10*time.Second + 3*time.Second

// hello returns the bytes with which a TLS client begins.
func hello(t *testing.T) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	go func() { _ = tls.Client(client, untrusting("h2", "http/1.1")).Handshake() }()
	b := make([]byte, 4<<10)
	n, err := server.Read(b)
	if err != nil || n < 100 {
		t.Fatalf("a client's hello of %d bytes: %v", n, err)
	}
	return b[:n]
}

// TestTLSGarbage sends what no handshake is, and cuts are immediate.
func TestTLSGarbage(t *testing.T) {
	good := hello(t)
	noise := make([]byte, 64<<10)
	_, _ = rand.Read(noise)
	broken := bytes.Clone(good)
	for i := 50; i < len(broken); i += 7 {
		broken[i] ^= 0x5a
	}
	huge := append([]byte{22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff}, make([]byte, 16<<10-4)...) // a hello of 16 MiB
	for name, bytes := range map[string][]byte{
		"noise":         noise,
		"broken hello":  broken,
		"huge hello":    huge,
		"alert":         {21, 3, 3, 0, 2, 2, 40},
		"empty records": bytes.Repeat([]byte{22, 3, 1, 0, 0}, 2000),
		"hello twice":   append(bytes.Clone(good), good...),
		"SSLv2":         {0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10},
		"record header": {22, 3, 1, 0xff, 0xff},
	} {
		t.Run(name, func(t *testing.T) {
			s := besiege(t)
			s.under(func(until time.Time) {
				n := 0
				for ; n == 0 || time.Now().Before(until) && !t.Failed(); n++ {
					s.attackers(20, s.site.secure, nil, func(i int, c net.Conn) {
						_, _ = c.Write(bytes)
						if said, cut := ended(c, 3*time.Second); !cut {
							t.Errorf("client %d is still there, told %.40q", i, said)
						}
					})
				}
				t.Logf("%d clients", 20*n)
			})
		})
	}
}

// TestHalfHandshakes has clients that stop in the middle of a handshake, never begin, or
// say their hello a byte at a time: all of a handshake has one time.
func TestHalfHandshakes(t *testing.T) {
	s := besiege(t)
	all := hello(t)
	s.under(func(time.Time) {
		s.attackers(300, s.site.secure, nil, func(i int, c net.Conn) {
			drip := []byte{}
			if i%5 == 4 {
				drip = all
			}
			_, _ = c.Write([][]byte{nil, all[:3], all[:len(all)/2], all, nil}[i%5])
			var dripping sync.WaitGroup
			stop := make(chan struct{})
			dripping.Go(func() {
				for j := range drip {
					select {
					case <-stop:
						return
					case <-time.After(200 * time.Millisecond):
						_, _ = c.Write(drip[j : j+1])
					}
				}
			})
			if _, cut := ended(c, handshakeTime); !cut {
				t.Errorf("client %d, of kind %d, is still there", i, i%5)
			}
			close(stop)
			dripping.Wait()
		})
	})
}

// TestHandshakesGivenUp begins handshakes, has the server do its work and leaves.
func TestHandshakesGivenUp(t *testing.T) {
	s := besiege(t)
	all := hello(t)
	s.under(func(until time.Time) {
		n := 0
		for ; time.Now().Before(until); n++ {
			s.attackers(10, s.site.secure, nil, func(i int, c net.Conn) {
				_, _ = c.Write(all)
				if i%2 == 0 {
					_, _ = c.Read(make([]byte, 1))
				}
				_ = c.(*net.TCPConn).SetLinger(0)
			})
		}
		t.Logf("%d handshakes", 10*n)
	})
}

// TestRenegotiation asks for another handshake in the middle of a connection, which costs
// a server more than a client (CVE-2011-1473).
func TestRenegotiation(t *testing.T) {
	s := besiege(t)
	s.under(func(time.Time) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c := exec.CommandContext(ctx, tool(t, "openssl", "openssl"), "s_client", "-tls1_2", "-connect", s.site.secure, "-servername", "localhost")
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		c.Stdout, c.Stderr = &out, &out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprint(in, "R\n") // s_client's word for it
		err = c.Wait()
		_ = in.Close()
		if said := out.String(); err == nil || !strings.Contains(said, "RENEGOTIATING") ||
			!strings.Contains(said, "unexpected message") && !strings.Contains(said, "no renegotiation") {
			t.Errorf("openssl ended with %v and said:\n%s", err, said)
		}
	})
}
