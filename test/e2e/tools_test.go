//go:build e2e

package e2e_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const toolsFile = `app: tools
domain: app.test
load_balancer:
  listeners:
    - {name: http, port: 80, protocol: HTTP, default_action: {forward: [{target_group: web}]}}
    - name: https
      port: 443
      protocol: HTTPS
      ssl_policy: %POLICY%
      certificates: [site]
      default_action: {forward: [{target_group: web}]}
certificates: {site: {files: {certificate: site.crt, private_key: site.key}}}
target_groups:
  - name: web
    port: 80
    health_check: {path: /health/, interval: 5s, timeout: 2s, healthy_threshold: 2, unhealthy_threshold: 2}
    targets: %TARGETS%
proxy:
  bind: {http: "%PLAIN%", https: "%SECURE%"}
  admin: {listen: "%ADMIN%"}
  access_log: {path: %DIR%/access.log, format: alb}
`

// serveTools serves toolsFile with a security policy.
func serveTools(t *testing.T, policy string) *balancer {
	t.Helper()
	b := newSite(t, strings.ReplaceAll(toolsFile, "%POLICY%", policy), newMirror(t, "one")).serve()
	b.healthy(1)
	return b
}

// command runs a program of a Debian package and returns what it wrote.
func command(t *testing.T, program, pkg string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, tool(t, program, pkg), args...)
	c.Stdin = strings.NewReader("") // openssl would wait for more
	out, err := c.CombinedOutput()
	return string(out), err
}

// TestCurl has another hand's client ask in all the ways it can.
func TestCurl(t *testing.T) {
	b := serveTools(t, "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09")
	plain, secure := "http://"+b.site.plain, "https://"+b.site.secure
	upload := filepath.Join(t.TempDir(), "upload")
	content, err := io.ReadAll(io.LimitReader(&pattern{}, 3<<20))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(upload, content, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	uploaded := " 3145728 " + hex.EncodeToString(sum[:])
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"http/1.1", []string{"-i", plain + "/a?b"}, "HTTP/1.1 200 OK"},
		{"http/1.0", []string{"-i", "--http1.0", plain + "/"}, "Connection: close"},
		{"head", []string{"-I", plain + "/"}, "HTTP/1.1 200 OK"},
		{"https", []string{"-ik", "--http1.1", secure + "/"}, "HTTP/1.1 200 OK"},
		{"http/2", []string{"-ik", "--http2", secure + "/"}, "HTTP/2 200"},
		{"upload", []string{"--data-binary", "@" + upload, plain + "/"}, uploaded},
		{"chunked upload", []string{"-H", "Transfer-Encoding: chunked", "--data-binary", "@" + upload, plain + "/"}, uploaded},
		{"upload that waits", []string{"-H", "Expect: 100-continue", "--data-binary", "@" + upload, plain + "/"}, uploaded},
		{"upload over HTTP/2", []string{"-k", "--http2", "--data-binary", "@" + upload, secure + "/"}, uploaded},
		{"HTTP on the HTTPS port", []string{"-i", "http://" + b.site.secure + "/"}, "The plain HTTP request was sent to HTTPS port"},
		{"no TLS 1.1", []string{"-vk", "--tlsv1.1", "--tls-max", "1.1", secure + "/"}, "curl: ("},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, _ := command(t, "curl", "curl", append([]string{"-sS", "--max-time", "20"}, c.args...)...)
			if !strings.Contains(out, c.want) {
				t.Errorf("curl %s says %.500q, want %q in it", strings.Join(c.args, " "), out, c.want)
			}
		})
	}
	for _, url := range []string{plain, secure} {
		t.Run("download from "+url[:5], func(t *testing.T) {
			out, err := command(t, "curl", "curl", "-sSk", "--max-time", "20", url+"/large?size=3145728")
			if err != nil || out != string(content) {
				t.Errorf("got %d bytes, %v; want %d, the same", len(out), err, len(content))
			}
		})
	}
}

// TestH2load asks many times over few connections, and the other way round.
func TestH2load(t *testing.T) {
	b := serveTools(t, "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09")
	for _, connections := range []string{"4", "50"} {
		out, err := command(t, "h2load", "nghttp2-client", "-n", "10000", "-c", connections, "-m", "20", "https://"+b.site.secure+"/")
		if err != nil || !strings.Contains(out, "10000 succeeded, 0 failed, 0 errored, 0 timeout") || !strings.Contains(out, "10000 2xx") {
			t.Errorf("h2load with %s connections: %v\n%s", connections, err, out)
		}
	}
}

// TestOpenSSL settles security policies with another hand's TLS.
func TestOpenSSL(t *testing.T) {
	settled := regexp.MustCompile(`(?m)^New, (TLSv1\.[23]), Cipher is (\S+)|Protocol\s*: (\S+)`)
	for _, c := range []struct {
		policy string
		flags  []string
		want   string // the suite; empty for no session
	}{
		{"ELBSecurityPolicy-TLS13-1-2-Res-2021-06", []string{"-tls1_3"}, "TLS_"},
		{"ELBSecurityPolicy-TLS13-1-2-Res-2021-06", []string{"-tls1_2"}, "ECDHE-ECDSA-AES"},
		{"ELBSecurityPolicy-TLS13-1-2-Res-2021-06", []string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"}, ""},
		{"ELBSecurityPolicy-TLS13-1-2-2021-06", []string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"}, "ECDHE-ECDSA-AES128-SHA256"},
		{"ELBSecurityPolicy-TLS13-1-3-2021-06", []string{"-tls1_2"}, ""},
		{"ELBSecurityPolicy-TLS13-1-2-Res-2021-06", []string{"-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"}, ""},
	} {
		t.Run(c.policy+strings.Join(c.flags, ""), func(t *testing.T) {
			b := serveTools(t, c.policy)
			out, _ := command(t, "openssl", "openssl", append([]string{"s_client", "-connect", b.site.secure, "-servername", "localhost"}, c.flags...)...)
			m := settled.FindStringSubmatch(out)
			switch {
			case c.want == "" && m != nil && m[2] != "" && m[2] != "(NONE)":
				t.Errorf("a session with %s\n%s", m[2], out)
			case c.want != "" && (m == nil || !strings.HasPrefix(m[2], c.want)):
				t.Errorf("no session with %s\n%s", c.want, out)
			}
		})
	}
}
