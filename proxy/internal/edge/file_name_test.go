package edge

import (
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/routing"
)

// TestFileName holds what follows a path's prefix to the name of a file, or none.
func TestFileName(t *testing.T) {
	for rest, want := range map[string]string{
		"site.css":             "site.css",
		"css/site.css":         "css/site.css",
		"a/b/c/d/e/f/g":        "a/b/c/d/e/f/g",
		"my%20file.txt":        "my file.txt",
		"%C3%BC.txt":           "ü.txt",
		"ü.txt":                "ü.txt",
		"100%25.txt":           "100%.txt",
		"%252e%252e/x":         "%2e%2e/x", // decoded once, and no more
		"a%3Fb%23c":            "a?b#c",
		"a+b":                  "a+b",
		"a..b":                 "a..b",
		"a.":                   "a.",
		"a..":                  "a..",
		"a/b.tar.gz":           "a/b.tar.gz",
		"~user":                "~user",
		"C:/x":                 "C:/x",
		"x;jsessionid=1":       "x;jsessionid=1",
		"":                     "",
		"/":                    "",
		"//":                   "",
		"/etc/passwd":          "",
		"//etc/passwd":         "",
		"css/":                 "",
		"css//site.css":        "",
		"./site.css":           "",
		"../site.css":          "",
		"..":                   "",
		".":                    "",
		"...":                  "",
		"a/..":                 "",
		"a/../b":               "",
		"a/./b":                "",
		"a/.../b":              "",
		"..%2Fx":               "",
		"%2E%2E/x":             "",
		"%2e%2e%2fx":           "",
		"a%2Fb":                "",
		"%2Fetc%2Fpasswd":      "",
		"a%5Cb":                "",
		`a\b`:                  "",
		`..\x`:                 "",
		`..%5Cx`:               "",
		".git/config":          "",
		".htaccess":            "",
		".env":                 "",
		"%2Eenv":               "",
		"a/.env":               "",
		"a/%2eenv":             "",
		".well-known/x":        "",
		"a%00.txt":             "",
		"a\x00.txt":            "",
		"a%0Ab":                "",
		"a%0D%0AX-A:b":         "",
		"a%7F":                 "",
		"a\x7f":                "",
		"%FF%FE":               "",
		"\xff":                 "",
		"%C0%AE%C0%AE/x":       "", // an overlong dot
		"%C0%AF":               "", // an overlong slash
		"%E0%80%AE":            "",
		"%ED%A0%80":            "", // half a surrogate
		"%":                    "",
		"a%2":                  "",
		"%zz":                  "",
		"%%35%63":              "",
		"%u002e":               "",
		"a/b/":                 "",
		"a/%2F":                "",
		"%20":                  " ",
		strings.Repeat("a", 9): "aaaaaaaaa",
	} {
		if got, ok := fileName([]byte(rest)); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v, want %q", rest, got, ok, want)
		}
	}
}

// FuzzFileName looks for a path that names what is not inside the folder.
func FuzzFileName(f *testing.F) {
	for _, path := range []string{"/a/b.css", "/../x", "/%2e%2e/x", "/.git", "/a%2f..%2fb", `/..\x`, "/..%5cx", "/%c0%ae/", "/a//b", "/\xff"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, target string) {
		x := &exchange.Exchange{Request: exchange.Request{Method: []byte("GET"), Target: []byte(target), Version: exchange.HTTP11}}
		if routing.Canonicalize(&x.Request, &x.Arena) != nil {
			return
		}
		name, ok := fileName(x.Request.Path[1:])
		if !ok {
			return
		}
		if !fs.ValidPath(name) || !utf8.ValidString(name) || strings.ContainsAny(name, "\\\x00\r\n") {
			t.Fatalf("%q is %q", target, name)
		}
		for part := range strings.SplitSeq(name, "/") {
			if part == "" || part[0] == '.' {
				t.Fatalf("%q is %q", target, name)
			}
		}
	})
}
