//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/test/harness"
)

// proxiedFile is toolsFile behind a proxy of this machine that introduces clients.
var proxiedFile = strings.NewReplacer(
	"%POLICY%", "ELBSecurityPolicy-TLS13-1-2-2021-06",
	"proxy:\n", "proxy:\n  trusted_proxies: [127.0.0.1/32]\n  proxy_protocol: {http: optional, https: required}\n",
).Replace(toolsFile)

// haproxyFile passes connections on with a header of each version, and requests with a field.
const haproxyFile = `defaults
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen version-1
  mode tcp
  bind %[1]s
  server s %[5]s send-proxy
listen version-2
  mode tcp
  bind %[2]s
  server s %[5]s send-proxy-v2
listen tls
  mode tcp
  bind %[3]s
  server s %[6]s send-proxy-v2 proxy-v2-options crc32c,unique-id
listen field
  mode http
  bind %[4]s
  option forwardfor
  server s %[5]s
`

// TestClientsBehindHAProxy asks through the HAProxy of Debian, which names the client to us in
// the four ways that it has.
func TestClientsBehindHAProxy(t *testing.T) {
	s := newSite(t, proxiedFile, newMirror(t, "one"))
	s.serve().healthy(1)
	var at [4]string
	for i, port := range freePorts(t, len(at)) {
		at[i] = loopback(port)
	}
	config := filepath.Join(s.dir, "haproxy.cfg")
	if err := os.WriteFile(config, fmt.Appendf(nil, haproxyFile, at[0], at[1], at[2], at[3], s.plain, s.secure), 0o600); err != nil {
		t.Fatal(err)
	}
	haproxy := harness.Start(t, tool(t, "haproxy", "haproxy"), "-db", "-f", config)
	for i, c := range []struct {
		name, url string
		args      []string
	}{
		{"version 1", "http://" + at[0], nil},
		{"version 2", "http://" + at[1], nil},
		{"version 2 and HTTP/2", "https://" + at[2], []string{"--insecure", "--http2"}},
		{"version 2 and HTTP/1.1 over TLS", "https://" + at[2], []string{"--insecure", "--http1.1"}},
		{"X-Forwarded-For", "http://" + at[3], nil},
	} {
		client := fmt.Sprintf("127.0.0.%d", 50+i)
		haproxy.WaitListening(strings.TrimPrefix(strings.TrimPrefix(c.url, "http://"), "https://"))
		path := fmt.Sprintf("/from-%d", i)
		out, err := command(t, "curl", "curl", append(c.args, "--include", "--silent", "--show-error", "--fail", "--interface", client, c.url+path)...)
		if err != nil {
			t.Fatalf("%s: %v\n%s", c.name, err, out)
		}
		haproxy.Until(c.name+": a line in the access log", func() bool {
			log, _ := os.ReadFile(filepath.Join(s.dir, "access.log"))
			for line := range strings.Lines(string(log)) {
				if strings.Contains(line, path) {
					return strings.Contains(line, " "+client+":")
				}
			}
			return false
		})
		if got := strings.ToLower(out); !strings.Contains(got, "x-client: "+client) {
			t.Errorf("%s: the target does not know of %s:\n%s", c.name, client, out)
		}
	}
}
