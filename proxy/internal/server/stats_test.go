package server_test

import (
	"testing"

	"github.com/evenkeel/evenkeel/targethealth"
	"github.com/evenkeel/evenkeel/test/harness"
)

// TestStatsTellWhatTargetsDid sends requests that end in each way, and looks.
func TestStatsTellWhatTargetsDid(t *testing.T) {
	one := harness.NewTarget(t, "one", nil)
	s := start(t, basic, one)
	until(t, "the target to be healthy", s.healthy(1))
	for range 5 {
		s.get("/")
	}
	one.SetAnswer(harness.Answer{Parts: [][]byte{[]byte("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")}})
	s.get("/")
	one.SetAnswer(harness.Answer{Parts: [][]byte{[]byte("no HTTP\r\n\r\n")}})
	s.get("/")
	one.Stop()
	s.get("/")

	// A request is counted once the client has its answer.
	until(t, "all requests to be counted", func() bool { return s.Stats().TargetGroups[0].Telemetry.Totals.Requests == 8 })
	stats := s.Stats()
	if stats.Version != "test" || stats.MaxConnections != 65536 || len(stats.Listeners) != 1 || len(stats.TargetGroups) != 1 {
		t.Fatalf("got %+v", stats)
	}
	group := stats.TargetGroups[0]
	if !group.InUse || len(group.Targets) != 1 || group.Telemetry.Totals != group.Targets[0].Telemetry.Totals {
		t.Fatalf("got %+v", group)
	}
	target := group.Targets[0]
	got := target.Telemetry.Totals
	if got.Requests != 8 || got.Status2XX != 5 || got.Status5XX != 1 || got.Failed != 1 || got.ConnectErrors != 1 || got.Errors != 3 || got.Opened == 0 {
		t.Errorf("got %+v", got)
	}
	if got.ReceivedBytes == 0 || got.SentBytes == 0 {
		t.Errorf("got %+v", got)
	}
	if n := len(target.Timeline); n < 2 || target.Timeline[0].To != targethealth.Initial || target.Timeline[1].To != targethealth.Healthy {
		t.Errorf("timeline %+v", target.Timeline)
	}
	if target.Changed.IsZero() || target.Weight != 1 {
		t.Errorf("got %+v", target)
	}
}
