package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/certs"
	"github.com/evenkeel/evenkeel/spec"
)

// folder writes certificates: name.crt and name.key for each.
func folder(t *testing.T, made map[string]certificate) string {
	t.Helper()
	dir := t.TempDir()
	for name, c := range made {
		certPEM, keyPEM := c.pair(t)
		put(t, filepath.Join(dir, name+".crt"), certPEM)
		put(t, filepath.Join(dir, name+".key"), keyPEM)
	}
	return dir
}

func put(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func files(certificate, key string) spec.Certificate {
	return spec.Certificate{Files: spec.CertificateFiles{Certificate: certificate, PrivateKey: key}}
}

func TestLoad(t *testing.T) {
	dir := folder(t, map[string]certificate{"a": {names: []string{"a.example.com"}}, "b": {names: []string{"b.example.com"}, key: keys.rsa}})
	a := files("a.crt", "a.key")
	a.ACM.ARN = "arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
	all := map[string]spec.Certificate{
		"a": a,
		"b": files(filepath.Join(dir, "b.crt"), filepath.Join(dir, "b.key")), // absolute
		"c": files("c.crt", "c.key"),                                         // not there, and not asked for
	}
	set, err := certs.Load(dir, all, []string{"b", "a"})
	if err != nil {
		t.Fatal(err)
	}
	entries := set.Entries()
	if len(entries) != 2 || entries[0].Name != "b" || !entries[0].Default || entries[1].Name != "a" || entries[1].Default {
		t.Errorf("got %+v", entries)
	}
	if entries[0].ARN != "" || entries[1].ARN != a.ACM.ARN || entries[1].Certificate.Leaf == nil {
		t.Errorf("got %+v and %+v", entries[0], entries[1])
	}
	if w := set.Warnings(); len(w) != 0 {
		t.Errorf("it warns: %q", w)
	}
	if got := chosen(t, set, modern("a.example.com")); got != 1 {
		t.Errorf("a.example.com gets %d", got)
	}
}

// TestLoadSaysAllThatIsWrong wants the file, or the key of the environment file, in each
// error, and no certificate's error to hide another's.
func TestLoadSaysAllThatIsWrong(t *testing.T) {
	dir := folder(t, map[string]certificate{"a": {names: []string{"a"}}, "b": {names: []string{"b"}, key: keys.rsa}, "c": {names: []string{"c"}, key: keys.p384}})
	put(t, filepath.Join(dir, "text.crt"), []byte("no certificate"))
	put(t, filepath.Join(dir, "rubbish.crt"), []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	all := map[string]spec.Certificate{
		"good":    files("a.crt", "a.key"),
		"gone":    files("gone.crt", "a.key"),
		"keyless": files("a.crt", "gone.key"),
		"unset":   files("", "a.key"),
		"half":    files("a.crt", ""),
		"text":    files("text.crt", "a.key"),
		"rubbish": files("rubbish.crt", "a.key"),
		"swapped": files("a.key", "a.crt"),
		"kind":    files("a.crt", "b.key"),
		"other":   files("a.crt", "c.key"),
	}
	names := []string{"good", "gone", "keyless", "unset", "half", "text", "rubbish", "swapped", "kind", "other", "nowhere"}
	set, err := certs.Load(dir, all, names)
	if set != nil || err == nil {
		t.Fatalf("got %v, %v", set, err)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("errors.Is finds no fs.ErrNotExist in %v", err)
	}
	lines := strings.Split(err.Error(), "\n")
	for i, want := range [][]string{
		{`certificate "gone": `, filepath.Join(dir, "gone.crt"), "no such file"},
		{`certificate "keyless": `, filepath.Join(dir, "gone.key"), "no such file"},
		{`certificate "unset": `, "files.certificate is not set"},
		{`certificate "half": `, "files.private_key is not set"},
		{`certificate "text": `, filepath.Join(dir, "text.crt")},
		{`certificate "rubbish": `, filepath.Join(dir, "rubbish.crt")},
		{`certificate "swapped": `, filepath.Join(dir, "a.key")},
		{`certificate "kind": `, filepath.Join(dir, "a.crt"), filepath.Join(dir, "b.key"), "private key"},
		{`certificate "other": `, filepath.Join(dir, "a.crt"), filepath.Join(dir, "c.key"), "does not match"},
		{`certificate "nowhere" is not in certificates`},
	} {
		for _, part := range want {
			if i >= len(lines) || !strings.Contains(lines[i], part) {
				t.Fatalf("got\n%s\nwant %q in line %d", err, part, i+1)
			}
		}
	}
	if len(lines) != len(names)-1 {
		t.Errorf("got %d errors:\n%s", len(lines), err)
	}
	if _, err := certs.Load(dir, all, nil); err == nil {
		t.Error("a listener without certificates is fine")
	}
}

func TestLoadWarnsOfDates(t *testing.T) {
	dir := folder(t, map[string]certificate{
		"past":   {names: []string{"a"}, from: -60 * day, to: -day},
		"future": {names: []string{"a"}, from: 2 * day, to: 60 * day},
	})
	set, err := certs.Load(dir, map[string]spec.Certificate{"past": files("past.crt", "past.key"), "future": files("future.crt", "future.key")}, []string{"past", "future"})
	if err != nil {
		t.Fatal(err)
	}
	leaf := func(i int) *x509.Certificate { return set.Entries()[i].Certificate.Leaf }
	want := `certificate "past" expired on ` + leaf(0).NotAfter.Format(time.DateOnly) +
		"\n" + `certificate "future" is not valid before ` + leaf(1).NotBefore.Format(time.DateOnly)
	if got := strings.Join(set.Warnings(), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestNewParsesLeaves(t *testing.T) {
	c := certificate{names: []string{"a.example.com"}}.load(t)
	c.Leaf = nil
	set, err := certs.New(c)
	if err != nil || set.Entries()[0].Certificate.Leaf == nil {
		t.Fatalf("got %v, %v", set, err)
	}
	if _, err := certs.New(c, &tls.Certificate{Certificate: [][]byte{{1}}}); err == nil || !strings.HasPrefix(err.Error(), "certificate 2: ") {
		t.Errorf("got %v", err)
	}
}

func TestSelfSigned(t *testing.T) {
	certPEM, keyPEM, err := certs.SelfSigned("localhost", "127.0.0.1", "::1", "*.localhost")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(pair.Leaf)
	for _, host := range []string{"localhost", "127.0.0.1", "::1", "a.localhost"} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	if err := pair.Leaf.VerifyHostname("example.com"); err == nil {
		t.Error("it is good for any host")
	}
	if _, _, err := certs.SelfSigned(); err == nil {
		t.Error("it needs no host")
	}
}
