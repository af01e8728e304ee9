package cache_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// TestStaleWhileRevalidate: one request, in the background, brings a newer one.
func TestStaleWhileRevalidate(t *testing.T) {
	for name, c := range map[string]struct {
		head string
		file time.Duration
	}{
		"the answer says so": {"Cache-Control: max-age=60, stale-while-revalidate=30", 0},
		"the file says so":   {"Cache-Control: max-age=60", 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n atomic.Int32
				b := spec.CacheBehavior{ProxyOnly: spec.CacheProxyOnly{StaleWhileRevalidate: c.file}}
				s := newSite(t, b, func(r *seen) reply {
					time.Sleep(time.Second)
					if n.Load() > 0 && r.method != "GET" {
						t.Errorf("refreshed by %s", r.method)
					}
					return ok(c.head, itoa(int(n.Add(1))))
				})
				s.want(s.get("GET /"), "MISS", "1")
				time.Sleep(61 * time.Second)
				begun := time.Now()
				s.want(s.get("HEAD /"), "STALE", "")
				s.want(s.get("GET /"), "UPDATING", "1")
				s.want(s.get("GET /"), "UPDATING", "1")
				if time.Since(begun) != 0 {
					t.Error("somebody waited")
				}
				time.Sleep(2 * time.Second)
				s.want(s.get("GET /"), "HIT", "2")
				time.Sleep(2 * time.Minute)
				s.want(s.get("GET /"), "EXPIRED", "3")
				if s.count() != 3 {
					t.Errorf("target was asked %d times", s.count())
				}
			})
		})
	}
}

// TestRefreshSeesNoClient: the request in the background has nothing that is not in the key,
// and is whole after the client's is gone.
func TestRefreshSeesNoClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := spec.CacheBehavior{Key: spec.CacheKey{Query: []string{"q"}, Cookies: []string{"lang"}, Headers: []string{"X-Tenant"}}}
		s := newSite(t, b, func(r *seen) reply {
			time.Sleep(time.Second)
			a := echo(r)
			a.head = "Cache-Control: max-age=60, stale-while-revalidate=30"
			return a
		})
		const want = "example.com /?q=1\ncookie: lang=de\nx-tenant: 5"
		s.want(s.get("GET /?q=1&z=3", "Cookie: lang=de; session=1", "X-Tenant: 5", "User-Agent: me"), "MISS", want)
		time.Sleep(time.Minute)
		x := newExchange(&client{}, "GET /?z=4&q=1", "Cookie: lang=de; session=2", "X-Tenant: 5", "Range: bytes=0-1")
		s.serve(x)
		for i := range x.Request.Fields { // the memory is another request's by now
			for j := range x.Request.Fields[i].Value {
				x.Request.Fields[i].Value[j] = '!'
			}
		}
		for i := range x.Request.Path {
			x.Request.Path[i] = '!'
		}
		x.Reset()
		time.Sleep(2 * time.Second)
		s.want(s.get("GET /?q=1", "Cookie: lang=de", "X-Tenant: 5"), "HIT", want)
		if s.count() != 2 {
			t.Errorf("target was asked %d times", s.count())
		}
	})
}

// TestFailedRefreshIsTriedAgain, and what is kept stays as long as it may.
func TestFailedRefreshIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := true
		s := newSite(t, spec.CacheBehavior{}, func(*seen) reply {
			if good {
				return ok("Cache-Control: max-age=10, stale-while-revalidate=30", text)
			}
			return reply{elb: 502}
		})
		s.get("GET /")
		good = false
		time.Sleep(11 * time.Second)
		for range 3 {
			s.want(s.get("GET /"), "STALE", text)
			synctest.Wait()
		}
		if s.count() != 4 {
			t.Errorf("target was asked %d times", s.count())
		}
		time.Sleep(time.Minute)
		if a := s.get("GET /"); a.status != 502 {
			t.Errorf("answer is %+v", a)
		}
	})
}

// TestPanicInTheBackground ends neither the process nor the refreshes.
func TestPanicInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := false
		s := newSite(t, spec.CacheBehavior{}, func(*seen) reply {
			if broken {
				panic("fault")
			}
			return ok("Cache-Control: max-age=10, stale-while-revalidate=300", text)
		})
		s.get("GET /")
		broken = true
		time.Sleep(11 * time.Second)
		for range 100 {
			s.want(s.get("GET /"), "STALE", text)
			synctest.Wait()
		}
	})
}

func TestStaleIfError(t *testing.T) {
	const fresh = "Cache-Control: max-age=60"
	for name, c := range map[string]struct {
		head   string
		file   time.Duration
		fails  reply
		served bool
	}{
		"500":                         {fresh + ", stale-if-error=30", 0, reply{status: 500, body: "oops"}, true},
		"502 of the load balancer":    {fresh + ", stale-if-error=30", 0, reply{elb: 502}, true},
		"503":                         {fresh + ", stale-if-error=30", 0, reply{status: 503, body: "oops", unknown: true}, true},
		"504 of the load balancer":    {fresh, 30 * time.Second, reply{elb: 504}, true},
		"an error cut short":          {fresh, 30 * time.Second, reply{status: 500, body: "oops", cut: true}, true},
		"404 is an answer":            {fresh, 30 * time.Second, reply{status: 404, body: "oops"}, false},
		"501 is one":                  {fresh, 30 * time.Second, reply{status: 501, body: "oops"}, false},
		"nothing said":                {fresh, 0, reply{status: 500, body: "oops"}, false},
		"must-revalidate forbids it":  {fresh + ", must-revalidate", 30 * time.Second, reply{status: 500, body: "oops"}, false},
		"proxy-revalidate forbids it": {fresh + ", proxy-revalidate", 30 * time.Second, reply{status: 500, body: "oops"}, false},
		"s-maxage forbids it":         {"Cache-Control: s-maxage=60", 30 * time.Second, reply{status: 500, body: "oops"}, false},
		"no-cache forbids it":         {"Cache-Control: no-cache\nETag: \"1\"", 30 * time.Second, reply{status: 500, body: "oops"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				good := true
				b := spec.CacheBehavior{ProxyOnly: spec.CacheProxyOnly{StaleIfError: c.file}}
				s := newSite(t, b, func(*seen) reply {
					if good {
						return ok(c.head, text)
					}
					return c.fails
				})
				s.get("GET /")
				good = false
				time.Sleep(61 * time.Second)
				for range 2 {
					a := s.get("GET /")
					if c.served {
						s.want(a, "STALE", text)
					} else if a.cache == "STALE" || a.body != "oops" {
						t.Errorf("answer is %+v", a)
					}
				}
				time.Sleep(30 * time.Second)
				if a := s.get("GET /"); a.cache == "STALE" {
					t.Errorf("later: %+v", a)
				}
				good = true
				if a := s.get("GET /"); a.status != 200 || a.cache == "STALE" {
					t.Errorf("when it works again: %+v", a)
				}
			})
		})
	}
}

// TestStaleForAllWhoWait: when the one request fails, all get what is kept.
func TestStaleForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, spec.CacheBehavior{}, slow(ok("Cache-Control: max-age=10, stale-if-error=60", text)))
		s.get("GET /")
		time.Sleep(15 * time.Second)
		s.target = slow(reply{elb: 503})
		for _, a := range s.crowd(50, "GET /") {
			s.want(a, "STALE", text)
		}
		if s.count() != 2 {
			t.Errorf("target was asked %d times", s.count())
		}
	})
}

// TestLargeErrorBehindStale: no more is read of an error that nobody gets than is worth it.
func TestLargeErrorBehindStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := true
		s := newSite(t, spec.CacheBehavior{}, func(*seen) reply {
			if good {
				return ok("Cache-Control: max-age=10, stale-if-error=60", text)
			}
			return reply{status: 500, body: string(make([]byte, 1<<20))}
		})
		s.get("GET /")
		good = false
		time.Sleep(15 * time.Second)
		s.want(s.get("GET /"), "STALE", text)
	})
}
