package server

import (
	"time"

	"github.com/evenkeel/evenkeel/aggregate"
)

// Aggregate answers a request for the document of the environment's health, which is made of
// the present state: what the health function serves on AWS. The container asks no target
// more than its health checks do.
func (s *Server) Aggregate(method string) *aggregate.Answer {
	if refusal := aggregate.Refuse(method); refusal != nil {
		return refusal
	}
	now := time.Now()
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
	return aggregate.Build(o, env.Alarms.HealthyTargets).Answer(method, now)
}
