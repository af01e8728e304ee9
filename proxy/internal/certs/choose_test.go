package certs_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/certs"
)

const day = 24 * time.Hour

// keys are made once: RSA takes its time.
var keys = struct{ rsa, p256, p384 func() (crypto.Signer, error) }{
	rsa:  sync.OnceValues(func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }),
	p256: sync.OnceValues(func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }),
	p384: sync.OnceValues(func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) }),
}

// certificate describes one to be made.
type certificate struct {
	names []string
	// commonName goes without subject alternative names.
	commonName string
	key        func() (crypto.Signer, error) // default keys.p256
	sign       x509.SignatureAlgorithm
	from, to   time.Duration // from now; default an hour ago to 30 days
}

// pair makes the certificate and its key, as PEM.
func (c certificate) pair(t *testing.T) (certPEM, keyPEM []byte) {
	t.Helper()
	if c.key == nil {
		c.key = keys.p256
	}
	key, err := c.key()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: c.commonName}, DNSNames: c.names, SignatureAlgorithm: c.sign,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(30 * day),
	}
	if c.to != 0 {
		template.NotBefore, template.NotAfter = now.Add(c.from), now.Add(c.to)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func (c certificate) load(t *testing.T) *tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(c.pair(t))
	if err != nil {
		t.Fatal(err)
	}
	return &pair
}

// setOf makes a listener's certificates, the first the default.
func setOf(t *testing.T, list ...certificate) *certs.Set {
	t.Helper()
	var loaded []*tls.Certificate
	for _, c := range list {
		loaded = append(loaded, c.load(t))
	}
	set, err := certs.New(loaded[0], loaded[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// chosen is the place of the certificate that a client gets.
func chosen(t *testing.T, set *certs.Set, hello *tls.ClientHelloInfo) int {
	t.Helper()
	e := set.Choose(hello)
	c, err := set.GetCertificate(hello)
	if err != nil || c != e.Certificate {
		t.Errorf("GetCertificate gave %v, %v, Choose another", c, err)
	}
	for i, other := range set.Entries() {
		if e == other {
			if e.Default != (i == 0) {
				t.Errorf("certificate %d is the default: %v", i, e.Default)
			}
			return i
		}
	}
	t.Fatal("the certificate is not one of the set")
	return -1
}

// modern is a client of today that asks for a name.
func modern(name string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{
		ServerName:        name,
		SupportedVersions: []uint16{tls.VersionTLS13, tls.VersionTLS12},
		CipherSuites:      []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
		SignatureSchemes: []tls.SignatureScheme{
			tls.ECDSAWithP256AndSHA256, tls.ECDSAWithP384AndSHA384, tls.PSSWithSHA256, tls.PKCS1WithSHA256,
		},
		SupportedCurves: []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384},
		SupportedPoints: []uint8{0},
	}
}

// old is a client without ECDSA.
func old(name string) *tls.ClientHelloInfo {
	hello := modern(name)
	hello.SupportedVersions = []uint16{tls.VersionTLS12}
	hello.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	hello.SignatureSchemes = []tls.SignatureScheme{tls.PSSWithSHA256, tls.PKCS1WithSHA256}
	return hello
}

func TestNamesChooseCertificates(t *testing.T) {
	set := setOf(t,
		certificate{names: []string{"default.example.org"}},
		certificate{names: []string{"*.example.com"}},
		certificate{names: []string{"www.example.com", "Shop.Example.com."}},
		certificate{commonName: "old.example.net"},
		certificate{commonName: "ignored.example.net", names: []string{"new.example.net"}},
		certificate{names: []string{"*.www.example.com"}},
	)
	for name, want := range map[string]int{
		"":                    0, // no SNI
		"default.example.org": 0,
		"unknown.example.org": 0,
		"com":                 0,
		".":                   0,

		"a.example.com":     1,
		"A.EXAMPLE.COM":     1,
		"a.example.com.":    1,
		"*.example.com":     1,
		"a.b.example.com":   0, // a wildcard is one label
		"example.com":       0, // and not none
		".example.com":      1, // Go refuses such a name before it gets here
		"aexample.com":      0,
		"a.www.example.com": 5,

		"www.example.com":   2, // exact before wildcard
		"WWW.example.COM.":  2,
		"shop.example.com":  2,
		"www.example.com..": 0,

		"old.example.net":     3, // by its common name
		"new.example.net":     4,
		"ignored.example.net": 0, // alternative names rule the common name out
	} {
		if got := chosen(t, set, modern(name)); got != want {
			t.Errorf("%q gets certificate %d, want %d", name, got, want)
		}
		matches := want != 0 || name == "default.example.org"
		if got := set.Match(name); got != matches {
			t.Errorf("%q matches: %v", name, got)
		}
	}
}

// TestTheBestOfAName has several certificates with one name, beside a default.
func TestTheBestOfAName(t *testing.T) {
	const name = "www.example.com"
	names := []string{name}
	for what, c := range map[string]struct {
		list  []certificate
		hello *tls.ClientHelloInfo
		want  int // of list, the default not counted
	}{
		"ECDSA before RSA":                       {[]certificate{{names: names, key: keys.rsa}, {names: names}}, modern(name), 1},
		"RSA for who has no ECDSA":               {[]certificate{{names: names}, {names: names, key: keys.rsa}}, old(name), 1},
		"the first for who supports none":        {[]certificate{{names: names}, {names: names, to: 90 * day}}, old(name), 1},
		"valid before expired":                   {[]certificate{{names: names, from: -60 * day, to: -day}, {names: names, from: -60 * day, to: day}}, modern(name), 1},
		"valid RSA before expired ECDSA":         {[]certificate{{names: names, from: -60 * day, to: -day}, {names: names, key: keys.rsa}}, modern(name), 1},
		"valid before not yet":                   {[]certificate{{names: names, from: day, to: 60 * day}, {names: names}}, modern(name), 1},
		"supported and expired before the other": {[]certificate{{names: names}, {names: names, key: keys.rsa, from: -60 * day, to: -day}}, old(name), 1},
		"expired when there is no other":         {[]certificate{{names: names, from: -60 * day, to: -2 * day}, {names: names, from: -60 * day, to: -day}}, modern(name), 1},
		"the stronger hash":                      {[]certificate{{names: names, key: keys.rsa, sign: x509.SHA256WithRSA}, {names: names, key: keys.rsa, sign: x509.SHA512WithRSA}}, modern(name), 1},
		"the hash before the key":                {[]certificate{{names: names, key: keys.p384, sign: x509.ECDSAWithSHA256}, {names: names, sign: x509.ECDSAWithSHA384}}, modern(name), 1},
		"the longer key":                         {[]certificate{{names: names, sign: x509.ECDSAWithSHA256}, {names: names, key: keys.p384, sign: x509.ECDSAWithSHA256}}, modern(name), 1},
		"the later end":                          {[]certificate{{names: names, from: -day, to: 10 * day}, {names: names, from: -day, to: 20 * day}}, modern(name), 1},
		"the listener's order":                   {[]certificate{{names: names, from: -day, to: 10 * day}, {names: names, from: -day, to: 10 * day}}, modern(name), 0},
		"exact, though a wildcard is better":     {[]certificate{{names: []string{"*.example.com"}}, {names: names, key: keys.rsa}}, modern(name), 1},
	} {
		t.Run(what, func(t *testing.T) {
			set := setOf(t, append([]certificate{{names: []string{"default.example.com"}}}, c.list...)...)
			if got := chosen(t, set, c.hello) - 1; got != c.want {
				t.Errorf("got certificate %d, want %d", got, c.want)
			}
		})
	}
}

// TestHandshakeGetsTheChosen goes the whole way once for each kind of client.
func TestHandshakeGetsTheChosen(t *testing.T) {
	set := setOf(t,
		certificate{names: []string{"default.example.org"}},
		certificate{names: []string{"www.example.com"}, key: keys.rsa},
		certificate{names: []string{"www.example.com"}},
	)
	for name, c := range map[string]struct {
		client *tls.Config
		want   int
	}{
		"no name":      {&tls.Config{}, 0},
		"another name": {&tls.Config{ServerName: "www.example.net"}, 0},
		"ECDSA":        {&tls.Config{ServerName: "www.example.com"}, 2},
		"RSA": {&tls.Config{
			ServerName: "www.example.com", MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			served := make(chan error, 1)
			go func() {
				server, err := ln.Accept()
				if err == nil {
					defer server.Close()
					err = tls.Server(server, &tls.Config{GetCertificate: set.GetCertificate}).HandshakeContext(t.Context())
				}
				served <- err
			}()
			nc, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			c.client.InsecureSkipVerify = true
			client := tls.Client(nc, c.client)
			if err := client.HandshakeContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-served; err != nil {
				t.Fatal(err)
			}
			got := client.ConnectionState().PeerCertificates[0]
			if want := set.Entries()[c.want].Certificate.Leaf; !got.Equal(want) {
				t.Errorf("got the certificate of %q with %v, want that of %q with %v", got.DNSNames, got.PublicKeyAlgorithm, want.DNSNames, want.PublicKeyAlgorithm)
			}
		})
	}
}
