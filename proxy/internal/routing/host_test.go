package routing_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/routing"
	"github.com/evenkeel/evenkeel/spec"
)

var hosts = []struct {
	value, host, port string
	bad               bool
}{
	{value: "example.com", host: "example.com"},
	{value: "EXAMPLE.Com", host: "example.com"},
	{value: "localhost", host: "localhost"},
	{value: "under_score.example.com", host: "under_score.example.com"},
	{value: "a-b.example.com", host: "a-b.example.com"},
	{value: "10.0.0.1", host: "10.0.0.1"},
	{value: "10.0.0.1:8080", host: "10.0.0.1", port: "8080"},
	{value: "example.com:1", host: "example.com", port: "1"},
	{value: "example.com:80", host: "example.com", port: "80"},
	{value: "example.com:65535", host: "example.com", port: "65535"},
	{value: "example.com:", host: "example.com"},
	{value: "example.com.", host: "example.com"},
	{value: "Example.com.:8080", host: "example.com", port: "8080"},
	{value: "[::1]", host: "[::1]"},
	{value: "[2001:DB8::A]:443", host: "[2001:db8::a]", port: "443"},
	{value: "[::ffff:10.0.0.1]", host: "[::ffff:10.0.0.1]"},
	{value: "[::1]:", host: "[::1]"},
	{value: "", bad: true},
	{value: ".", bad: true},
	{value: "..", bad: true},
	{value: ".example.com", bad: true},
	{value: "example..com", bad: true},
	{value: "example.com..", bad: true},
	{value: ":80", bad: true},
	{value: ":", bad: true},
	{value: "example.com:0", bad: true},
	{value: "example.com:080", bad: true},
	{value: "example.com:65536", bad: true},
	{value: "example.com:100000", bad: true},
	{value: "example.com:99999999999999999999", bad: true},
	{value: "example.com:80a", bad: true},
	{value: "example.com:-1", bad: true},
	{value: "example.com:+1", bad: true},
	{value: "example.com: 80", bad: true},
	{value: "example.com:80:80", bad: true},
	{value: "user@example.com", bad: true},
	{value: "user:secret@example.com", bad: true},
	{value: "example.com@evil.com", bad: true},
	{value: "example.com/", bad: true},
	{value: "example.com/a", bad: true},
	{value: `example.com\a`, bad: true},
	{value: "example.com?a", bad: true},
	{value: "example.com#a", bad: true},
	{value: "http://example.com", bad: true},
	{value: "example.com evil.com", bad: true},
	{value: " example.com", bad: true},
	{value: "example.com\t", bad: true},
	{value: "example.com, evil.com", bad: true},
	{value: "example.com,evil.com", bad: true},
	{value: "example.com;a", bad: true},
	{value: "example.com\x00", bad: true},
	{value: "example.com\r\nX: y", bad: true},
	{value: "ex%61mple.com", bad: true},
	{value: "*.example.com", bad: true},
	{value: "exämple.com", bad: true},
	{value: "example.com\x80", bad: true},
	{value: "[", bad: true},
	{value: "[]", bad: true},
	{value: "[::1", bad: true},
	{value: "::1", bad: true},
	{value: "[::1]a", bad: true},
	{value: "[::1].", bad: true},
	{value: "[::g]", bad: true},
	{value: "[10.0.0.1]", bad: true},
	{value: "[example.com]", bad: true},
	{value: "[fe80::1%eth0]", bad: true},
	{value: "[fe80::1%25eth0]", bad: true},
	{value: "[v1.a]", bad: true},
	{value: "[1:2:3:4:5:6:7:8:9]", bad: true},
	{value: "[" + strings.Repeat("0", 50) + "::1]", bad: true},
	{value: "a[::1]", bad: true},
}

// TestCanonicalizeHost has the same value in the Host field, in an absolute target and in
// :authority.
func TestCanonicalizeHost(t *testing.T) {
	for _, tt := range hosts {
		requests := map[string]*exchange.Request{"field": request("GET", "/", "Host", tt.value)}
		if tt.value != "" {
			requests["authority"] = request("GET", "/")
			requests["authority"].Version = exchange.HTTP2
			requests["authority"].Authority = []byte(tt.value)
		}
		if tt.value != "" && !strings.ContainsAny(tt.value, "/?#") {
			requests["absolute"] = request("GET", "http://"+tt.value+"/", "Host", "other.example.com")
		}
		for where, r := range requests {
			var a exchange.Arena
			err := routing.Canonicalize(r, &a)
			switch {
			case tt.bad && err == nil:
				t.Errorf("%s %q: got %q %q, want a refusal", where, tt.value, r.Host, r.Port)
			case tt.bad:
				if status := statusOf(t, err); status != 400 {
					t.Errorf("%s %q: status %d", where, tt.value, status)
				}
			case err != nil:
				t.Errorf("%s %q: %v", where, tt.value, err)
			case string(r.Host) != tt.host || string(r.Port) != tt.port:
				t.Errorf("%s %q: got %q %q, want %q %q", where, tt.value, r.Host, r.Port, tt.host, tt.port)
			}
		}
	}
}

func FuzzHost(f *testing.F) {
	for _, tt := range hosts {
		f.Add(tt.value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r := request("GET", "/", "Host", value)
		var a exchange.Arena
		if err := routing.Canonicalize(r, &a); err != nil {
			return
		}
		for _, c := range r.Host {
			if c <= 0x20 || c >= 0x7f || c >= 'A' && c <= 'Z' || strings.IndexByte("/?#@\\,;%", c) >= 0 {
				t.Errorf("%q: host %q", value, r.Host)
			}
		}
		sent := routing.AppendForwardedHost(nil, r, false, 8080)
		again := request("GET", "/", "Host", string(sent))
		if err := routing.Canonicalize(again, &a); err != nil || string(again.Host) != string(r.Host) {
			t.Errorf("%q: forwarded as %q, which is %q (%v)", value, sent, again.Host, err)
		}
		if got := routing.AppendForwardedHost(nil, r, true, 8080); string(got) != value {
			t.Errorf("%q: preserved as %q", value, got)
		}
	})
}

func TestCanonicalizeWhichHost(t *testing.T) {
	for _, tt := range []struct {
		name      string
		version   exchange.Version
		authority string // of HTTP/2, or the name that HTTP/1.0 gets without a host
		target    string
		fields    []string
		want      string
		status    int
	}{
		{"no host", exchange.HTTP11, "", "/", nil, "", 400},
		{"no host beside an absolute target", exchange.HTTP11, "", "http://a.example.com/", nil, "", 400},
		{"HTTP/1.0 without a host", exchange.HTTP10, "", "/", nil, "", 0},
		{"HTTP/1.0 with an empty host", exchange.HTTP10, "", "/", []string{"Host", ""}, "", 400},
		{"HTTP/1.0 with the load balancer's name", exchange.HTTP10, "lb.example.com", "/", nil, "lb.example.com", 0},
		{"HTTP/0.9", exchange.HTTP09, "", "/", nil, "", 0},
		{"two hosts, the first counts", exchange.HTTP11, "", "/", []string{"Host", "a.example.com", "Host", "b.example.com"}, "a.example.com", 0},
		{"two hosts, the first is malformed", exchange.HTTP11, "", "/", []string{"Host", "a b", "Host", "b.example.com"}, "", 400},
		{"absolute target against the field", exchange.HTTP11, "", "http://a.example.com/", []string{"Host", "b.example.com"}, "a.example.com", 0},
		{"absolute target with a malformed field", exchange.HTTP11, "", "http://a.example.com/", []string{"Host", "b@c"}, "", 400},
		{"absolute target with an empty field", exchange.HTTP11, "", "http://a.example.com/", []string{"Host", ""}, "", 400},
		{"authority", exchange.HTTP2, "a.example.com", "/", nil, "a.example.com", 0},
		{"HTTP/2 with a host only", exchange.HTTP2, "", "/", []string{"host", "a.example.com"}, "a.example.com", 0},
		{"HTTP/2 without either", exchange.HTTP2, "", "/", nil, "", 400},
		{"HTTP/2 with both", exchange.HTTP2, "A.example.com", "/", []string{"host", "a.example.com:443"}, "a.example.com", 0},
		{"HTTP/2 with different hosts", exchange.HTTP2, "a.example.com", "/", []string{"host", "b.example.com"}, "", 400},
		{"HTTP/2 with different ports", exchange.HTTP2, "a.example.com:1", "/", []string{"host", "a.example.com:2"}, "", 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := request("GET", tt.target, tt.fields...)
			r.Version = tt.version
			if tt.authority != "" {
				r.Authority = []byte(tt.authority)
			}
			var a exchange.Arena
			status := 0
			if err := routing.Canonicalize(r, &a); err != nil {
				status = statusOf(t, err)
			}
			if status != tt.status || status == 0 && string(r.Host) != tt.want {
				t.Errorf("got %q and %d, want %q and %d", r.Host, status, tt.want, tt.status)
			}
		})
	}
}

// TestManyHosts has more hosts than a scan of a short list would notice, in any case.
func TestManyHosts(t *testing.T) {
	for n := 1; n <= 200; n += 33 {
		l := &spec.Listener{DefaultAction: spec.Action{Forward: forwardTo("none")}}
		for i := range n {
			l.Rules = append(l.Rules, spec.Rule{
				Name: fmt.Sprint(i), Priority: i + 1, Action: spec.Action{Forward: forwardTo("g")},
				Conditions: []spec.Condition{{HostHeader: spec.Patterns{Values: []string{fmt.Sprintf("Host%d.Example.com", i)}}}},
			})
		}
		table := compile(t, l)
		for i := range n {
			for _, form := range []string{"host%d.example.com", "HOST%d.EXAMPLE.COM", "host%d.example.com.", "hoSt%d.example.com:8080"} {
				r := mustCanonicalize(t, request("GET", "/", "Host", fmt.Sprintf(form, i)))
				if rule, evaluated := table.Match(r, peer); rule.Priority != i+1 || evaluated != i+1 {
					t.Fatalf("%s of %d: rule %s after %d", r.Host, n, rule.Name, evaluated)
				}
			}
		}
	}
}

// TestAppendForwardedHost has the table of the AWS page edit-load-balancer-attributes.
func TestAppendForwardedHost(t *testing.T) {
	const absolute = "https://dns_name/index.html"
	for _, tt := range []struct {
		target, host string
		port         int
		want         string
		preserved    string
	}{
		{"/", "example.com", 80, "example.com", "example.com"},
		{"/", "example.com", 443, "example.com", "example.com"},
		{"/", "example.com:80", 80, "example.com", "example.com:80"},
		{"/", "EXAMPLE.com:8080", 80, "example.com", "EXAMPLE.com:8080"},
		{"/", "example.com:8443", 443, "example.com", "example.com:8443"},
		{absolute, "example.com", 443, "dns_name", "example.com"},
		{absolute, "example.com", 8080, "dns_name:8080", "example.com"},
		{"/", "example.com", 8080, "example.com:8080", "example.com"},
		{"/", "example.com:8080", 8080, "example.com:8080", "example.com:8080"},
		{"/", "Example.com:9090", 8080, "example.com:9090", "Example.com:9090"},
		{"/", "example.com.", 80, "example.com", "example.com."},
		{"/", "example.com.:", 8080, "example.com:8080", "example.com.:"},
		{"/", "[::1]", 8080, "[::1]:8080", "[::1]"},
		{"/", "[2001:DB8::1]:1", 80, "[2001:db8::1]", "[2001:DB8::1]:1"},
	} {
		r := mustCanonicalize(t, request("GET", tt.target, "Host", tt.host))
		if got := routing.AppendForwardedHost([]byte("x"), r, false, tt.port); string(got) != "x"+tt.want {
			t.Errorf("%s %s on %d: %q, want %q", tt.target, tt.host, tt.port, got[1:], tt.want)
		}
		if got := routing.AppendForwardedHost([]byte("x"), r, true, tt.port); string(got) != "x"+tt.preserved {
			t.Errorf("%s %s on %d preserved: %q, want %q", tt.target, tt.host, tt.port, got[1:], tt.preserved)
		}
	}
}

func TestAppendForwardedHostWithoutField(t *testing.T) {
	r := request("GET", "/")
	r.Version, r.Authority = exchange.HTTP2, []byte("A.example.com:8443")
	mustCanonicalize(t, r)
	if got := routing.AppendForwardedHost(nil, r, true, 443); string(got) != "A.example.com:8443" {
		t.Errorf("authority preserved as %q", got)
	}
	r = request("GET", "/")
	r.Version = exchange.HTTP10
	mustCanonicalize(t, r)
	if got := routing.AppendForwardedHost(nil, r, false, 8080); len(got) != 0 {
		t.Errorf("no host forwarded as %q", got)
	}
}
