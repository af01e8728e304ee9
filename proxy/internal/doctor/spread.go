package doctor

import (
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/spec"
)

const (
	// material is how far a target's share may be from the expected one, as a part of it, without
	// anybody minding.
	material = 0.2
	// materialHash is that of algorithms that spread clients or keys, of which some are busier.
	materialHash = 0.5
	// fastFailure is the share of errors from which a target that draws requests does so because
	// it fails them.
	fastFailure = 0.5
	// stuckFactor is how many times its share of the requests under way a target may have.
	stuckFactor = 1.5
)

// tally is what targets did in one window.
type tally struct {
	targets []*admin.TargetStats
	shares  []float64 // as the weights say
	counts  []float64 // requests
	free    []float64 // those of them that no cookie bound
	errors  []float64 // share of errors, by target
	total   float64
	held    float64
	seconds int
}

// count returns the longest window in which nothing changed, or nil.
func (g *group) count() *tally {
	targets := g.serving()
	now, settled := g.in.Stats.Time, g.settled(targets)
	for i, w := range slices.Backward(targets[0].Telemetry.Windows) {
		c := &tally{targets: targets, shares: weights(targets), seconds: w.Seconds}
		length := 0.0
		for _, t := range targets {
			w := t.Telemetry.Windows[i]
			c.counts = append(c.counts, float64(w.Requests))
			c.free = append(c.free, float64(w.Requests-min(w.Requests, w.Cookies.Held)))
			c.errors = append(c.errors, w.ErrorShare)
			c.total += float64(w.Requests)
			c.held += float64(w.Cookies.Held)
			if w.Rate > 0 {
				length = max(length, float64(w.Requests)/w.Rate)
			}
		}
		begun := now.Add(-time.Duration(length*float64(time.Second)) - telemetry.SampleInterval)
		if c.total > 0 && begun.After(settled) {
			return c
		}
	}
	return nil
}

// settled is since when each target's share has been what it is.
func (g *group) settled(targets []*admin.TargetStats) time.Time {
	since := g.in.Stats.Started
	if last := g.in.Stats.Reloads.LastTime; last.After(since) {
		since = last
	}
	for _, t := range targets {
		changed := t.Changed
		if n := len(t.Timeline); n > 0 && t.Timeline[n-1].Time.After(changed) {
			changed = t.Timeline[n-1].Time
		}
		if g.spec != nil {
			changed = changed.Add(g.spec.SlowStart)
		}
		for _, at := range []time.Time{changed, t.Telemetry.Since} {
			if at.After(since) {
				since = at
			}
		}
	}
	return since
}

// weights are the shares by weight.
func weights(targets []*admin.TargetStats) []float64 {
	sum := 0
	for _, t := range targets {
		sum += t.Weight
	}
	shares := make([]float64, len(targets))
	for i, t := range targets {
		shares[i] = float64(t.Weight) / float64(max(sum, 1))
	}
	return shares
}

// off is how far the count that is furthest from its share is from it, as a part of the share.
func (c *tally) off(counts []float64) float64 {
	total, most := 0.0, 0.0
	for _, n := range counts {
		total += n
	}
	for i, n := range counts {
		if c.shares[i] > 0 && total > 0 {
			most = max(most, abs(n/total/c.shares[i]-1))
		}
	}
	return most
}

func abs(x float64) float64 { return max(x, -x) }

// uneven tells whether counts are, by more than chance and by more than most.
func (c *tally) uneven(counts []float64, sample, most float64) bool {
	return c.off(counts) > most && differs(counts, c.shares, sample)
}

// table tells counts beside what they should be.
func (c *tally) table(counts []float64) string {
	i, total := -1, 0.0
	for _, n := range counts {
		total += n
	}
	return list(c.targets, func(t *admin.TargetStats) string {
		i++
		return fmt.Sprintf("%s %.0f (%s, by weight %s)", t.ID, counts[i], percent(counts[i], total), percent(c.shares[i], 1))
	})
}

// worst is the target that is furthest above its share.
func (c *tally) worst(counts []float64) int {
	worst := 0
	for i := range counts {
		if counts[i]*c.shares[worst] > counts[worst]*c.shares[i] {
			worst = i
		}
	}
	return worst
}

// spread looks at whether requests are spread as the algorithm says.
func spread(g *group, r *Report) {
	if g.FailOpen || len(g.serving()) < 2 || len(g.serving()[0].Telemetry.Windows) == 0 {
		return
	}
	c := g.count()
	if c == nil {
		if longest(g.Telemetry).Requests > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("%s: the spread of requests cannot be judged yet: targets, weights or the file have just changed", g.Name))
		}
		return
	}
	worst := c.worst(c.counts)
	f := Finding{Case: Uneven, Evidence: []string{
		fmt.Sprintf("requests in the last %s: %s", duration(c.seconds), c.table(c.counts)),
		fmt.Sprintf("algorithm %s", g.Algorithm),
	}}
	f.What = fmt.Sprintf("%s gets %s of %.0f requests in the last %s, where %s would be its share",
		c.targets[worst].ID, percent(c.counts[worst], c.total), c.total, duration(c.seconds), percent(c.shares[worst], 1))
	sessions := c.sessions()
	switch {
	case c.held > 0 && c.uneven(c.counts, min(c.total, sessions), material) && !c.uneven(c.free, sum(c.free), material):
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s of them were bound to their target by a stickiness cookie", percent(c.held, c.total)))
		if sum(c.free) > 0 {
			f.Evidence = append(f.Evidence, "those without a bond are no further off than chance: "+c.table(c.free))
		}
		bond, lasts := g.bond()
		f.Evidence = append(f.Evidence, lasts)
		f.Path = g.at(bond)
		f.Change = "clients stay where they are, and some ask more than others, or came when fewer targets were there: keep the sessions in a store that all targets share and drop stickiness, or shorten its duration"
	case g.adaptive():
		if c.errors[worst] < fastFailure || !c.uneven(c.counts, c.total, material) {
			return
		}
		f.What += ": it fails fast, and so looks idle"
		f.Evidence = append(f.Evidence, "share of errors: "+list(c.targets, func(t *admin.TargetStats) string {
			return fmt.Sprintf("%s %s", t.ID, percent(window(t, c.seconds).ErrorShare, 1))
		}))
		f.Path = g.at("health_check.path")
		f.Change = fmt.Sprintf("let the health check find out that %s fails; algorithm round_robin would not prefer it", c.targets[worst].ID)
	case g.hashes():
		if !c.uneven(c.counts, c.total, materialHash) {
			return
		}
		f.Path = g.at("proxy_only.algorithm")
		f.Change = "the algorithm sends each client, or key, to one target, and some ask more than others, as a proxy or office with many people behind one address does: hash something with more values (proxy_only.consistent_hash.key), bound the load (bounded_load), or take another algorithm"
		if g.Algorithm == spec.ConsistentHashing {
			f.Path = g.at("proxy_only.consistent_hash")
		}
	case c.uneven(c.free, sum(c.free), material):
		g.explain(&f, c)
	default:
		return
	}
	g.add(r, f)
}

// explain looks for why an algorithm that spreads by weight did not.
func (g *group) explain(f *Finding, c *tally) {
	f.Path = g.at("algorithm")
	f.Change = "neither weights nor cookies explain it: look at the targets' errors and at max_connections"
	for _, t := range c.targets {
		s, path := g.registered(t)
		switch {
		case t.Mitigated:
			f.Path = g.at("anomaly_mitigation")
			f.Evidence = append(f.Evidence, fmt.Sprintf("%s answers with more errors than its peers (%s), and gets less for it", t.ID, percent(window(t, c.seconds).ErrorShare, 1)))
			f.Change = fmt.Sprintf("mend %s; without anomaly_mitigation it would get its share of requests, and fail them", t.ID)
		case s != nil && s.ProxyOnly.MaxConnections > 0 && t.Outstanding >= int64(s.ProxyOnly.MaxConnections):
			f.Path = path + ".proxy_only.max_connections"
			f.Evidence = append(f.Evidence, fmt.Sprintf("%s has the %d requests under way that it may have", t.ID, s.ProxyOnly.MaxConnections))
			f.Change = fmt.Sprintf("%s is full, and others take what is beyond: raise its max_connections if it can take more", t.ID)
		}
	}
}

// stuck looks for requests that stay at a target: long answers and tunnels, or a target that
// has stopped.
func stuck(g *group, r *Report) {
	targets := g.serving()
	if g.FailOpen || len(targets) < 2 || g.adaptive() || g.hashes() {
		return
	}
	c := &tally{targets: targets, shares: weights(targets)}
	for _, t := range targets {
		c.counts = append(c.counts, float64(t.Outstanding))
		c.total += float64(t.Outstanding)
	}
	worst := c.worst(c.counts)
	if c.counts[worst] < stuckFactor*c.shares[worst]*c.total || !differs(c.counts, c.shares, c.total) {
		return
	}
	g.add(r, Finding{
		Case: Uneven,
		What: fmt.Sprintf("%s has %.0f of the %.0f requests and tunnels that are under way, where %s would be its share",
			targets[worst].ID, c.counts[worst], c.total, percent(c.shares[worst], 1)),
		Evidence: []string{
			"under way: " + c.table(c.counts),
			"connections: " + list(targets, func(t *admin.TargetStats) string { return fmt.Sprintf("%s %d", t.ID, t.Connections) }),
			"95th percentile of the time to the first byte: " + list(targets, func(t *admin.TargetStats) string {
				return fmt.Sprintf("%s %.0f ms", t.ID, longest(t.Telemetry).P95)
			}),
			"algorithm " + g.Algorithm,
		},
		Path:   g.at("algorithm"),
		Change: "connections that live long stay where they began, and a slow target gathers them: " + spec.LeastOutstandingRequests + " gives new requests to who has least",
	})
}

// adaptive tells whether the algorithm gives more to who does well.
func (g *group) adaptive() bool {
	return g.Algorithm == spec.LeastOutstandingRequests || g.Algorithm == spec.LeastTime
}

// hashes tells whether the algorithm spreads clients or keys, not requests.
func (g *group) hashes() bool {
	return g.Algorithm == spec.SourceIPHash || g.Algorithm == spec.ConsistentHashing
}

// sessions is how many requests were not bound when they came, each of which may have begun a
// session that binds those of the window.
func (c *tally) sessions() float64 {
	n := 0.0
	for _, t := range c.targets {
		all := t.Telemetry.Totals
		n += float64(all.Requests - min(all.Requests, all.Cookies.Held))
	}
	return n
}

func sum(list []float64) (total float64) {
	for _, n := range list {
		total += n
	}
	return total
}

// window is the target's window of that many seconds.
func window(t *admin.TargetStats, seconds int) telemetry.Window {
	for _, w := range t.Telemetry.Windows {
		if w.Seconds == seconds {
			return w
		}
	}
	return telemetry.Window{}
}
