package telemetry_test

import (
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
)

// TestEveryCauseHasACounter observes each cookie and each timeout a number of times of its own.
func TestEveryCauseHasACounter(t *testing.T) {
	begin := time.Unix(1_900_000_000, 0)
	target := telemetry.New(begin)
	for c := telemetry.NotSticky; c <= telemetry.CookieFull; c++ {
		for range c {
			target.Observe(telemetry.Outcome{Status: 200, Cookie: c})
		}
	}
	for c := telemetry.NotCut; c <= telemetry.CutKept; c++ {
		for range c {
			target.Observe(telemetry.Outcome{Cut: c})
		}
	}
	target.Observe(telemetry.Outcome{Status: 200, Opened: true, Sent: 9})
	target.Sample(begin.Add(time.Second))
	report := target.Report(begin.Add(time.Second))
	cookies := telemetry.Cookies{Held: 1, Absent: 2, Unreadable: 3, Expired: 4, Gone: 5, Full: 6}
	cuts := telemetry.Cuts{Connect: 1, TLS: 2, Send: 3, Answer: 4, Body: 5, Client: 6, Tunnel: 7, Kept: 8}
	for _, w := range report.Windows {
		if w.Cookies != cookies || w.Cuts != cuts {
			t.Errorf("window of %d s: %+v, %+v", w.Seconds, w.Cookies, w.Cuts)
		}
	}
	got := report.Totals
	if got.Cookies != cookies || got.Cuts != cuts || got.Opened != 1 || got.SentBytes != 9 || got.Status2XX != 22 || got.Failed != 36 || got.Cookies.Total() != 21 {
		t.Errorf("got %+v", got)
	}
}

// TestChecksAreTheLast remembers 20, in order.
func TestChecksAreTheLast(t *testing.T) {
	target := telemetry.New(time.Unix(0, 0))
	if got := target.Checks(); got == nil || len(got) != 0 {
		t.Errorf("got %v of none", got)
	}
	for n := range 47 {
		target.Checked(telemetry.Check{Status: n})
		list := target.Checks()
		if len(list) != min(n+1, 20) {
			t.Fatalf("%d checks of %d", len(list), n+1)
		}
		for i, c := range list {
			if c.Status != n-len(list)+1+i {
				t.Fatalf("check %d of %d is %d", i, n+1, c.Status)
			}
		}
	}
}
