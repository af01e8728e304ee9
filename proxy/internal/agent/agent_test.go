package agent_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/agent"
	"github.com/evenkeel/evenkeel/spec"
)

func TestEndsAnInstanceOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(), configuration(t)
		w.after(time.Minute+time.Millisecond, w.terminate)
		w.ends(t, c)
		w.expect(t, "told 1", "ended", "completed CONTINUE")
		if told := w.at(t, "told 1"); told > time.Minute+c.Poll {
			t.Errorf("the application is told after %v, want within %v of a minute", told, c.Poll)
		}
		if late := w.at(t, "completed CONTINUE") - w.at(t, "ended"); late > 250*time.Millisecond {
			t.Errorf("completed %v after the end", late)
		}
		if s := status(t, c); s.State != agent.StateCompleted || s.Work != nil || s.Instance != instance || s.Group != "shop-prod-workers" {
			t.Errorf("the status says %+v", s)
		}
	})
}

// TestFailure08HeartbeatsWhileBusy has an application that is busy for longer than the hook
// waits.
func TestFailure08HeartbeatsWhileBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(), configuration(t)
		w.terminate()
		w.takes = 50 * time.Minute
		w.ends(t, c)
		last, end := time.Duration(0), w.at(t, "completed CONTINUE")
		for _, beat := range append(w.beats, end) {
			if beat-last >= c.Heartbeat/3 {
				t.Errorf("no heartbeat from %v to %v", last, beat)
			}
			last = beat
		}
		if w.beats[0] != 0 || w.beats[len(w.beats)-1] > end {
			t.Errorf("heartbeats from %v to %v, want from 0 to before %v", w.beats[0], w.beats[len(w.beats)-1], end)
		}
	})
}

// TestFailure09HeartbeatsFail has heartbeats throttled and then their action gone, which
// changes nothing for the application.
func TestFailure09HeartbeatsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(), configuration(t)
		w.terminate()
		w.after(2*time.Minute, func() { w.beatErr = errThrottle })
		w.after(3*time.Minute, func() { w.beatErr = nil })
		w.after(4*time.Minute, func() { w.held = false })
		w.ends(t, c)
		w.expect(t, "told 1", "ended", "refused")
		if last := w.beats[len(w.beats)-1]; last < 3*time.Minute {
			t.Errorf("the last heartbeat is at %v, want one after the throttling", last)
		}
	})
}

func TestFailure11NotEndedInTime(t *testing.T) {
	for _, test := range []struct{ onTimeout, result, state string }{
		{spec.DrainContinue, "CONTINUE", agent.StateCompleted},
		{spec.DrainRetain, "ABANDON", agent.StateAbandoned},
	} {
		t.Run(test.onTimeout, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, c := newWorld(), configuration(t)
				w.terminate()
				w.takes, c.OnTimeout = 0, test.onTimeout
				w.ends(t, c)
				w.expect(t, "told 1", "completed "+test.result)
				if got := w.at(t, "completed "+test.result); got != c.Maximum {
					t.Errorf("given up after %v, want %v", got, c.Maximum)
				}
				if s := status(t, c); s.State != test.state {
					t.Errorf("state is %s, want %s", s.State, test.state)
				}
			})
		})
	}
}

// TestFailure20ApplicationNotSeen has an application of which nothing can be learned: nothing
// is taken for ended, and the time is bounded.
func TestFailure20ApplicationNotSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(), configuration(t)
		w.terminate()
		w.sightErr = errors.New("unit shop is not-found")
		w.ends(t, c)
		w.expect(t, "completed CONTINUE")
		if got := w.at(t, "completed CONTINUE"); got != c.Maximum {
			t.Errorf("given up after %v, want %v", got, c.Maximum)
		}
	})
}

// TestHookComesLater has a worker that ends before the hook holds its instance. To take "no
// active lifecycle action" for the end would leave the instance to the hook's timeout.
func TestHookComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(), configuration(t)
		w.terminate()
		w.held, w.takes = false, time.Second
		w.after(20*time.Second, func() { w.held = true })
		w.ends(t, c)
		if at := w.at(t, "completed CONTINUE"); at > 20*time.Second+2*c.Poll {
			t.Errorf("completed at %v", at)
		}
	})
}

func TestNothingHoldsTheInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(), configuration(t)
		w.terminate()
		w.held, w.takes = false, time.Second
		w.ends(t, c)
		if took := time.Since(w.start); took != c.Maximum {
			t.Errorf("waited %v, want %v", took, c.Maximum)
		}
	})
}

func TestCompletionIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(), configuration(t)
		w.terminate()
		w.complete = []error{errThrottle, errors.New("connection reset"), nil}
		w.ends(t, c)
		w.expect(t, "told 1", "ended", "refused", "refused", "completed CONTINUE")
	})
}

// TestCompletionFails leaves the action to the drain function, in the end.
func TestCompletionFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(), configuration(t)
		w.terminate()
		w.complete = []error{errThrottle}
		if err := w.agent(t, c).Run(t.Context()); !errors.Is(err, errThrottle) {
			t.Errorf("the agent ends with %v", err)
		}
		if s := status(t, c); s.State != agent.StateDrained {
			t.Errorf("state is %s", s.State)
		}
	})
}

// TestAgentIsRestarted stops an agent in the middle and starts another: no second signal, no
// new hour.
func TestAgentIsRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(), configuration(t)
		w.terminate()
		w.takes = 0
		for range 3 {
			ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
			if err := w.agent(t, c).Run(ctx); err != nil {
				t.Errorf("the agent ends with %v", err)
			}
			stop()
		}
		w.expect(t, "told 1")
		// An outage of the metadata service must not make the next one forget.
		w.silent = true
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
		if err := w.agent(t, c).Run(ctx); err != nil {
			t.Errorf("the agent ends with %v", err)
		}
		stop()
		w.silent = false
		w.ends(t, c)
		w.expect(t, "told 1", "completed CONTINUE")
		if got := w.at(t, "completed CONTINUE"); got != c.Maximum {
			t.Errorf("given up after %v, want %v", got, c.Maximum)
		}
		w.ends(t, c) // one more has nothing to do
		w.expect(t, "told 1", "completed CONTINUE")
	})
}

// TestFailure17ClockIsWrong resumes by a status from the future.
func TestFailure17ClockIsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(), configuration(t)
		w.terminate()
		w.takes = 0
		if err := os.MkdirAll(filepath.Dir(c.StatusFile), 0o700); err != nil {
			t.Fatal(err)
		}
		text := `{"state": "draining", "since": "2100-01-01T00:00:00Z", "cause": "terminated", "deadline": "2100-01-01T01:00:00Z", "instance": "` + instance + `", "told": "1"}`
		if err := os.WriteFile(c.StatusFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		w.ends(t, c)
		w.expect(t, "completed CONTINUE")
		if got := w.at(t, "completed CONTINUE"); got != c.Maximum {
			t.Errorf("given up after %v, want %v", got, c.Maximum)
		}
	})
}

// TestStatusOfAnother does not believe the status of another instance, or half of one.
func TestStatusOfAnother(t *testing.T) {
	for name, text := range map[string]string{
		"instance": `{"state": "completed", "since": "2000-01-01T00:00:00Z", "instance": "i-1", "told": "1"}`,
		"half":     `{"state": "comp`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, c := newWorld(), configuration(t)
				c.StatusFile = filepath.Join(t.TempDir(), "status.json")
				if err := os.WriteFile(c.StatusFile, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				w.terminate()
				w.ends(t, c)
				w.expect(t, "told 1", "ended", "completed CONTINUE")
			})
		})
	}
}

// TestHostGoesDown stops the agent after the application has ended and before the action is
// completed: one more call is made, and what it does not do is left to the next agent.
func TestHostGoesDown(t *testing.T) {
	for name, last := range map[string]error{"last call succeeds": nil, "last call fails": errThrottle} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, c := newWorld(), configuration(t)
				w.terminate()
				w.takes = time.Minute
				w.complete = []error{errThrottle, last, nil}
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				w.after(time.Minute+2*time.Second, stop)
				if err := w.agent(t, c).Run(ctx); err != nil {
					t.Errorf("the agent ends with %v", err)
				}
				if last == nil {
					w.expect(t, "told 1", "ended", "refused", "completed CONTINUE")
					return
				}
				w.expect(t, "told 1", "ended", "refused", "refused")
				if s := status(t, c); s.State != agent.StateDrained {
					t.Errorf("state is %s", s.State)
				}
				w.ends(t, c)
				w.expect(t, "told 1", "ended", "refused", "refused", "completed CONTINUE")
			})
		})
	}
}

func TestMetadataOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(), configuration(t)
		w.silent = true
		w.after(time.Hour, func() { w.silent = false })
		w.after(2*time.Hour, w.terminate)
		w.after(2*time.Hour+time.Minute, func() { w.silent = true })
		w.ends(t, c)
		w.expect(t, "told 1", "ended", "completed CONTINUE")
	})
}

// TestStatusCannotBeWritten goes on without.
func TestStatusCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(), configuration(t)
		c.StatusFile = "/proc/nowhere/status.json"
		w.terminate()
		w.ends(t, c)
		w.expect(t, "told 1", "ended", "completed CONTINUE")
	})
}

// TestSupervisorStartsItAgain has the application come back: the new run has not been told.
func TestSupervisorStartsItAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(), configuration(t)
		w.terminate()
		w.revived = true
		w.ends(t, c)
		w.expect(t, "told 1", "ended", "told 11", "ended", "completed CONTINUE")
	})
}

// TestTellingFails tells again what was not told.
func TestTellingFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(), configuration(t)
		w.terminate()
		w.untold = errors.New("systemctl: no bus")
		w.after(time.Minute, func() { w.untold = nil })
		w.ends(t, c)
		w.expect(t, "told 1", "ended", "completed CONTINUE")
		if told := w.at(t, "told 1"); told < time.Minute || told > time.Minute+c.Poll {
			t.Errorf("told at %v", told)
		}
	})
}

func TestNothingRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(), configuration(t)
		w.terminate()
		w.run = ""
		w.ends(t, c)
		w.expect(t, "completed CONTINUE")
	})
}
