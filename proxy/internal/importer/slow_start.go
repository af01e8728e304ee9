package importer

import (
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

const keySlowStart = "target_groups[].slow_start"

// SlowStart is how long a target's share grows.
func SlowStart(g *Group, t time.Duration, from *Directive) {
	g.SlowStart = WholeSeconds(t, spec.MinSlowStart, spec.MaxSlowStart)
	g.slowStart = append(g.slowStart, from)
	Comment(g.Notes, "slow_start", from)
	from.Maps(keySlowStart)
	if g.SlowStart != t {
		from.Differs(keySlowStart, "30s to 900s are possible")
	}
}

// CheckSlowStart leaves out the slow start of a group whose algorithm has none, as no ALB has
// it then either.
func CheckSlowStart(g *Group) {
	if g.SlowStart == 0 || g.Algorithm == spec.RoundRobin {
		return
	}
	g.SlowStart = 0
	delete(g.Notes, "slow_start")
	for _, d := range g.slowStart {
		d.Differs(keySlowStart, "there is none with "+g.Algorithm+", as with an ALB")
	}
}

// WholeSeconds rounds up to whole seconds, between lo and hi.
func WholeSeconds(t, lo, hi time.Duration) time.Duration {
	if rest := t % time.Second; rest > 0 {
		t += time.Second - rest
	}
	return min(max(t, lo), hi)
}
