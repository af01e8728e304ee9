//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"

	"github.com/evenkeel/evenkeel/test/harness"
)

// staff is a client that the example lets in at /admin/, other than its own 127.0.0.1.
const staff = "127.0.9.1"

// sorryPage is HAProxy's errorfile with its head and without.
const sorryPage = "<h1>We will be back</h1>\n"

// newHAProxySites runs Debian's HAProxy with the example, and ours with what `evenkeel import`
// makes of it, before the same servers.
func newHAProxySites(t *testing.T) (haproxy, ours *side, apps, files []*app, admin [2]string) {
	t.Helper()
	example, err := os.ReadFile("../import/haproxy.cfg")
	if err != nil {
		t.Fatal(err)
	}
	dir, text := t.TempDir(), string(example)
	for i, name := range []string{"one", "two", "three", "backup"} {
		a := newApp(t, name)
		apps = append(apps, a)
		text = replaced(t, text, fmt.Sprintf("10.0.1.%d:8000", i+1), a.address)
	}
	for i, name := range []string{"files-one", "files-two"} {
		a := newApp(t, name)
		files = append(files, a)
		text = replaced(t, text, fmt.Sprintf("10.0.2.%d:80", i+1), a.address)
	}
	harness.WriteCertificate(t, dir, "syncapp", harness.NewCertificate(t, false, movedHost))
	pair := ""
	for _, part := range []string{"crt", "key"} {
		b, err := os.ReadFile(filepath.Join(dir, "syncapp."+part))
		if err != nil {
			t.Fatal(err)
		}
		pair += string(b)
	}
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("syncapp.pem", pair)
	for status, reason := range map[int]string{502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"} {
		write(fmt.Sprintf("%d.http", status), fmt.Sprintf("HTTP/1.0 %d %s\r\nCache-Control: no-cache\r\nContent-Type: text/html\r\n\r\n%s", status, reason, sorryPage))
		write(fmt.Sprintf("%d.html", status), sorryPage) // what the report says to do
	}
	common := replaced(t, text, "/etc/haproxy/certs", dir, "/etc/haproxy/errors", dir, "10.0.0.0/8 127.0.0.0/8", staff+"/32",
		"timeout server 5s", "timeout server 300ms")
	ports := freePorts(t, 6)
	haproxy = &side{name: "haproxy", plain: loopback(ports[0]), secure: loopback(ports[1])}
	ours = &side{name: "evenkeel", plain: loopback(ports[2]), secure: loopback(ports[3])}
	admin = [2]string{loopback(ports[4]), loopback(ports[5])}
	listening := func(s *side, page string) string {
		return replaced(t, common, "bind *:80\n", "bind "+s.plain+"\n", "bind *:443 ", "bind "+s.secure+" ", "bind *:8404", "bind "+page)
	}

	// What a process of the system has, and not one of a test.
	config := replaced(t, listening(haproxy, admin[0]), "    chroot /var/lib/haproxy\n", "", "    user haproxy\n", "", "    group haproxy\n", "",
		"    daemon\n", "", "/run/haproxy/admin.sock", dir+"/admin.sock")
	write("original.cfg", config)
	haproxy.Process = harness.Start(t, tool(t, "haproxy", "haproxy"), "-db", "-f", filepath.Join(dir, "original.cfg"))
	haproxy.WaitListening(haproxy.secure)

	made, _ := importedBy(t, dir, "haproxy.cfg", listening(ours, admin[1]))
	s := newSite(t, "") // for its helpers
	s.file, s.admin = filepath.Join(dir, "made.yaml"), admin[1]
	s.write(replaced(t, made, "proxy:\n", "proxy:\n  access_log: {path: off}\n"))
	hash, err := bcrypt.GenerateFromPassword([]byte("change-me"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	b := s.serve("EVENKEEL_USER_ADMIN=" + string(hash))
	b.Until("every target healthy", func() bool { return strings.Count(b.Output(), `"msg":"target is healthy"`) == 15 })
	ours.Process = b.Process
	return haproxy, ours, apps, files, admin
}

// TestMovingFromHAProxy asks Debian's HAProxy with the example's configuration and ours with
// what was imported of it the same.
func TestMovingFromHAProxy(t *testing.T) {
	haproxy, ours, apps, files, admin := newHAProxySites(t)
	t.Run("redirect to HTTPS", func(t *testing.T) {
		same(t, haproxy, ours, inquiry{plain: true, path: "/a/b?c=d%20e&f"}, "body", "Content-Type")
		same(t, haproxy, ours, inquiry{plain: true, method: http.MethodPost, path: "/"}, "body", "Content-Type")
	})
	t.Run("forwarded", func(t *testing.T) {
		for _, q := range []inquiry{
			{path: "/"},
			{path: "/page?x=1&y=%2F"},
			{path: "/", http2: true},
			{path: "/api/items"},
			{path: "/static/app.css"},
			{path: "/media/photo.jpg"},
			{method: http.MethodPost, path: "/api/items", body: `{"a": 1}`},
			{method: http.MethodDelete, path: "/api/items/1"},
			{method: http.MethodHead, path: "/"},
			{path: "/", header: map[string]string{"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http", "X-Real-IP": "203.0.113.9"}},
			{path: "/api/", header: map[string]string{"Cookie": "sessionid=abc; theme=dark"}},
			{path: "/admin/login", from: staff},
			{path: "/page/404"},
			{path: "/page/500"},
			{path: "/page/302"},
		} {
			same(t, haproxy, ours, q, "Set-Cookie", "Cache-Control") // these are told below
		}
	})
	t.Run("by path and by header", func(t *testing.T) {
		for _, s := range []*side{haproxy, ours} {
			for path, want := range map[string]string{"/static/x": "files-", "/media/x": "files-", "/staticx": "", "/statistics": ""} {
				if got := s.ask(t, inquiry{path: path}).header.Get("X-Target"); strings.HasPrefix(got, "files-") != (want == "files-") {
					t.Errorf("%s: %s is answered by %s", s.name, path, got)
				}
			}
			if name := s.echoed(t, "/chat/ws", nil); name == "" || name == "backup" {
				t.Errorf("%s: echo of %q", s.name, name)
			}
		}
	})
	t.Run("denied", func(t *testing.T) {
		for _, q := range []inquiry{{path: "/admin/"}, {path: "/admin/users?x", http2: true}, {path: "/admin"}, {path: "/admin/", from: staff}} {
			if want, got := haproxy.ask(t, q).status, ours.ask(t, q).status; want != got {
				t.Errorf("%s from %q: status %d, want %d", q.path, q.from, got, want)
			}
		}
	})
	t.Run("TLS", func(t *testing.T) { sameTLS(t, haproxy, ours) })
	t.Run("session cookie", func(t *testing.T) { cookieOf(t, haproxy, ours) })
	t.Run("round robin", func(t *testing.T) {
		near(t, "/static/", haproxy.spread(t, 20, inquiry{path: "/static/"}), ours.spread(t, 20, inquiry{path: "/static/"}), 1)
		near(t, "/", haproxy.spread(t, 30, inquiry{path: "/"}), ours.spread(t, 30, inquiry{path: "/"}), 1)
	})
	t.Run("least connections", func(t *testing.T) {
		for _, s := range []*side{haproxy, ours} {
			if held, count := s.busy(t, apps, "/api/", 12); count[held] > 0 {
				t.Errorf("%s: %s has a request, and got more: %v", s.name, held, count)
			}
		}
	})
	t.Run("hash of the address", func(t *testing.T) {
		for _, s := range []*side{haproxy, ours} {
			names := map[string]string{}
			for i := range 60 {
				at := fmt.Sprintf("127.0.%d.%d", 10+i, 1+i)
				// An upgrade that the target does not take, as it says nothing of versions.
				q := inquiry{path: "/chat", from: at, header: map[string]string{"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}}
				first, again := s.ask(t, q), s.ask(t, q)
				names[at] = first.header.Get("X-Target")
				if names[at] == "" || names[at] != again.header.Get("X-Target") {
					t.Errorf("%s: %s is on %q, then on %q: status %d", s.name, at, names[at], again.header.Get("X-Target"), first.status)
				}
			}
			for _, name := range []string{"one", "two", "three"} {
				if n := shares(names)[name]; n < 6 {
					t.Errorf("%s: %d of 60 clients are on %s", s.name, n, name)
				}
			}
		}
	})
	t.Run("statistics", func(t *testing.T) {
		for i, s := range []*side{haproxy, ours} {
			answer, err := http.Get("http://" + admin[i] + "/stats;csv")
			if status, _ := read(t, answer, err); status != http.StatusUnauthorized {
				t.Errorf("%s: /stats;csv without a password: status %d", s.name, status)
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+admin[i]+"/stats;csv", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.SetBasicAuth("admin", "change-me")
			answer, err = http.DefaultClient.Do(r)
			status, body := read(t, answer, err)
			if status != http.StatusOK || !strings.HasPrefix(body, "# pxname,svname,qcur,") {
				t.Errorf("%s: /stats;csv: status %d: %.200s", s.name, status, body)
			}
			for _, line := range []string{"web,web1,", "api,web3,", "static,static2,", "web,BACKEND,"} {
				if !strings.Contains(body, "\n"+line) {
					t.Errorf("%s: no %s in\n%s", s.name, line, body)
				}
			}
		}
	})
	t.Run("server timeout", func(t *testing.T) {
		for _, s := range []*side{haproxy, ours} {
			before := total(apps)
			if got := s.ask(t, inquiry{method: http.MethodPost, path: "/health/", body: "x", header: map[string]string{"X-Wait": "1"}}).status; got != http.StatusGatewayTimeout {
				t.Errorf("%s: status %d after %d requests to targets", s.name, got, total(apps)-before)
			}
		}
	})
	t.Run("retries", func(t *testing.T) {
		apps[0].stop()
		for _, s := range []*side{haproxy, ours} {
			for path, least := range map[string]int{"/": 10, "/api/": 0} {
				if count := s.spread(t, 30, inquiry{path: path}); count["backup"] > 0 || count["one"] > 0 || count["two"] < least || count["three"] < least {
					t.Errorf("%s: %s without one: %v", s.name, path, count)
				}
			}
		}
	})
	t.Run("error page", func(t *testing.T) {
		for _, a := range files {
			a.stop()
		}
		want, got := haproxy.ask(t, inquiry{path: "/static/"}), ours.ask(t, inquiry{path: "/static/"})
		// HAProxy's 503 is of a server that takes no connection, an ALB's 502.
		if want.status != http.StatusServiceUnavailable || got.status != http.StatusBadGateway {
			t.Errorf("status %d and %d", want.status, got.status)
		}
		if diff := cmp.Diff(want.body, got.body); diff != "" || want.body != sorryPage {
			t.Errorf("the page (-haproxy +ours):\n%s", diff)
		}
	})
}

// cookieOf has a client whose cookie either side has set stay where it is on both.
func cookieOf(t *testing.T, haproxy, ours *side) {
	t.Helper()
	servers := map[string]string{"one": "web1", "two": "web2", "three": "web3"}
	for _, s := range []*side{haproxy, ours} {
		for range 3 {
			first := s.ask(t, inquiry{path: "/"})
			target := first.header.Get("X-Target")
			if got, want := first.header.Get("Set-Cookie"), "SERVERID="+servers[target]+"; path=/"; got != want {
				t.Errorf("%s: %s sets the cookie %q, want %q", s.name, target, got, want)
			}
			cookie, _, _ := strings.Cut(first.header.Get("Set-Cookie"), ";")
			for range 3 {
				// The target does not see the cookie, and a client that has one gets none.
				again := same(t, haproxy, ours, inquiry{path: "/", header: map[string]string{"Cookie": "a=b; " + cookie + "; c=d"}})
				if got := again.header.Get("X-Target"); got != target {
					t.Errorf("the client of %q is on %s, want %s", cookie, got, target)
				}
			}
			if got := same(t, haproxy, ours, inquiry{path: "/", header: map[string]string{"Cookie": "SERVERID=nobody"}}, "Set-Cookie"); got.header.Get("Set-Cookie") == "" {
				t.Error("no cookie in place of one that says nothing")
			}
		}
	}
}
