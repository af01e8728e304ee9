package aggregate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

// Build makes the document of an observation. quorum says below which shares of healthy
// targets a target group is degraded (Warning) and down (Critical).
func Build(o *Observation, quorum spec.HealthyTargets) *Document {
	b := builder{observation: o, quorum: quorum, answers: byAddress(o)}
	d := &Document{
		Schema: Schema, App: o.App, Environment: o.Environment, LoadBalancer: o.LoadBalancer,
		MeasuredAt: o.Ended.UTC().Truncate(time.Millisecond), Duration: seconds(o.Ended.Sub(o.Begun)),
		Coverage:     b.coverage(),
		TargetGroups: []GroupHealth{}, Fleets: []FleetHealth{}, Problems: append([]string{}, o.Problems...),
		Reasons: []string{},
	}
	d.Deep = summarize(b.answers)
	for i := range o.Groups {
		g, reasons := b.group(&o.Groups[i])
		d.TargetGroups = append(d.TargetGroups, g)
		d.Reasons = append(d.Reasons, reasons...)
	}
	slices.SortStableFunc(d.TargetGroups, func(a, b GroupHealth) int { return strings.Compare(a.Name, b.Name) })
	slices.Sort(d.Reasons)
	d.Fleets = b.fleets(d.Deep)
	b.overall(d)
	return d
}

type builder struct {
	observation *Observation
	quorum      spec.HealthyTargets
	// answers are the targets that were asked and count, each address once.
	answers []*Target
}

// counts reports whether a target's deep check says how its group does.
func counts(t *Target) bool {
	return t.Deep != nil && Asked(t.State) && t.State != targethealth.Initial
}

func byAddress(o *Observation) []*Target {
	var list []*Target
	seen := map[string]bool{}
	for i := range o.Groups {
		for j := range o.Groups[i].Targets {
			if t := &o.Groups[i].Targets[j]; counts(t) && !seen[t.Address] {
				seen[t.Address] = true
				list = append(list, t)
			}
		}
	}
	return list
}

func (b *builder) coverage() Coverage {
	c := Coverage{Complete: b.observation.Complete(), TargetGroups: len(b.observation.Groups)}
	seen := map[string]bool{}
	for i := range b.observation.Groups {
		g := &b.observation.Groups[i]
		if !g.Unseen {
			c.TargetGroupsSeen++
		}
		for j := range g.Targets {
			t := &g.Targets[j]
			if t.Deep == nil || seen[t.Address] {
				continue
			}
			seen[t.Address] = true
			c.DeepChecks++
			if t.Deep.Outcome != NotAsked {
				c.DeepChecksDone++
			}
		}
	}
	return c
}

// overall is down if a group is, and as good as the worst group at best. Groups that nobody
// uses have no say, unless there are no others.
func (b *builder) overall(d *Document) {
	n := map[Status]int{}
	for i := range d.TargetGroups {
		n[d.TargetGroups[i].Status]++
	}
	used := len(d.TargetGroups) - n[StatusIdle]
	switch {
	case len(d.TargetGroups) == 0:
		d.Status, d.Reasons = StatusUnknown, append(d.Reasons, "there is no target group to see")
	case used == 0:
		d.Status, d.Reasons = StatusDown, append(d.Reasons, "no target group has targets that get requests")
	case n[StatusDown] > 0:
		d.Status = StatusDown
	case n[StatusUnknown] == used:
		d.Status = StatusUnknown
	case n[StatusUnknown]+n[StatusDegraded] > 0:
		d.Status = StatusDegraded
	case !d.Coverage.Complete:
		d.Status, d.Reasons = StatusDegraded, append(d.Reasons, "not all was seen")
	default:
		d.Status = StatusOK
	}
}

// share in percent, rounded to tenths; nil of nothing. Only all is 100, and only none is 0.
func share(part, whole int) *float64 {
	if whole == 0 {
		return nil
	}
	percent := math.Round(1000*float64(part)/float64(whole)) / 10
	if part < whole {
		percent = min(percent, 99.9)
	}
	if part > 0 {
		percent = max(percent, 0.1)
	}
	return &percent
}

// below reports whether a share is known and less than a threshold.
func below(share *float64, threshold spec.Percent) bool {
	return share != nil && *share < float64(threshold)
}

// seconds rounds to milliseconds.
func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

// percent is a known share as people read it.
func percent(share *float64) string { return fmt.Sprintf("%g%%", *share) }

// Share is how much was seen, in percent: of the target groups and the deep checks, where
// less was.
func (c *Coverage) Share() float64 {
	share := func(done, all int) float64 {
		if all == 0 {
			return 100
		}
		return 100 * float64(done) / float64(all)
	}
	return min(share(c.TargetGroupsSeen, c.TargetGroups), share(c.DeepChecksDone, c.DeepChecks))
}
