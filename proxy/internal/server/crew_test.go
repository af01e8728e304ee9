package server

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestCrewGoesHome: what a rush of connections leaves is gone within two periods without work.
func TestCrewGoesHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c crew
		before := runtime.NumGoroutine()
		hold, all := make(chan struct{}), sync.WaitGroup{}
		for range 100 {
			all.Add(1)
			c.do(func() { <-hold; all.Done() })
		}
		close(hold)
		all.Wait()
		synctest.Wait()
		if n := len(c.idle); n != 100 {
			t.Fatalf("%d are idle, want 100", n)
		}
		c.do(func() {})
		synctest.Wait()
		time.Sleep(2 * crewPatience)
		synctest.Wait()
		if n := runtime.NumGoroutine() - before; n > 1 || len(c.idle) > 1 {
			t.Errorf("%d goroutines are left, %d of them idle", n, len(c.idle))
		}
		time.Sleep(2 * crewPatience)
		synctest.Wait()
		if len(c.idle) != 0 {
			t.Errorf("%d are idle for ever", len(c.idle))
		}
	})
}
