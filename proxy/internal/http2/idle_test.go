package http2

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestIdleTimerGoesOn: who was waited for in vain may be waited for again, for another limit
// and no longer, as a client that sends nothing of its body and then takes nothing of the
// answer to that.
func TestIdleTimerGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, fired := time.Now(), []time.Duration(nil)
		var timer idleTimer
		timer.start(time.Minute, func() { fired = append(fired, time.Since(began)) })
		wait := func(d time.Duration) {
			timer.enter()
			time.Sleep(d)
			synctest.Wait()
			timer.leave()
		}
		wait(90 * time.Second) // fires after 60
		time.Sleep(time.Hour)  // nobody waits
		timer.progress()
		wait(59 * time.Second)
		timer.progress()
		wait(61 * time.Second)
		timer.stop()
		wait(time.Hour)
		if len(fired) != 2 || fired[0] != time.Minute || fired[1].Round(time.Minute) != 63*time.Minute {
			t.Errorf("it fired after %v", fired)
		}
	})
}
