package cache_test

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// TestMemoryIsBounded has many at once ask for more than there is room for, of all sizes, and
// looks at no time at more than the limit.
func TestMemoryIsBounded(t *testing.T) {
	const limit = 256 << 10
	b := minute
	b.Key.Query = []string{spec.CacheKeyAll}
	s := newSiteOf(t, limit, b, func(r *seen) reply {
		n := len(r.uri) * 7919 % (50 << 10)
		return reply{status: 200, head: "Vary: Accept-Language", body: strings.Repeat("x", n), unknown: len(r.uri)%2 == 0}
	})
	watch := func() {
		// What is kept and what comes in is counted apart, so that one is let in before the other
		// is let go: by one answer for each that asks.
		if st := s.cache.Stats(); st.Bytes > limit+limit/8 {
			t.Errorf("%d bytes are taken of %d", st.Bytes, limit)
		}
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(worker)))
			for range 200 {
				s.get("GET /"+itoa(r.IntN(100))+"?"+strings.Repeat("q", r.IntN(1000)), "Accept-Language: x"+itoa(r.IntN(50)))
				watch()
			}
		})
	}
	wg.Wait()
	st := s.cache.Stats()
	if st.Bytes > limit || st.Objects == 0 || st.Evictions == 0 {
		t.Errorf("stats are %+v", st)
	}
	s.cache.Purge(scope(t, "/*"))
	if st := s.cache.Stats(); st.Bytes != 0 || st.Objects != 0 {
		t.Errorf("after a purge of all: %+v", st)
	}
}

// TestLargeAnswersAreNotKept: one answer takes no more than an eighth.
func TestLargeAnswersAreNotKept(t *testing.T) {
	for name, r := range map[string]reply{
		"known":   {status: 200, body: strings.Repeat("x", 129<<10)},
		"unknown": {status: 200, body: strings.Repeat("x", 129<<10), unknown: true},
		"head":    {status: 200, head: "X-A: " + strings.Repeat("x", 129<<10), body: "x"},
	} {
		s := newSiteOf(t, 1<<20, minute, func(*seen) reply { return r })
		for range 2 {
			a := s.get("GET /")
			s.want(a, "MISS", r.body)
		}
		if st := s.cache.Stats(); st.Objects != 0 || st.Bytes > 2000 {
			t.Errorf("%s: %+v", name, st)
		}
	}
}

// TestLongKeysAreNotKept: a key is at most 8 KiB.
func TestLongKeysAreNotKept(t *testing.T) {
	b := minute
	b.Key.Query = []string{spec.CacheKeyAll}
	s := newSite(t, b, echo)
	for range 2 {
		if a := s.get("GET /?" + strings.Repeat("q", 9<<10)); a.cache != "MISS" || a.status != 200 {
			t.Errorf("answer is %d %s", a.status, a.cache)
		}
	}
	if st := s.cache.Stats(); st.Bytes != 0 {
		t.Errorf("%+v", st)
	}
}

// TestOneKeyDoesNotTakeAll: its variants have a quarter, whatever they are.
func TestOneKeyDoesNotTakeAll(t *testing.T) {
	s := newSiteOf(t, 1<<20, minute, func(*seen) reply { return ok("Vary: Accept", strings.Repeat("x", 100<<10)) })
	s.get("GET /other")
	for i := range 16 {
		s.get("GET /", "Accept: "+itoa(i))
	}
	if st := s.cache.Stats(); st.Bytes > (1<<20)/4+(110<<10) || st.Evictions != 0 {
		t.Errorf("%+v", st)
	}
	s.want(s.get("GET /other", "Accept:"), "MISS", strings.Repeat("x", 100<<10))
}

func TestNoMemoryKeepsNothing(t *testing.T) {
	s := newSiteOf(t, 0, minute, func(*seen) reply { return ok("", text) })
	for range 3 {
		s.want(s.get("GET /"), "MISS", text)
	}
	if st := s.cache.Stats(); st.Bytes != 0 || st.Objects != 0 {
		t.Errorf("%+v", st)
	}
}

func TestLessMemoryEvicts(t *testing.T) {
	s := newSite(t, minute, func(*seen) reply { return ok("", strings.Repeat("x", 10<<10)) })
	for i := range 50 {
		s.get("GET /" + itoa(i))
	}
	s.cache.SetMemory(100 << 10)
	if st := s.cache.Stats(); st.Bytes > 100<<10 || st.Objects == 0 {
		t.Errorf("%+v", st)
	}
	s.cache.SetMemory(0)
	if st := s.cache.Stats(); st.Bytes != 0 || st.Objects != 0 {
		t.Errorf("%+v", st)
	}
}

// TestWhatIsUsedStays: what was asked for again outlives what was not.
func TestWhatIsUsedStays(t *testing.T) {
	s := newSite(t, minute, func(*seen) reply { return ok("", strings.Repeat("x", 10<<10)) })
	for i := range 1000 {
		s.get("GET /popular")
		s.get("GET /once/" + itoa(i))
	}
	if n := s.count(); n > 1002 {
		t.Errorf("target was asked %d times, of which 1000 are of those asked for once", n)
	}
}

// slowClient reads nothing until it may.
type slowClient struct {
	client
	begun, read chan struct{}
}

func (c *slowClient) WriteHead(r *exchange.Response, body []byte, more bool) error {
	close(c.begun)
	<-c.read
	return c.client.WriteHead(r, body, more)
}

// TestMemoryOfSlowClientsCounts: what was dropped while somebody still reads it takes room.
func TestMemoryOfSlowClientsCounts(t *testing.T) {
	s := newSite(t, minute, func(*seen) reply { return ok("", strings.Repeat("x", 100<<10)) })
	s.get("GET /")
	c := &slowClient{begun: make(chan struct{}), read: make(chan struct{})}
	var wg sync.WaitGroup
	wg.Go(func() { s.serve(newExchange(c, "GET /")) })
	<-c.begun
	s.cache.Purge(scope(t, "/"))
	if st := s.cache.Stats(); st.Objects != 0 || st.Bytes < 100<<10 {
		t.Errorf("%+v", st)
	}
	close(c.read)
	wg.Wait()
	if st := s.cache.Stats(); st.Bytes != 0 {
		t.Errorf("%+v", st)
	}
}
