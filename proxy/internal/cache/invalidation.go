package cache

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// pass has o answer a request that the cache has no answer for, by its method or its form.
func (h *Handler) pass(x *exchange.Exchange, o *exchange.Origin) int {
	if isSafe(string(x.Request.Method)) {
		return o.Forward(x)
	}
	var q request
	q.locate(x)
	c := &invalidator{Client: x.Client, cache: h.cache, place: q.place}
	x.Client = c
	defer func() { x.Client = c.Client }()
	return o.Forward(x)
}

// isSafe reports whether a method is known to change nothing.
//
// https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1
func isSafe(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// invalidator is the client of a request that may change what is kept for its place.
type invalidator struct {
	exchange.Client
	cache *Cache
	place []byte
}

var _ exchange.Decorator = (*invalidator)(nil)

// Unwrap implements exchange.Decorator.
func (c *invalidator) Unwrap() exchange.Client { return c.Client }

// WriteHead drops what is kept, before the client learns that its request succeeded.
//
// https://www.rfc-editor.org/rfc/rfc9111#section-4.4
func (c *invalidator) WriteHead(r *exchange.Response, body []byte, more bool) error {
	if r.Status >= http.StatusOK && r.Status < http.StatusBadRequest {
		c.cache.invalidate(c.place)
	}
	return c.Client.WriteHead(r, body, more)
}

// Spliceable reports whether SpliceBody may be used for this answer.
func (c *invalidator) Spliceable() bool {
	s, ok := c.Client.(splicer)
	return ok && s.Spliceable()
}

// SpliceBody moves n bytes of the answer's body from src within the kernel.
func (c *invalidator) SpliceBody(src *wire.Conn, n int64, silence time.Duration) (int64, error) {
	return c.Client.(splicer).SpliceBody(src, n, silence)
}

// invalidate drops what is kept for a place, of every query and variant, and what is on its
// way in.
func (c *Cache) invalidate(place []byte) {
	h := c.hash(place)
	s := &c.shards[h%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stops.add(h)
	for sl := s.places[string(place)]; sl != nil; {
		next := sl.after
		s.remove(sl)
		sl = next
	}
}

// lately is how many invalidations of a shard are remembered by place: an answer during whose
// way in there were more of them is not kept.
const lately = 64

// invalidations are the latest of a shard. Its lock is held for all but n.
type invalidations struct {
	n      atomic.Uint64
	places [lately]uint64
}

func (i *invalidations) add(place uint64) {
	n := i.n.Load()
	i.places[n%lately] = place
	i.n.Store(n + 1)
}

// had reports whether there was, or may have been, one of a place since there were n.
func (i *invalidations) had(place, n uint64) bool {
	now := i.n.Load()
	if now-n > lately {
		return true
	}
	for ; n < now; n++ {
		if i.places[n%lately] == place {
			return true
		}
	}
	return false
}

// moment is when a target was asked, in purges and in invalidations of the shard.
type moment struct{ purges, invalidations uint64 }

func (c *Cache) now(s *shard) moment { return moment{c.purges.Load(), s.stops.n.Load()} }
