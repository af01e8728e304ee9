package cache_test

import (
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/cache"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// TestUnsafeMethodsInvalidate is RFC 9111, section 4.4, of a path with all its queries.
func TestUnsafeMethodsInvalidate(t *testing.T) {
	b := minute
	b.Key.Query = []string{"q"}
	for _, c := range []struct {
		method string
		answer reply
		gone   bool
	}{
		{"POST", reply{status: 200}, true},
		{"PUT", reply{status: 204}, true},
		{"DELETE", reply{status: 202}, true},
		{"PATCH", reply{status: 303, head: "Location: /"}, true},
		{"FROBNICATE", reply{status: 200}, true},
		{"POST", reply{status: 400}, false},
		{"POST", reply{status: 500}, false},
		{"POST", reply{elb: 502}, false},
		{"OPTIONS", reply{status: 200}, false},
	} {
		s := newSite(t, b, func(r *seen) reply {
			if r.method != "GET" {
				return c.answer
			}
			return ok("Vary: Accept", text)
		})
		s.get("GET /a?q=1")
		s.get("GET /a?q=2", "Accept: x")
		s.get("GET /b")
		s.get("GET /a", "Host: other.example")
		s.get(c.method + " /a?q=3")
		want := map[bool]string{true: "MISS", false: "HIT"}[c.gone]
		s.want(s.get("GET /a?q=1"), want, text)
		s.want(s.get("GET /a?q=2", "Accept: x"), want, text)
		s.want(s.get("GET /b"), "HIT", text)
		s.want(s.get("GET /a", "Host: other.example"), "HIT", text)
	}
}

// TestWriterReadsItsWrites: what is kept is gone when the client learns that it wrote.
func TestWriterReadsItsWrites(t *testing.T) {
	version := "1"
	s := newSite(t, minute, func(r *seen) reply {
		if r.method == "POST" {
			version = "2"
		}
		return ok("", version)
	})
	s.get("GET /")
	c := &answered{}
	c.then = func() { s.want(s.get("GET /"), "MISS", "2") }
	s.serve(newExchange(c, "POST /"))
	if c.then != nil {
		t.Error("the answer to POST never came")
	}
}

// answered calls back when the head of an answer comes.
type answered struct {
	client
	then func()
}

func (c *answered) WriteHead(r *exchange.Response, body []byte, more bool) error {
	c.then()
	c.then = nil
	return c.client.WriteHead(r, body, more)
}

// TestAnswersOnTheirWayAreInvalidated: what a target answered before the write is not kept
// after it, and others are.
func TestAnswersOnTheirWayAreInvalidated(t *testing.T) {
	for _, c := range []struct {
		during func(s *site)
		want   string
	}{
		{func(s *site) { s.get("POST /a") }, "MISS"},
		{func(s *site) { s.get("POST /b") }, "HIT"},
		{func(s *site) { s.cache.Purge(scope(s.t, "/a")) }, "MISS"},
		{func(s *site) { s.cache.Retain(nil) }, "MISS"},
		{func(s *site) {
			for i := range 10000 { // more than are remembered
				s.get("POST /" + itoa(i))
			}
		}, "MISS"},
	} {
		first := true
		var s *site
		s = newSite(t, minute, func(r *seen) reply {
			if r.method == "GET" && first {
				first = false
				c.during(s)
			}
			return ok("", text)
		})
		s.want(s.get("GET /a"), "MISS", text)
		s.want(s.get("GET /a"), c.want, text)
	}
}

func TestPurge(t *testing.T) {
	paths := []string{"/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/A", "/a%20b", "/~u"}
	for _, c := range []struct{ scope, dropped string }{
		{"/", "/"},
		{"/*", "/ /a /a/ /a/b /a/b/c /ab /A /a%20b /~u"},
		{"/a", "/a"},
		{"/a*", "/a /a/ /a/b /a/b/c /ab /a%20b"},
		{"/a/*", "/a/ /a/b /a/b/c"},
		{"/x/../a/b", "/a/b"},
		{"/a b", "/a%20b"},
		{"/%7eu", "/~u"},
		{"/nothing", ""},
	} {
		s := newSite(t, minute, func(*seen) reply { return ok("Vary: Accept", text) })
		for _, p := range paths {
			s.get("GET " + p)
			s.get("GET "+p, "Accept: x", "Host: other.example")
		}
		n := s.cache.Purge(scope(t, c.scope))
		var dropped []string
		for _, p := range paths {
			if a := s.get("GET " + p); a.cache == "MISS" {
				dropped = append(dropped, p)
				s.want(s.get("GET "+p, "Accept: x", "Host: other.example"), "MISS", text)
			} else {
				s.want(s.get("GET "+p, "Accept: x", "Host: other.example"), "HIT", text)
			}
		}
		if got := strings.Join(dropped, " "); got != c.dropped || n != 2*len(dropped) {
			t.Errorf("purge of %s dropped %q (%d), want %q", c.scope, got, n, c.dropped)
		}
	}
}

func TestBadScopes(t *testing.T) {
	const want = `: want a slash first, then at most 3999 characters, with * only at the end`
	for text, want := range map[string]string{
		"":        `path does not begin with a slash (got "")` + want,
		"*":       `path does not begin with a slash (got "*")` + want,
		"a/b":     `path does not begin with a slash (got "a/b")` + want,
		"/a*b":    `path has a * inside (got "/a*b")` + want,
		"/**":     `path has a * inside (got "/**")` + want,
		"/a?b=c":  `path has a query (got "/a?b=c"): what is kept for a path goes for all queries at once`,
		"/a/%zz":  `path has a malformed percent escape (got "/a/%zz")`,
		"/../a":   `path climbs above the root (got "/../a")`,
		"/a\x00b": `request target has a fragment, CR, LF or NUL (got "/a\x00b")`,
		"/" + strings.Repeat("a", cache.MaxPurgePath): "path is too long (got 4001 characters)" + want,
	} {
		if _, err := cache.ParseScope(text); err == nil || err.Error() != want {
			t.Errorf("%.20q: %v, want %s", text, err, want)
		}
	}
}

// TestAnotherKeyHasNothingOfTheOld: a reload that changes what tells answers apart drops them,
// and one that changes lifetimes alone does not.
func TestAnotherKeyHasNothingOfTheOld(t *testing.T) {
	keyed := func(change func(*spec.CacheBehavior)) spec.CacheBehavior {
		b := minute
		b.Path, b.Key.Query = "/*", []string{"q"}
		change(&b)
		return b
	}
	same := func(*spec.CacheBehavior) {}
	for name, c := range map[string]struct {
		change func(*spec.CacheBehavior)
		kept   int64
	}{
		"nothing":   {same, 1},
		"lifetime":  {func(b *spec.CacheBehavior) { b.DefaultTTL *= 2 }, 1},
		"path":      {func(b *spec.CacheBehavior) { b.Path = "/a/*" }, 0},
		"no query":  {func(b *spec.CacheBehavior) { b.Key.Query = nil }, 0},
		"one more":  {func(b *spec.CacheBehavior) { b.Key.Query = []string{"q", "r"} }, 0},
		"a cookie":  {func(b *spec.CacheBehavior) { b.Key.Cookies = []string{"q"} }, 0},
		"header":    {func(b *spec.CacheBehavior) { b.Key.Headers = []string{"q"} }, 0},
		"all of it": {func(b *spec.CacheBehavior) { b.Key.Query = []string{"*"} }, 0},
	} {
		s := newSite(t, keyed(same), func(*seen) reply { return ok("", text) })
		s.get("GET /a/b")
		after := keyed(c.change)
		s.cache.Retain([]spec.CacheBehavior{{Path: "/other/*"}, after})
		if n := s.cache.Stats().Objects; n != c.kept {
			t.Errorf("%s: %d answers are kept, want %d", name, n, c.kept)
		}
		h := cache.NewHandler(s.cache, cache.NewBehavior(&after))
		x := newExchange(&client{}, "GET /a/b")
		h.Serve(x, &exchange.Origin{Route: "web", Managed: managed, Forward: s.forward})
		if hit := x.Record.CacheStatus == "HIT"; hit != (c.kept == 1) {
			t.Errorf("%s: %s", name, x.Record.CacheStatus)
		}
	}
}
