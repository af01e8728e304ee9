package cache_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

var minute = spec.CacheBehavior{DefaultTTL: time.Minute}

// echo answers with all that the target sees of a request.
func echo(r *seen) reply {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", r.host, r.uri)
	for _, name := range slices.Sorted(maps.Keys(r.fields)) {
		fmt.Fprintf(&b, "\n%s: %s", name, r.fields[name])
	}
	return ok("", b.String())
}

// TestUnkeyedInputReachesNoTarget has an attacker put something in each place of a request
// that is not in the key, and looks that neither the target nor the next client sees it.
func TestUnkeyedInputReachesNoTarget(t *testing.T) {
	for _, field := range []string{
		"X-Forwarded-Host: evil.example", "X-Forwarded-For: evil", "X-Forwarded-Proto: evil", "X-Forwarded-Port: evil",
		"X-Forwarded-Scheme: evil", "X-Forwarded-Prefix: evil", "Forwarded: host=evil", "X-Host: evil", "X-Original-URL: /evil",
		"X-Rewrite-URL: /evil", "X-HTTP-Method-Override: evil", "X_Forwarded_Host: evil", "User-Agent: evil", "Referer: evil",
		"Cookie: session=evil", "Cookie: a=1; b=evil", "Pragma: evil", "Cache-Control: evil", "X-Request-Id: evil",
		"traceparent: evil", "Connection: evil", "TE: evil", "Accept-Encoding: evil", "Accept-Charset: evil", "Via: evil",
		"If-None-Match: \"evil\"", "Front-End-Https: evil", "X-Any-Name-At-All: evil", "Content-Type: evil", "Upgrade-Insecure-Requests: evil",
	} {
		s := newSite(t, minute, echo)
		first := s.get("GET /page?utm=evil&x=evil", field)
		s.want(first, "MISS", "example.com /page")
		second := s.get("GET /page")
		s.want(second, "HIT", "example.com /page")
	}
}

// TestSpellingOfTheHost reaches no target, wherever it stands.
func TestSpellingOfTheHost(t *testing.T) {
	b := minute
	b.ProxyOnly.StaleWhileRevalidate = time.Minute
	s := newSite(t, b, func(r *seen) reply {
		return ok("", r.fields["host"]+" "+string(r.x.Request.Authority))
	})
	for i, host := range []string{"EXAMPLE.com.:8080", "example.com:8080"} {
		c := &client{}
		x := newExchange(c, "GET /", "Host: "+host)
		x.Request.Host, x.Request.Port, x.Request.Authority = []byte("example.com"), []byte("8080"), []byte(host)
		s.serve(x)
		if want := []string{"MISS", "HIT"}[i]; x.Record.CacheStatus != want || c.body.String() != "example.com:8080 example.com:8080" || string(x.Request.Authority) != host {
			t.Errorf("%s: %s %q %q", host, x.Record.CacheStatus, c.body.String(), x.Request.Authority)
		}
	}
}

// TestTraces: of the client's trace the target sees the root, which is a number.
func TestTraces(t *testing.T) {
	const self, root = "Self=1-63441c4a-abcdef012345678912345678", "Root=1-67891233-abcdef012345678912345678"
	for given, want := range map[string]string{
		root:                          root,
		self + ";" + root:             self + ";" + root,
		self + ";" + root + ";Evil=1": self,
		self + ";Root=evil":           self,
		self + ";" + strings.ToUpper(root[:8]) + root[8:]:  self,
		self + ";Root=1-6789123x-abcdef012345678912345678": self,
	} {
		s := newSite(t, minute, func(r *seen) reply { return ok("", string(r.x.Record.TraceID)) })
		c := &client{}
		x := newExchange(c, "GET /")
		x.Record.TraceID = []byte(given)
		s.serve(x)
		if c.body.String() != want {
			t.Errorf("%s became %s", given, c.body.String())
		}
	}
}

// TestTrustedProxies: of what one says, the client's address reaches the target, and scheme
// and port are in the key too.
func TestTrustedProxies(t *testing.T) {
	s := newSite(t, minute, echo)
	ask := func(trusted bool, proto, port string) answer {
		c := &client{}
		x := newExchange(c, "GET /", "X-Forwarded-For: evil, 203.0.113.7, 192.0.2.9", "X-Forwarded-Proto: "+proto, "X-Forwarded-Port: "+port)
		if trusted {
			x.Forwarded = netip.MustParseAddrPort("203.0.113.7:0")
		}
		s.h.Serve(x, &exchange.Origin{Route: "web", Forward: s.forward, Proto: []byte(proto), Port: []byte(port), Trusted: trusted})
		return answer{status: c.head.Status, fields: c.fields, body: c.body.String(), cache: x.Record.CacheStatus}
	}
	const want = "example.com /\nx-forwarded-for: 203.0.113.7\nx-forwarded-port: 443\nx-forwarded-proto: https"
	s.want(ask(true, "https", "443"), "MISS", want)
	s.want(ask(true, "https", "443"), "HIT", want)
	s.want(ask(true, "http", "80"), "MISS", strings.NewReplacer("443", "80", "https", "http").Replace(want))
	s.want(ask(true, "https", "8443"), "MISS", strings.ReplaceAll(want, "443", "8443"))
	s.want(ask(false, "http", "8080"), "MISS", "example.com /")
}

func TestTheKey(t *testing.T) {
	b := minute
	b.Key = spec.CacheKey{Headers: []string{"X-Tenant", "Host", "accept-encoding"}, Cookies: []string{"lang", "ab"}, Query: []string{"page", "q"}}
	for _, c := range []struct {
		name         string
		a, b         string // request lines
		aHead, bHead string
		same         bool
		sees         string // of b
	}{
		{"path", "GET /a", "GET /b", "", "", false, "example.com /b"},
		{"case of the path", "GET /a", "GET /A", "", "", false, "example.com /A"},
		{"host", "GET /", "GET /", "Host: a.example", "Host: b.example", false, "b.example /\nhost: b.example"},
		{"case of the host", "GET /", "GET /", "Host: a.example", "Host: A.example", true, ""},
		{"port of the host", "GET /", "GET /", "Host: a.example", "Host: a.example:1337", false, "a.example /\nhost: a.example:1337"},
		{"query in the key", "GET /?page=1", "GET /?page=2", "", "", false, "example.com /?page=2"},
		{"none is not an empty one", "GET /", "GET /?page=", "", "", false, "example.com /?page="},
		{"query beside the key", "GET /?page=1&x=1", "GET /?x=2&page=1", "", "", true, ""},
		{"order of the query", "GET /?q=2&page=1", "GET /?page=1&q=2", "", "", true, ""},
		{"two of a name", "GET /?page=1&page=2", "GET /?page=2&page=1", "", "", false, "example.com /?page=2&page=1"},
		{"another spelling is another parameter", "GET /", "GET /?p%61ge=2", "", "", true, ""},
		{"a part of a value", "GET /?page=1", "GET /?page=1;q=2", "", "", false, "example.com /?page=1;q=2"},
		{"header in the key", "GET /", "GET /", "X-Tenant: 1", "x-tenant: 2", false, "example.com /\nx-tenant: 2"},
		{"two lines are not one", "GET /", "GET /", "X-Tenant: 1, 2", "X-Tenant: 1\nX-Tenant: 2", false, "example.com /\nx-tenant: 1 | 2"},
		{"cookie in the key", "GET /", "GET /", "Cookie: lang=de", "Cookie: x=1; lang=fr; lang=de", false, "example.com /\ncookie: lang=fr"},
		{"cookie beside the key", "GET /", "GET /", "Cookie: x=1; lang=de", "Cookie: lang=de; x=2", true, ""},
		{"order of cookies", "GET /", "GET /", "Cookie: ab=1; lang=de", "Cookie: lang=de; ab=1", true, ""},
		{"gzip", "GET /", "GET /", "", "Accept-Encoding: gzip, deflate", false, "example.com /\naccept-encoding: gzip"},
		{"Brotli", "GET /", "GET /", "Accept-Encoding: gzip", "Accept-Encoding: br;q=0.5, GZIP", false, "example.com /\naccept-encoding: br, gzip"},
		{"refused", "GET /", "GET /", "", "Accept-Encoding: gzip;q=0, br; q=0.000", true, ""},
		{"values across a border", "GET /?page=1", "GET /?q=1", "Cookie: lang=2", "Cookie: ab=2", false, "example.com /?q=1\ncookie: ab=2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, b, echo)
			first := s.get(c.a, c.aHead)
			second := s.get(c.b, c.bHead)
			if c.same {
				s.want(second, "HIT", first.body)
				return
			}
			s.want(second, "MISS", c.sees)
		})
	}
}

// TestCookiesOfStickiness reach the load balancer behind the cache, and are in no key.
func TestCookiesOfStickiness(t *testing.T) {
	all := minute
	all.Key.Cookies = []string{spec.CacheKeyAll}
	for _, b := range []spec.CacheBehavior{minute, all} {
		s := newSite(t, b, echo)
		for i, cookie := range []string{"AWSALB=one; SRV=a", "SRV=b; AWSALB=two"} {
			c := &client{}
			x := newExchange(c, "GET /", "Cookie: "+cookie)
			s.h.Serve(x, &exchange.Origin{Route: "web", Forward: s.forward, Cookies: []string{"SRV"}})
			if want := []string{"MISS", "HIT"}[i]; x.Record.CacheStatus != want || c.body.String() != "example.com /\ncookie: AWSALB=one; SRV=a" {
				t.Errorf("%s: %s %q", cookie, x.Record.CacheStatus, c.body.String())
			}
		}
	}
}

func TestAllOfQueryAndCookies(t *testing.T) {
	b := minute
	b.Key = spec.CacheKey{Cookies: []string{spec.CacheKeyAll}, Query: []string{spec.CacheKeyAll}}
	s := newSite(t, b, echo)
	s.want(s.get("GET /?a=1&b=2", "Cookie: x=1; AWSALB=one"), "MISS", "example.com /?a=1&b=2\ncookie: x=1; AWSALB=one")
	s.want(s.get("GET /?a=1&b=2", "Cookie: x=1; AWSALB=two"), "HIT", "example.com /?a=1&b=2\ncookie: x=1; AWSALB=one")
	s.want(s.get("GET /?b=2&a=1", "Cookie: x=1"), "MISS", "example.com /?b=2&a=1\ncookie: x=1")
	s.want(s.get("GET /?a=1&b=2", "Cookie: x=2"), "MISS", "example.com /?a=1&b=2\ncookie: x=2")
	s.want(s.get("GET /?"), "MISS", "example.com /?")
}

// TestRulesAreInTheKey: who is sent elsewhere by a rule gets what is kept of there.
func TestRulesAreInTheKey(t *testing.T) {
	s := newSite(t, minute, func(r *seen) reply { return ok("", itoa(r.x.Record.Priority)) })
	for _, priority := range []int{1, 2, 1} {
		c := &client{}
		x := newExchange(c, "GET /")
		x.Record.Priority = priority
		s.serve(x)
		if c.body.String() != itoa(priority) {
			t.Errorf("rule %d gets %q", priority, c.body.String())
		}
	}
	if s.count() != 2 {
		t.Errorf("target was asked %d times", s.count())
	}
}

func TestVary(t *testing.T) {
	s := newSite(t, minute, func(r *seen) reply {
		return ok("Vary: accept-language, Accept-Encoding, Cookie, User-Agent", r.fields["accept-language"])
	})
	s.want(s.get("GET /", "Accept-Language: de"), "MISS", "de")
	s.want(s.get("GET /", "Accept-Language: fr"), "MISS", "fr")
	s.want(s.get("GET /", "Accept-Language: de"), "HIT", "de")
	s.want(s.get("GET /", "Accept-Language: fr\nUser-Agent: another"), "HIT", "fr")
	s.want(s.get("GET /"), "MISS", "")
	s.want(s.get("GET /", "Accept-Language:"), "MISS", "")
	s.want(s.get("GET /"), "HIT", "")
	// Variants of a key are bounded: the oldest goes.
	for i := range 20 {
		s.want(s.get("GET /", "Accept-Language: x"+itoa(i)), "MISS", "x"+itoa(i))
	}
	s.want(s.get("GET /", "Accept-Language: x19"), "HIT", "x19")
	s.want(s.get("GET /", "Accept-Language: x4"), "HIT", "x4")
	s.want(s.get("GET /", "Accept-Language: de"), "MISS", "de")
	if n := s.cache.Stats().Objects; n != 16 {
		t.Errorf("%d objects are kept, want 16", n)
	}
}

// TestVaryOfAnother has the target change its mind about what its answer varies by.
func TestVaryOfAnother(t *testing.T) {
	vary := ""
	s := newSite(t, minute, func(r *seen) reply { return ok(vary, r.fields["accept-language"]) })
	s.want(s.get("GET /", "Accept-Language: de"), "MISS", "de")
	s.want(s.get("GET /", "Accept-Language: fr"), "HIT", "de")
	s.cache.Purge(scope(t, "/"))
	vary = "Vary: Accept-Language"
	s.want(s.get("GET /", "Accept-Language: de"), "MISS", "de")
	s.want(s.get("GET /", "Accept-Language: fr"), "MISS", "fr")
}

func TestAuthorization(t *testing.T) {
	for _, c := range []struct {
		name, control string
		shared        bool
	}{
		{"nothing said", "max-age=60", false},
		{"public", "public, max-age=60", true},
		{"s-maxage", "s-maxage=60", true},
		{"must-revalidate", "must-revalidate, max-age=60", true},
	} {
		b := spec.CacheBehavior{MinTTL: time.Minute, DefaultTTL: time.Minute} // does not go over it
		s := newSite(t, b, func(r *seen) reply { return ok("Cache-Control: "+c.control, r.fields["authorization"]) })
		s.want(s.get("GET /", "Authorization: one"), "MISS", "one")
		second := s.get("GET /", "Authorization: two")
		if c.shared {
			s.want(second, "HIT", "one")
		} else {
			s.want(second, "MISS", "two")
			s.want(s.get("GET /"), "MISS", "")
		}
	}
	b := minute
	b.Key.Headers = []string{"Authorization"}
	s := newSite(t, b, func(r *seen) reply { return ok("", r.fields["authorization"]) })
	s.want(s.get("GET /", "Authorization: one"), "MISS", "one")
	s.want(s.get("GET /", "Authorization: two"), "MISS", "two")
	s.want(s.get("GET /", "Authorization: one"), "HIT", "one")
	s.want(s.get("GET /"), "MISS", "")
}

// TestWhatIsNoneOfTheCaches goes to the target whole.
func TestWhatIsNoneOfTheCaches(t *testing.T) {
	s := newSite(t, minute, echo)
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "get", "PURGE"} {
		a := s.get(method+" /?x=1", "Cookie: session=1\nX-Own: 2")
		if a.fields["x-cache-status"] != "" || a.cache != "" || a.body != "example.com /?x=1\ncookie: session=1\nx-own: 2" {
			t.Errorf("%s: %q %q", method, a.fields["x-cache-status"], a.body)
		}
	}
	x := newExchange(&client{}, "GET /", "X-Own: 2")
	x.Request.ContentLength = 3
	s.serve(x)
	x = newExchange(&client{}, "GET /", "X-Own: 2\nConnection: upgrade\nUpgrade: websocket")
	x.Request.Upgrade = true
	s.serve(x)
	for _, r := range s.asked {
		if r.fields["x-own"] != "2" {
			t.Errorf("%s: %v", r.method, r.fields)
		}
	}
	if st := s.cache.Stats(); st.Objects != 0 {
		t.Errorf("%d objects are kept", st.Objects)
	}
}

// TestRequestIsWholeAgain: the log shows what the client sent.
func TestRequestIsWholeAgain(t *testing.T) {
	s := newSite(t, minute, echo)
	for range 2 {
		x := newExchange(&client{}, "GET /?x=1", "User-Agent: me\nCookie: a=1")
		s.serve(x)
		if len(x.Request.Fields) != 2 || string(x.Request.Query) != "x=1" || !x.Request.HasQuery {
			t.Errorf("request is %+v", x.Request)
		}
	}
}
