package server_test

import (
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/evenkeel/evenkeel/test/harness"
)

// TestRefusalsArrive refuses requests whose bodies are on their way: the answer must not
// be lost to a reset.
func TestRefusalsArrive(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	s := start(t, basic, a)
	body := make([]byte, 200<<10)
	for _, framing := range []string{"Content-Length: 1000000\r\nContent-Length: 1000001", "Transfer-Encoding: gzip", "Host: other.test\r\nContent-Length: 0x1"} {
		for range 10 {
			c := harness.Dial(t, s.address(), harness.Dialing{})
			c.Send([]byte("POST / HTTP/1.1\r\nHost: app.test\r\n" + framing + "\r\n\r\n"))
			c.Send(body)
			got, err := io.ReadAll(c.Conn())
			if errors.Is(err, syscall.ECONNRESET) || !strings.HasPrefix(string(got), "HTTP/1.1 ") {
				t.Errorf("%s: %.30q, %v", framing, got, err)
				break
			}
		}
	}
}

// secure is basic with an HTTPS listener before it.
func secure(t *testing.T, targets ...*harness.Target) (s *running, address string) {
	t.Helper()
	s = startSecure(t, "", targets...)
	return s, s.Addr("https").String()
}

// startSecure is secure with more behind it.
func startSecure(t *testing.T, more string, targets ...*harness.Target) *running {
	t.Helper()
	dir := t.TempDir()
	harness.WriteCertificate(t, dir, "site", harness.NewCertificate(t, false, "app.test"))
	text := strings.Replace(basic, "  listeners:\n", "  listeners:\n    - {name: https, port: 443, protocol: HTTPS, certificates: [site], default_action: {forward: [{target_group: web}]}}\n", 1)
	text = strings.Replace(text, "bind: {", "bind: {https: \"127.0.0.3:0\", ", 1)
	text += "certificates: {site: {files: {certificate: " + dir + "/site.crt, private_key: " + dir + "/site.key}}}\n"
	return start(t, text+more, targets...)
}

// TestTLSEndsAsItShould wants close_notify behind an answer that the connection ends with,
// or its end could not be told from a cut.
func TestTLSEndsAsItShould(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	a.SetAnswer(harness.Answer{Parts: [][]byte{[]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")}})
	_, address := secure(t, a)
	for _, version := range []string{"1.0", "1.1"} {
		c := harness.Dial(t, address, harness.Dialing{TLS: &tls.Config{InsecureSkipVerify: true}})
		c.Send([]byte("GET / HTTP/" + version + "\r\nHost: app.test\r\nConnection: close\r\n\r\n"))
		// io.ReadAll takes io.EOF, which is close_notify, for the end, and nothing else.
		if got, err := io.ReadAll(c.Conn()); err != nil || !strings.Contains(string(got), "ok") {
			t.Errorf("HTTP/%s: %q, %v", version, got, err)
		}
	}
}

// TestClientsThatLeaveAreNoticed has clients go while the target is silent.
func TestClientsThatLeaveAreNoticed(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	a.SetAnswer(harness.Answer{Silent: true})
	s, address := secure(t, a)
	for i, how := range []harness.Dialing{{}, {TLS: &tls.Config{InsecureSkipVerify: true}}} {
		to := s.address()
		if how.TLS != nil {
			to = address
		}
		c := harness.Dial(t, to, how)
		c.Send([]byte("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"))
		a.WaitRequests(i + 1)
		c.Close()
		until(t, "the target to be relieved", func() bool { return s.Status().TargetGroups[0].Targets[0].Outstanding == 0 })
	}
}
