package target

import (
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
	"github.com/evenkeel/evenkeel/targethealth"
)

// Group is one target group over all reloads.
type Group struct {
	Name string

	snapshot atomic.Pointer[Snapshot]
	cursor   balance.Cursor
	logger   *slog.Logger
	// changed is told when other targets are to be checked, or in another way.
	changed func()
	shards  int
	queue   queue
	budget  budget
	sealer  *sticky.Sealer

	// mu guards what follows; whoever holds it publishes what it changed.
	mu      sync.Mutex
	cfg     *Config
	members []*member
	// persistent names the targets for persistence cookies; nil without such cookies.
	persistent persistentNames
	// left says that the environment does not have the group any more.
	left bool
	// retired are targets that a reload replaced and whose connections finish.
	retired map[*Target]struct{}
}

// member is a target's place in its group.
type member struct {
	target *Target
	health Health
	// first says that the target came into an empty group and has not been healthy yet.
	first bool
	// rampFrom and ramp are the slow start that the target is in, or was; ramp 0: none.
	rampFrom time.Time
	ramp     time.Duration
	// administrative is what an operator wants of the target.
	administrative Administrative
	// end is when the deregistration delay is over; nil while registered.
	end *time.Timer

	// seen is what the last look for anomalies saw of the target's traffic.
	seen       balance.Sample
	anomalous  bool
	mitigation float64

	absence  absence
	absences uint64 // how many there were
}

func newGroup(cfg *Config, o *Options, changed func()) *Group {
	g := &Group{
		Name: cfg.Name, cfg: cfg, logger: o.Logger, changed: changed, shards: o.Shards, sealer: o.Sealer,
		retired: map[*Target]struct{}{},
	}
	g.publish()
	return g
}

// Snapshot returns what requests read of the group.
func (g *Group) Snapshot() *Snapshot { return g.snapshot.Load() }

// publish makes what has changed visible to requests. g.mu is held.
func (g *Group) publish() {
	s, err := build(g.cfg, g.members, &g.cursor)
	if err != nil {
		// The environment was checked: only an algorithm that package balance does not have.
		g.logger.Error("target group keeps its targets", slog.String("target_group", g.Name), slog.Any("error", err))
		return
	}
	s.persistent = g.persistent
	was := g.snapshot.Swap(s)
	if g.queue.waiting.Load() > 0 {
		g.queue.rearrange(s)
	}
	if was != nil && was.FailOpen != s.FailOpen && s.HealthyCount+was.HealthyCount > 0 {
		if s.FailOpen {
			g.logger.Warn("target group fails open: too few targets are healthy", slog.String("target_group", g.Name), slog.Int("healthy", s.HealthyCount))
		} else {
			g.logger.Info("target group no longer fails open", slog.String("target_group", g.Name), slog.Int("healthy", s.HealthyCount))
		}
	}
}

// apply makes cfg the group's configuration and list its targets: those that are new are
// registered, those that are not listed any more drain.
func (g *Group) apply(cfg *Config, list []Registration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.cfg
	g.cfg, g.left = cfg, false
	switch {
	case !before.transport.same(&cfg.transport):
		g.reconnect()
	case before.transport != cfg.transport:
		g.retune()
	}
	if before.InUse != cfg.InUse {
		g.use(cfg.InUse)
	}
	if before.SlowStart != cfg.SlowStart && cfg.SlowStart == 0 {
		for _, m := range g.members {
			m.ramp = 0
		}
	}
	g.persistent = nil
	if cfg.Persistence != nil {
		g.persistent = namePersistent(list, g.Name, g.sealer)
	}
	wanted := addressesOf(list)
	for _, m := range slices.Clone(g.members) {
		if !wanted[m.target.Address] {
			g.deregister(m)
		}
	}
	g.register(list)
	g.arrange(list)
	g.watchFailures()
	g.publish()
	g.changed()
}

func addressesOf(list []Registration) map[string]bool {
	addresses := make(map[string]bool, len(list))
	for _, r := range list {
		addresses[r.Address] = true
	}
	return addresses
}

// wouldDrain counts the targets that would be draining if list were applied.
func (g *Group) wouldDrain(list []Registration) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	wanted, n := addressesOf(list), 0
	for _, m := range g.members {
		if !wanted[m.target.Address] {
			n++
		}
	}
	return n
}

// arrange brings the members into the order of list, and those that drain behind it: which
// target an algorithm that hashes takes for a client depends on their order, and must not on
// the history of one process. g.mu is held.
func (g *Group) arrange(list []Registration) {
	place := make(map[string]int, len(list))
	for i, r := range list {
		place[r.Address] = i - len(list)
	}
	slices.SortStableFunc(g.members, func(a, b *member) int { return place[a.target.Address] - place[b.target.Address] })
}

// leave lets all targets drain since the environment does not have the group any more. A
// request that matched the rules of before may still be on its way to the group, and finds
// the targets that served last. To a group that was not in use nothing is on its way: its
// targets go at once, but for those that have something to finish.
func (g *Group) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left = true
	cfg, used := *g.cfg, g.cfg.InUse
	cfg.InUse = false
	g.cfg = &cfg
	for _, m := range slices.Clone(g.members) {
		g.deregister(m)
		if !used && m.target.Outstanding() == 0 {
			m.end.Stop()
			g.drop(m)
		}
	}
	if !used {
		g.publish()
		return
	}
	last := *g.snapshot.Load()
	last.Config, last.HealthyCount = g.cfg, 0
	g.snapshot.Store(&last)
	g.changed()
}

// reconnect gives every target connections of the new kind. Those of the old kind finish
// what they carry. g.mu is held.
func (g *Group) reconnect() {
	for _, m := range g.members {
		if m.end != nil {
			continue
		}
		g.retire(m.target)
		g.takeBack(m)
		m.target = g.replacement(m, m.target.Registration)
		m.seen = balance.Sample{}
	}
}

// retune makes what is kept of connections, and for how long, that of the configuration.
// g.mu is held.
func (g *Group) retune() {
	for _, m := range g.members {
		g.cfg.transport.tune(m.target)
	}
}

// retire lets the requests of a target that another value has replaced finish: the target
// is still registered, and nothing is cut but with it. g.mu is held.
func (g *Group) retire(t *Target) {
	t.leave()
	g.retired[t] = struct{}{}
}

// sweep forgets retired targets on which nothing is in flight. g.mu is held.
func (g *Group) sweep() {
	for t := range g.retired {
		if t.Outstanding() == 0 {
			t.cut()
			delete(g.retired, t)
		}
	}
}

// use tells all targets that the group is in use now, or not any more. g.mu is held.
func (g *Group) use(inUse bool) {
	for _, m := range g.members {
		if m.end != nil {
			continue
		}
		if !inUse {
			m.ramp = 0
		}
		g.enlist(m)
	}
}

// register adds or updates targets. g.mu is held.
func (g *Group) register(list []Registration) {
	empty := !slices.ContainsFunc(g.members, func(m *member) bool { return m.end == nil })
	for _, r := range list {
		m := g.find(r.Address)
		switch {
		case m == nil:
			m = &member{target: newTarget(r, &g.cfg.transport, g.shards)}
			g.members = append(g.members, m)
		case m.end == nil: // registered already, perhaps otherwise
			if m.target.Registration != r {
				m.target = m.target.as(r)
			}
			continue
		default: // comes back while it drains
			m.end.Stop()
			g.retire(m.target)
			*m = member{target: g.replacement(m, r), health: m.health, absences: m.absences}
		}
		m.first = empty
		g.enlist(m)
		g.logger.Info("target registered", g.about(m)...)
	}
}

// deregister lets a target drain. g.mu is held.
func (g *Group) deregister(m *member) {
	if m.end != nil {
		return
	}
	g.takeBack(m)
	m.turn(draining())
	m.ramp, m.anomalous, m.mitigation = 0, false, 0
	g.logger.Info("target deregistered", append(g.about(m), slog.String("deregistration_delay", g.cfg.DeregistrationDelay.String()))...)
	t := m.target
	t.leave()
	m.end = time.AfterFunc(g.cfg.DeregistrationDelay, func() { g.remove(m, t) })
}

// remove ends a target's deregistration delay, unless it has been registered again.
func (g *Group) remove(m *member, t *Target) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if m.target != t || m.end == nil {
		return
	}
	g.drop(m)
	g.publish()
}

// drop forgets a target that has drained, and cuts what it has not finished. g.mu is held.
func (g *Group) drop(m *member) {
	t := m.target
	m.end = nil
	g.members = slices.DeleteFunc(g.members, func(other *member) bool { return other == m })
	if n := t.Outstanding(); n > 0 {
		g.logger.Warn("deregistration delay is over; requests are cut", append(g.about(m), slog.Int64("outstanding", n))...)
	} else {
		g.logger.Info("target drained", g.about(m)...)
	}
	t.cut()
	for old := range g.retired {
		if old.Address == t.Address {
			old.cut()
			delete(g.retired, old)
		}
	}
}

func (g *Group) find(address string) *member {
	for _, m := range g.members {
		if m.target.Address == address {
			return m
		}
	}
	return nil
}

func (g *Group) about(m *member) []any {
	return []any{slog.String("target_group", g.Name), slog.String("target", m.target.ID), slog.String("address", m.target.Address)}
}

// Checking notes that the first check of the target of that address is on its way.
func (g *Group) Checking(address string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if m := g.find(address); m != nil {
		m.health = m.health.Checking()
	}
}

// Report takes in the result of a health check that was made of the target of that
// address under check.
func (g *Group) Report(check Check, o Outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.find(check.Address)
	if m == nil || !m.eligible() {
		return // the result is of the past
	}
	now := time.Now()
	m.target.Telemetry.Checked(o.Check)
	was := m.health
	next := was.Observe(o, &check.HealthCheck)
	if was.State == targethealth.Unhealthy && next.State == targethealth.Healthy {
		g.takeBack(m) // what requests have shown is older, unless the group fails open
	}
	m.turn(next)
	if m.health.State == was.State {
		return
	}
	if m.health.State == targethealth.Healthy {
		m.ramp = 0
		if startsSlow(m, g.members, g.cfg.SlowStart, now) {
			m.rampFrom, m.ramp = now, g.cfg.SlowStart
		}
		m.first = false
		g.logger.Info("target is healthy", append(g.about(m), slog.String("was", string(was.State)))...)
	} else {
		m.ramp = 0
		g.logger.Warn("target is unhealthy", append(g.about(m), slog.String("reason", string(m.health.Reason)), slog.String("description", m.health.Description))...)
	}
	g.publish()
}

// View is how one target stands.
type View struct {
	*Target
	Health Health
	// Anomalous targets answer with more errors than their peers; Mitigated ones get fewer
	// requests for it.
	Anomalous, Mitigated bool
	Administrative       Administrative
}

// Views returns how every target stands, draining ones too, in the order of registration.
func (g *Group) Views() []View {
	g.mu.Lock()
	defer g.mu.Unlock()
	views := make([]View, len(g.members))
	for i, m := range g.members {
		views[i] = View{Target: m.target, Health: m.shown(), Anomalous: m.anomalous, Mitigated: m.mitigated(), Administrative: m.administrative}
	}
	return views
}

// Left reports whether the environment does not have the group any more; another one may
// have its name by now.
func (g *Group) Left() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.left
}

// drained reports whether a group that has left has nothing left to wait for.
func (g *Group) drained() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sweep()
	return len(g.members) == 0 && len(g.retired) == 0
}

// close cuts every connection.
func (g *Group) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.members {
		if m.end != nil {
			m.end.Stop()
		}
		g.takeBack(m)
		m.target.leave()
		m.target.cut()
	}
	for t := range g.retired {
		t.cut()
	}
}
