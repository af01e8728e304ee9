package haproxy

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
)

// TestSplit has the rules of https://docs.haproxy.org/3.0/configuration.html#2.2.
func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"":                            nil,
		"   \t ":                      nil,
		"# a comment":                 nil,
		"  option\thttplog  # why":    {"option", "httplog"},
		"a#b c":                       {"a"},
		`a\#b c`:                      {"a#b", "c"},
		`log-format "%ci [%t] %ST"`:   {"log-format", "%ci [%t] %ST"},
		`x 'it is "so" \n #'`:         {"x", `it is "so" \n #`},
		`x "a \"b\" \\ c"`:            {"x", `a "b" \ c`},
		`x a"b c"d`:                   {"x", "ab cd"},
		`x ""`:                        {"x", ""},
		`GET /\ HTTP/1.1\r\nHost:\ a`: {"GET", "/ HTTP/1.1\r\nHost: a"},
		`acl r path_reg ^/a\.b$`:      {"acl", "r", "path_reg", `^/a\.b$`},
		`x \x41\x4`:                   {"x", `A\x4`},
		`x "$HOME" ${HOME}`:           {"x", "$HOME", "${HOME}"},
		"x\r":                         {"x"},
	} {
		got, err := split(line)
		if err != nil {
			t.Errorf("split(%q): %v", line, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("split(%q) (-want +got):\n%s", line, diff)
		}
	}
	for line, want := range map[string]string{`a "b`: `a " without its end`, `a 'b`: "a ' without its end", `a \`: `ends in \`, strings.Repeat("a ", maxWords+2): "more than 256 words"} {
		if _, err := split(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("split(%.20q): %v, want %q", line, err, want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "x.cfg: has no section",
		"# nothing\n":                          "has no section",
		"mode http\n":                          `x.cfg:1: unknown keyword "mode" outside of a section`,
		"frontend\n":                           "x.cfg:1: frontend has no name",
		"backend a\nbackend a\n":               `x.cfg:2: a backend "a" is there already`,
		"global\n log \"x\nfrontend\n":         "x.cfg:2: has a \" without its end\nx.cfg:3: frontend has no name",
		"global\n.if defined(X)\n maxconn 1\n": "x.cfg:2: has lines under a condition",
		"global\n" + strings.Repeat("a", maxLine+1):                      "x.cfg:2: longer than",
		"global\n" + strings.Repeat("\n", maxLines):                      "or 10000 lines",
		strings.Repeat("global\n"+strings.Repeat("a", 10_000)+"\n", 120): "larger than 1048576 bytes",
	} {
		_, err := Read(strings.NewReader(text), "x.cfg")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
		if _, ok := errors.AsType[*importer.SyntaxError](err); !ok {
			t.Errorf("%.40q: %T is no SyntaxError", text, err)
		}
	}
}

func TestDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{"5000": 5 * time.Second, "5s": 5 * time.Second, "1m": time.Minute, "2h": 2 * time.Hour, "1d": 24 * time.Hour, "100ms": 100 * time.Millisecond, "7us": 7 * time.Microsecond} {
		if got, ok := duration(s); !ok || got != want {
			t.Errorf("duration(%q) = %v %v, want %v", s, got, ok, want)
		}
	}
	for _, s := range []string{"", "s", "5x", "-5", "99999999999999d", "1.5s"} {
		if got, ok := duration(s); ok {
			t.Errorf("duration(%q) = %v, want none", s, got)
		}
	}
}

// FuzzImport: whatever stands in a file, it is refused, or told of to the last directive.
func FuzzImport(f *testing.F) {
	f.Add("defaults\n mode http\nfrontend a\n bind :80\n acl x path_beg /a\n http-request deny if x !{ src 10.0.0.0/8 }\n default_backend b\nbackend b\n balance uri\n cookie S insert\n server s 192.0.2.1:80 check weight 3\n")
	f.Add("global\n maxconn \"1\n")
	f.Add("listen s\n mode http\n stats enable\n stats auth a:b\n bind :1\n")
	f.Add("frontend a\n mode http\n bind :80\n http-request redirect location http://x/ unless { path / } or a\n redirect scheme https if !{ ssl_fc } { method POST }\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := Read(strings.NewReader(text), "x.cfg")
		if err != nil {
			return
		}
		d := Convert(list)
		importer.Walk(list, func(dir *importer.Directive) {
			if dir.Outcome() == importer.Unseen {
				t.Errorf("%s: %s has no outcome", dir.At(), dir)
			}
		})
		if err := d.Write(io.Discard, "x.cfg"); err != nil {
			t.Error(err)
		}
		_ = d.Check()
	})
}
