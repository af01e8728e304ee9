// Package certs loads the certificates of a listener and chooses among them by server
// name, as https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html
// describes.
package certs

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// Entry is one certificate of a listener.
type Entry struct {
	// Name is its key in the environment file's `certificates`.
	Name string
	// ARN is what the logs name; empty when the environment file has none.
	ARN string
	// Certificate has its leaf parsed.
	Certificate *tls.Certificate
	// Default says that this is the listener's default certificate.
	Default bool

	key      keyKind
	bits     int
	hash     int
	notAfter time.Time
}

type keyKind uint8

const (
	keyOther keyKind = iota
	keyRSA
	keyECDSA
)

// Set is the certificates of one listener. It does not change.
type Set struct {
	entries  []*Entry
	exact    map[string][]*Entry // by host name, best first
	wildcard map[string][]*Entry // by what follows "*.", best first
	warnings []string
}

// Load reads the certificates called names, of which the first is the default, from PEM
// files; relative paths start at dir. All errors come back joined, each with file and
// reason: unreadable, no certificate, key of another certificate.
func Load(dir string, all map[string]spec.Certificate, names []string) (*Set, error) {
	if len(names) == 0 {
		return nil, errors.New("a listener needs at least one certificate")
	}
	s := &Set{exact: map[string][]*Entry{}, wildcard: map[string][]*Entry{}}
	var errs []error
	now := time.Now()
	for i, name := range names {
		c, ok := all[name]
		if !ok {
			errs = append(errs, fmt.Errorf("certificate %q is not in certificates", name))
			continue
		}
		e, err := load(dir, name, c)
		if err != nil {
			errs = append(errs, fmt.Errorf("certificate %q: %w", name, err))
			continue
		}
		e.Default = i == 0
		s.add(e, now)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	s.order()
	return s, nil
}

// New returns the set of certificates already loaded, the first the default. It is for
// callers that make their certificates themselves.
func New(first *tls.Certificate, more ...*tls.Certificate) (*Set, error) {
	s := &Set{exact: map[string][]*Entry{}, wildcard: map[string][]*Entry{}}
	now := time.Now()
	for i, c := range append([]*tls.Certificate{first}, more...) {
		if c.Leaf == nil {
			leaf, err := x509.ParseCertificate(c.Certificate[0])
			if err != nil {
				return nil, fmt.Errorf("certificate %d: %w", i+1, err)
			}
			c.Leaf = leaf
		}
		e := newEntry("", "", c)
		e.Default = i == 0
		s.add(e, now)
	}
	s.order()
	return s, nil
}

// Warnings says what does not keep the set from working but should be seen: certificates
// that have expired or are not valid yet.
func (s *Set) Warnings() []string { return s.warnings }

// Entries returns the certificates, the default first.
func (s *Set) Entries() []*Entry { return s.entries }

func load(dir, name string, c spec.Certificate) (*Entry, error) {
	cert, certPEM, err := read(dir, "files.certificate", c.Files.Certificate)
	if err != nil {
		return nil, err
	}
	key, keyPEM, err := read(dir, "files.private_key", c.Files.PrivateKey)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("%s with key %s: %w", cert, key, err)
	}
	return newEntry(name, c.ACM.ARN, &pair), nil
}

func read(dir, field, path string) (full string, pem []byte, err error) {
	if path == "" {
		return "", nil, fmt.Errorf("%s is not set", field)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	pem, err = os.ReadFile(path)
	return path, pem, err
}

func newEntry(name, arn string, c *tls.Certificate) *Entry {
	e := &Entry{Name: name, ARN: arn, Certificate: c, notAfter: c.Leaf.NotAfter}
	switch k := c.Leaf.PublicKey.(type) {
	case *ecdsa.PublicKey:
		e.key, e.bits = keyECDSA, k.Curve.Params().BitSize
	case *rsa.PublicKey:
		e.key, e.bits = keyRSA, k.N.BitLen()
	case ed25519.PublicKey:
		e.bits = 256
	}
	e.hash = signatureHash(c.Leaf.SignatureAlgorithm)
	return e
}

// signatureHash is the size in bits of the hash that a certificate is signed with.
func signatureHash(a x509.SignatureAlgorithm) int {
	var h crypto.Hash
	switch a {
	case x509.MD5WithRSA:
		h = crypto.MD5
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1:
		h = crypto.SHA1
	case x509.SHA256WithRSA, x509.ECDSAWithSHA256, x509.SHA256WithRSAPSS:
		h = crypto.SHA256
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		h = crypto.SHA384
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS, x509.PureEd25519:
		h = crypto.SHA512
	default:
		return 0
	}
	return 8 * h.Size()
}

// add indexes a certificate by its names. One without subject alternative names goes by
// its common name, as ALB still has it.
func (s *Set) add(e *Entry, now time.Time) {
	s.entries = append(s.entries, e)
	leaf := e.Certificate.Leaf
	names := leaf.DNSNames
	if len(names) == 0 && len(leaf.IPAddresses) == 0 && leaf.Subject.CommonName != "" {
		names = []string{leaf.Subject.CommonName}
	}
	for _, name := range names {
		name = normalize(name)
		if rest, ok := strings.CutPrefix(name, "*."); ok {
			s.wildcard[rest] = append(s.wildcard[rest], e)
		} else if name != "" {
			s.exact[name] = append(s.exact[name], e)
		}
	}
	switch {
	case now.After(leaf.NotAfter):
		s.warnings = append(s.warnings, fmt.Sprintf("certificate %q expired on %s", e.Name, leaf.NotAfter.UTC().Format(time.DateOnly)))
	case now.Before(leaf.NotBefore):
		s.warnings = append(s.warnings, fmt.Sprintf("certificate %q is not valid before %s", e.Name, leaf.NotBefore.UTC().Format(time.DateOnly)))
	}
}

// order puts the best certificate of every name first: ECDSA before RSA, the stronger
// signature hash, the longer key, the later end of validity, then the listener's order.
func (s *Set) order() {
	for _, m := range []map[string][]*Entry{s.exact, s.wildcard} {
		for _, es := range m {
			slices.SortStableFunc(es, func(a, b *Entry) int {
				return cmp.Or(
					cmp.Compare(b.key, a.key),
					cmp.Compare(b.hash, a.hash),
					cmp.Compare(b.bits, a.bits),
					b.notAfter.Compare(a.notAfter),
				)
			})
		}
	}
}

// normalize brings a host name to the form of the index: lower case, no trailing dot.
func normalize(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }
