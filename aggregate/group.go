package aggregate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/targethealth"
)

func (c *Counts) add(s targethealth.State) {
	switch s {
	case targethealth.Healthy:
		c.Healthy++
	case targethealth.Unhealthy:
		c.Unhealthy++
	case targethealth.Initial:
		c.Initial++
	case targethealth.Draining:
		c.Draining++
	case targethealth.Unused:
		c.Unused++
	case targethealth.Unavailable:
		c.Unavailable++
	default:
		// A word that AWS has and we have not: nothing is known of the target.
		c.Unavailable++
	}
}

// registered are those that count in the thresholds of the group.
func (c *Counts) registered() int { return c.Healthy + c.Unhealthy + c.Initial + c.Unavailable }

// Share is healthy / (healthy + unhealthy) in percent; nil of nothing.
func (c *Counts) Share() *float64 { return share(c.Healthy, c.Healthy+c.Unhealthy) }

// group sums up a target group, and says why it is not ok.
func (b *builder) group(o *Group) (GroupHealth, []string) {
	g := GroupHealth{Name: o.Name, Status: StatusUnknown, Reasons: map[string]int{}, Zones: []ZoneHealth{}}
	if o.Unseen {
		return g, []string{"target group " + o.Name + " could not be seen"}
	}
	zones := map[string]*Counts{}
	var answers []*Target
	for i := range o.Targets {
		t := &o.Targets[i]
		g.Counts.add(t.State)
		if zones[t.Zone] == nil {
			zones[t.Zone] = &Counts{}
		}
		zones[t.Zone].add(t.State)
		if t.Reason != "" {
			g.Reasons[string(t.Reason)]++
		}
		if t.State == targethealth.Initial && !t.Since.IsZero() {
			age := seconds(max(0, b.observation.Ended.Sub(t.Since)))
			g.OldestInitial = new(max(age, deref(g.OldestInitial)))
		}
		if counts(t) {
			answers = append(answers, t)
		}
	}
	g.HealthyShare = g.Counts.Share()
	g.Deep = summarize(answers)
	lowest := 101.0
	for _, name := range slices.Sorted(maps.Keys(zones)) {
		z := ZoneHealth{Zone: name, Counts: *zones[name], HealthyShare: zones[name].Share()}
		if z.HealthyShare != nil && *z.HealthyShare < lowest {
			lowest, g.MinZone = *z.HealthyShare, name
		}
		g.Zones = append(g.Zones, z)
	}
	m, registered := o.MinimumHealthy, g.Counts.registered()
	g.FailOpen = registered > 0 && (g.Counts.Healthy < m.Count || g.Counts.Healthy*100 < m.Percentage*registered)
	var reasons []string
	g.Status, reasons = b.judge(o, &g)
	for i := range reasons {
		reasons[i] = "target group " + g.Name + ": " + reasons[i]
	}
	return g, reasons
}

func deref(f *float64) float64 {
	if f == nil {
		return 0
	}
	return *f
}

// judge is the status of a group, and why it is not ok. The load balancer's view comes
// first: it decides who gets requests.
func (b *builder) judge(o *Group, g *GroupHealth) (Status, []string) {
	if o.Idle {
		return StatusIdle, nil
	}
	if g.Counts.registered() == 0 {
		if b.wanted(o.Name) {
			return StatusDown, []string{"no target is registered, and its fleet wants some"}
		}
		return StatusIdle, nil
	}
	var down, degraded []string
	switch {
	case g.HealthyShare == nil && g.Counts.Initial == 0:
		return StatusUnknown, []string{"the health of its targets is not known"}
	case g.Counts.Healthy == 0:
		down = append(down, "no target is healthy")
	case below(g.HealthyShare, b.quorum.Critical):
		down = append(down, percent(g.HealthyShare)+" of targets are healthy")
	case below(g.HealthyShare, b.quorum.Warning):
		degraded = append(degraded, percent(g.HealthyShare)+" of targets are healthy")
	}
	if g.FailOpen && g.Counts.Healthy > 0 {
		degraded = append(degraded, "fails open: too few targets are healthy")
	}
	for _, z := range g.Zones {
		if z.Counts.Healthy == 0 && z.Counts.Unhealthy > 0 && g.Counts.Healthy > 0 {
			degraded = append(degraded, "no target is healthy in zone "+z.Zone)
		}
	}
	if d := g.Deep; d != nil && d.HealthyShare != nil {
		switch {
		case d.reached() == 0:
			// The load balancer reaches its targets, or they would not be healthy.
			degraded = append(degraded, "no target can be reached by deep checks")
		case below(d.AnsweringShare, b.quorum.Critical):
			down = append(down, percent(d.AnsweringShare)+" of targets say that they work")
		case below(d.HealthyShare, b.quorum.Warning):
			degraded = append(degraded, percent(d.HealthyShare)+" of targets pass deep checks")
		}
		for _, dependency := range d.Dependencies {
			if dependency.Shared {
				degraded = append(degraded, fmt.Sprintf("%s is down for %d targets", dependency.Name, dependency.Down))
			}
		}
	}
	switch {
	case len(down) > 0:
		return StatusDown, append(down, degraded...)
	case len(degraded) > 0:
		return StatusDegraded, degraded
	}
	return StatusOK, nil
}

// wanted reports whether a fleet has or wants instances to fill the group with.
func (b *builder) wanted(group string) bool {
	return slices.ContainsFunc(b.observation.Fleets, func(f Fleet) bool {
		return f.Desired > 0 && slices.Contains(f.Groups, group)
	})
}

// summarize sums up the deep checks of targets; nil if there were none.
func summarize(targets []*Target) *DeepHealth {
	if len(targets) == 0 {
		return nil
	}
	d := &DeepHealth{Outcomes: map[Outcome]int{}, Dependencies: []DependencyHealth{}, Versions: map[string]int{}}
	dependencies := map[string]*DependencyHealth{}
	for _, t := range targets {
		d.Outcomes[t.Deep.Outcome]++
		r := t.Deep.Report
		if r == nil {
			continue
		}
		if r.Version != "" {
			d.Versions[r.Version]++
		}
		for name, v := range r.Dependencies {
			if dependencies[name] == nil {
				dependencies[name] = &DependencyHealth{Name: name}
			}
			dependencies[name].add(v)
		}
	}
	asked := len(targets) - d.Outcomes[NotAsked]
	d.HealthyShare = share(d.Outcomes[Passed], asked)
	d.AnsweringShare = share(d.Outcomes[Passed]+d.Outcomes[Impaired], asked)
	d.VersionSkew = len(d.Versions) > 1
	for _, h := range dependencies {
		known := h.Up + h.Degraded + h.Down
		h.HealthyShare = share(h.Up, known)
		h.Shared = known > 1 && 2*h.Down > known
		d.Dependencies = append(d.Dependencies, *h)
	}
	slices.SortFunc(d.Dependencies, func(a, b DependencyHealth) int { return cmp.Compare(a.Name, b.Name) })
	d.limit()
	return d
}

func (h *DependencyHealth) add(v Verdict) {
	switch v {
	case Up:
		h.Up++
	case Degraded:
		h.Degraded++
	case Down:
		h.Down++
	case Unknown:
		h.Unknown++
	}
}

const (
	// maxNames bounds how many dependencies are told of when targets make up names.
	maxNames = 2 * maxDependencies
	// maxVersions bounds how many versions are told of; the rest is in otherVersions.
	maxVersions   = 20
	otherVersions = "other"
)

// limit keeps the document small whatever targets say. Those that most targets have stay.
func (d *DeepHealth) limit() {
	if len(d.Dependencies) > maxNames {
		slices.SortStableFunc(d.Dependencies, func(a, b DependencyHealth) int {
			return (b.Up + b.Degraded + b.Down + b.Unknown) - (a.Up + a.Degraded + a.Down + a.Unknown)
		})
		d.Dependencies = d.Dependencies[:maxNames]
		slices.SortFunc(d.Dependencies, func(a, b DependencyHealth) int { return cmp.Compare(a.Name, b.Name) })
	}
	if len(d.Versions) <= maxVersions {
		return
	}
	names := slices.SortedFunc(maps.Keys(d.Versions), func(a, b string) int {
		return cmp.Or(d.Versions[b]-d.Versions[a], strings.Compare(a, b))
	})
	for _, name := range names[maxVersions:] {
		n := d.Versions[name]
		delete(d.Versions, name)
		d.Versions[otherVersions] += n
	}
}

// reached is how many targets a connection was made to.
func (d *DeepHealth) reached() int {
	n := 0
	for outcome, count := range d.Outcomes {
		if outcome != NoAnswer && outcome != NotAsked {
			n += count
		}
	}
	return n
}
