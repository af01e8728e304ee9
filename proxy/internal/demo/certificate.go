package demo

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/certs"
	"github.com/evenkeel/evenkeel/spec"
)

// remake is how long before its end a certificate of the demo is made anew.
const remake = 24 * time.Hour

// EnsureCertificates makes a self-signed certificate for each that listeners of env name
// and that has no files yet. Relative paths start at dir. What is there already and is not
// the demo's own stays untouched, be it good or not.
func EnsureCertificates(env *spec.Environment, dir string) error {
	for _, l := range env.LoadBalancer.Listeners {
		for _, name := range l.Certificates {
			c, ok := env.Certificates[name]
			if !ok || c.Files.Certificate == "" {
				continue
			}
			if err := ensure(in(dir, c.Files.Certificate), in(dir, c.Files.PrivateKey), env.Domain); err != nil {
				return fmt.Errorf("certificate %s: %w", name, err)
			}
		}
	}
	return nil
}

func in(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func ensure(certificate, key, domain string) error {
	text, err := os.ReadFile(certificate)
	switch {
	case err == nil && !expires(text):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if domain != "" {
		hosts = append(hosts, domain)
	}
	certPEM, keyPEM, err := certs.SelfSigned(hosts...)
	if err != nil {
		return err
	}
	for _, file := range []struct {
		path string
		text []byte
		mode fs.FileMode
	}{{key, keyPEM, 0o600}, {certificate, certPEM, 0o644}} {
		if err := os.MkdirAll(filepath.Dir(file.path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file.path, file.text, file.mode); err != nil {
			return err
		}
	}
	return nil
}

// expires reports whether text is a certificate of the demo at its end: one that signed
// itself for localhost.
func expires(text []byte) bool {
	block, _ := pem.Decode(text)
	if block == nil {
		return false
	}
	c, err := x509.ParseCertificate(block.Bytes)
	return err == nil && c.Subject.CommonName == "localhost" && c.Issuer.CommonName == "localhost" &&
		time.Until(c.NotAfter) < remake
}
