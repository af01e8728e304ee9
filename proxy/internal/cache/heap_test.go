package cache_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/spec"
)

// TestHeapIsWhatIsCounted fills the cache with answers of several sizes and holds what the heap
// has grown by to what was counted.
func TestHeapIsWhatIsCounted(t *testing.T) {
	for name, size := range map[string]int{"empty": 0, "small": 100, "medium": 5000, "large": 100 << 10} {
		t.Run(name, func(t *testing.T) {
			const limit = 16 << 20
			b := minute
			b.Key.Query = []string{spec.CacheKeyAll}
			body := strings.Repeat("x", size)
			s := newSiteOf(t, limit, b, func(*seen) reply { return ok("Content-Type: text/html\nETag: \"v1\"\nVary: Accept", body) })
			heap := func() int64 {
				s.asked = nil
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return int64(m.HeapAlloc)
			}
			before := heap()
			for i := 0; s.cache.Stats().Evictions < 10; i++ {
				s.get("GET /page/" + itoa(i) + "?q=" + itoa(i))
				if i%1000 == 0 {
					s.asked = nil
				}
			}
			grown, counted := heap()-before, s.cache.Stats().Bytes
			if grown > counted+counted/8 {
				t.Errorf("%d answers: heap has grown by %d, counted were %d", s.cache.Stats().Objects, grown, counted)
			}
			runtime.KeepAlive(s)
		})
	}
}
