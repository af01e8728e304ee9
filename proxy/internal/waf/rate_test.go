package waf_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/waf"
	"github.com/evenkeel/evenkeel/spec"
)

// rate is a rule with the defaults of spec.
func rate(limit int, window time.Duration, key string) spec.RateLimit {
	return spec.RateLimit{Name: "rate", Limit: limit, Window: window, Key: key, Status: 429, Action: spec.WAFBlock}
}

// epoch is the beginning of a window of any length.
var epoch = time.Unix(1_800_000_000, 0)

// sent judges n requests like x, which come at once, and returns how many were blocked.
func sent(f *waf.Firewall, x *exchange.Exchange, at time.Time, n int) (blocked int) {
	x.Record.Created = at
	for range n {
		if f.Judge(x).Outcome == waf.Blocked {
			blocked++
		}
	}
	return blocked
}

func TestRateWindowSlides(t *testing.T) {
	for _, window := range []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute} {
		f := compile(t, spec.WAF{RateLimits: []spec.RateLimit{rate(100, window, "ip")}}, nil)
		x := request("192.0.2.1", "/")
		for i, step := range []struct {
			at           time.Duration
			send, blocks int
		}{
			{0, 100, 0},             // the limit itself is within
			{window / 2, 10, 10},    // one more is not, and is counted though it is blocked
			{window, 1, 1},          // 110 and this one, all of them in view
			{window * 3 / 2, 44, 0}, // 55 of the 110, 1 and these
			{window * 3 / 2, 1, 1},
			{window*2 - window/100, 53, 0}, // 1 is left of the first, 46 of the next
			{4 * window, 100, 0},           // all forgotten
			{4 * window, 1, 1},
		} {
			if got := sent(f, x, epoch.Add(step.at), step.send); got != step.blocks {
				t.Errorf("window %s, step %d: %d blocked, want %d", window, i, got, step.blocks)
			}
		}
		v := f.Judge(x)
		if v.Status != 429 || string(v.RetryAfter) != fmt.Sprint(int(window.Seconds())) {
			t.Errorf("window %s: %d, Retry-After %q", window, v.Status, v.RetryAfter)
		}
	}
}

// TestRateHolds sends at a steady rate: below the limit nothing is blocked, at twice the limit
// everything is from the moment on at which a window's worth has come.
func TestRateHolds(t *testing.T) {
	for _, key := range []string{"ip", "all"} {
		rule := rate(610, time.Minute, key)
		rule.Path = "/"
		f := compile(t, spec.WAF{RateLimits: []spec.RateLimit{rule}}, nil)
		x := request("192.0.2.1", "/")
		for i := range 6000 { // ten minutes of ten a second
			if sent(f, x, epoch.Add(time.Duration(i)*100*time.Millisecond), 1) > 0 {
				t.Fatalf("%s: request %d below the limit's own rate is blocked", key, i)
			}
		}
		f = compile(t, spec.WAF{RateLimits: []spec.RateLimit{rule}}, nil)
		for i := range 6000 { // five minutes of twenty a second
			blocked := sent(f, x, epoch.Add(time.Duration(i)*50*time.Millisecond), 1) > 0
			if want := i >= 610; blocked != want {
				t.Fatalf("%s: request %d at twice the rate: blocked %t", key, i, blocked)
			}
		}
	}
}

func TestRateKeys(t *testing.T) {
	for name, c := range map[string]struct {
		key        string
		same       []*exchange.Exchange // of one sender
		other      *exchange.Exchange   // of another
		notCounted []*exchange.Exchange
	}{
		"ip": {
			key:   "ip",
			same:  []*exchange.Exchange{request("192.0.2.1", "/"), request("::ffff:192.0.2.1", "/b")},
			other: request("192.0.2.2", "/"),
		},
		"ip6": {
			key:   "ip",
			same:  []*exchange.Exchange{request("2001:db8::1", "/")},
			other: request("2001:db8::2", "/"), // in the same /64: AWS WAF counts addresses
		},
		"forwarded": {
			key: "forwarded_ip",
			same: []*exchange.Exchange{
				request("10.0.0.1", "/", "X-Forwarded-For", "192.0.2.1"), request("10.0.0.2", "/", "X-Forwarded-For", " 192.0.2.1 , 192.0.2.2"),
				request("10.0.0.2", "/", "X-Forwarded-For", "::ffff:192.0.2.1"),
			},
			other:      request("10.0.0.1", "/", "X-Forwarded-For", "192.0.2.2, 192.0.2.1"),
			notCounted: []*exchange.Exchange{request("10.0.0.1", "/"), request("10.0.0.1", "/", "X-Forwarded-For", "unknown"), request("10.0.0.1", "/", "X-Forwarded-For", strings.Repeat("1", 500))},
		},
		"header": {
			key:        "header:X-Api-Key",
			same:       []*exchange.Exchange{request("10.0.0.1", "/", "x-api-key", "k"), request("10.0.0.2", "/", "X-Api-Key", "k", "X-Api-Key", "z")},
			other:      request("10.0.0.1", "/", "X-Api-Key", "K"),
			notCounted: []*exchange.Exchange{request("10.0.0.1", "/", "X-Api", "k")},
		},
		"cookie": {
			key:        "cookie:sessionid",
			same:       []*exchange.Exchange{request("10.0.0.1", "/", "Cookie", "a=b; sessionid=s"), request("10.0.0.2", "/", "Cookie", "a=b", "Cookie", "sessionid=s;c=d")},
			other:      request("10.0.0.1", "/", "Cookie", "sessionid=t"),
			notCounted: []*exchange.Exchange{request("10.0.0.1", "/", "Cookie", "xsessionid=s; sessionid2=s"), request("10.0.0.1", "/", "X", "sessionid=s")},
		},
		"argument": {
			key:        "query_argument:account",
			same:       []*exchange.Exchange{request("10.0.0.1", "/?account=1"), request("10.0.0.2", "/x?b=2&Account=1&account=2")},
			other:      request("10.0.0.1", "/?account=2"),
			notCounted: []*exchange.Exchange{request("10.0.0.1", "/?accounts=1"), request("10.0.0.1", "/")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := compile(t, spec.WAF{RateLimits: []spec.RateLimit{rate(10, time.Minute, c.key)}}, nil)
			for i := range 10 {
				if sent(f, c.same[i%len(c.same)], epoch, 1) != 0 {
					t.Fatalf("request %d is blocked", i)
				}
			}
			if sent(f, c.other, epoch, 10) != 0 {
				t.Error("another sender is blocked")
			}
			for _, x := range c.same {
				if sent(f, x, epoch, 1) != 1 {
					t.Errorf("the eleventh is not blocked: %s %q", x.Conn.Peer, x.Request.Fields)
				}
			}
			for _, x := range c.notCounted {
				if sent(f, x, epoch, 20) != 0 {
					t.Errorf("counted without a key: %q", x.Request.Fields)
				}
			}
		})
	}
}

// TestRateScope: no spelling of a path escapes the rule that is for it.
func TestRateScope(t *testing.T) {
	for path, in := range map[string]bool{
		"/login/": true, "/login/x": true, "/login": false, "/x/login/": false, "/Login/": false, "/": false, "*": false,
		"/%6Cogin/": true, "//login/": true, "/login%2F": true, "/./login/": true, "/.%2flogin/": true, "/a/../login/": true, "/a/..%2flogin//": true,
		"/login/..": false, "/login/%2e%2e/x": false,
	} {
		rule := rate(10, time.Minute, "all")
		rule.Path = "/login/"
		f := compile(t, spec.WAF{RateLimits: []spec.RateLimit{rule}}, nil)
		if got := sent(f, request("192.0.2.1", path), epoch, 11) > 0; got != in {
			t.Errorf("%s: limited %t, want %t", path, got, in)
		}
	}
}

func TestRateCountAction(t *testing.T) {
	rule := rate(10, time.Minute, "ip")
	rule.Action = spec.WAFCount
	f := compile(t, spec.WAF{RateLimits: []spec.RateLimit{rule}}, nil)
	if n := sent(f, request("192.0.2.1", "/"), epoch, 15); n != 0 {
		t.Errorf("%d blocked", n)
	}
	if c := f.Counts()[0]; c.Counted != 5 || c.Blocked != 0 {
		t.Errorf("%+v", c)
	}
}

// TestRateOverReload: counts go on over a reload, unless the rule counts something else then.
func TestRateOverReload(t *testing.T) {
	rule := rate(10, time.Minute, "ip")
	f := compile(t, spec.WAF{RateLimits: []spec.RateLimit{rule}}, nil)
	x := request("192.0.2.1", "/")
	sent(f, x, epoch, 10)
	rule.Status, rule.Action = 503, spec.WAFBlock
	f = compile(t, spec.WAF{RateLimits: []spec.RateLimit{rule}}, f)
	if sent(f, x, epoch, 1) != 1 {
		t.Error("a reload forgets")
	}
	rule.Limit = 11
	f = compile(t, spec.WAF{RateLimits: []spec.RateLimit{rule}}, f)
	if sent(f, x, epoch, 11) != 0 {
		t.Error("a new limit inherits counts")
	}
}

// TestRateUnderAFlood has a million senders of one request each: who is over the limit stays
// blocked, who is new can still be seen to go over it, and memory does not grow.
func TestRateUnderAFlood(t *testing.T) {
	f := compile(t, spec.WAF{RateLimits: []spec.RateLimit{rate(100, time.Minute, "header:k")}}, nil)
	heavy := request("192.0.2.1", "/", "k", "heavy")
	sent(f, heavy, epoch, 100)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var all sync.WaitGroup
	for part := range 4 {
		all.Go(func() {
			x := request("192.0.2.1", "/", "k", "")
			for i := range 250_000 {
				x.Request.Fields[0].Value = fmt.Appendf(x.Request.Fields[0].Value[:0], "%d-%d", part, i)
				if sent(f, x, epoch, 1) != 0 {
					t.Errorf("sender %d-%d is blocked", part, i)
					return
				}
			}
		})
	}
	all.Wait()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	if n := sent(f, heavy, epoch.Add(time.Second), 1); n != 1 {
		t.Error("the flood washed out a sender over the limit")
	}
	if n := sent(f, request("192.0.2.1", "/", "k", "late"), epoch.Add(time.Second), 101); n != 1 {
		t.Errorf("%d of a sender of 101 are blocked after the flood, want 1", n)
	}
}

func FuzzNormalPath(f *testing.F) {
	for _, s := range []string{"/", "/a/../b", "//a//", "/%2e%2e/%2f", "/.%2f..%2F", "*", "/%zz%", "/a/."} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, path []byte) {
		got := waf.AppendNormalPath(nil, path)
		if len(got) > len(path) {
			t.Errorf("%q became longer: %q", path, got)
		}
		for _, bad := range []string{"//", "/./", "/../"} {
			if bytes.Contains(got, []byte(bad)) {
				t.Errorf("%q became %q with %q in it", path, got, bad)
			}
		}
	})
}

func BenchmarkRate(b *testing.B) {
	f := compile(b, spec.WAF{RateLimits: []spec.RateLimit{rate(2000, time.Minute, "ip")}}, nil)
	b.RunParallel(func(pb *testing.PB) {
		x := request("192.0.2.8", "/a/b/c")
		for pb.Next() {
			f.Judge(x)
		}
	})
}
