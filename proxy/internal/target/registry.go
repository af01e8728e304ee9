package target

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
	"github.com/evenkeel/evenkeel/spec"
)

// Options of NewRegistry.
type Options struct {
	// Logger is told of transitions. The default discards.
	Logger *slog.Logger
	// Shards spreads the idle connections to a target. The default is one for each processor.
	Shards int
	// Sealer makes what stands for targets in persistence cookies; groups that have none do
	// without.
	Sealer *sticky.Sealer
}

// Registry has the target groups of a load balancer.
type Registry struct {
	options Options
	// changed has a value when other targets are to be checked, or in another way.
	changed chan struct{}

	mu sync.Mutex
	// groups are those that the environment has, by name.
	groups map[string]*Group
	// declared and discovered are the groups' targets, by name: those that the environment
	// has, and those that DNS named last.
	declared, discovered map[string][]Registration
	// leaving are those that it had, as long as they drain.
	leaving []*Group
}

// NewRegistry returns a registry without groups.
func NewRegistry(o Options) *Registry {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Shards == 0 {
		o.Shards = runtime.GOMAXPROCS(0)
	}
	return &Registry{
		options: o, changed: make(chan struct{}, 1), groups: map[string]*Group{},
		declared: map[string][]Registration{}, discovered: map[string][]Registration{},
	}
}

// Apply makes the groups those of env. A target stays what it is, health and connections
// included, as long as its group, address and port do.
func (r *Registry) Apply(env *spec.Environment) error {
	if err := checkAlgorithms(env); err != nil {
		return err
	}
	used := inUse(env)
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.groups
	known := r.discovered
	r.declared, r.discovered = map[string][]Registration{}, map[string][]Registration{}
	r.groups = make(map[string]*Group, len(env.TargetGroups))
	for i := range env.TargetGroups {
		g := &env.TargetGroups[i]
		cfg := compile(env, g, used[g.Name])
		group := before[g.Name]
		if group == nil {
			group = r.comeBack(cfg.ARN)
		}
		if group == nil {
			group = newGroup(cfg, &r.options, r.stir)
		}
		r.groups[g.Name] = group
		list := make([]Registration, len(g.Targets))
		for j := range g.Targets {
			list[j] = registrationOf(g, &g.Targets[j])
		}
		r.declared[g.Name] = list
		if cfg.Discovers && known[g.Name] != nil {
			r.discovered[g.Name] = known[g.Name]
		}
		group.apply(cfg, r.targets(g.Name))
	}
	for name, group := range before {
		if r.groups[name] == nil {
			group.leave()
			r.leaving = append(r.leaving, group)
		}
	}
	return nil
}

// ErrCrowded says that a group has as many targets that drain as it may have at all.
var ErrCrowded = fmt.Errorf("targets change faster than they drain: more than %d would be draining", spec.MaxTargets)

// Discover makes list what DNS names as targets of a group, beside those that the environment
// has: those that are new are registered, those that are not listed any more drain. It may
// come before the environment that has the group. ErrCrowded leaves all as it is.
func (r *Registry) Discover(name string, list []Registration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.discovered[name]
	r.discovered[name] = list
	g := r.groups[name]
	if g == nil {
		return nil
	}
	cfg := g.Snapshot().Config
	if !cfg.Discovers {
		return nil
	}
	all := r.targets(name)
	if g.wouldDrain(all) > spec.MaxTargets {
		r.discovered[name] = before
		return ErrCrowded
	}
	g.apply(cfg, all)
	return nil
}

// targets are all that a group is to have; what the environment says of one counts. r.mu is
// held.
func (r *Registry) targets(name string) []Registration {
	declared := r.declared[name]
	all := slices.Clone(declared)
	for _, found := range r.discovered[name] {
		if !slices.ContainsFunc(declared, func(d Registration) bool { return d.Address == found.Address }) {
			all = append(all, found)
		}
	}
	return all
}

// comeBack is the group of that ARN if it is one that drains; else nil. A group of the same
// name and another ARN is another group. r.mu is held.
func (r *Registry) comeBack(arn string) *Group {
	at := slices.IndexFunc(r.leaving, func(g *Group) bool { return g.Snapshot().Config.ARN == arn })
	if at < 0 {
		return nil
	}
	group := r.leaving[at]
	r.leaving = slices.Delete(r.leaving, at, at+1)
	return group
}

// checkAlgorithms reports the first group whose algorithm nobody has.
func checkAlgorithms(env *spec.Environment) error {
	for i := range env.TargetGroups {
		if _, err := balance.New(algorithmOf(&env.TargetGroups[i]), nil, balance.Options{}); err != nil {
			return err
		}
	}
	return nil
}

// inUse names the groups that an action of some listener forwards to.
func inUse(env *spec.Environment) map[string]bool {
	used := map[string]bool{}
	use := func(a *spec.Action) {
		for _, f := range a.Forward {
			used[f.TargetGroup] = true
		}
	}
	for i := range env.LoadBalancer.Listeners {
		l := &env.LoadBalancer.Listeners[i]
		use(&l.DefaultAction)
		for j := range l.Rules {
			use(&l.Rules[j].Action)
		}
	}
	return used
}

// Groups returns the groups, by name; one that has left as long as it drains, behind one
// that has its name now.
func (r *Registry) Groups() []*Group {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaving = slices.DeleteFunc(r.leaving, (*Group).drained)
	groups := slices.AppendSeq(make([]*Group, 0, len(r.groups)+len(r.leaving)), maps.Values(r.groups))
	groups = append(groups, r.leaving...)
	slices.SortStableFunc(groups, func(a, b *Group) int { return strings.Compare(a.Name, b.Name) })
	return groups
}

// Run looks for anomalies now and then, until ctx ends.
func (r *Registry) Run(ctx context.Context) {
	tick := time.NewTicker(balance.EvaluationInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, g := range r.Groups() {
			g.evaluate()
		}
	}
}

// Changed has a value when Checks would return something else than before.
func (r *Registry) Changed() <-chan struct{} { return r.changed }

func (r *Registry) stir() {
	select {
	case r.changed <- struct{}{}:
	default: // nobody has looked since the last change
	}
}

// Check is a target that health checks are to be made of, and how. It is comparable: as
// long as it is the same, checking goes on.
type Check struct {
	Group *Group
	// Address is the target's; Zone too, for the log.
	Address string
	// ProtocolVersion and HealthCheck are the group's.
	ProtocolVersion string
	HealthCheck     spec.HealthCheck
}

// Checks lists what is to be checked.
func (r *Registry) Checks() []Check {
	var list []Check
	for _, g := range r.Groups() {
		list = append(list, g.checks()...)
	}
	return list
}

func (g *Group) checks() []Check {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.cfg.InUse {
		return nil
	}
	var list []Check
	for _, m := range g.members {
		if m.end == nil && m.administrative.State != Maintenance {
			list = append(list, Check{g, m.target.Address, g.cfg.ProtocolVersion, g.cfg.HealthCheck})
		}
	}
	return list
}

// Close cuts every connection to every target.
func (r *Registry) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range slices.AppendSeq(r.leaving, maps.Values(r.groups)) {
		g.close()
	}
}
