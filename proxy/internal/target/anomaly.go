package target

import (
	"log/slog"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
	"github.com/evenkeel/evenkeel/targethealth"
)

// evaluate looks at what the targets answered since the last look, marks those that fail
// more than their peers and, when the group mitigates, moves their shares.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html#automatic-target-weights
func (g *Group) evaluate() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sweep()
	var healthy []*member
	var samples []balance.Sample
	for _, m := range g.members {
		now := balance.Sample{Requests: m.target.counters.Requests.Load(), Errors: m.target.counters.Errors.Load()}
		since := balance.Sample{Requests: now.Requests - m.seen.Requests, Errors: now.Errors - m.seen.Errors}
		m.seen = now
		if m.health.State == targethealth.Healthy {
			healthy, samples = append(healthy, m), append(samples, since)
		} else {
			m.anomalous = false
		}
	}
	moved := false
	for i, anomalous := range balance.Anomalies(samples, len(healthy)) {
		m := healthy[i]
		if anomalous != m.anomalous {
			m.anomalous = anomalous
			g.logger.Info("anomaly detection", append(g.about(m), slog.Bool("anomalous", anomalous))...)
		}
		share := 0.0
		if g.cfg.AnomalyMitigation {
			share = balance.Mitigate(m.mitigation, anomalous)
		}
		moved = moved || share != m.mitigation
		m.mitigation = share
	}
	if moved {
		g.publish()
	}
}

// mitigated reports whether the target's share is lowered.
func (m *member) mitigated() bool { return m.mitigation > 0 && m.mitigation < 1 }
