package target_test

import (
	"sync"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/spec"
)

// TestMaxConnections has many requests begin at once: never more than the targets take, and
// when all are full, that is told.
func TestMaxConnections(t *testing.T) {
	b := newBench(t, environment(func(g *spec.TargetGroup) {
		g.Targets[0].ProxyOnly.MaxConnections, g.Targets[1].ProxyOnly.MaxConnections = 3, 5
	}, 1, 2))
	s := b.group().Snapshot()
	var mu sync.Mutex
	var begun []*target.Target
	full := 0
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			for {
				target, at := s.Pick(balance.Facts{Random: uint64(i)})
				if target != nil && !target.Begin() {
					continue
				}
				mu.Lock()
				defer mu.Unlock()
				if target != nil {
					begun = append(begun, target)
				} else if at == balance.Full {
					full++
				}
				return
			}
		})
	}
	wg.Wait()
	first, second := s.Holds([]byte("10.0.0.1:80")), s.Holds([]byte("10.0.0.2:80"))
	if len(begun) != 8 || full != 32 || first.Outstanding() != 3 || second.Outstanding() != 5 {
		t.Fatalf("%d begun, %d told full, outstanding %d and %d", len(begun), full, first.Outstanding(), second.Outstanding())
	}
	second.End(200, false)
	if got, at := s.Pick(balance.Facts{}); got != second || at != s.Index(second) {
		t.Errorf("picked %v at %d once %s has room", got, at, second.ID)
	}
	if got, at := s.Pick(balance.Facts{Except: []int{s.Index(first), s.Index(second)}}); got != nil || at != balance.None {
		t.Errorf("picked %v, %d without any", got, at)
	}
}
