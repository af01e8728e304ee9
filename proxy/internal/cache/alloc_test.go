//go:build !race

package cache_test

import "testing"

// TestHitAllocatesNothing once pools are warm.
func TestHitAllocatesNothing(t *testing.T) {
	h, x, o := hit(t)
	if n := testing.AllocsPerRun(1000, func() {
		x.Arena.Reset()
		h.Serve(x, o)
		if x.Record.CacheStatus != "HIT" {
			t.Fatal(x.Record.CacheStatus)
		}
	}); n > 0 {
		t.Errorf("a hit allocates %v times", n)
	}
}
