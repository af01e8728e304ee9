package routing_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/routing"
	"github.com/evenkeel/evenkeel/spec"
)

func redirect(t testing.TB, r spec.Redirect) *routing.Redirect {
	t.Helper()
	if r.StatusCode == "" {
		r.StatusCode = spec.RedirectPermanent
	}
	table := compile(t, &spec.Listener{DefaultAction: spec.Action{Redirect: &r}})
	rule, _ := table.Match(&exchange.Request{}, peer)
	if rule.Action.Kind != routing.KindRedirect {
		t.Fatalf("action is of kind %d", rule.Action.Kind)
	}
	return rule.Action.Redirect
}

func TestAppendLocation(t *testing.T) {
	for _, tt := range []struct {
		name     string
		redirect spec.Redirect
		url      string
		scheme   string
		port     int
		want     string
	}{
		{"to HTTPS", spec.Redirect{Protocol: "HTTPS", Port: "443"}, "test.jp/", "http", 80, "https://test.jp:443/"},
		{"path and query stay", spec.Redirect{Protocol: "HTTPS", Port: "443"}, "test.jp/a/b?c=d&e", "http", 80, "https://test.jp:443/a/b?c=d&e"},
		{"port stays the listener's", spec.Redirect{Protocol: "HTTPS"}, "test.jp:99/a", "http", 8080, "https://test.jp:8080/a"},
		{"all by placeholder", spec.Redirect{Protocol: "#{protocol}", Host: "#{host}", Port: "#{port}", Path: "/#{path}", Query: "#{query}"}, "a.com/b?c", "https", 443, "https://a.com:443/b?c"},
		{"down to HTTP", spec.Redirect{Protocol: "HTTP"}, "a.com/", "https", 443, "http://a.com:443/"},
		{"another host", spec.Redirect{Host: "www.#{host}"}, "a.com/b", "https", 443, "https://www.a.com:443/b"},
		{"host with capital letters", spec.Redirect{Host: "WWW.b.com"}, "a.com/b", "https", 443, "https://WWW.b.com:443/b"},
		{"a prefix", spec.Redirect{Path: "/new/#{path}"}, "a.com/old/x", "http", 80, "http://a.com:80/new/old/x"},
		{"path of host and port", spec.Redirect{Path: "/#{host}/#{port}/#{path}"}, "a.com/x", "http", 80, "http://a.com:80/a.com/80/x"},
		{"fixed path", spec.Redirect{Path: "/gone"}, "a.com/x?y", "http", 80, "http://a.com:80/gone?y"},
		{"path twice", spec.Redirect{Path: "/#{path}/#{path}"}, "a.com/x", "http", 80, "http://a.com:80/x/x"},
		{"root", spec.Redirect{Path: "/a/#{path}"}, "a.com/", "http", 80, "http://a.com:80/a/"},
		{"empty query brings no question mark", spec.Redirect{Host: "b.com"}, "a.com/x?", "http", 80, "http://b.com:80/x"},
		{"query of placeholders", spec.Redirect{Host: "b.com", Query: "p=#{protocol}&h=#{host}&o=#{port}&q=#{query}&x=#{path}"}, "a.com/x?y=z", "http", 80, "http://b.com:80/x?p=http&h=a.com&o=80&q=y=z&x=x"},
		{"query around an empty one", spec.Redirect{Host: "b.com", Query: "a=1&#{query}"}, "a.com/x", "http", 80, "http://b.com:80/x?a=1&"},
		{"nothing is encoded", spec.Redirect{Host: "b.com", Query: "u=#{path}?#{query}"}, "a.com/%2f%41?b=%zz&é", "http", 80, "http://b.com:80/%2FA?u=%2FA?b=%zz&é"},
		{"dot segments are gone", spec.Redirect{Host: "b.com"}, "a.com/x/../y", "http", 80, "http://b.com:80/y"},
		{"IPv6", spec.Redirect{Protocol: "HTTPS", Port: "443"}, "[::1]:80/", "http", 80, "https://[::1]:443/"},
		{"slashes that could be a host", spec.Redirect{Path: "/#{path}"}, "a.com//evil.com/", "http", 80, "http://a.com:80//evil.com/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := mustCanonicalize(t, get(tt.url))
			got, err := redirect(t, tt.redirect).AppendLocation([]byte("x"), q, tt.scheme, tt.port)
			if err != nil || string(got) != "x"+tt.want {
				t.Errorf("got %q, %v, want %q", got[1:], err, tt.want)
			}
		})
	}
}

func TestRedirectStatus(t *testing.T) {
	if s := redirect(t, spec.Redirect{StatusCode: spec.RedirectPermanent}).Status; s != 301 {
		t.Errorf("HTTP_301 is %d", s)
	}
	if s := redirect(t, spec.Redirect{StatusCode: spec.RedirectFound}).Status; s != 302 {
		t.Errorf("HTTP_302 is %d", s)
	}
}

func TestAppendLocationOfAsterisk(t *testing.T) {
	q := mustCanonicalize(t, request("OPTIONS", "*", "Host", "a.com"))
	got, err := redirect(t, spec.Redirect{Protocol: "HTTPS", Port: "443"}).AppendLocation(nil, q, "http", 80)
	if err != nil || string(got) != "https://a.com:443/" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAppendLocationTooLong(t *testing.T) {
	const most = 8 << 10
	prefix := "https://a.com:443/"
	r := redirect(t, spec.Redirect{Protocol: "HTTPS", Port: "443"})
	q := mustCanonicalize(t, get("a.com/"+strings.Repeat("a", most-len(prefix))))
	got, err := r.AppendLocation([]byte("x"), q, "http", 80)
	if err != nil || len(got) != 1+most {
		t.Errorf("%d bytes: %v", len(got)-1, err)
	}
	q = mustCanonicalize(t, get("a.com/"+strings.Repeat("a", most-len(prefix)+1)))
	if got, err = r.AppendLocation([]byte("x"), q, "http", 80); !errors.Is(err, routing.ErrLocationTooLong) || string(got) != "x" {
		t.Errorf("one byte more: %q, %v", got, err)
	}
	// Eighteen copies of the longest path: no more than two are ever made.
	amplifier := redirect(t, spec.Redirect{Path: "/" + strings.Repeat("#{path}", 18)})
	q = mustCanonicalize(t, get("a.com/"+strings.Repeat("a", 8000)))
	dst := make([]byte, 0, 24<<10)
	if _, err = amplifier.AppendLocation(dst, q, "http", 80); !errors.Is(err, routing.ErrLocationTooLong) {
		t.Error(err)
	}
	if n := strings.Count(string(dst[:cap(dst)]), "a"); n > 16100 {
		t.Errorf("%d bytes written", n)
	}
}

// FuzzAppendLocation looks for a request that ends the header field, or moves the client to
// another host than the redirect says.
func FuzzAppendLocation(f *testing.F) {
	for _, tt := range targets {
		f.Add(tt.target, "example.com")
	}
	f.Add("/\r\nSet-Cookie: a=b", "example.com")
	f.Add("/%0d%0aSet-Cookie:a=b", "example.com\r\nX: y")
	f.Add("/@evil.com", "example.com@evil.com")
	r := redirect(f, spec.Redirect{Protocol: "HTTPS", Port: "443", Path: "/#{host}/#{path}", Query: "#{path}&#{query}"})
	f.Fuzz(func(t *testing.T, target, host string) {
		q := request("GET", target, "Host", host)
		var a exchange.Arena
		if routing.Canonicalize(q, &a) != nil {
			return
		}
		location, err := r.AppendLocation(nil, q, "http", 80)
		if err != nil {
			return
		}
		for _, c := range location {
			if c <= 0x20 || c == 0x7f {
				t.Errorf("%q %q: %q", target, host, location)
			}
		}
		rest, ok := strings.CutPrefix(string(location), "https://"+string(q.Host)+":443/")
		if !ok || strings.ContainsAny(string(q.Host), "/@?#\\") {
			t.Errorf("%q %q: %q (%s)", target, host, location, rest)
		}
	})
}
