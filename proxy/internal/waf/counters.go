package waf

import (
	"math/bits"
	"runtime"
	"sync/atomic"

	"github.com/evenkeel/evenkeel/spec"
)

// counters are the decisions of one rule, over all reloads.
type counters struct {
	shards []tally
	mask   uint32
}

// tally counts by action, for some of the connections.
type tally struct {
	by [3]atomic.Uint64
	// Keeps the next tally off the last cache line, and off the one that is fetched with it.
	_ [128]byte
}

func newCounters() *counters {
	n := 1 << bits.Len(uint(runtime.GOMAXPROCS(0)-1))
	return &counters{shards: make([]tally, n), mask: uint32(n - 1)}
}

func (c *counters) add(shard uint32, a action) { c.shards[shard&c.mask].by[a].Add(1) }

func (c *counters) sum(a action) uint64 {
	var n uint64
	for i := range c.shards {
		n += c.shards[i].by[a].Load()
	}
	return n
}

// countersOf are those of the rule of that name, new ones if it had none.
func (f *Firewall) countersOf(name string) *counters {
	if f != nil {
		if name == spec.DefaultActionRule {
			return f.unruled
		}
		for i := range f.rules {
			if f.rules[i].name == name {
				return f.rules[i].counters
			}
		}
	}
	return newCounters()
}

// RuleCount is what one rule has decided so far.
type RuleCount struct {
	// Rule is its name, or spec.DefaultActionRule.
	Rule string
	// Allowed, Blocked and Counted are requests.
	Allowed, Blocked, Counted uint64
}

// Counts returns what each rule has decided, in the rules' order and the default action
// last. A nil Firewall has none.
func (f *Firewall) Counts() []RuleCount {
	if f == nil {
		return nil
	}
	list := make([]RuleCount, 0, len(f.rules)+1)
	add := func(name string, c *counters) {
		list = append(list, RuleCount{Rule: name, Allowed: c.sum(allow), Blocked: c.sum(block), Counted: c.sum(count)})
	}
	for i := range f.rules {
		add(f.rules[i].name, f.rules[i].counters)
	}
	add(spec.DefaultActionRule, f.unruled)
	return list
}
