package server_test

import (
	"crypto/x509"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/proxy/internal/metrics"
	"github.com/evenkeel/evenkeel/test/harness"
)

// TestMetricsTellWhenCertificatesEnd has one listener with a certificate, and one more after a
// reload.
func TestMetricsTellWhenCertificatesEnd(t *testing.T) {
	dir := t.TempDir()
	want := func(name string) metrics.CertificateGauges {
		c := harness.NewCertificate(t, false, name+".app.test")
		harness.WriteCertificate(t, dir, name, c)
		leaf, err := x509.ParseCertificate(c.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return metrics.CertificateGauges{Listener: "https", Certificate: name, NotAfter: leaf.NotAfter}
	}
	file := strings.Replace(basic, "  listeners:\n", "  listeners:\n    - {name: https, port: 443, protocol: HTTPS, certificates: [one], default_action: {forward: [{target_group: web}]}}\n", 1)
	file = strings.Replace(file, "bind: {", "bind: {https: \"127.0.0.3:0\", ", 1)
	file += strings.ReplaceAll("certificates:\n  one: {files: {certificate: DIR/one.crt, private_key: DIR/one.key}}\n", "DIR", dir)
	all := []metrics.CertificateGauges{want("one")}
	s := start(t, file)
	if diff := cmp.Diff(all, s.Gauges().Certificates); diff != "" {
		t.Error(diff)
	}
	all = append(all, want("two"))
	file = strings.Replace(file, "certificates: [one]", "certificates: [one, two]", 1)
	file += strings.ReplaceAll("  two: {files: {certificate: DIR/two.crt, private_key: DIR/two.key}}\n", "DIR", dir)
	if err := s.Reload(s.write(file)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all, s.Gauges().Certificates); diff != "" {
		t.Error(diff)
	}
}
