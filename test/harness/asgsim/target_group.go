package asgsim

import (
	"time"
)

// TargetGroup is one whose targets are instances.
type TargetGroup struct {
	ARN string
	// Delay is the deregistration delay.
	Delay time.Duration
	Tags  map[string]string
	// InternalError has it never show a target's end.
	InternalError bool

	world   *World
	targets map[string]*target
	left    map[string]time.Time // when instances left
}

type target struct {
	draining bool
	invalid  bool
	until    time.Time
}

// AddTargetGroup adds a target group without targets.
func (w *World) AddTargetGroup(g TargetGroup) *TargetGroup {
	w.mu.Lock()
	defer w.mu.Unlock()
	g.world, g.targets, g.left = w, map[string]*target{}, map[string]time.Time{}
	w.targetGroups = append(w.targetGroups, &g)
	return &g
}

// Register adds an instance.
func (g *TargetGroup) Register(i *Instance) {
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	g.register(i.ID)
}

func (g *TargetGroup) register(id string) { g.targets[id] = &target{} }

// deregister has a target drain and tells whether it was in the group. It is shown as
// draining until the delay has passed, also when all its requests have long ended.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
func (g *TargetGroup) deregister(id string) bool {
	t := g.targets[id]
	if t == nil || t.invalid {
		return false
	}
	if !t.draining {
		t.draining, t.until = true, g.world.Clock.Now().Add(g.Delay)
		g.left[id] = t.until
	}
	return true
}

// invalidate marks a target whose instance ended.
func (g *TargetGroup) invalidate(id string) {
	if t := g.targets[id]; t != nil {
		t.invalid = true
	}
}

// isIn tells whether a target may still serve requests.
func (g *TargetGroup) isIn(id string) bool {
	t := g.targets[id]
	return t != nil && !t.invalid && (!t.draining || g.world.Clock.Now().Before(t.until))
}

// health is a target's state and reason.
func (g *TargetGroup) health(id string) (state, reason string) {
	t := g.targets[id]
	switch {
	case t == nil:
		return "unused", "Target.NotRegistered"
	case t.invalid:
		return "unused", "Target.InvalidState"
	case t.draining && g.InternalError:
		return "draining", "Elb.InternalError"
	case t.draining && g.world.Clock.Now().Before(t.until):
		return "draining", "Target.DeregistrationInProgress"
	case t.draining:
		return "unused", "Target.NotRegistered"
	}
	return "healthy", ""
}
