package admin

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/targethealth"
)

const (
	// maxProblems bounds how many are told of: the worst.
	maxProblems = 100
	// judgedSeconds is the window in which rates and latencies are judged.
	judgedSeconds = 60
	// leastRequests are how many it takes in that window for a share or a percentile to say
	// something about one target.
	leastRequests = 20
	// slowFactor and slowMargin are how far a target's p95 is above its peers' when it is slow.
	slowFactor = 3
	slowMargin = 20.0 // milliseconds
	// flapping is a target that has turned unhealthy or back so often within flappingSpan.
	flapping     = 4
	flappingSpan = time.Hour
)

// Levels of a Problem, the worst first.
const (
	// LevelBad: requests fail, or a target gets none.
	LevelBad = "bad"
	// LevelWarning: someone should look.
	LevelWarning = "warning"
	// LevelNote: it is as somebody wanted it, or passes by itself.
	LevelNote = "note"
)

var levels = []string{LevelBad, LevelWarning, LevelNote}

// Problem is something that an operator ought to know before all numbers.
type Problem struct {
	Level string `json:"level"`
	// TargetGroup is empty for what concerns the process, Target and Address for what concerns
	// a group.
	TargetGroup string `json:"target_group,omitempty"`
	Target      string `json:"target,omitempty"`
	Address     string `json:"address,omitempty"`
	// Text says what is wrong and why, in a sentence without its end.
	Text string `json:"text"`
}

// problemsOf finds what is wrong, the worst first.
func problemsOf(s *Stats) []Problem {
	list := []Problem{}
	if share := s.Alarms.Connections; share > 0 && float64(s.Connections) > share*float64(s.MaxConnections) {
		list = append(list, Problem{Level: LevelWarning, Text: fmt.Sprintf("%d of %d client connections are open", s.Connections, s.MaxConnections)})
	}
	for i := range s.TargetGroups {
		if g := &s.TargetGroups[i]; g.InUse {
			list = append(list, groupProblems(g)...)
			others := peersOf(g)
			for j := range g.Targets {
				if p, found := targetProblem(s, g, &g.Targets[j], others); found {
					list = append(list, p)
				}
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Compare(slices.Index(levels, a.Level), slices.Index(levels, b.Level))
	})
	return list[:min(len(list), maxProblems)]
}

// groupProblems are those of a group as a whole.
func groupProblems(g *GroupStats) []Problem {
	problem := func(text string) []Problem {
		return []Problem{{Level: LevelBad, TargetGroup: g.Name, Text: text}}
	}
	serves := slices.ContainsFunc(g.Targets, func(t TargetStats) bool {
		return t.State == targethealth.Healthy && t.Administrative == ActionReady
	})
	switch {
	case len(g.Targets) == 0:
		return problem("no target is registered: requests are answered with 503")
	case g.FailOpen:
		return problem("too few targets are healthy, so that all get requests (fails open)")
	case !serves:
		return problem("no target can serve: new requests are answered with 503")
	}
	return nil
}

// targetProblem has all that is wrong with one target.
func targetProblem(s *Stats, g *GroupStats, t *TargetStats, others *peers) (Problem, bool) {
	p := Problem{Level: LevelNote, TargetGroup: g.Name, Target: t.ID, Address: t.Address}
	var found []string
	add := func(level, format string, args ...any) {
		if slices.Index(levels, level) < slices.Index(levels, p.Level) {
			p.Level = level
		}
		found = append(found, fmt.Sprintf(format, args...))
	}
	switch t.State {
	case targethealth.Unhealthy:
		add(LevelBad, "unhealthy: %s", cmp.Or(t.Description, string(t.Reason)))
	case targethealth.Initial, targethealth.Draining:
		add(LevelNote, "%s: %s", t.State, cmp.Or(t.Description, string(t.Reason)))
	case targethealth.Healthy, targethealth.Unused, targethealth.Unavailable:
	}
	if text := ordered(t); text != "" {
		add(LevelNote, "%s", text)
	}
	if w := judged(&t.Telemetry); w.Requests >= leastRequests {
		if w.ErrorShare > s.Alarms.ErrorShare {
			add(LevelBad, "%s of its requests fail%s", formatShare(w.ErrorShare), others.errorsBeside(&w))
		}
		switch median := others.medianBeside(&w); {
		case s.Alarms.P95 > 0 && w.P95 > s.Alarms.P95:
			add(LevelWarning, "slow: p95 is %s (alarm: %s)", formatLatency(w.P95), formatLatency(s.Alarms.P95))
		case median > 0 && w.P95 > slowFactor*median && w.P95 > median+slowMargin:
			add(LevelWarning, "slow: p95 is %s (its peers: %s)", formatLatency(w.P95), formatLatency(median))
		}
	}
	if t.Anomalous {
		text := "anomalous: more errors than its peers"
		if t.Mitigated {
			text += ", and fewer requests for it"
		}
		add(LevelWarning, "%s", text)
	}
	if n := turns(t.Timeline, s.Time.Add(-flappingSpan)); n >= flapping {
		add(LevelWarning, "flapping: turned unhealthy or back %d times in the last hour", n)
	}
	p.Text = strings.Join(found, "; ")
	return p, len(found) > 0
}

// ordered tells what an operator wants of the target, and who; empty for ready.
func ordered(t *TargetStats) string {
	var text, by string
	switch t.Administrative {
	case ActionDrain:
		text = "drained"
	case ActionMaintenance:
		text = "in maintenance"
	default:
		return ""
	}
	for _, turn := range t.Timeline {
		if turn.Order != "" {
			by = turn.By
		}
	}
	if by == "" {
		return text + ", by an operator's order"
	}
	return text + ", by " + by + "'s order"
}

// judged is the window in which a target is judged.
func judged(r *telemetry.Report) telemetry.Window {
	for _, w := range r.Windows {
		if w.Seconds == judgedSeconds {
			return w
		}
	}
	return telemetry.Window{}
}

// peers is what the targets of a group did together, for a target to be compared with the
// others.
type peers struct {
	errors, requests uint64
	// p95s are the targets' with enough requests, rising.
	p95s []float64
}

func peersOf(g *GroupStats) *peers {
	p := &peers{}
	for i := range g.Targets {
		if w := judged(&g.Targets[i].Telemetry); w.Requests >= leastRequests {
			p.errors, p.requests = p.errors+w.Errors, p.requests+w.Requests
			p.p95s = append(p.p95s, w.P95)
		}
	}
	slices.Sort(p.p95s)
	return p
}

// errorsBeside tells the share of errors of the others, beside that of own; nothing without
// others.
func (p *peers) errorsBeside(own *telemetry.Window) string {
	if p.requests == own.Requests {
		return ""
	}
	return " (its peers: " + formatShare(float64(p.errors-own.Errors)/float64(p.requests-own.Requests)) + ")"
}

// medianBeside is that of the others' p95; 0 without others.
func (p *peers) medianBeside(own *telemetry.Window) float64 {
	n := len(p.p95s) - 1
	if n < 1 {
		return 0
	}
	at, _ := slices.BinarySearch(p.p95s, own.P95)
	middle := (n - 1) / 2
	if at <= middle {
		middle++ // own is left out
	}
	return p.p95s[middle]
}

// turns counts the changes between healthy and unhealthy.
func turns(timeline []telemetry.Transition, since time.Time) int {
	n := 0
	for _, turn := range timeline {
		if turn.Order == "" && turn.Time.After(since) &&
			(turn.From == targethealth.Healthy && turn.To == targethealth.Unhealthy || turn.From == targethealth.Unhealthy && turn.To == targethealth.Healthy) {
			n++
		}
	}
	return n
}

// formatShare writes a share in hundredths.
func formatShare(share float64) string { return fmt.Sprintf("%.2f %%", 100*share) }
