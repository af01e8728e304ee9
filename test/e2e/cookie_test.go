//go:build e2e

package e2e_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/test/harness"
)

// cookieOptions are ways to set a persistence cookie, in HAProxy's words and in ours.
var cookieOptions = []struct{ theirs, ours string }{
	{"", ""},
	{"indirect nocache", "indirect: true, nocache: true"},
	{"indirect preserve", "indirect: true, preserve: true"},
	{"postonly", "postonly: true"},
	{"indirect maxidle 1h", "indirect: true, max_idle: 1h"},
	{"indirect maxlife 2h", "indirect: true, max_life: 2h"},
	{
		"nocache maxidle 1h maxlife 8h domain .app.test httponly secure attr SameSite=None",
		"nocache: true, max_idle: 1h, max_life: 8h, domain: .app.test, http_only: true, secure: true, same_site: None",
	},
}

// aCookieFile has a group, and a rule by host for each of cookieOptions.
func aCookieFile(targets string) string {
	var rules, groups strings.Builder
	for i, o := range cookieOptions {
		fmt.Fprintf(&rules, "        - {name: r%d, priority: %d, conditions: [{host_header: [o%d.app.test]}], action: {forward: [{target_group: g%d}]}}\n", i, i+1, i, i)
		fmt.Fprintf(&groups, "  - {name: g%d, port: 80, targets: [%s], proxy_only: {cookie: {%s}}}\n", i, targets, strings.TrimSuffix("name: S, "+o.ours, ", "))
	}
	return `app: cookies
domain: app.test
load_balancer:
  listeners:
    - name: http
      port: 80
      protocol: HTTP
      default_action: {fixed_response: {status_code: 404}}
      rules:
` + rules.String() + "target_groups:\n" + groups.String() + `proxy:
  bind: {http: "%PLAIN%"}
  admin: {listen: "%ADMIN%"}
`
}

// theirCookieFile is the same for HAProxy.
func theirCookieFile(at, servers string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "defaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\nfrontend f\n  bind %s\n", at)
	for i := range cookieOptions {
		fmt.Fprintf(&b, "  use_backend b%d if { hdr(host) o%d.app.test }\n", i, i)
	}
	for i, o := range cookieOptions {
		fmt.Fprintf(&b, "backend b%d\n  cookie S insert %s\n%s", i, o.theirs, servers)
	}
	return b.String()
}

// cookieDate is a date in a persistence cookie.
var cookieDate = regexp.MustCompile(`\|[A-Za-z0-9+/]{5}`)

// TestCookieAsHAProxy puts the same requests to the HAProxy of Debian and to us, and compares
// what clients and targets see of the cookie.
func TestCookieAsHAProxy(t *testing.T) {
	var ours, theirs []string
	for _, name := range []string{"a", "b", "out", "spare"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if name == "out" {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			w.Header().Set("ETag", `"1"`) // HAProxy's nocache is for what caches may keep
			w.Header()["Set-Cookie"] = r.URL.Query()["set"]
			fmt.Fprintf(w, "%s got %q", name, r.Header["Cookie"])
		}))
		t.Cleanup(s.Close)
		_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
		more := map[string][2]string{"out": {"", " disabled"}, "spare": {", proxy_only: {backup: true}", " backup"}}[name]
		ours = append(ours, fmt.Sprintf("{id: %s, address: 127.0.0.1, port: %s%s}", name, port, more[0]))
		theirs = append(theirs, fmt.Sprintf("  server %s 127.0.0.1:%s cookie %[1]s%[3]s\n", name, port, more[1]))
	}
	s := newSite(t, aCookieFile(strings.Join(ours, ", ")))
	s.serve().healthy(3 * len(cookieOptions))
	config, at := filepath.Join(s.dir, "haproxy.cfg"), loopback(freePorts(t, 1)[0])
	if err := os.WriteFile(config, []byte(theirCookieFile(at, strings.Join(theirs, ""))), 0o600); err != nil {
		t.Fatal(err)
	}
	harness.Start(t, tool(t, "haproxy", "haproxy"), "-db", "-f", config).WaitListening(at)

	for i, o := range cookieOptions {
		for _, c := range []struct{ method, query, cookie string }{
			{"GET", "", ""},
			{"POST", "", ""},
			{"GET", "", "S=a"},
			{"GET", "", "x=1; S=b; y=2"},
			{"GET", "", "S=a; S=b"},
			{"GET", "", "s=a"},
			{"GET", "", "S=nobody"},
			{"GET", "", "S="},
			{"GET", "", "S=out"},
			{"GET", "", "S=spare"},
			{"GET", "", "S=a|"},
			{"GET", "", "S=a|aSRs4"},
			{"GET", "", "S=a|aSRs4|aSRs4"},
			{"GET", "", "S=out|aSRs4|aSRs4"},
			{"GET", "set=S%3Down", ""},
			{"GET", "set=S%3Down&set=z%3D1", "S=b"},
		} {
			answer := func(address string) string {
				r, err := http.NewRequest(c.method, "http://"+address+"/?"+c.query, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Host = fmt.Sprintf("o%d.app.test", i)
				if c.cookie != "" {
					r.Header.Set("Cookie", c.cookie)
				}
				got, err := http.DefaultTransport.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				defer got.Body.Close()
				body, err := io.ReadAll(got.Body)
				if err != nil {
					t.Fatal(err)
				}
				by, _, _ := strings.Cut(string(body), " ")
				set := strings.Join(got.Header["Set-Cookie"], ", ")
				if !strings.Contains(c.cookie, "S=") || strings.Contains(set, "S=") {
					// Whose turn it was does not matter, but that the cookie says so.
					body = body[len(by):]
					set = cookieDate.ReplaceAllString(strings.ReplaceAll(set, "S="+by, "S=<target>"), "|<date>")
				}
				return fmt.Sprintf("%d, %s, %s, set %q", got.StatusCode, body, got.Header["Cache-Control"], set)
			}
			if them, us := answer(at), answer(s.plain); them != us {
				t.Errorf("%q, %s /?%s with %q:\nHAProxy %s\nwe      %s", o.theirs, c.method, c.query, c.cookie, them, us)
			}
		}
	}
}
