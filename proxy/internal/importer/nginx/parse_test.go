package nginx

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
)

// folder writes files and returns their folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestParseIncludes(t *testing.T) {
	dir := folder(t, map[string]string{
		"nginx.conf":              "http {\n include mime.types;\n include conf.d/*.conf;\n include /etc/hostname;\n include sites-enabled/*;\n}\n",
		"conf.d/a.conf":           "upstream a { server 192.0.2.1; }\n",
		"sites-available/default": "server {\n listen 80;\n include snippets/one;\n location / { proxy_pass http://a; include snippets/one; }\n}\n",
		"snippets/one":            "# twice\nproxy_read_timeout 7s;\n",
	})
	if err := os.MkdirAll(filepath.Join(dir, "sites-enabled"), 0o700); err != nil {
		t.Fatal(err)
	}
	// Debian's links are absolute.
	if err := os.Symlink(filepath.Join(dir, "sites-available/default"), filepath.Join(dir, "sites-enabled/default")); err != nil {
		t.Fatal(err)
	}
	list, err := Parse(filepath.Join(dir, "nginx.conf"))
	if err != nil {
		t.Fatal(err)
	}
	d := Convert(list)
	var report strings.Builder
	if err := d.Report(&report); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"nginx.conf:2: not needed: include mime.types",
		"nginx.conf:4: not mapped: include /etc/hostname",
		"conf.d/a.conf:1: differs: upstream a",
		"sites-enabled/default:2: mapped: listen 80",
		"snippets/one:2: mapped: proxy_read_timeout 7s",
	} {
		if !strings.Contains(report.String(), want) {
			t.Errorf("no %q in\n%s", want, report.String())
		}
	}
	if n := strings.Count(report.String(), "snippets/one:2"); n != 1 {
		t.Errorf("a directive that is included twice is told %d times", n)
	}
	if got := d.Groups[0].ProxyOnly.ReadTimeout; got != 7*time.Second {
		t.Errorf("read_timeout %v, want that of the included file", got)
	}
}

func TestParseRefuses(t *testing.T) {
	deep := strings.Repeat("a {", maxDepth+2) + strings.Repeat("}", maxDepth+2)
	doubling := map[string]string{"nginx.conf": "http { include fa; }"}
	for i := range 18 {
		doubling["f"+string(rune('a'+i))] = strings.Repeat("include f"+string(rune('b'+i))+";\n", 2)
	}
	doubling["f"+string(rune('a'+18))] = "gzip on;"
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"unbalanced":      {map[string]string{"nginx.conf": "http {\n server {\n}\n"}, `unexpected end of file, expecting "}"`},
		"closed too much": {map[string]string{"nginx.conf": "http {\n}\n}\n"}, `nginx.conf:3: unexpected "}"`},
		"no semicolon":    {map[string]string{"nginx.conf": "http {\n gzip on\n}\n"}, `nginx.conf:2: directive "gzip" is not terminated by ";"`},
		"not here":        {map[string]string{"nginx.conf": "http {\n server { server 1.2.3.4; }\n}\n"}, `nginx.conf:2:`},
		"wrong flag":      {map[string]string{"nginx.conf": "http {\n gzip maybe;\n}\n"}, `nginx.conf:2: invalid value "maybe"`},
		"every error":     {map[string]string{"nginx.conf": "http {\n gzip maybe;\n sendfile perhaps;\n}\n"}, "nginx.conf:3: invalid value"},
		"snippet":         {map[string]string{"nginx.conf": "server { listen 80; }\n}\n"}, `unexpected "}"`},
		"circle":          {map[string]string{"nginx.conf": "http { include a; }", "a": "include b;", "b": "include a;"}, "include cycle"},
		"deep":            {map[string]string{"nginx.conf": deep}, "blocks deeper than 32"},
		"doubling":        {doubling, "more than 10000 directives"},
		"large":           {map[string]string{"nginx.conf": "http {}" + strings.Repeat("#", maxFile)}, "larger than"},
	} {
		dir := folder(t, c.files)
		_, err := Parse(filepath.Join(dir, "nginx.conf"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := Parse("/dev/zero"); err == nil {
		t.Error("a device is read")
	}
	if _, err := Parse(filepath.Join(t.TempDir(), "nothing.conf")); err == nil {
		t.Error("a file that is not there is read")
	}
}

func TestDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{"30": 30 * time.Second, "500ms": 500 * time.Millisecond, "1h30m": 90 * time.Minute, "1h 30m": 90 * time.Minute, "1M": 30 * 24 * time.Hour, "1w2d": 9 * 24 * time.Hour, "1y": 365 * 24 * time.Hour} {
		if got, ok := duration(s); !ok || got != want {
			t.Errorf("duration(%q) = %v %v, want %v", s, got, ok, want)
		}
	}
	for _, s := range []string{"", "s", "5x", "-5", "99999999999y", "1.5s", "max"} {
		if got, ok := duration(s); ok {
			t.Errorf("duration(%q) = %v, want none", s, got)
		}
	}
}

// FuzzImport: whatever stands in a file, it is refused, or told of to the last directive.
func FuzzImport(f *testing.F) {
	f.Add("upstream a { ip_hash; server 192.0.2.1 weight=2; } server { listen 80; location /x { proxy_pass http://a/y; } }")
	f.Add("http { gzip on; server { listen 443 ssl; ssl_certificate a; ssl_certificate_key b; return 301 https://$host$request_uri; } }")
	f.Add("http { server { root /x; location ~ \\.(a|b)$ { expires 1d; } location ^~ /y { deny all; } if ($host = a.b) { return 403; } } }")
	f.Add("limit_req_zone $http_x zone=a:1m rate=1r/s; server { limit_req zone=a; rewrite ^/(.*)$ /$1 break; error_page 404 /x; include *; }")
	dir := f.TempDir()
	file := filepath.Join(dir, "nginx.conf")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := Parse(file)
		if err != nil {
			return
		}
		d := Convert(list)
		importer.Walk(list, func(dir *importer.Directive) {
			if dir.Outcome() == importer.Unseen {
				t.Errorf("%s: %s has no outcome", dir.At(), dir)
			}
		})
		if err := d.Write(io.Discard, "nginx.conf"); err != nil {
			t.Error(err)
		}
		_ = d.Check()
	})
}
