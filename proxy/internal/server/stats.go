package server

import (
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
)

// Stats tells how things stand, and how they did lately.
func (s *Server) Stats() admin.Stats {
	now, status := time.Now(), s.Status()
	stats := admin.Stats{
		Version: status.Version, Environment: status.Environment, Started: status.Started, Time: now,
		Draining: status.Draining, Reloads: status.Reloads, Listeners: status.Listeners,
		Connections: s.connections.Load(), MaxConnections: s.maxConnections.Load(),
		TargetGroups: []admin.GroupStats{}, Alarms: s.alarms(),
	}
	for _, g := range s.registry.Groups() {
		group := groupStats(g, now)
		group.Discovery = s.discoveryOf(g)
		stats.TargetGroups = append(stats.TargetGroups, group)
	}
	return stats
}

// alarms are the thresholds that apply.
func (s *Server) alarms() admin.Alarms {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &s.env.Alarms
	return admin.Alarms{
		ErrorShare: a.ErrorRate.Fraction(), P95: float64(a.ResponseTime.P95) / float64(time.Millisecond),
		Connections: a.Connections.Fraction(),
	}
}

// groupStats tells how a target group stands and did.
func groupStats(g *target.Group, now time.Time) admin.GroupStats {
	status := statusOf(g)
	stats := admin.GroupStats{
		Name: status.Name, ARN: status.ARN, Protocol: status.Protocol, Algorithm: status.Algorithm, FailOpen: status.FailOpen,
		InUse: g.Snapshot().Config.InUse, Load: loadOf(g), Targets: []admin.TargetStats{},
	}
	var all []*telemetry.Target
	for _, v := range g.Views() {
		all = append(all, v.Telemetry)
		t := admin.TargetStats{
			TargetNow: admin.TargetNow{
				Target: targetStatus(v), Changed: v.Telemetry.Changed(),
				Weight: v.Weight, Backup: v.Backup, MaxRequests: v.MaxConnections,
				Connections: v.Connections(), Anomalous: v.Anomalous, Mitigated: v.Mitigated,
				Telemetry: v.Telemetry.Report(now),
			},
			Series: v.Telemetry.Series(), Timeline: v.Telemetry.Timeline(now), Checks: v.Telemetry.Checks(),
		}
		if v.Administrative.Weight > 0 {
			t.Weight, t.WeightOverridden = v.Administrative.Weight, true
		}
		stats.Outstanding += t.Outstanding
		stats.Connections += t.Connections
		stats.Targets = append(stats.Targets, t)
	}
	stats.Telemetry = telemetry.Sum(all, now)
	return stats
}

// loadOf tells what a target group has to do.
func loadOf(g *target.Group) admin.GroupLoad {
	load := g.Load()
	return admin.GroupLoad{
		Queued: load.Queued, QueueDepth: g.Snapshot().Config.Queue.Depth,
		QueueTimeouts: load.QueueTimeouts, QueueRejected: load.QueueRejected,
		Retried: load.Retried, RetriesRefused: load.RetriesRefused,
	}
}
