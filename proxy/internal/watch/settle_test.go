package watch

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestSettleWaitsForTheEndOfABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		in, out := make(chan struct{}), make(chan struct{}, 100)
		go settle(ctx, in, out)
		start := time.Now()
		for range 5 {
			in <- struct{}{}
			time.Sleep(quiet / 2)
		}
		<-out
		if got, want := time.Since(start), 4*quiet/2+quiet; got != want {
			t.Errorf("reported after %v, want %v", got, want)
		}
		time.Sleep(time.Hour)
		if n := len(out); n != 0 {
			t.Errorf("%d more reports of one burst", n)
		}
		cancel()
		synctest.Wait()
	})
}

func TestSettleDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		in, out := make(chan struct{}), make(chan struct{}, 100)
		go settle(ctx, in, out)
		for range 10 * int(longest/quiet) {
			in <- struct{}{}
			time.Sleep(quiet / 2)
		}
		time.Sleep(time.Hour)
		if n := len(out); n < 3 || n > 6 {
			t.Errorf("%d reports of 10 s without rest, want about one in %v", n, longest)
		}
		cancel()
		synctest.Wait()
	})
}
