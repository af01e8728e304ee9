package target_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/target"
)

// TestTheLastReadyTargetIsNotOut: passive health spares a group's only target, also when it is
// the only one because operators took out the others.
func TestTheLastReadyTargetIsNotOut(t *testing.T) {
	b := newBench(t, environment(failing(1), 1, 2)).healthy(1, 2)
	b.request(1, target.FaultReset)
	b.wantServing("t1 failed", "t2")
	b.order("t2", "maintenance", 0)
	b.wantServing("t1 is all there is", "t1")
	b.request(1, target.FaultReset)
	b.wantServing("t1 failed again", "t1")
}

// TestDrainedTargetsFail as others do, for those who have their cookie.
func TestDrainedTargetsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(failing(1), 1, 2, 3)).healthy(1, 2, 3)
		b.order("t1", "drain", 0)
		b.request(1, target.FaultReset)
		if b.holds("10.0.0.1:80") {
			t.Error("cookies hold a target that fails")
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if !b.request(1, target.NoFault) || !b.holds("10.0.0.1:80") {
			t.Error("it is not tried, or not back")
		}
		b.wantServing("t1 is drained all the same", "t2", "t3")

		// Maintenance forgets failures: something was done to it.
		b.request(2, target.FaultReset)
		b.order("t2", "maintenance", 0)
		b.order("t2", "ready", 0)
		b.healthy(2)
		b.wantServing("t2 is back", "t2", "t3")
	})
}
