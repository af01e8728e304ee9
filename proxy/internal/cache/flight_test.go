package cache_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// crowd sends n equal requests at once and returns what each got.
func (s *site) crowd(n int, line string, head ...string) []answer {
	var wg sync.WaitGroup
	answers := make([]answer, n)
	for i := range n {
		wg.Go(func() { answers[i] = s.get(line, head...) })
	}
	wg.Wait()
	return answers
}

// slow has the target take a second.
func slow(r reply) func(*seen) reply {
	return func(*seen) reply {
		time.Sleep(time.Second)
		return r
	}
}

func TestRequestsAtOnceAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, minute, slow(ok("", text)))
		missed := 0
		for _, a := range s.crowd(100, "GET /") {
			if a.status != 200 || a.body != text {
				t.Errorf("answer is %+v", a)
			}
			if a.cache == "MISS" {
				missed++
			}
		}
		if s.count() != 1 || missed != 1 {
			t.Errorf("target was asked %d times, and %d are a MISS", s.count(), missed)
		}
		// What is too old is asked for once as well.
		time.Sleep(2 * time.Minute)
		s.crowd(100, "GET /")
		if s.count() != 2 {
			t.Errorf("target was asked %d times, want 2", s.count())
		}
	})
}

// TestKeysDoNotWaitForEachOther has two paths and two variants asked for at once.
func TestKeysDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, minute, slow(ok("", text)))
		begun := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { s.crowd(3, "GET /a") })
		wg.Go(func() { s.crowd(3, "GET /b") })
		wg.Go(func() { s.crowd(3, "GET /a", "Accept-Encoding: gzip") })
		wg.Wait()
		if took := time.Since(begun); took != time.Second || s.count() != 3 {
			t.Errorf("took %v for %d requests to the target", took, s.count())
		}
	})
}

// TestAnswersOfOneAloneAreNotWaitedFor: who waits for one that is not kept goes on as soon as
// its head is there, all at once, and the next do not wait.
func TestAnswersOfOneAloneAreNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, minute, slow(ok("Set-Cookie: session=1", text)))
		begun := time.Now()
		s.crowd(50, "GET /")
		if took := time.Since(begun); took != 2*time.Second || s.count() != 50 {
			t.Errorf("took %v for %d requests to the target", took, s.count())
		}
		begun = time.Now()
		s.crowd(50, "GET /")
		if took := time.Since(begun); took != time.Second || s.count() != 100 {
			t.Errorf("then took %v for %d requests to the target", took, s.count())
		}
	})
}

// TestCredentialsDoNotWait: their answers are as a rule not for others.
func TestCredentialsDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, minute, slow(ok("", text)))
		begun := time.Now()
		s.crowd(10, "GET /", "Authorization: Bearer x")
		if took := time.Since(begun); took != time.Second || s.count() != 10 {
			t.Errorf("took %v for %d requests to the target", took, s.count())
		}
	})
}

// TestWaitEnds: after five seconds those who wait ask for themselves.
func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		s := newSite(t, minute, func(*seen) reply {
			if n.Add(1) == 1 {
				time.Sleep(time.Hour)
			}
			return ok("", text)
		})
		var wg sync.WaitGroup
		wg.Go(func() { s.get("GET /") })
		synctest.Wait()
		begun := time.Now()
		s.want(s.get("GET /"), "MISS", text)
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("waited %v", took)
		}
		wg.Wait()
	})
}

// TestErrorsAreNotShared: those who wait for what fails each ask.
func TestErrorsAreNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, minute, slow(reply{elb: 502}))
		for _, a := range s.crowd(3, "GET /") {
			if a.status != 502 {
				t.Errorf("answer is %+v", a)
			}
		}
		if s.count() != 3 {
			t.Errorf("target was asked %d times", s.count())
		}
	})
}

// TestLeaderThatLeaves: while others wait for it, the answer is fetched to its end.
func TestLeaderThatLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, minute, func(r *seen) reply {
			time.Sleep(time.Second)
			if r.x.Client.Gone() {
				t.Error("nobody waits any more")
			}
			return ok("", text)
		})
		leader := &client{}
		var wg sync.WaitGroup
		wg.Go(func() { s.by(leader, "GET /") })
		synctest.Wait()
		wg.Go(func() { s.want(s.get("GET /"), "HIT", text) })
		synctest.Wait()
		leader.leave()
		wg.Wait()
		if s.count() != 1 {
			t.Errorf("target was asked %d times", s.count())
		}
	})
}

// streamClient is a client of HTTP/2, which knows when it leaves.
type streamClient struct {
	client
	ctx context.Context
}

func (c *streamClient) Context() context.Context { return c.ctx }

// TestWaiterThatLeaves waits no longer.
func TestWaiterThatLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, minute, slow(ok("", text)))
		var wg sync.WaitGroup
		wg.Go(func() { s.get("GET /") })
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		x := newExchange(&streamClient{ctx: ctx}, "GET /")
		wg.Go(func() {
			if status := s.serve(x); status != 460 {
				t.Errorf("status is %d", status)
			}
		})
		synctest.Wait()
		begun := time.Now()
		cancel()
		synctest.Wait()
		if time.Since(begun) != 0 {
			t.Error("it waited on")
		}
		wg.Wait()
	})
}

// TestPanicLandsTheFlight: a fault while one asks keeps nobody waiting.
func TestPanicLandsTheFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		s := newSite(t, minute, func(*seen) reply {
			time.Sleep(time.Second)
			if n.Add(1) == 1 {
				panic("fault")
			}
			return ok("", text)
		})
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() { _ = recover() }()
			s.get("GET /")
		})
		synctest.Wait()
		begun := time.Now()
		s.want(s.get("GET /"), "MISS", text)
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("waited %v", took)
		}
		wg.Wait()
		s.want(s.get("GET /"), "HIT", text)
		if st := s.cache.Stats(); st.Objects != 1 {
			t.Errorf("%d objects are kept", st.Objects)
		}
	})
}

// TestLastPartWaitsForNobody: what has come whole is kept before the client has read its end.
func TestLastPartWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, minute, func(*seen) reply { return reply{status: 200, head: "Content-Type: text/plain"} })
		c := &slowClient{begun: make(chan struct{}), read: make(chan struct{})}
		var wg sync.WaitGroup
		wg.Go(func() { s.serve(newExchange(c, "GET /")) })
		<-c.begun
		s.want(s.get("GET /"), "HIT", "")
		close(c.read)
		wg.Wait()
	})
}
