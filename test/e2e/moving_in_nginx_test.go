//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/test/harness"
)

// newNginxSites runs Debian's nginx with the example, and ours with what `evenkeel import`
// makes of it, before the same servers.
func newNginxSites(t *testing.T) (nginx, ours *side, apps []*app, admin, dir string) {
	t.Helper()
	text, err := os.ReadFile("../import/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	files := map[string]string{
		"static/app.css": "body { color: red }\n" + strings.Repeat("/* padding */\n", 200), "static/logo.bin": strings.Repeat("\x00\x01", 512),
		"media/a b.txt": "with a space\n", "errors/50x.html": "<h1>We will be back</h1>\n",
	}
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "tls"), 0o755); err != nil {
		t.Fatal(err)
	}
	harness.WriteCertificate(t, filepath.Join(dir, "tls"), "syncapp", harness.NewCertificate(t, false, movedHost))
	for i, name := range []string{"one", "two", "three", "backup"} {
		a := newApp(t, name)
		apps = append(apps, a)
		text = []byte(replaced(t, string(text), fmt.Sprintf("10.0.1.%d:8000", i+1), a.address))
	}
	common := replaced(t, string(text), "/var/www/syncapp", dir, "/var/log/nginx/error.log", dir+"/error.log", "proxy_read_timeout 5s", "proxy_read_timeout 300ms", "client_max_body_size 100m", "client_max_body_size 1000")
	ports := freePorts(t, 5)
	nginx = &side{name: "nginx", plain: loopback(ports[0]), secure: loopback(ports[1])}
	ours = &side{name: "evenkeel", plain: loopback(ports[2]), secure: loopback(ports[3])}
	admin = loopback(ports[4])
	listening := func(s *side) string {
		return replaced(t, common, "listen 80 ", "listen "+s.plain+" ", "listen 443 ", "listen "+s.secure+" ", "/var/log/nginx/access.log", dir+"/"+s.name+".log")
	}

	self, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	temporary := "http {\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "scgi", "uwsgi"} {
		temporary += fmt.Sprintf("    %s_temp_path %s/%s;\n", kind, dir, kind)
	}
	config := replaced(t, listening(nginx), "user www-data;", "user "+self.Username+";", "/run/nginx.pid", dir+"/nginx.pid", "http {\n", temporary,
		"include mime.types", "include /etc/nginx/mime.types")
	file := filepath.Join(dir, "original.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	nginx.Process = harness.Start(t, tool(t, "nginx", "nginx-light"), "-p", dir, "-c", file, "-e", dir+"/error.log", "-g", "daemon off; master_process off;")
	nginx.WaitListening(nginx.secure)

	made, _ := importedBy(t, dir, "nginx.conf", listening(ours))
	made = replaced(t, made, "  admin:\n", "  admin:\n    listen: "+admin+"\n")
	s := newSite(t, "") // for its ports and helpers
	s.file, s.admin = filepath.Join(dir, "made.yaml"), admin
	s.write(made)
	b := s.serve()
	b.healthy(17) // in five groups
	ours.Process = b.Process
	return nginx, ours, apps, admin, dir
}

// TestMovingFromNginx asks Debian's nginx with the example's configuration and ours with what
// was imported of it the same.
func TestMovingFromNginx(t *testing.T) {
	nginx, ours, apps, admin, dir := newNginxSites(t)
	t.Run("redirect to HTTPS", func(t *testing.T) {
		// The last two are on the answers of every listener here.
		without := []string{"body", "Content-Type", "Referrer-Policy", "X-Xss-Protection"}
		same(t, nginx, ours, inquiry{plain: true, path: "/a/b?c=d%20e&f"}, without...)
		same(t, nginx, ours, inquiry{plain: true, method: http.MethodPost, path: "/"}, without...)
	})
	t.Run("forwarded", func(t *testing.T) {
		for _, q := range []inquiry{
			{path: "/"},
			{path: "/page?x=1&y=%2F"},
			{path: "/", http2: true},
			{path: "/api/items"},
			{path: "/admin/login"},
			{path: "/health/deep"},
			{path: "/ws/not-an-upgrade"},
			{method: http.MethodPost, path: "/api/items", body: `{"a": 1}`},
			{method: http.MethodDelete, path: "/api/items/1"},
			{method: http.MethodHead, path: "/"},
			{path: "/", header: map[string]string{"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http", "X-Real-IP": "203.0.113.9", "Connection": "close"}},
			{path: "/", header: map[string]string{"Cookie": "sessionid=abc; theme=dark"}},
			{path: "/page/404"},
			{path: "/page/500"},
			{path: "/page/302"},
		} {
			same(t, nginx, ours, q)
		}
	})
	t.Run("a slash that is missing", func(t *testing.T) {
		for _, path := range []string{"/api", "/admin?x=y", "/health"} {
			same(t, nginx, ours, inquiry{path: path}, "body", "Content-Type")
		}
	})
	t.Run("files", func(t *testing.T) {
		for _, q := range []inquiry{
			{path: "/static/app.css"},
			{path: "/static/logo.bin"},
			{path: "/media/a%20b.txt"},
			{method: http.MethodHead, path: "/static/app.css"},
			{path: "/static/app.css", header: map[string]string{"Range": "bytes=5-9"}},
			{path: "/static/app.css", header: map[string]string{"Accept-Encoding": "gzip"}},
		} {
			without := []string{"Etag", "Expires"}
			switch {
			case q.header["Range"] != "":
				without = append(without, "Accept-Ranges")
			case q.header["Accept-Encoding"] != "":
				without = append(without, "body") // no two programs compress alike
			}
			got := same(t, nginx, ours, q, without...)
			if got.header.Get("Expires") == "" || got.header.Get("Last-Modified") == "" || got.header.Get("Etag") == "" {
				t.Errorf("%s: headers %v", q.path, got.header)
			}
		}
		for _, q := range []inquiry{
			{path: "/static/none.css"},
			{path: "/static/.hidden"},
			{path: "/static/../errors/50x.html"},
			{path: "/50x.html"},
			{path: "/static/app.css", header: map[string]string{"Range": "bytes=99999-"}},
		} {
			if want, got := nginx.ask(t, q).status, ours.ask(t, q).status; want != got {
				t.Errorf("%s %v: status %d, want %d", q.path, q.header, got, want)
			}
		}
		modified := map[string]string{"If-Modified-Since": ours.ask(t, inquiry{path: "/static/app.css"}).header.Get("Last-Modified")}
		if got := same(t, nginx, ours, inquiry{path: "/static/app.css", header: modified}, "Etag", "Expires", "Last-Modified"); got.status != http.StatusNotModified {
			t.Errorf("not modified: status %d", got.status)
		}
	})
	t.Run("compression", func(t *testing.T) {
		for _, header := range []map[string]string{{"Accept-Encoding": "gzip"}, nil} {
			same(t, nginx, ours, inquiry{path: "/api/json", header: header}, "body")
		}
		same(t, nginx, ours, inquiry{path: "/short", header: map[string]string{"Accept-Encoding": "gzip"}})
	})
	t.Run("largest body", func(t *testing.T) {
		for _, s := range []*side{nginx, ours} {
			for size, want := range map[int]int{1000: http.StatusOK, 1001: http.StatusRequestEntityTooLarge} {
				for _, http2 := range []bool{false, true} {
					q := inquiry{method: http.MethodPost, path: "/api/items", body: strings.Repeat("x", size), http2: http2}
					if got := s.ask(t, q).status; got != want {
						t.Errorf("%s: %d bytes: status %d, want %d", s.name, size, got, want)
					}
				}
			}
		}
	})
	t.Run("WebSocket", func(t *testing.T) {
		for _, s := range []*side{nginx, ours} {
			if name := s.echoed(t, "/ws/ws", nil); name == "" || name == "backup" {
				t.Errorf("%s: echo of %q", s.name, name)
			}
		}
	})
	t.Run("TLS", func(t *testing.T) { sameTLS(t, nginx, ours) })
	t.Run("session resumption", func(t *testing.T) {
		if want, got := nginx.resumes(t), ours.resumes(t); !want || !got {
			t.Errorf("nginx resumes sessions: %v; evenkeel: %v", want, got)
		}
	})
	t.Run("access log", func(t *testing.T) {
		combined := regexp.MustCompile(`(?m)^127\.0\.0\.1 - - \[[^]]+\] "(GET /logged\?x=1 HTTP/1\.1" 200 \d+ "https://from\.example/" "a browser")`)
		var lines [2]string
		for i, s := range []*side{nginx, ours} {
			s.ask(t, inquiry{path: "/logged?x=1", header: map[string]string{"Referer": "https://from.example/", "User-Agent": "a browser"}})
			s.Until("a line in the access log", func() bool {
				log, _ := os.ReadFile(filepath.Join(dir, s.name+".log"))
				if m := combined.FindSubmatch(log); m != nil {
					lines[i] = string(m[1])
				}
				return lines[i] != ""
			})
		}
		// The bodies have different lengths, as they tell what the target was sent.
		bytes := regexp.MustCompile(` 200 \d+ `)
		if want, got := bytes.ReplaceAllString(lines[0], " 200 N "), bytes.ReplaceAllString(lines[1], " 200 N "); want != got {
			t.Errorf("the log says %q, want %q", got, want)
		}
	})
	t.Run("round robin by weight", func(t *testing.T) {
		near(t, "/", nginx.spread(t, 30, inquiry{path: "/"}), ours.spread(t, 30, inquiry{path: "/"}), 1)
	})
	t.Run("least connections", func(t *testing.T) {
		for _, s := range []*side{nginx, ours} {
			if held, count := s.busy(t, apps, "/api/", 12); count[held] > 0 {
				t.Errorf("%s: %s has a request, and got more: %v", s.name, held, count)
			}
		}
	})
	t.Run("hash of the address", func(t *testing.T) {
		questions := map[string]inquiry{}
		for i := range 40 {
			at := fmt.Sprintf("127.0.%d.%d", i, 1+i)
			questions[at] = inquiry{path: "/admin/", from: at}
		}
		want := nginx.mapping(t, questions)
		if len(shares(want)) != 3 {
			t.Fatalf("nginx has clients on %v", shares(want))
		}
		if diff := cmp.Diff(want, ours.mapping(t, questions)); diff != "" {
			t.Errorf("which client is where (-nginx +ours):\n%s", diff)
		}
	})
	t.Run("hash of a cookie", func(t *testing.T) {
		questions := map[string]inquiry{}
		for i := range 90 {
			id := fmt.Sprintf("session-%d", i)
			questions[id] = inquiry{path: "/ws/poll", header: map[string]string{"Cookie": "sessionid=" + id}}
		}
		for _, s := range []*side{nginx, ours} {
			first := s.mapping(t, questions)
			if diff := cmp.Diff(first, s.mapping(t, questions)); diff != "" {
				t.Errorf("%s: sessions moved:\n%s", s.name, diff)
			}
			for _, name := range []string{"one", "two", "three"} {
				if n := shares(first)[name]; n < 10 {
					t.Errorf("%s: %d of 90 sessions are on %s", s.name, n, name)
				}
			}
		}
	})
	t.Run("status", func(t *testing.T) {
		if _, body := get(t, "http://"+admin+"/nginx_status"); !regexp.MustCompile(`^Active connections: \d+ \nserver accepts handled requests\n \d+ \d+ \d+ \nReading: \d+ Writing: \d+ Waiting: \d+ \n$`).MatchString(body) {
			t.Errorf("/nginx_status says\n%s", body)
		}
		if got := ours.ask(t, inquiry{path: "/nginx_status"}).status; got != http.StatusForbidden {
			t.Errorf("/nginx_status for everybody: status %d", got)
		}
	})
	t.Run("next upstream", func(t *testing.T) {
		for _, s := range []*side{nginx, ours} {
			for _, c := range []struct {
				q            inquiry
				status, sent int
			}{
				{inquiry{path: "/api/503"}, 503, 3},
				{inquiry{method: http.MethodPost, path: "/admin/503"}, 503, 1},
				{inquiry{path: "/page/504"}, 504, 3},
				{inquiry{path: "/page/500"}, 500, 1},
			} {
				before := total(apps)
				if got := s.ask(t, c.q); got.status != c.status || int(total(apps)-before) != c.sent {
					t.Errorf("%s: %s %s: status %d after %d requests to targets, want %d after %d", s.name, c.q.method, c.q.path, got.status, total(apps)-before, c.status, c.sent)
				}
			}
		}
	})
	t.Run("read timeout", func(t *testing.T) {
		for _, s := range []*side{nginx, ours} {
			if got := s.ask(t, inquiry{method: http.MethodPost, path: "/health/hold"}).status; got != http.StatusGatewayTimeout {
				t.Errorf("%s: status %d", s.name, got)
			}
		}
	})
	t.Run("a target that is gone", func(t *testing.T) {
		apps[0].stop()
		for _, s := range []*side{nginx, ours} {
			count := s.spread(t, 30, inquiry{path: "/other/"})
			if count["backup"] > 0 || count["one"] > 0 || count["two"] < 10 || count["three"] < 10 {
				t.Errorf("%s: without one: %v", s.name, count)
			}
		}
	})
	t.Run("backup", func(t *testing.T) {
		apps[1].stop()
		apps[2].stop()
		for _, s := range []*side{nginx, ours} {
			if count := s.spread(t, 10, inquiry{path: "/"}); count["backup"] != 10 {
				t.Errorf("%s: without primaries: %v", s.name, count)
			}
		}
	})
	t.Run("error page", func(t *testing.T) {
		apps[3].stop()
		same(t, nginx, ours, inquiry{path: "/"}, "Etag", "Cache-Control")
	})
}

func total(apps []*app) (n int64) {
	for _, a := range apps {
		n += a.requests.Load()
	}
	return n
}
