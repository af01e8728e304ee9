package routing_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/routing"
)

// request returns a parsed HTTP/1.1 request with the fields given as name, value pairs.
func request(method, target string, fields ...string) *exchange.Request {
	r := &exchange.Request{Method: []byte(method), Target: []byte(target), Version: exchange.HTTP11}
	for i := 0; i < len(fields); i += 2 {
		name := []byte(fields[i])
		r.Fields = append(r.Fields, exchange.Field{Name: name, Value: []byte(fields[i+1]), ID: exchange.Identify(name)})
	}
	return r
}

// canonical returns path and query of a target, or the status of its refusal.
func canonical(t *testing.T, method, target string) (string, int) {
	t.Helper()
	r := request(method, target, "Host", "example.com")
	var a exchange.Arena
	if err := routing.Canonicalize(r, &a); err != nil {
		return "", statusOf(t, err)
	}
	return uri(r), 0
}

func uri(r *exchange.Request) string {
	if r.HasQuery {
		return string(r.Path) + "?" + string(r.Query)
	}
	return string(r.Path)
}

func statusOf(t *testing.T, err error) int {
	t.Helper()
	refusal, ok := errors.AsType[*routing.Error](err)
	if !ok {
		t.Fatalf("error %v is a %T", err, err)
	}
	if refusal.Reason == "" || refusal.Error() != refusal.Reason {
		t.Errorf("refusal has reason %q and error %q", refusal.Reason, refusal.Error())
	}
	return refusal.Status
}

var targets = []struct{ target, want string }{ // empty for a refusal with 400
	// Nothing to do.
	{"/", "/"},
	{"/a", "/a"},
	{"/a/", "/a/"},
	{"/a/b.html", "/a/b.html"},
	{"/pkg.Service/Method", "/pkg.Service/Method"},
	{"/a-b_c~d.e", "/a-b_c~d.e"},
	{"/$&'()*+,;=:@!", "/$&'()*+,;=:@!"},
	{`/"<>\^{|}` + "`[]", `/"<>\^{|}` + "`[]"},
	// Slashes are not merged: what a target makes of them is its own affair.
	{"//", "//"},
	{"//a//b//", "//a//b//"},
	{"/a//../b", "/a/b"},
	{"//..", "/"},
	{"//../a", "/a"},
	// Dot segments.
	{"/.", "/"},
	{"/./", "/"},
	{"/./a", "/a"},
	{"/a/.", "/a/"},
	{"/a/./b", "/a/b"},
	{"/a/..", "/"},
	{"/a/../", "/"},
	{"/a/../b", "/b"},
	{"/a/b/..", "/a/"},
	{"/a/b/../..", "/"},
	{"/a/b/../../c", "/c"},
	{"/a/b/c/./../../g", "/a/g"},
	{"/mid/content=5/../6", "/mid/6"},
	{"/..", ""},
	{"/../", ""},
	{"/../a", ""},
	{"/a/../..", ""},
	{"/a/../../b", ""},
	{"/./..", ""},
	// Only whole segments of one or two dots are special.
	{"/...", "/..."},
	{"/.../a", "/.../a"},
	{"/..a", "/..a"},
	{"/.a/b", "/.a/b"},
	{"/a../b", "/a../b"},
	{"/.well-known/acme", "/.well-known/acme"},
	{"/a/.;x/b", "/a/.;x/b"},
	{"/a/x..;y/b", "/a/x..;y/b"},
	{"/a/...;y/b", "/a/...;y/b"},
	{`/a\b`, `/a\b`},
	{`/a/..b\c`, `/a/..b\c`},
	// What only some take for a dot segment.
	{"/a/..;x/b", ""},
	{"/a/..;", ""},
	{"/a/..%3bx/b", ""},
	{`/a/..\b`, ""},
	{`/a\..\b`, ""},
	{`/a\..`, ""},
	{"/a/..%5cb", ""},
	{"/a/..%2fb", ""},
	{"/a%2f..", ""},
	{"/a%2f..;x", ""},
	{"/a%5c%2e%2e%5Cb", ""},
	{"/a/%2e%2e%2f%2e%2e%2fb", ""},
	// Escapes of unreserved characters are decoded, the others get upper-case digits.
	{"/%61%62%63", "/abc"},
	{"/%41%5A%7a%30%39", "/AZz09"},
	{"/%2d%2e%5f%7E", "/-._~"},
	{"/a%2fb", "/a%2Fb"},
	{"/a%2Fb", "/a%2Fb"},
	{"/%e2%82%ac", "/%E2%82%AC"},
	{"/%23%3f%25%20", "/%23%3F%25%20"},
	{"/%0a%0d%7f", "/%0A%0D%7F"},
	{"/%5c", "/%5C"},
	{"/%3b", "/%3B"},
	{"/%2A", "/%2A"},
	// Escaped dots are dots.
	{"/%2e", "/"},
	{"/%2E/a", "/a"},
	{"/a/%2e%2e/b", "/b"},
	{"/a/.%2e/b", "/b"},
	{"/a/%2e./b", "/b"},
	{"/a/%2E%2E", "/"},
	{"/%2e%2e/a", ""},
	{"/%2e%2e%2fa", ""},
	{"/a%2f%2e%2e%2fb", ""},
	// Escaping is undone once.
	{"/%252e%252e/a", "/%252e%252e/a"},
	{"/%25%32%65", "/%252e"},
	{"/%2525", "/%2525"},
	// Malformed escapes and NUL.
	{"/%", ""},
	{"/%4", ""},
	{"/a%", ""},
	{"/%g0", ""},
	{"/%0g", ""},
	{"/%%41", ""},
	{"/%u0041", ""},
	{"/%-1", ""},
	{"/%00", ""},
	{"/a%00.html", ""},
	{"/%2e%00", ""},
	// Raw bytes that cannot stand in a request line are escaped or refused.
	{"/a b", "/a%20b"},
	{"/a\tb", "/a%09b"},
	{"/a\x01b\x1f\x7f", "/a%01b%1F%7F"},
	{"/a\x00b", ""},
	{"/a\rb", ""},
	{"/a\nb", ""},
	{"/a\r\nX: y", ""},
	{"/a#b", ""},
	{"/#", ""},
	{"/../#", ""},
	// Bytes above ASCII pass.
	{"/é", "/é"},
	{"/\x80\xff", "/\x80\xff"},
	{"/é/../a", "/a"},
	// Query: kept as it came, whatever its escapes.
	{"/?", "/?"},
	{"/a?b", "/a?b"},
	{"/a?b=c&d=e", "/a?b=c&d=e"},
	{"/a??b?", "/a??b?"},
	{"/a?%61%2f%zz%", "/a?%61%2f%zz%"},
	{"/a?/../..", "/a?/../.."},
	{"/a?%00", "/a?%00"},
	{"/a/../b?c/../d", "/b?c/../d"},
	{"/a?b c\td\x7f", "/a?b%20c%09d%7F"},
	{"/a?é", "/a?é"},
	{"/a?b#c", ""},
	{"/a?b\rc", ""},
	{"/a?b\nc", ""},
	{"/a?b\x00c", ""},
	{"/a/..?/..", "/?/.."},
	// No path at all.
	{"", ""},
	{"a", ""},
	{"?a", ""},
	{"..", ""},
	{"*", ""},
	{"**", ""},
	{"*/a", ""},
	{"example.com:80", ""},
	{" /a", ""},
	{`\a`, ""},
	{"%2fa", ""},
	// Absolute form.
	{"http://h", "/"},
	{"http://h/", "/"},
	{"http://h/a/../b?c", "/b?c"},
	{"http://h?a=b", "/?a=b"},
	{"HTTPS://h:8443/a", "/a"},
	{"http://h//a", "//a"},
	{"http://h/..", ""},
	{"http://h#a", ""},
	{"http://", ""},
	{"http:///a", ""},
	{"https://", ""},
	{"https:///a", ""},
	{"http://?a", ""},
	{"http:/h/a", ""},
	{"http:h", ""},
	{"ftp://h/a", ""},
	{"://h/a", ""},
	{"http://u@h/a", ""},
	{"http://u:p@h/a", ""},
	{`http://h\a/b`, ""},
	{"http://h%41/b", ""},
	{"http://h:x/b", ""},
	{"http://[::1/b", ""},
}

func TestCanonicalize(t *testing.T) {
	for _, tt := range targets {
		got, status := canonical(t, "GET", tt.target)
		if got != tt.want || (status != 0) != (tt.want == "") || status != 0 && status != 400 {
			t.Errorf("%q: got %q and %d, want %q", tt.target, got, status, tt.want)
		}
	}
}

// TestMatchedIsForwarded holds every spelling against a rule for its canonical path: what
// one spelling gets, all get.
func TestMatchedIsForwarded(t *testing.T) {
	for _, tt := range targets {
		if tt.want == "" {
			continue
		}
		checkCanonical(t, []byte(tt.target))
	}
}

// checkCanonical holds the promises about any target that is not refused.
func checkCanonical(t *testing.T, target []byte) {
	t.Helper()
	r := request("GET", string(target), "Host", "example.com")
	var a exchange.Arena
	if err := routing.Canonicalize(r, &a); err != nil {
		statusOf(t, err)
		return
	}
	path := string(r.Path)
	if path == "" || path[0] != '/' {
		t.Fatalf("%q: path %q", target, path)
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if segment == "." || segment == ".." {
			t.Errorf("%q: path %q has a dot segment", target, path)
		}
	}
	for _, c := range []byte(uri(r)) {
		if c <= 0x20 || c == 0x7f || c == '#' {
			t.Errorf("%q: %q has a byte %#x", target, uri(r), c)
		}
	}
	if strings.Contains(path, "?") || strings.Contains(path, "%2e") || strings.Contains(path, "%2E") || strings.Contains(path, "%00") {
		t.Errorf("%q: path %q", target, path)
	}
	again := request("GET", uri(r), "Host", "example.com")
	if err := routing.Canonicalize(again, &a); err != nil {
		t.Fatalf("%q: %q is refused: %v", target, uri(r), err)
	}
	if uri(again) != uri(r) {
		t.Errorf("%q: canonical %q, then %q", target, uri(r), uri(again))
	}
	if len(again.Path) > 0 && &again.Path[0] != &again.Target[0] && !strings.ContainsAny(path, "%") && !strings.Contains(path, "/.") && !strings.Contains(path, `.\`) && !strings.Contains(path, `\.`) {
		t.Errorf("%q: canonical %q was copied", target, path)
	}
}

func FuzzCanonicalize(f *testing.F) {
	for _, tt := range targets {
		f.Add([]byte(tt.target))
	}
	f.Fuzz(func(t *testing.T, target []byte) { checkCanonical(t, target) })
}

func TestCanonicalizeAsterisk(t *testing.T) {
	for _, tt := range []struct {
		method, target, want string
		status               int
	}{
		{"OPTIONS", "*", "*", 0},
		{"OPTIONS", "http://h", "*", 0},
		{"OPTIONS", "http://h/", "/", 0},
		{"OPTIONS", "http://h?a", "/?a", 0},
		{"OPTIONS", "/a", "/a", 0},
		{"options", "*", "", 400},
		{"GET", "*", "", 400},
		{"OPTIONS", "*?a", "", 400},
		{"OPTIONS", "/*", "/*", 0},
	} {
		if got, status := canonical(t, tt.method, tt.target); got != tt.want || status != tt.status {
			t.Errorf("%s %s: got %q and %d", tt.method, tt.target, got, status)
		}
	}
}

func TestCanonicalizeRefusesMethods(t *testing.T) {
	for _, method := range []string{"CONNECT", "TRACE"} {
		for _, target := range []string{"/", "example.com:443", "", "/.."} {
			if _, status := canonical(t, method, target); status != 405 {
				t.Errorf("%s %s: status %d", method, target, status)
			}
		}
	}
	if _, status := canonical(t, "trace", "/"); status != 0 {
		t.Errorf("methods are case-sensitive, trace got %d", status)
	}
}

// TestCanonicalizeHTTP2 has :path in Target, where no absolute form is.
func TestCanonicalizeHTTP2(t *testing.T) {
	for _, tt := range []struct {
		method, target string
		status         int
	}{
		{"GET", "/a", 0},
		{"OPTIONS", "*", 0},
		{"GET", "*", 400},
		{"GET", "", 400},
		{"GET", "a", 400},
		{"GET", "http://h/a", 400},
	} {
		r := request(tt.method, tt.target)
		r.Version, r.Authority = exchange.HTTP2, []byte("example.com")
		status := 0
		var a exchange.Arena
		if err := routing.Canonicalize(r, &a); err != nil {
			status = statusOf(t, err)
		}
		if status != tt.status {
			t.Errorf("%s %s: status %d, want %d", tt.method, tt.target, status, tt.status)
		}
	}
}

func TestCanonicalizeAbsoluteForm(t *testing.T) {
	r := request("GET", "HTTPS://Shop.Example.com:8443/a?b", "Host", "other.example.com")
	var a exchange.Arena
	if err := routing.Canonicalize(r, &a); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"scheme", r.Scheme, "HTTPS"},
		{"authority", r.Authority, "Shop.Example.com:8443"},
		{"host", r.Host, "shop.example.com"},
		{"port", r.Port, "8443"},
		{"path", r.Path, "/a"},
		{"query", r.Query, "b"},
	} {
		if string(c.got) != c.want {
			t.Errorf("%s is %q, want %q", c.name, c.got, c.want)
		}
	}
}
