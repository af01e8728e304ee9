package admin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/targethealth"
)

// sampleStats are stats with something of everything.
func sampleStats() admin.Stats {
	s := sample()
	stats := admin.Stats{
		Version: s.Version, Environment: s.Environment, Started: s.Started, Time: s.Started.Add(time.Hour),
		Reloads: s.Reloads, Connections: 3, MaxConnections: 100, Listeners: s.Listeners,
	}
	for _, g := range s.TargetGroups {
		group := admin.GroupStats{
			Name: g.Name, ARN: g.ARN, Protocol: g.Protocol, Algorithm: g.Algorithm, FailOpen: g.FailOpen, InUse: true,
			Load:      admin.GroupLoad{Queued: 4, QueueDepth: 50, QueueRejected: 7, Retried: 6},
			Telemetry: sampleReport(s.Started), Targets: []admin.TargetStats{},
		}
		for _, t := range g.Targets {
			group.Outstanding += t.Outstanding
			group.Targets = append(group.Targets, admin.TargetStats{
				TargetNow: admin.TargetNow{
					Target: t, Changed: s.Started.Add(time.Minute), Weight: 1, Connections: 2, MaxRequests: 40,
					Telemetry: sampleReport(s.Started),
				},
				Series: telemetry.Series{Step: 5, Steps: 3, Requests: []uint32{1, 2, 3}, Errors: []uint32{0, 0, 1}, P95: []float64{1.5, 2, 300}},
				Timeline: []telemetry.Transition{
					{Time: s.Started, To: targethealth.Initial, Reason: targethealth.ReasonRegistrationInProgress, Description: "Target registration is in progress"},
					{Time: s.Started.Add(time.Minute), From: targethealth.Initial, To: t.State, Reason: t.Reason, Description: t.Description},
				},
			})
		}
		stats.TargetGroups = append(stats.TargetGroups, group)
	}
	return stats
}

func sampleReport(since time.Time) telemetry.Report {
	return telemetry.Report{
		Since:  since,
		Totals: telemetry.Totals{Requests: 9, Status2XX: 8, Status5XX: 1, Errors: 1, ReceivedBytes: 900, SentBytes: 9000, Opened: 2},
		Windows: []telemetry.Window{
			{Seconds: 10, Requests: 2, Rate: 0.2, P50: 1, P95: 2, P99: 3},
			{Seconds: 60, Requests: 9, Rate: 0.15, Errors: 1, ErrorShare: 1.0 / 9, P50: 1, P95: 2, P99: 30},
			{Seconds: 300, Requests: 9, Rate: 0.03, Errors: 1, ErrorShare: 1.0 / 9, P50: 1, P95: 2, P99: 30},
		},
	}
}

// TestStatsAreJSON wants lists where there is nothing, not null.
func TestStatsAreJSON(t *testing.T) {
	w := ask(t, handler(&process{}), "GET", "/stats;json")
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %v", w.Code, w.Header())
	}
	for _, part := range []string{`"listeners": []`, `"target_groups": []`} {
		if !strings.Contains(w.Body.String(), part) {
			t.Errorf("no %s in %s", part, w.Body)
		}
	}
}
