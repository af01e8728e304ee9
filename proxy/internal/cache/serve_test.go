package cache_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/cache"
	"github.com/evenkeel/evenkeel/spec"
)

func scope(t *testing.T, text string) cache.Scope {
	t.Helper()
	s, err := cache.ParseScope(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const text = "0123456789"

func TestAnswerFromTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, minute, func(*seen) reply {
			return ok("Content-Type: text/plain\nServer: app\nAge: 3\nX-Cache-Status: HIT\nSet-Cookie: AWSALB=x\nCache-Control: max-age=60, private=\"X-Secret\"\nX-Secret: 1", text)
		})
		first := s.get("GET /")
		if first.fields["x-secret"] != "1" || first.fields["set-cookie"] != "AWSALB=x" {
			t.Errorf("the first answer is %v", first.fields)
		}
		time.Sleep(10 * time.Second)
		hit := s.get("GET /")
		s.want(hit, "HIT", text)
		for name, want := range map[string]string{
			"content-type": "text/plain", "content-length": "10", "server": "app", "age": "13", "x-frame-options": "DENY",
			"x-secret": "", "set-cookie": "", "date": "Sat, 01 Jan 2000 00:00:00 GMT",
		} {
			if name == "date" {
				want = time.Now().Add(-13 * time.Second).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
			}
			if hit.fields[name] != want {
				t.Errorf("%s is %q, want %q", name, hit.fields[name], want)
			}
		}
		head := s.get("HEAD /")
		s.want(head, "HIT", "")
		if head.fields["content-length"] != "10" {
			t.Errorf("HEAD got %v", head.fields)
		}
	})
}

func TestHeadFillsNothing(t *testing.T) {
	s := newSite(t, minute, func(*seen) reply { return ok("", text) })
	s.want(s.get("HEAD /"), "MISS", "")
	s.want(s.get("GET /"), "MISS", text)
	s.want(s.get("HEAD /"), "HIT", "")
}

func TestIncompleteAnswersAreNotKept(t *testing.T) {
	for name, r := range map[string]reply{
		"cut":         {status: 200, body: text, cut: true},
		"chunked cut": {status: 200, body: text, cut: true, unknown: true},
		"trailers":    {status: 200, body: text, trailers: true},
	} {
		s := newSite(t, minute, func(*seen) reply { return r })
		for range 2 {
			if a := s.get("GET /"); a.fields["x-cache-status"] != "MISS" || a.aborted != r.cut {
				t.Errorf("%s: %+v", name, a)
			}
		}
	}
	s := newSite(t, minute, func(*seen) reply { return reply{status: 200, body: text, unknown: true} })
	s.want(s.get("GET /"), "MISS", text)
	s.want(s.get("GET /"), "HIT", text)
}

// TestClientThatLeaves: who leaves in the middle takes nothing from the next.
func TestClientThatLeaves(t *testing.T) {
	s := newSite(t, minute, func(*seen) reply { return ok("", text) })
	s.by(&client{broken: true}, "GET /")
	s.want(s.get("GET /"), "HIT", text)
}

func TestConditionals(t *testing.T) {
	const modified = "Wed, 01 Jan 2020 00:00:00 GMT"
	for _, c := range []struct {
		head   string
		status int
	}{
		{`If-None-Match: "v1"`, 304},
		{`If-None-Match: W/"v1"`, 304},
		{`If-None-Match: "v0", W/"v1"`, 304},
		{`If-None-Match: *`, 304},
		{`If-None-Match: "v2"`, 200},
		{`If-None-Match: v1`, 200},
		{`If-None-Match: W/`, 200},
		{`If-None-Match: "v1`, 200},
		{"If-Modified-Since: " + modified, 304},
		{"If-Modified-Since: Thu, 02 Jan 2020 00:00:00 GMT", 304},
		{"If-Modified-Since: Tue, 31 Dec 2019 00:00:00 GMT", 200},
		{"If-Modified-Since: yesterday", 200},
		{"If-None-Match: \"v2\"\nIf-Modified-Since: " + modified, 200},
		{"", 200},
	} {
		s := newSite(t, minute, func(r *seen) reply {
			if r.fields["if-none-match"]+r.fields["if-modified-since"] != "" {
				t.Errorf("%s: target sees it", c.head)
			}
			return ok("ETag: \"v1\"\nLast-Modified: "+modified+"\nContent-Type: text/plain\nVary: Accept", text)
		})
		for _, status := range []string{"MISS", "HIT"} {
			a := s.get("GET /", c.head)
			body := text
			if c.status == 304 {
				body = ""
			}
			s.want(a, status, body)
			if a.status != c.status || a.fields["etag"] != `"v1"` || a.fields["x-frame-options"] != "DENY" || c.status == 304 && (a.fields["content-type"] != "" || a.fields["vary"] != "Accept") {
				t.Errorf("%s: %s: %d %v", c.head, status, a.status, a.fields)
			}
		}
	}
}

func TestRanges(t *testing.T) {
	for _, c := range []struct {
		head   string
		status int
		body   string
		rng    string
	}{
		{"Range: bytes=0-3", 206, "0123", "bytes 0-3/10"},
		{"Range: BYTES=2-2", 206, "2", "bytes 2-2/10"},
		{"Range: bytes=7-", 206, "789", "bytes 7-9/10"},
		{"Range: bytes=7-99999999999999999999999", 206, "789", "bytes 7-9/10"},
		{"Range: bytes=-4", 206, "6789", "bytes 6-9/10"},
		{"Range: bytes=-400", 206, text, "bytes 0-9/10"},
		{"Range: bytes=10-", 416, "", "bytes */10"},
		{"Range: bytes=-0", 416, "", "bytes */10"},
		{"Range: bytes=3-2", 200, text, ""},
		{"Range: bytes=-", 200, text, ""},
		{"Range: bytes=1-2,4-5", 200, text, ""},
		{"Range: lines=1-2", 200, text, ""},
		{"Range: bytes=a-2", 200, text, ""},
		{"Range: bytes=0-3\nIf-Range: \"v1\"", 206, "0123", "bytes 0-3/10"},
		{"Range: bytes=0-3\nIf-Range: W/\"v1\"", 200, text, ""},
		{"Range: bytes=0-3\nIf-Range: \"v2\"", 200, text, ""},
		{"Range: bytes=0-3\nIf-Range: Wed, 01 Jan 2020 00:00:00 GMT", 206, "0123", "bytes 0-3/10"},
		{"Range: bytes=0-3\nIf-Range: Wed, 01 Jan 2020 00:00:01 GMT", 200, text, ""},
	} {
		s := newSite(t, minute, func(r *seen) reply {
			if r.fields["range"] != "" {
				return reply{status: 206, head: "Content-Range: bytes 0-1/10\nCache-Control: max-age=60", body: "01"}
			}
			return ok("ETag: \"v1\"\nLast-Modified: Wed, 01 Jan 2020 00:00:00 GMT", text)
		})
		// A part that the target makes is passed on and not kept.
		if a := s.get("GET /", c.head); a.status != 206 || a.body != "01" || a.fields["x-cache-status"] != "MISS" {
			t.Errorf("%s: %+v", c.head, a)
		}
		s.want(s.get("GET /"), "MISS", text)
		a := s.get("GET /", c.head)
		s.want(a, "HIT", c.body)
		if a.status != c.status || a.fields["content-range"] != c.rng {
			t.Errorf("%s: %d with %q, want %d with %q", c.head, a.status, a.fields["content-range"], c.status, c.rng)
		}
	}
}

// TestRevalidation: what is too old is asked for by its validators.
func TestRevalidation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changed := false
		s := newSite(t, minute, func(r *seen) reply {
			if r.fields["if-none-match"] == `"v1"` && r.fields["if-modified-since"] == "Wed, 01 Jan 2020 00:00:00 GMT" && !changed {
				return reply{status: 304, head: "ETag: \"v1\"\nX-New: 1\nContent-Type: wrong\nCache-Control: max-age=30"}
			}
			return ok("ETag: \"v1\"\nLast-Modified: Wed, 01 Jan 2020 00:00:00 GMT\nX-Old: 1\nContent-Type: text/plain\nCache-Control: max-age=10", text)
		})
		s.want(s.get("GET /"), "MISS", text)
		time.Sleep(11 * time.Second)
		a := s.get("GET /")
		s.want(a, "REVALIDATED", text)
		if a.status != 200 || a.fields["x-new"] != "1" || a.fields["x-old"] != "1" || a.fields["content-type"] != "text/plain" || a.fields["age"] != "0" {
			t.Errorf("answer %d %v", a.status, a.fields)
		}
		time.Sleep(29 * time.Second)
		s.want(s.get("GET /"), "HIT", text)
		time.Sleep(2 * time.Second)
		a = s.get("GET /", `If-None-Match: "v1"`)
		s.want(a, "REVALIDATED", "")
		if a.status != 304 {
			t.Errorf("answer %d", a.status)
		}
		time.Sleep(31 * time.Second)
		changed = true
		s.want(s.get("GET /"), "EXPIRED", text)
		if st := s.cache.Stats(); st.Objects != 1 {
			t.Errorf("%d objects are kept", st.Objects)
		}
	})
}

// TestNoCacheIsAskedForEachTime keeps the body and asks.
func TestNoCacheIsAskedForEachTime(t *testing.T) {
	s := newSite(t, minute, func(r *seen) reply {
		if r.fields["if-none-match"] != "" {
			return reply{status: 304, head: "ETag: \"v1\"\nCache-Control: no-cache"}
		}
		return ok("ETag: \"v1\"\nCache-Control: no-cache, stale-if-error=60, stale-while-revalidate=60", text)
	})
	s.want(s.get("GET /"), "MISS", text)
	s.want(s.get("GET /"), "REVALIDATED", text)
	s.target = func(*seen) reply { return reply{elb: 503} }
	if a := s.get("GET /"); a.status != 503 {
		t.Errorf("answer %d, though no-cache forbids to use what is too old", a.status)
	}
}

// TestRequestDirectives are heeded when the file says so, and not otherwise.
func TestRequestDirectives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heed := minute
		heed.ProxyOnly.BypassOnCacheControl = true
		for _, c := range []struct {
			head, cache string
			status      int
		}{
			{"Cache-Control: no-cache", "BYPASS", 200},
			{"Pragma: no-cache", "BYPASS", 200},
			{"Cache-Control: no-store", "BYPASS", 200},
			{"Cache-Control: max-age=0", "BYPASS", 200},
			{"Cache-Control: max-age=4", "BYPASS", 200},
			{"Cache-Control: max-age=5", "HIT", 200},
			{"Cache-Control: only-if-cached", "HIT", 200},
			{"Cache-Control: nonsense", "HIT", 200},
		} {
			s := newSite(t, heed, func(*seen) reply { return ok("", text) })
			s.get("GET /")
			time.Sleep(5 * time.Second)
			a := s.get("GET /", c.head)
			s.want(a, c.cache, text)
			s = newSite(t, minute, func(*seen) reply { return ok("", text) })
			s.get("GET /")
			time.Sleep(5 * time.Second)
			s.want(s.get("GET /", c.head), "HIT", text)
		}
		s := newSite(t, heed, func(*seen) reply { return ok("", text) })
		if a := s.get("GET /", "Cache-Control: only-if-cached"); a.status != 504 || s.count() != 0 {
			t.Errorf("answer %d", a.status)
		}
		// Whoever reloads does it for all.
		n := 0
		s = newSite(t, heed, func(*seen) reply { n++; return ok("", itoa(n)) })
		s.want(s.get("GET /"), "MISS", "1")
		s.want(s.get("GET /", "Cache-Control: no-cache"), "BYPASS", "2")
		s.want(s.get("GET /"), "HIT", "2")
		s.want(s.get("GET /", "Cache-Control: no-store"), "BYPASS", "3")
		s.want(s.get("GET /"), "HIT", "2")
		s.want(s.get("GET /", "If-Match: \"x\""), "BYPASS", "4")
	})
}

// TestDeception: what a path looks like has no part in whether the answer is kept.
func TestDeception(t *testing.T) {
	s := newSite(t, spec.CacheBehavior{Path: "/account/*"}, func(r *seen) reply {
		return ok("Cache-Control: private", r.fields["cookie"]+strings.Repeat("x", 3))
	})
	for range 2 {
		s.want(s.get("GET /account/x.css", "Cookie: session=1"), "MISS", "xxx")
	}
}

// TestPanicLeavesTheRequest to whom it belongs: its fields are not those of the visit, which
// is used for the next one.
func TestPanicLeavesTheRequest(t *testing.T) {
	s := newSite(t, spec.CacheBehavior{}, func(*seen) reply { panic("broken") })
	x := newExchange(&client{}, "GET /a?b=c", "Host: example.com", "X-Own: yes")
	before := x.Request
	func() {
		defer func() { _ = recover() }()
		s.serve(x)
	}()
	if after := x.Request; len(after.Fields) != len(before.Fields) || &after.Fields[0] != &before.Fields[0] || string(after.Query) != "b=c" {
		t.Errorf("the request is %q, %q", after.Fields, after.Query)
	}
}
