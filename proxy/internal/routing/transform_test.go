package routing_test

import (
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/routing"
	"github.com/evenkeel/evenkeel/spec"
)

// transformer is a rule that takes everything and rewrites it.
func transformer(t testing.TB, transforms spec.Transforms) *routing.Rule {
	t.Helper()
	l := only(path(values("*")))
	l.Rules[0].Transforms = transforms
	rule, _ := compile(t, l).Match(&exchange.Request{Path: []byte("/")}, peer)
	if rule.Name != "rule" {
		t.Fatal("the default rule has no transforms")
	}
	return rule
}

func TestTransformURL(t *testing.T) {
	long := strings.Repeat("a", 6000)
	for _, tt := range []struct {
		name, regex, replace, url string
		want, status              string
	}{
		{"of the AWS page", "^/dp/([A-Za-z0-9]+)/?$", "/product.php?id=$1", "/dp/B09G3HRMW", "/product.php?id=B09G3HRMW", "TransformSuccess"},
		{"no match", "^/dp/([A-Za-z0-9]+)/?$", "/product.php?id=$1", "/other", "/other", ""},
		{"no match because of the query", "^/dp/([A-Za-z0-9]+)/?$", "/x", "/dp/a?b", "/dp/a?b", ""},
		{"query is seen", `^/a\?b=(.*)$`, "/b/$1", "/a?b=c", "/b/c", "TransformSuccess"},
		{"braces", "^/([a-z]+)", "/${1}1", "/abc/d", "/abc1/d", "TransformSuccess"},
		{"digits beyond the groups are text", "^/([a-z]+)", "/$12", "/abc/d", "/abc2/d", "TransformSuccess"},
		{"ten groups", "^/(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)", "/$10$1", "/abcdefghij", "/ja", "TransformSuccess"},
		{"the whole match", "^/a", "$0$0", "/a/b", "/a/a/b", "TransformSuccess"},
		{"first match only", "a", "b", "/aaa", "/baa", "TransformSuccess"},
		{"a dollar is a dollar", "a", "$b$", "/a", "/$b$", "TransformSuccess"},
		{"a group that took no part", "^/(x)?a", "/[$1]", "/a", "/[]", "TransformSuccess"},
		{"to nothing", "^/a", "", "/a/b", "/b", "TransformSuccess"},
		{"to the same", "^/a", "/a", "/a", "/a", "TransformSuccess"},
		{"path is case-sensitive", "^/A", "/b", "/a", "/a", ""},
		{"query is dropped", `^([^?]*)\?.*$`, "$1", "/a?b", "/a", "TransformSuccess"},
		{"query is added", "$", "?x=1", "/a", "/a?x=1", "TransformSuccess"},
		{"first question mark divides", "^/a", "/b?c", "/a?d", "/b?c?d", "TransformSuccess"},
		{"canonical again", "^/(.*)$", "/%61/./$1/%2f", "/x", "/a/x/%2F", "TransformSuccess"},
		{"space", "^/a", "/b c", "/a", "/b%20c", "TransformSuccess"},
		{"dots from the client", "^/a/(.*)$", "/b/../$1", "/a/x", "/x", "TransformSuccess"},
		{"no path", "^/a", "b", "/a", "", "TransformInvalidPath"},
		{"empty", "^.*$", "", "/a", "", "TransformInvalidPath"},
		{"only a query", "^/", "?", "/a", "", "TransformInvalidPath"},
		{"a URL", "^/a", "http://evil.com/", "/a", "", "TransformInvalidPath"},
		{"above the root", "^/a", "/../b", "/a", "", "TransformInvalidPath"},
		{"fragment", "^/a", "/b#c", "/a", "", "TransformInvalidPath"},
		{"bad escape", "^/a", "/%4", "/a", "", "TransformInvalidPath"},
		{"line break", "^/a", "/\r\nX: y", "/a", "", "TransformInvalidPath"},
		{"too long", "^/(.*)$", "/$1$1$1", "/" + long, "", "TransformBufferTooSmall"},
		{"too long by the rest", "^/", "/" + strings.Repeat("b", 1000) + strings.Repeat("$0", 400), "/" + long + long + long[:3500], "", "TransformBufferTooSmall"},
		{"just short enough", "^/(.*)$", "/$1$1", "/" + long, "/" + long + long, "TransformSuccess"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rule := transformer(t, spec.Transforms{URLRewrite: spec.Rewrite{Regex: tt.regex, Replace: tt.replace}})
			var a exchange.Arena
			r := get(tt.url)
			if err := routing.Canonicalize(r, &a); err != nil {
				t.Fatal(err)
			}
			before := uri(r)
			result := rule.Transform(r, &a)
			want := routing.TransformResult{Status: tt.status, Err: tt.want == "", URIChanged: tt.want != "" && tt.want != before}
			if result != want {
				t.Errorf("got %+v, want %+v", result, want)
			}
			if result.Err {
				tt.want = before
			}
			if uri(r) != tt.want {
				t.Errorf("got %q, want %q", uri(r), tt.want)
			}
		})
	}
}

func TestTransformHost(t *testing.T) {
	for _, tt := range []struct {
		name, regex, replace, host string
		want, preserved, status    string // Host on port 8080, or empty for a failure
	}{
		{"of the AWS page", "^mywebsite-(.+).com$", "internal.dev.$1.myweb.com", "mywebsite-example.com", "internal.dev.example.myweb.com:8080", "internal.dev.example.myweb.com", "TransformSuccess"},
		{"port of the client stays", "^a.com$", "b.com", "a.com:81", "b.com:81", "b.com:81", "TransformSuccess"},
		{"port of the transform", "^a.com$", "b.com:82", "a.com:81", "b.com:82", "b.com:82", "TransformSuccess"},
		{"only the port", "^a.com$", "a.com:82", "a.com", "a.com:82", "a.com:82", "TransformSuccess"},
		{"in any case", "^WWW.", "", "www.A.com", "a.com:8080", "a.com", "TransformSuccess"},
		{"result in lower case", "^a", "B", "a.com", "b.com:8080", "b.com", "TransformSuccess"},
		{"no match", "^x", "y", "A.com", "a.com:8080", "A.com", ""},
		{"to the same", "^a", "a", "A.com", "a.com:8080", "A.com", "TransformSuccess"},
		{"longer by one", "$", "x", "a.com", "a.comx:8080", "a.comx", "TransformSuccess"},
		{"empty", ".*", "", "a.com", "", "", "TransformInvalidHost"},
		{"space", "^a", "a b", "a.com", "", "", "TransformInvalidHost"},
		{"path", "$", "/x", "a.com", "", "", "TransformInvalidHost"},
		{"line break", "$", "\r\nX: y", "a.com", "", "", "TransformInvalidHost"},
		{"bad port", "$", ":0", "a.com", "", "", "TransformInvalidHost"},
		{"userinfo", "^", "u@", "a.com", "", "", "TransformInvalidHost"},
		{"too long", "^(.*)$", strings.Repeat("$1", 500), strings.Repeat("a", 100) + ".com", "", "", "TransformBufferTooSmall"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rule := transformer(t, spec.Transforms{HostHeaderRewrite: spec.Rewrite{Regex: tt.regex, Replace: tt.replace}})
			var a exchange.Arena
			r := get(tt.host + "/a?b")
			if err := routing.Canonicalize(r, &a); err != nil {
				t.Fatal(err)
			}
			before := string(r.Host) + ":" + string(r.Port)
			result := rule.Transform(r, &a)
			after := string(r.Host) + ":" + string(r.Port)
			want := routing.TransformResult{Status: tt.status, Err: tt.want == "", HostChanged: after != before}
			if result != want || uri(r) != "/a?b" {
				t.Errorf("got %+v, want %+v; URL %s", result, want, uri(r))
			}
			if result.Err {
				if after != before {
					t.Errorf("failed and made %q", after)
				}
				return
			}
			if got := routing.AppendForwardedHost(nil, r, false, 8080); string(got) != tt.want {
				t.Errorf("forwarded as %q, want %q", got, tt.want)
			}
			if got := routing.AppendForwardedHost(nil, r, true, 8080); string(got) != tt.preserved {
				t.Errorf("forwarded preserved as %q, want %q", got, tt.preserved)
			}
		})
	}
}

func TestTransformBoth(t *testing.T) {
	for _, tt := range []struct {
		url, want string
		result    routing.TransformResult
	}{
		{"a.com/a", "b.com /b", routing.TransformResult{HostChanged: true, URIChanged: true, Status: "TransformSuccess"}},
		{"c.com/a", "c.com /b", routing.TransformResult{URIChanged: true, Status: "TransformSuccess"}},
		{"a.com/c", "b.com /c", routing.TransformResult{HostChanged: true, Status: "TransformSuccess"}},
		{"c.com/c", "c.com /c", routing.TransformResult{}},
		{"a.com/x", "a.com /x", routing.TransformResult{Status: "TransformInvalidPath", Err: true}},
	} {
		rule := transformer(t, spec.Transforms{
			HostHeaderRewrite: spec.Rewrite{Regex: "^a", Replace: "b"},
			URLRewrite:        spec.Rewrite{Regex: "^/(?:a|(x))", Replace: "/b${1}%$1"},
		})
		if !strings.HasSuffix(tt.url, "/x") {
			rule = transformer(t, spec.Transforms{
				HostHeaderRewrite: spec.Rewrite{Regex: "^a", Replace: "b"},
				URLRewrite:        spec.Rewrite{Regex: "^/a", Replace: "/b"},
			})
		}
		var a exchange.Arena
		r := get(tt.url)
		if err := routing.Canonicalize(r, &a); err != nil {
			t.Fatal(err)
		}
		if result := rule.Transform(r, &a); result != tt.result || string(r.Host)+" "+uri(r) != tt.want {
			t.Errorf("%s: %+v, %s %s", tt.url, result, r.Host, uri(r))
		}
	}
}

// TestTransformAsterisk: OPTIONS * has no URL to rewrite.
func TestTransformAsterisk(t *testing.T) {
	rule := transformer(t, spec.Transforms{URLRewrite: spec.Rewrite{Regex: ".*", Replace: "/a"}})
	var a exchange.Arena
	r := mustCanonicalize(t, request("OPTIONS", "*", "Host", "a.com"))
	if result := rule.Transform(r, &a); result != (routing.TransformResult{}) || uri(r) != "*" {
		t.Errorf("%+v, %s", result, uri(r))
	}
}

func FuzzTransform(f *testing.F) {
	for _, tt := range targets {
		f.Add(tt.target, "/b/../$1?$1")
	}
	f.Add("/a", "$1 HTTP/1.1\r\nX: y")
	f.Fuzz(func(t *testing.T, target, replace string) {
		l := only(path(values("*")))
		l.Rules[0].Transforms.URLRewrite = spec.Rewrite{Regex: "^/(.*)", Replace: replace}
		l.Rules[0].Transforms.HostHeaderRewrite = spec.Rewrite{Regex: `^(.*)\.com`, Replace: replace}
		table, err := routing.Compile(l)
		if err != nil {
			return
		}
		var a exchange.Arena
		r := request("GET", target, "Host", "example.com")
		if routing.Canonicalize(r, &a) != nil {
			return
		}
		rule, _ := table.Match(r, peer)
		rule.Transform(r, &a)
		host := routing.AppendForwardedHost(nil, r, false, 8080)
		again := request("GET", uri(r), "Host", string(host))
		if err := routing.Canonicalize(again, &a); err != nil || uri(again) != uri(r) || string(again.Host) != string(r.Host) {
			t.Errorf("%q by %q: %q %q is not canonical (%v)", target, replace, host, uri(r), err)
		}
	})
}
