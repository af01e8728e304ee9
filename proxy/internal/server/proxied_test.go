package server_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"

	"github.com/evenkeel/evenkeel/test/harness"
)

// introduced has a listener for HTTP and one for HTTPS, both behind proxies of 127.0.0.2 and
// 127.0.0.3. %MODE% is what they want of a header.
var introduced = strings.NewReplacer(
	"  listeners:\n", "  listeners:\n    - {name: https, port: 443, protocol: HTTPS, certificates: [site], default_action: {forward: [{target_group: web}]}}\n",
	"  bind: {http: \"127.0.0.1:0\"}", "  bind: {http: \"127.0.0.1:0\", https: \"127.0.0.3:0\"}\n  trusted_proxies: [127.0.0.2/31]\n  proxy_protocol: {http: %MODE%, https: %MODE%}\n  connection_log: {path: connections.log}",
	"target_groups:", "certificates:\n  site: {files: {certificate: site.crt, private_key: site.key}}\ntarget_groups:",
	"path: off", "path: access.log",
).Replace(basic)

// startIntroduced serves it, by a process that stands in a folder with a certificate.
func startIntroduced(t *testing.T, mode string, targets ...*harness.Target) *running {
	t.Helper()
	t.Chdir(t.TempDir())
	harness.WriteCertificate(t, ".", "site", harness.NewCertificate(t, false, "app.test"))
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("%MODE%", mode, "path: access", "path: "+dir+"/access", "path: connections", "path: "+dir+"/connections",
		"certificate: site", "certificate: "+dir+"/site", "private_key: site", "private_key: "+dir+"/site").Replace(introduced)
	s := start(t, text, targets...)
	until(t, "the targets to be healthy", s.healthy(len(targets)))
	return s
}

// named is a header that names a client.
func named(t *testing.T, version byte, client string) []byte {
	t.Helper()
	source := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(client))
	destination := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}
	if source.IP.To4() == nil {
		destination.IP = net.ParseIP("2001:db8::1")
	}
	text, err := proxyproto.HeaderProxyFromAddrs(version, source, destination).Format()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

const ask = "GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"

func TestProxyHeaderNamesTheClient(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	s := startIntroduced(t, "required", a)
	lines := func() []byte {
		text, _ := os.ReadFile("access.log")
		return text
	}
	for _, c := range []struct{ client, forwarded string }{{"203.0.113.5:4711", "203.0.113.5"}, {"[2001:db8::5]:4712", "2001:db8::5"}} {
		for _, version := range []byte{1, 2} {
			header := named(t, version, c.client)
			seen := len(a.Requests())
			plain := harness.Dial(t, s.address(), harness.Dialing{From: "127.0.0.2"})
			for _, b := range header { // in as many pieces as it has bytes
				plain.Send([]byte{b})
			}
			plain.Send([]byte(ask))
			whole := harness.Dial(t, s.address(), harness.Dialing{From: "127.0.0.3", First: append(slices.Clone(header), ask+ask...)})
			secure := harness.Dial(t, s.Addr("https").String(), harness.Dialing{From: "127.0.0.2", First: header, TLS: &tls.Config{InsecureSkipVerify: true}})
			secure.Send([]byte(ask))
			for i, client := range []*harness.Client{plain, whole, whole, secure} {
				if r, err := client.ReadResponse("GET"); err != nil || r.Status != 200 {
					t.Fatalf("%d: %+v, %v", i, r, err)
				}
			}
			h2 := harness.DialHTTP2(t, s.Addr("https").String(), harness.Dialing{From: "127.0.0.3", First: header, TLS: &tls.Config{InsecureSkipVerify: true}})
			id := h2.Send(harness.HTTP2Request{Fields: harness.Fields{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "app.test"}, {Name: ":path", Value: "/"}}})
			if r, err := h2.Receive(id); err != nil || r.Status != 200 {
				t.Fatalf("%+v, %v", r, err)
			}
			a.WaitRequests(seen + 5)
			for _, r := range a.Requests()[seen:] {
				if got := r.Fields.Get("X-Forwarded-For"); got != c.forwarded {
					t.Errorf("version %d, %s: X-Forwarded-For is %q", version, c.client, got)
				}
			}
			until(t, "lines in the access log", func() bool {
				return bytes.Count(lines(), []byte(" "+c.client+" ")) == 5*int(version)
			})
		}
	}
	if log, err := os.ReadFile("connections.log"); err != nil || bytes.Contains(log, []byte("127.0.0.2")) {
		t.Errorf("the connection log names the proxy (%v):\n%s", err, log)
	}
}

func TestLocalProxyHeaderNamesNobody(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	s := startIntroduced(t, "required", a)
	for _, header := range []string{"PROXY UNKNOWN\r\n", "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00", "\r\n\r\n\x00\r\nQUIT\n\x21\x00\x00\x00"} {
		c := harness.Dial(t, s.address(), harness.Dialing{From: "127.0.0.2", First: []byte(header + ask)})
		if r, err := c.ReadResponse("GET"); err != nil || r.Status != 200 {
			t.Fatalf("%q: %+v, %v", header, r, err)
		}
	}
	for _, r := range a.Requests() {
		if got := r.Fields.Get("X-Forwarded-For"); got != "127.0.0.2" {
			t.Errorf("X-Forwarded-For is %q", got)
		}
	}
}

func TestProxyHeaderIsRefused(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	header := string(named(t, 1, "203.0.113.5:4711"))
	for mode, cases := range map[string][]struct{ name, from, first, reason string }{
		"required": {
			{"of somebody else", "127.0.0.9", header + ask, "ProxyHeaderNotTrusted"},
			{"missing", "127.0.0.2", ask, "ProxyHeaderMissing"},
			{"missing, of somebody else", "127.0.0.9", ask, "ProxyHeaderNotTrusted"},
			{"malformed", "127.0.0.2", "PROXY TCP4 nobody\r\n" + ask, "ProxyHeaderMalformed"},
			{"UDP", "127.0.0.2", "\r\n\r\n\x00\r\nQUIT\n\x21\x12\x00\x0c0123456789ab" + ask, "ProxyHeaderUnsupported"},
			{"without an end", "127.0.0.2", strings.Repeat(header[:len(header)-2], 9), "ProxyHeaderMalformed"},
		},
		"optional": {
			{"of somebody else", "127.0.0.9", header + ask, "ProxyHeaderNotTrusted"},
			{"malformed", "127.0.0.2", "PROXY TCP4 nobody\r\n" + ask, "ProxyHeaderMalformed"},
			{"malformed, of somebody else", "127.0.0.9", "PROXY TCP4 nobody\r\n" + ask, "ProxyHeaderMalformed"},
		},
	} {
		t.Run(mode, func(t *testing.T) {
			s := startIntroduced(t, mode, a)
			for i, c := range cases {
				conn := harness.Dial(t, s.address(), harness.Dialing{From: c.from, First: []byte(c.first)})
				if got := conn.ReadAll(); len(got) > 0 {
					t.Errorf("%s: answered with %q", c.name, got)
				}
				until(t, c.name+": a line of the log", func() bool {
					log, _ := os.ReadFile("connections.log")
					return bytes.Count(log, []byte("Failed:")) == i+1 && bytes.Contains(log, []byte(" "+c.from+" ")) && bytes.Contains(log, []byte(" Failed:"+c.reason+" "))
				})
				var text bytes.Buffer
				if err := s.WriteMetrics(&text); err != nil {
					t.Fatal(err)
				}
				want := regexp.MustCompile(fmt.Sprintf(`(?m)^evenkeel_proxy_protocol_errors_total\{[^}]*\} %d$`, i+1))
				if !want.MatchString(text.String()) {
					t.Errorf("%s: not counted as number %d", c.name, i+1)
				}
			}
			// One that comes and goes, as probes of ports do, is no error.
			probe := harness.Dial(t, s.address(), harness.Dialing{From: "127.0.0.2"})
			probe.CloseWrite()
			if got := probe.ReadAll(); len(got) > 0 {
				t.Errorf("a probe is answered with %q", got)
			}
			if log, _ := os.ReadFile("connections.log"); bytes.Count(log, []byte("Failed:")) != len(cases) {
				t.Errorf("a probe is an error:\n%s", log)
			}
		})
	}
	if n := len(a.Requests()); n > 0 {
		t.Errorf("%d requests came through", n)
	}
}

func TestOptionalProxyHeader(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	s := startIntroduced(t, "optional", a)
	for _, c := range []struct{ from, first, forwarded string }{
		{"127.0.0.2", ask, "127.0.0.2"},
		{"127.0.0.9", ask, "127.0.0.9"},
		{"127.0.0.2", string(named(t, 2, "203.0.113.5:4711")) + ask, "203.0.113.5"},
		{"127.0.0.9", "P" + "UT / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 0\r\n\r\n", "127.0.0.9"},
	} {
		seen := len(a.Requests())
		conn := harness.Dial(t, s.address(), harness.Dialing{From: c.from, First: []byte(c.first)})
		if r, err := conn.ReadResponse("GET"); err != nil || r.Status != 200 {
			t.Fatalf("%+v: %+v, %v", c, r, err)
		}
		if got := a.Requests()[seen].Fields.Get("X-Forwarded-For"); got != c.forwarded {
			t.Errorf("%+v: X-Forwarded-For is %q", c, got)
		}
	}
	// HTTP where TLS is expected, more of it than TLS takes in one read.
	conn := harness.Dial(t, s.Addr("https").String(), harness.Dialing{From: "127.0.0.2", First: append(named(t, 2, "203.0.113.5:4711"),
		"GET / HTTP/1.1\r\nHost: app.test\r\nX-Long: "+strings.Repeat("x", 4000)+"\r\n\r\n"...)})
	if r, err := conn.ReadResponse("GET"); err != nil || r.Status != 400 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestProxyProtocolIsReloaded turns it on and off under open connections.
func TestProxyProtocolIsReloaded(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	s := start(t, basic, a)
	until(t, "the target to be healthy", s.healthy(1))
	old := harness.Dial(t, s.address(), harness.Dialing{From: "127.0.0.2", First: []byte(ask)})
	if r, err := old.ReadResponse("GET"); err != nil || r.Status != 200 {
		t.Fatalf("%+v, %v", r, err)
	}
	on := strings.Replace(basic, "proxy:\n", "proxy:\n  trusted_proxies: [127.0.0.2/32]\n  proxy_protocol: {http: required}\n", 1)
	if err := s.Reload(s.write(on, a)); err != nil {
		t.Fatal(err)
	}
	old.Send([]byte(ask))
	if r, err := old.ReadResponse("GET"); err != nil || r.Status != 200 {
		t.Errorf("a connection of before: %+v, %v", r, err)
	}
	if got := harness.Dial(t, s.address(), harness.Dialing{From: "127.0.0.2", First: []byte(ask)}).ReadAll(); len(got) > 0 {
		t.Errorf("a header is not required: %q", got)
	}
	c := harness.Dial(t, s.address(), harness.Dialing{From: "127.0.0.2", First: append(named(t, 1, "203.0.113.5:4711"), ask...)})
	if r, err := c.ReadResponse("GET"); err != nil || r.Status != 200 {
		t.Errorf("%+v, %v", r, err)
	}
	if err := s.Reload(s.write(basic, a)); err != nil {
		t.Fatal(err)
	}
	if r, err := harness.Dial(t, s.address(), harness.Dialing{From: "127.0.0.2", First: []byte(ask)}).ReadResponse("GET"); err != nil || r.Status != 200 {
		t.Errorf("a header is still required: %+v, %v", r, err)
	}
}
