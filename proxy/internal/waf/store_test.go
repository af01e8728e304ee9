package waf_test

import (
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/waf"
	"github.com/evenkeel/evenkeel/spec"
)

// away is a store whose Redis refuses connections. What a real one does is tested end to end.
func away(t *testing.T) *waf.Store {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := waf.NewStore("redis://"+l.Addr().String(), "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}

func stored(t *testing.T, s *waf.Store, rule spec.RateLimit) *waf.Firewall {
	t.Helper()
	f, err := waf.Compile(&spec.Environment{WAF: spec.WAF{DefaultAction: spec.WAFAllow, RateLimits: []spec.RateLimit{rule}}}, waf.Options{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestRedisAway: rates hold by what is counted here, and what is not shared is counted.
func TestRedisAway(t *testing.T) {
	s := away(t)
	f := stored(t, s, rate(10, time.Minute, "ip"))
	x := request("192.0.2.1", "/")
	if n := sent(f, x, epoch, 15); n != 5 {
		t.Errorf("%d of 15 requests are blocked, want 5", n)
	}
	if n := s.Unshared(); n != 0 {
		t.Errorf("%d are unshared before anybody tried", n)
	}
	s.Close() // so that Share is the only one to try
	s.Serve(f)
	s.Share(t.Context())
	if n := s.Unshared(); n != 15 {
		t.Errorf("%d are unshared, want 15", n)
	}
	sent(f, x, epoch, 1)
	s.Share(t.Context())
	s.Share(t.Context())
	if n := s.Unshared(); n != 16 {
		t.Errorf("%d are unshared, want 16: what could not be told is not told later", n)
	}
}

// TestPendingIsBounded: a flood of senders is not remembered without end.
func TestPendingIsBounded(t *testing.T) {
	s := away(t)
	f := stored(t, s, rate(10, time.Minute, "header:k"))
	x := request("192.0.2.1", "/", "k", "")
	for i := range 2 * waf.MaxPending {
		x.Request.Fields[0].Value = fmt.Appendf(x.Request.Fields[0].Value[:0], "%d", i)
		sent(f, x, epoch, 1)
	}
	if n := s.Unshared(); n < waf.MaxPending || n > waf.MaxPending+waf.MaxPending/2 {
		t.Errorf("%d of %d senders were not remembered, want about half", n, 2*waf.MaxPending)
	}
}

func TestStoreOfNoURL(t *testing.T) {
	for _, url := range []string{"", "http://redis", "redis://:port", "localhost:6379"} {
		if _, err := waf.NewStore(url, "test", slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%q is taken for a URL of Redis", url)
		}
	}
}
