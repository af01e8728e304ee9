package target_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
)

// TestTimelineTellsALife follows a target through checks, a reload that takes it out, one that
// brings it back while it drains, and one that changes how it is connected to.
func TestTimelineTellsALife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(nil, 1, 2))
		b.report(1, "P")
		b.report(1, "FFF")
		b.report(1, "PPPPP")
		v := b.group().Views()[0]
		v.Telemetry.Observe(telemetry.Outcome{Status: 200})
		b.apply(environment(nil, 2))
		time.Sleep(time.Second)
		b.apply(environment(nil, 1, 2))
		b.report(1, "P")
		var got []string
		var again *telemetry.Target
		for _, v := range b.group().Views() {
			if v.ID == "t1" {
				again = v.Telemetry
			}
		}
		for _, change := range again.Timeline(time.Now()) {
			got = append(got, string(change.From)+">"+string(change.To))
		}
		want := []string{">initial", "initial>healthy", "healthy>unhealthy", "unhealthy>healthy", "healthy>draining", "draining>initial", "initial>healthy"}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if n := again.Report(time.Now()).Totals.Requests; n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
		if again.Changed() != time.Now() {
			t.Errorf("changed at %v", again.Changed())
		}
		b.registry.Close()
	})
}

// TestSampleLooksEverySecond at every target.
func TestSampleLooksEverySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, environment(nil, 1))
		v := b.group().Views()[0]
		go b.registry.Sample(t.Context())
		synctest.Wait()
		for range 20 {
			v.Telemetry.Observe(telemetry.Outcome{Status: 200})
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if w := v.Telemetry.Report(time.Now()).Windows[0]; w.Requests != 10 || w.Rate != 1 {
			t.Errorf("got %+v", w)
		}
		b.registry.Close()
	})
}
