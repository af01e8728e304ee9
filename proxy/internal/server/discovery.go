package server

import (
	"context"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/discovery"
	"github.com/evenkeel/evenkeel/proxy/internal/metrics"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/spec"
)

// discoveryPatience is how long a start or a reload waits for names that were not looked up
// before: one question that has to be asked of the second server, and some.
const discoveryPatience = 5 * time.Second

// queriesOf lists what of env is found by DNS, by target group.
func queriesOf(env *spec.Environment) map[string]discovery.Query {
	queries := map[string]discovery.Query{}
	for i := range env.TargetGroups {
		g := &env.TargetGroups[i]
		d := &g.ProxyOnly.Discovery
		if d.DNS == "" {
			continue
		}
		port := d.Port
		if port == 0 {
			port = g.Port
		}
		queries[g.Name] = discovery.Query{Name: d.DNS, SRV: d.SRV(), Port: uint16(port), Interval: d.Interval, Resolvers: d.Resolvers}
	}
	return queries
}

// seek begins to look up what env is the first to name, so that its groups are not empty when
// it comes into force. A name that cannot be looked up is not waited for beyond the patience.
func (s *Server) seek(env *spec.Environment) *discovery.Plan {
	p := s.discovery.Prepare(queriesOf(env))
	ctx, cancel := context.WithTimeout(context.Background(), discoveryPatience)
	defer cancel()
	p.Wait(ctx)
	return p
}

// found registers what DNS names for a group.
func (s *Server) found(group string, targets []discovery.Target) error {
	list := make([]target.Registration, len(targets))
	for i, t := range targets {
		address := t.Address.String()
		list[i] = target.Registration{ID: address, Address: address, Weight: t.Weight, Backup: t.Backup, Discovered: true}
	}
	return s.registry.Discover(group, list)
}

// lookedUp tells how looking up goes for a group; false when there is nothing to look up. One
// that has left is not what the runner has under its name.
func (s *Server) lookedUp(g *target.Group) (discovery.State, bool) {
	if g.Left() {
		return discovery.State{}, false
	}
	return s.discovery.State(g.Name)
}

// discoveryOf is what operators are told of it; nil for nothing.
func (s *Server) discoveryOf(g *target.Group) *admin.Discovery {
	state, ok := s.lookedUp(g)
	if !ok {
		return nil
	}
	return &admin.Discovery{DNS: state.Name, Answered: state.Answered, Error: state.Error}
}

// discoveryGauges is what the metrics tell of it.
func (s *Server) discoveryGauges(g *target.Group) (metrics.DiscoveryGauges, bool) {
	state, ok := s.lookedUp(g)
	return metrics.DiscoveryGauges{TargetGroup: g.Name, Succeeded: state.Succeeded, Failed: state.Failed, Answered: state.Answered}, ok
}
