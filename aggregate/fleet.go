package aggregate

import (
	"cmp"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/targethealth"
)

// member is what is known of an instance in one target group.
type member struct {
	group  string
	target *Target
}

// fleets compares what Auto Scaling, the load balancer and the application say of each
// instance. A group that could not be seen has no say.
func (b *builder) fleets(deep *DeepHealth) []FleetHealth {
	seen := map[string]bool{}
	members := map[string][]member{}
	for i := range b.observation.Groups {
		g := &b.observation.Groups[i]
		seen[g.Name] = !g.Unseen
		for j := range g.Targets {
			if t := &g.Targets[j]; t.Instance != "" && t.State != targethealth.Draining {
				members[t.Instance] = append(members[t.Instance], member{g.Name, t})
			}
		}
	}
	blame := Blame(b.answers)
	list := []FleetHealth{}
	for _, f := range b.observation.Fleets {
		groups := slices.DeleteFunc(slices.Clone(f.Groups), func(name string) bool { return !seen[name] })
		if len(groups) == 0 {
			continue
		}
		h := FleetHealth{Name: f.Name, Desired: f.Desired, Zombies: []Zombie{}}
		if deep != nil {
			h.DeepPassed = new(0)
		}
		for _, i := range f.Instances {
			if why := h.compare(i, groups, members[i.ID], blame); why != "" {
				h.Zombies = append(h.Zombies, Zombie{i.ID, i.Zone, why})
			}
		}
		h.Zombies = append(h.Zombies, b.strangers(f.Name, groups, members)...)
		slices.SortFunc(h.Zombies, func(a, b Zombie) int {
			return cmp.Or(strings.Compare(string(a.Why), string(b.Why)), strings.Compare(a.Instance, b.Instance))
		})
		if n := len(h.Zombies); n > MaxZombies {
			h.Zombies, h.Omitted = h.Zombies[:MaxZombies], n-MaxZombies
		}
		list = append(list, h)
	}
	slices.SortFunc(list, func(a, b FleetHealth) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// compare counts an instance in, and says on what the three differ, if they do.
func (h *FleetHealth) compare(i Instance, groups []string, members []member, blame func(*Target) bool) Why {
	serving := func(name string) *Target {
		for _, m := range members {
			if m.group == name && m.target.State != targethealth.Unused {
				return m.target
			}
		}
		return nil
	}
	if strings.HasPrefix(i.Lifecycle, "Terminating") {
		for _, name := range groups {
			if t := serving(name); t != nil && t.State == targethealth.Healthy {
				return LeavingInService
			}
		}
		return ""
	}
	if i.Lifecycle != InService {
		return "" // on its way in or out, or kept aside
	}
	h.InService++
	all, passed, why := true, true, Why("")
	for _, name := range groups {
		t := serving(name)
		switch {
		case t == nil:
			return NotRegistered
		case t.State == targethealth.Unhealthy:
			why = TargetUnhealthy
		case why == "" && blame(t):
			why = DeepFailing
		}
		all = all && t.State == targethealth.Healthy
		passed = passed && t.Deep != nil && t.Deep.Outcome == Passed
	}
	if !all {
		if why == DeepFailing {
			why = ""
		}
		return why
	}
	h.TargetHealthy++
	if h.DeepPassed != nil && passed {
		*h.DeepPassed++
	}
	return why
}

// strangers are instances in groups of a fleet that no fleet has. The first fleet of a group
// names them.
func (b *builder) strangers(fleet string, groups []string, members map[string][]member) []Zombie {
	known := map[string]bool{}
	first := map[string]string{}
	for _, f := range b.observation.Fleets {
		for _, i := range f.Instances {
			known[i.ID] = true
		}
		for _, name := range f.Groups {
			if first[name] == "" {
				first[name] = f.Name
			}
		}
	}
	var list []Zombie
	for id, in := range members {
		for _, m := range in {
			if !known[id] && first[m.group] == fleet && slices.Contains(groups, m.group) {
				list = append(list, Zombie{id, m.target.Zone, NotInFleet})
				break
			}
		}
	}
	return list
}

// Blame returns whether it is a target's own fault that its deep check does not pass. It is
// not when all that is amiss is down for most targets, and nobody is to blame when most do not
// pass: then it is something that they share, whatever it is.
func Blame(targets []*Target) func(*Target) bool {
	shared := map[string]bool{}
	if d := summarize(targets); d != nil {
		for _, dependency := range d.Dependencies {
			shared[dependency.Name] = dependency.Shared
		}
	}
	own := func(t *Target) bool {
		if t.Deep == nil || t.Deep.Outcome == Passed || t.Deep.Outcome == NotAsked {
			return false
		}
		if t.Deep.Report == nil {
			return true
		}
		amiss := false
		for name, v := range t.Deep.Report.Dependencies {
			if v == Down || v == Degraded {
				if !shared[name] {
					return true
				}
				amiss = true
			}
		}
		return !amiss
	}
	n, asked := 0, 0
	for _, t := range targets {
		if t.Deep.Outcome != NotAsked {
			asked++
		}
		if own(t) {
			n++
		}
	}
	if 2*n > asked {
		return func(*Target) bool { return false }
	}
	return own
}
