package cache_test

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/cache"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// sink is a client that keeps nothing.
type sink struct{ n int }

func (*sink) ReadBody([]byte) (int, error)          { return 0, io.EOF }
func (*sink) Buffered() (int, bool)                 { return 0, true }
func (*sink) Trailers() []exchange.Field            { return nil }
func (*sink) WriteInterim(*exchange.Response) error { return nil }
func (*sink) StopBody()                             {}
func (*sink) Abort()                                {}
func (*sink) Gone() bool                            { return false }
func (s *sink) WriteHead(_ *exchange.Response, body []byte, _ bool) error {
	s.n += len(body)
	return nil
}
func (s *sink) WriteBody(p []byte) error      { s.n += len(p); return nil }
func (s *sink) Finish([]exchange.Field) error { return nil }

// hit returns a handler that has an answer of 10 kB, and a request for it.
func hit(t testing.TB) (*cache.Handler, *exchange.Exchange, *exchange.Origin) {
	t.Helper()
	b := spec.CacheBehavior{Path: "/*", DefaultTTL: 1e18, MaxTTL: 1e18, Key: spec.CacheKey{Query: []string{"page"}}}
	h := cache.NewHandler(cache.New(1<<20, slog.New(slog.DiscardHandler)), cache.NewBehavior(&b))
	x := newExchange(&sink{}, "GET /catalog/shoes?page=2", "Host: example.com", "User-Agent: me", "Accept: */*", "Accept-Encoding: gzip, br", "Cookie: session=1; AWSALB=x")
	body := strings.Repeat("x", 10<<10)
	o := &exchange.Origin{Route: "web", Managed: managed, Forward: func(x *exchange.Exchange) int {
		return ok("Content-Type: text/html\nETag: \"v1\"\nCache-Control: public, max-age=31536000", body).write(x)
	}}
	h.Serve(x, o)
	return h, x, o
}

func BenchmarkHit(b *testing.B) {
	h, _, o := hit(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		x := newExchange(&sink{}, "GET /catalog/shoes?page=2", "Host: example.com", "User-Agent: me", "Accept: */*", "Accept-Encoding: gzip, br", "Cookie: session=1; AWSALB=x")
		for pb.Next() {
			x.Arena.Reset()
			h.Serve(x, o)
		}
	})
}
