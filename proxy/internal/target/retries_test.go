package target_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/spec"
)

// retried allows that share of retries.
func retried(budget spec.Percent) func(*spec.TargetGroup) {
	return func(g *spec.TargetGroup) {
		g.ProxyOnly.Retries = spec.Retries{Attempts: 1, On: []string{spec.RetryReset}, Budget: budget}
	}
}

// requests counts n requests now.
func (b *bench) requests(n int) {
	for range n {
		b.group().CountForRetries(time.Now())
	}
}

// spend retries until there is no budget, and returns how often there was.
func (b *bench) spend() int {
	r := b.group().Snapshot().Config.Retries
	n := 0
	for b.group().SpendRetry(time.Now(), r) {
		n++
	}
	return n
}

// another asks for a target that is none of tried.
func (b *bench) another(tried ...*target.Target) *target.Target {
	return b.group().Another(balance.Facts{Now: time.Now(), Random: rand.Uint64()}, tried)
}

func TestRetriesHaveABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(retried(20), 1))
		want := func(what string, want int) {
			t.Helper()
			if got := b.spend(); got != want {
				t.Errorf("%s: %d retries, want %d", what, got, want)
			}
		}
		b.requests(1)
		want("hardly any traffic", 10) // so many are always allowed
		time.Sleep(9 * time.Second)
		want("the same ten seconds", 0)
		time.Sleep(time.Second)
		want("ten seconds later", 10)
		b.requests(500)
		want("a fifth of 500", 90)
		time.Sleep(5 * time.Second)
		b.requests(500)
		want("a fifth of 1000 in two bursts", 100)
		time.Sleep(5 * time.Second)
		want("the first burst is over", 0) // 100 of 500 were retried within ten seconds
		time.Sleep(5 * time.Second)
		want("both are over", 10)
		load := b.group().Load()
		if load.Retried != 10+10+90+100+10 || load.RetriesRefused != 7 {
			t.Errorf("load %+v", load)
		}
	})
}

// TestBudgetHoldsUnderConcurrency counts and retries from many goroutines.
func TestBudgetHoldsUnderConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(retried(10), 1))
		r := b.group().Snapshot().Config.Retries
		var retries atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 1000 {
					b.group().CountForRetries(time.Now())
					if b.group().SpendRetry(time.Now(), r) {
						retries.Add(1)
					}
				}
			})
		}
		all.Wait()
		if n := retries.Load(); n < 10 || n > 800 {
			t.Errorf("%d of 8000 requests were retried, want 10 to 800", n)
		}
	})
}

// TestAnotherTarget looks for who else can have a request.
func TestAnotherTarget(t *testing.T) {
	b := newBench(t, environment(limited(1, 1), 1, 2, 3)).healthy(1, 2, 3)
	first, _ := b.enter(1)
	next := b.another(first)
	if next == nil || next == first {
		t.Fatalf("got %v", next)
	}
	last := b.another(first, next)
	if last == nil || last == first || last == next {
		t.Fatalf("got %v", last)
	}
	if got := b.another(first, next, last); got != nil {
		t.Errorf("all were tried: got %s", got.ID)
	}
	b.group().End(last, target.Ending{})
	if got := b.another(first); got != last {
		t.Errorf("one has room: got %v", got)
	}
	_, place := b.enter(0)
	b.group().End(last, target.Ending{})
	if begun(place) != last.ID {
		t.Fatal("who waits is served first")
	}
	_, place = b.enter(0)
	if place == nil {
		t.Fatal("all have as much as they may")
	}
	if got := b.another(first); got != nil {
		t.Errorf("a retry passes by who waits: got %s", got.ID)
	}
}
