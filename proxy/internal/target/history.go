package target

import (
	"context"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/targethealth"
)

// turn gives m another health, and remembers it when that is another state. The group's mu is
// held.
func (m *member) turn(h Health) {
	was := m.shown().State
	m.health = h
	m.note(was)
}

// note remembers that m has another state than before. The group's mu is held.
func (m *member) note(was targethealth.State) {
	h := m.shown()
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
	if m.target.Outstanding()+m.target.before.outstanding() > 0 {
		t.before = m.target.traffic
	}
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
