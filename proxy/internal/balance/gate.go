package balance

import (
	"slices"
	"sync/atomic"
)

// gate says which targets may be picked.
type gate struct {
	count int
	// limits has every target; it is nil when none is down or has a limit.
	limits []limit
}

// limit is how much a target takes.
type limit struct {
	outstanding *atomic.Int64
	most        int64 // 0 for no limit, down for a target that is
}

// down is the limit of a target that is down.
const down = -1

func newGate(targets []Target) gate {
	g := gate{count: len(targets)}
	if !slices.ContainsFunc(targets, func(t Target) bool { return t.Down || t.Limit > 0 }) {
		return g
	}
	g.limits = make([]limit, len(targets))
	for i := range targets {
		switch t := &targets[i]; {
		case t.Down:
			g.limits[i].most = down
		case t.Limit > 0:
			g.limits[i] = limit{&t.Counters.Outstanding, int64(t.Limit)}
		}
	}
	return g
}

// open reports whether the target of that index may be picked.
func (g *gate) open(i int, f *Facts) bool {
	if len(f.Except) > 0 && slices.Contains(f.Except, i) {
		return false
	}
	return g.limits == nil || g.limits[i].room()
}

func (l *limit) room() bool {
	return l.most == 0 || l.most > 0 && l.outstanding.Load() < l.most
}

// free reports whether every target may be picked, whatever they have to do.
func (g *gate) free(f *Facts) bool { return g.limits == nil && len(f.Except) == 0 }

// after returns the first target that may be picked, from index i on and around, or else why
// there is none. Picks that find many targets closed end here: it looks at each once.
func (g *gate) after(i int, f *Facts) int {
	for range g.count {
		if g.open(i, f) {
			return i
		}
		if i++; i == g.count {
			i = 0
		}
	}
	return g.closed(f)
}

// closed tells why nobody may be picked.
func (g *gate) closed(f *Facts) int {
	if g.limits == nil {
		return None
	}
	for i := range g.count {
		if !slices.Contains(f.Except, i) && g.limits[i].most != down {
			return Full
		}
	}
	return None
}
