package agent_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/agent"
)

// TestAwaitHook has an application behind a load balancer, which sends requests until the
// hook holds the instance.
func TestAwaitHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(), configuration(t)
		w.terminate()
		w.held, c.AwaitHook = false, true
		w.after(2*time.Hour, func() { w.held = true })
		w.after(time.Hour, func() {
			if s := status(t, c); s.State != agent.StateAwaitingHook {
				t.Errorf("state is %s", s.State)
			}
		})
		w.ends(t, c)
		w.expect(t, "told 1", "ended", "completed CONTINUE")
		if told := w.at(t, "told 1"); told < 2*time.Hour || told > 2*time.Hour+2*c.Poll {
			t.Errorf("told at %v", told)
		}
	})
}

// TestAwaitHookIsRestarted has an agent go on that another has begun: the application is told
// already, and waits for no hook.
func TestAwaitHookIsRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(), configuration(t)
		w.terminate()
		c.AwaitHook = true
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if err := w.agent(t, c).Run(ctx); err != nil {
			t.Errorf("the agent ends with %v", err)
		}
		w.held = false // the drain function was faster
		w.after(time.Minute, func() {
			if s := status(t, c); s.State != agent.StateDraining || s.Told != "1" {
				t.Errorf("the status says %+v", s)
			}
		})
		w.ends(t, c)
		if w.told != 1 || len(w.results) > 0 {
			t.Errorf("told %d times, completed %q", w.told, w.results)
		}
	})
}

// TestFailure18Spot tells the application at the notice of an interruption, and completes the
// action that there is only if Auto Scaling terminates the instance.
func TestFailure18Spot(t *testing.T) {
	for _, test := range []struct {
		name, action string
		ask          bool
		told         int
	}{
		{"terminate", "terminate", true, 1},
		{"stop", "stop", true, 1},
		{"hibernate", "hibernate", true, 0},
		{"not asked for", "terminate", false, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, c := newWorld(), configuration(t)
				c.Spot, w.takes = test.ask, time.Second
				w.metadata["spot/instance-action"] = `{"action": "` + test.action + `", "time": "` + time.Now().Add(2*time.Minute).UTC().Format(time.RFC3339) + `"}`
				ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
				defer stop()
				if err := w.agent(t, c).Run(ctx); err != nil {
					t.Errorf("the agent ends with %v", err)
				}
				if w.told != test.told || len(w.results) > 0 || len(w.beats) > 0 {
					t.Errorf("told %d times, completed %q, %d heartbeats", w.told, w.results, len(w.beats))
				}
			})
		})
	}
}

// TestRebalance gives the application its whole time from when Auto Scaling terminates the
// instance, and no second signal.
func TestRebalance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(), configuration(t)
		c.Rebalance, w.takes, w.held = true, 0, false
		w.metadata["events/recommendations/rebalance"] = `{"noticeTime": "2000-01-01T00:00:00Z"}`
		w.after(3*time.Hour, func() { w.terminate(); w.held = true })
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		if err := w.agent(t, c).Run(ctx); err != nil {
			t.Errorf("the agent ends with %v", err)
		}
		stop()
		if s := status(t, c); s.State != agent.StateDraining || s.Cause != agent.CauseRebalance || !s.Deadline.IsZero() {
			t.Errorf("the status says %+v", s)
		}
		w.ends(t, c)
		w.expect(t, "told 1", "completed CONTINUE")
		if at := w.at(t, "completed CONTINUE"); at < 4*time.Hour || at > 4*time.Hour+2*c.Poll {
			t.Errorf("given up at %v", at)
		}
	})
}

// TestFailure12WarmPool lets an instance go to a warm pool, from which it comes back.
func TestFailure12WarmPool(t *testing.T) {
	for state, told := range map[string]int{
		"Warmed:Stopped": 0, "Warmed:Running": 0, "Standby": 0, "Detached": 0, "": 0, "Warmed:Terminated": 1,
	} {
		t.Run(state, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, c := newWorld(), configuration(t)
				w.metadata["autoscaling/target-lifecycle-state"] = state
				ctx, stop := context.WithTimeout(t.Context(), time.Hour)
				defer stop()
				if err := w.agent(t, c).Run(ctx); err != nil {
					t.Errorf("the agent ends with %v", err)
				}
				if w.told != told {
					t.Errorf("told %d times, want %d", w.told, told)
				}
			})
		})
	}
}

// TestGroupIsFound finds the group where the configuration has none: in the tags, or by
// asking Auto Scaling.
func TestGroupIsFound(t *testing.T) {
	for _, tag := range []string{"shop-prod-workers", ""} {
		synctest.Test(t, func(t *testing.T) {
			w, c := newWorld(), configuration(t)
			w.metadata["tags/instance/aws:autoscaling:groupName"] = tag
			c.Group = ""
			w.terminate()
			w.ends(t, c)
			w.expect(t, "told 1", "ended", "completed CONTINUE")
		})
	}
}

// TestWorkIsCounted every five minutes in service, and for the last time before the application is
// told: then Celery does not answer.
func TestWorkIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(), configuration(t)
		w.after(7*time.Minute, w.terminate)
		a := w.agent(t, c)
		w.after(7*time.Minute+30*time.Second, func() {
			answer := httptest.NewRecorder()
			a.ServeHTTP(answer, nil)
			var s map[string]any
			if err := json.Unmarshal(answer.Body.Bytes(), &s); err != nil {
				t.Error(err)
			}
			if s["state"] != agent.StateDraining || s["active"] != 2.0 || s["reserved"] != 3.0 {
				t.Errorf("the status is %s", answer.Body)
			}
		})
		if err := a.Run(t.Context()); err != nil {
			t.Error(err)
		}
		if w.counts != 3 {
			t.Errorf("counted %d times in seven minutes, want 3", w.counts)
		}
		w.expect(t, "told 1", "ended", "completed CONTINUE")
	})
}
