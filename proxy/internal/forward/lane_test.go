package forward

import (
	"runtime"
	"sync/atomic"
	"testing"
)

// restless always has something to do, until others have had their turn.
type restless struct {
	lane   *lane
	steps  int
	others atomic.Bool
	over   chan struct{}
}

func (r *restless) step() {
	r.steps++
	if r.others.Load() {
		close(r.over)
		return
	}
	r.lane.do(r)
}

// TestLaneLetsOthers have their turn beside one who is never done, before the scheduler takes it.
func TestLaneLetsOthers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	r := &restless{lane: &lane{}, over: make(chan struct{})}
	go r.others.Store(true)
	r.lane.do(r) // which is what runs next
	<-r.over
	if most := 20 * laneSteps; r.steps > most {
		t.Errorf("%d steps before others had their turn, want at most %d", r.steps, most)
	}
}
