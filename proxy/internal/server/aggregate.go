package server

import (
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/aggregate"
)

// aggregateAge is how old a document may be that is served again: anybody may ask for it, and
// with a thousand targets it takes milliseconds to make.
const aggregateAge = time.Second

// aggregateMemo is the last document.
type aggregateMemo struct {
	mu       sync.Mutex
	document *aggregate.Document
	made     time.Time
}

// Aggregate answers a request for the document of the environment's health, which is made of
// the present state: what the health function serves on AWS. The container asks no target
// more than its health checks do.
func (s *Server) Aggregate(method string) *aggregate.Answer {
	if refusal := aggregate.Refuse(method); refusal != nil {
		return refusal
	}
	now := time.Now()
	m := &s.aggregated
	m.mu.Lock()
	defer m.mu.Unlock()
	if age := now.Sub(m.made); m.document == nil || age < 0 || age >= aggregateAge {
		m.document, m.made = s.observe(now), now
	}
	return m.document.Answer(method, now)
}

// observe makes the document.
func (s *Server) observe(now time.Time) *aggregate.Document {
	s.mu.Lock()
	env := s.env
	s.mu.Unlock()
	o := &aggregate.Observation{App: env.App, Environment: env.Name, LoadBalancer: env.LoadBalancer.Name, Begun: now, Ended: now}
	for _, g := range s.registry.Groups() {
		cfg := g.Snapshot().Config
		group := aggregate.Group{Name: cfg.Name, Idle: !cfg.InUse, MinimumHealthy: cfg.MinimumHealthy}
		for _, v := range g.Views() {
			group.Targets = append(group.Targets, aggregate.Target{
				ID: v.ID, Address: v.Address, Zone: v.Zone, State: v.Health.State, Reason: v.Health.Reason,
			})
		}
		o.Groups = append(o.Groups, group)
	}
	return aggregate.Build(o, env.Alarms.HealthyTargets)
}
