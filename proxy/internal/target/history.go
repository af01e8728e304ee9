package target

import (
	"context"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
)

// turn gives m another health, and remembers it when that is another state. The group's mu is
// held.
func (m *member) turn(h Health) {
	was := m.health.State
	m.health = h
	if h.State == was {
		return
	}
	m.target.Telemetry.Turn(telemetry.Transition{
		Time: time.Now(), From: was, To: h.State, Reason: h.Reason, Description: h.Description,
	})
}

// replacement is a new target in the place of m's, which remembers what that did. g.mu is held.
func (g *Group) replacement(m *member, r Registration) *Target {
	t := newTarget(r, &g.cfg.transport, g.shards)
	t.Telemetry = m.target.Telemetry
	return t
}

// Sample looks at every target's counters until ctx ends.
func (r *Registry) Sample(ctx context.Context) {
	tick := time.NewTicker(telemetry.SampleInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, g := range r.Groups() {
				for _, v := range g.Views() {
					v.Telemetry.Sample(now)
				}
			}
		}
	}
}
