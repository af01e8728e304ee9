package tlspolicy_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/tlspolicy"
)

// certificates are one of each kind of key that suites ask for.
var certificates = sync.OnceValues(func() ([]tls.Certificate, error) {
	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, err
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	var list []tls.Certificate
	for _, key := range []crypto.Signer{ec, other} {
		c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment}
		der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
		if err != nil {
			return nil, err
		}
		list = append(list, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})
	}
	return list, nil
})

// pipe returns both ends of a connection. It is of sockets, which have buffers: an end that
// gives up sends an alert while the other may still be sending too.
func pipe(t *testing.T) (near, far net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if near, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// handshake lets a client meet a policy.
func handshake(t *testing.T, p tlspolicy.Policy, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	list, err := certificates()
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: list}
	p.Configure(config)
	near, far := pipe(t)
	server := make(chan error, 1)
	go func() {
		defer far.Close()
		server <- tls.Server(far, config).HandshakeContext(t.Context())
	}()
	client.InsecureSkipVerify = true
	c := tls.Client(near, client)
	defer near.Close()
	if err = c.HandshakeContext(t.Context()); err != nil {
		_ = near.Close() // or the server would wait for what comes next
	}
	if serverErr := <-server; err == nil {
		err = serverErr
	}
	return c.ConnectionState(), err
}

// everything are the suites that crypto/tls has for TLS 1.0 to 1.2.
func everything() []uint16 {
	var ids []uint16
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if !slices.Contains(s.SupportedVersions, tls.VersionTLS13) || len(s.SupportedVersions) > 1 {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// TestHandshakesOfEveryVersion has clients of one version each meet every policy.
func TestHandshakesOfEveryVersion(t *testing.T) {
	for _, p := range usable() {
		for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
			state, err := handshake(t, p, &tls.Config{MinVersion: version, MaxVersion: version, CipherSuites: everything()})
			want := p.MinVersion <= version && version <= p.MaxVersion
			if (err == nil) != want {
				t.Errorf("%s and a client of %s: got %v, want a session: %v", p.Name, tlspolicy.VersionName(version), err, want)
			}
			if err == nil && state.Version != version {
				t.Errorf("%s and a client of %s agreed on %x", p.Name, tlspolicy.VersionName(version), state.Version)
			}
			suite := tlspolicy.SuiteName(state.CipherSuite)
			if err == nil && version < tls.VersionTLS13 && !slices.Contains(p.CipherSuites, state.CipherSuite) {
				t.Errorf("%s agreed on %s", p.Name, suite)
			}
			if err == nil && strings.HasPrefix(suite, "0x") {
				t.Errorf("%s agreed on %s, which logs have no name for", p.Name, suite)
			}
		}
	}
}

// TestHandshakesOfEverySuite has clients of one suite each meet every policy of TLS 1.2.
func TestHandshakesOfEverySuite(t *testing.T) {
	var met []uint16 // suites of a policy that has been tried
	for _, p := range usable() {
		if p.MinVersion > tls.VersionTLS12 || slices.Equal(met, p.CipherSuites) {
			continue
		}
		met = p.CipherSuites
		for _, id := range everything() {
			state, err := handshake(t, p, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{id}})
			if want := slices.Contains(p.CipherSuites, id); (err == nil) != want {
				t.Errorf("%s and a client of %s: got %v, want a session: %v", p.Name, tls.CipherSuiteName(id), err, want)
			}
			if err == nil && state.CipherSuite != id {
				t.Errorf("%s and a client of %s agreed on %s", p.Name, tls.CipherSuiteName(id), tls.CipherSuiteName(state.CipherSuite))
			}
		}
	}
}

// TestHandshakesOfEveryGroup has clients of one group each meet every policy with TLS 1.3.
func TestHandshakesOfEveryGroup(t *testing.T) {
	for _, p := range usable() {
		if p.MaxVersion < tls.VersionTLS13 {
			continue
		}
		for _, group := range []tls.CurveID{
			tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521, tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024,
		} {
			state, err := handshake(t, p, &tls.Config{MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{group}})
			if want := slices.Contains(p.Curves, group); (err == nil) != want {
				t.Errorf("%s and a client of %v: got %v, want a session: %v", p.Name, group, err, want)
			}
			if err == nil && state.CurveID != group {
				t.Errorf("%s and a client of %v agreed on %v", p.Name, group, state.CurveID)
			}
		}
	}
}
