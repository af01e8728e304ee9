// Package doctor looks for what goes wrong with load balancers most: requests that are spread
// unevenly, health checks that fail, sessions that are lost, and timeouts that cut requests.
//
// It goes by what a running process tells of itself and by the environment file. Whoever is
// asked on a good day must say nothing: shares are judged by how many requests there were, so
// that chance is not taken for a fault.
package doctor

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

// Case is what a finding is about.
type Case string

// The cases.
const (
	Uneven       Case = "uneven distribution"
	HealthChecks Case = "health checks"
	SessionLoss  Case = "session loss"
	Timeouts     Case = "timeouts"
)

// Finding is one thing that is wrong.
type Finding struct {
	Case        Case   `json:"case"`
	TargetGroup string `json:"target_group,omitempty"`
	// What is wrong, in a sentence with its numbers.
	What string `json:"what"`
	// Evidence is what shows it, one a line.
	Evidence []string `json:"evidence"`
	// Change says what to do about it.
	Change string `json:"change"`
	// Path leads to the value in the environment file that Change is about.
	Path string `json:"path"`
	// File, Line and Column are where that stands, or else what it would stand in.
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// Input is what a process told.
type Input struct {
	// Environment is what the process was started with, or has reloaded.
	Environment *spec.Environment
	Stats       admin.Stats
	Process     Process
}

// Report is what was found.
type Report struct {
	Environment string `json:"environment"`
	// Groups, Targets and Requests say how much was looked at; Requests are of the last five
	// minutes.
	Groups   int       `json:"target_groups"`
	Targets  int       `json:"targets"`
	Requests uint64    `json:"requests"`
	Findings []Finding `json:"findings"`
	// Notes say what could not be judged, and why.
	Notes []string `json:"notes"`
}

// Examine looks at everything.
func Examine(in *Input) *Report {
	r := &Report{Environment: in.Stats.Environment, Findings: []Finding{}, Notes: []string{}}
	if in.Stats.Reloads.LastError != "" {
		r.Notes = append(r.Notes, "the process goes by an older file: it has refused the last one")
	}
	for i := range in.Stats.TargetGroups {
		stats := &in.Stats.TargetGroups[i]
		if !stats.InUse {
			continue
		}
		g := newGroup(in, stats)
		r.Groups++
		r.Targets += len(stats.Targets)
		r.Requests += longest(stats.Telemetry).Requests
		for _, look := range []func(*group, *Report){spread, stuck, checks, capacity, sessions, timeouts} {
			look(g, r)
		}
	}
	process(in, r)
	return r
}

// group is a target group as the process tells of it, beside what the file says.
type group struct {
	*admin.GroupStats
	in *Input
	// spec is nil, and path target_groups, for a group that is not in the file.
	spec *spec.TargetGroup
	path string
}

func newGroup(in *Input, stats *admin.GroupStats) *group {
	g := &group{GroupStats: stats, in: in, path: "target_groups"}
	for i := range in.Environment.TargetGroups {
		if s := &in.Environment.TargetGroups[i]; s.Name == stats.Name {
			g.spec, g.path = s, fmt.Sprintf("target_groups[%d]", i)
		}
	}
	return g
}

// at is the path of a key of the group.
func (g *group) at(key string) string {
	if g.spec == nil {
		return g.path
	}
	return g.path + "." + key
}

// registered is the target in the file, and its path; nil for one that is not there.
func (g *group) registered(t *admin.TargetStats) (*spec.Target, string) {
	if g.spec == nil {
		return nil, g.path
	}
	for i := range g.spec.Targets {
		s := &g.spec.Targets[i]
		if net.JoinHostPort(s.Address, strconv.Itoa(cmp.Or(s.Port, g.spec.Port))) == t.Address {
			return s, fmt.Sprintf("%s.targets[%d]", g.path, i)
		}
	}
	return nil, g.path
}

// serving are the targets that the algorithm chooses among.
func (g *group) serving() []*admin.TargetStats {
	var primary, backup []*admin.TargetStats
	for i := range g.Targets {
		t := &g.Targets[i]
		switch {
		case t.State != targethealth.Healthy, t.Administrative == admin.ActionDrain:
		case t.Backup:
			backup = append(backup, t)
		default:
			primary = append(primary, t)
		}
	}
	if len(primary) > 0 {
		return primary
	}
	return backup
}

// add adds a finding about the group.
func (g *group) add(r *Report, f Finding) {
	f.TargetGroup = g.Name
	r.Findings = append(r.Findings, f)
}

// period is some time of which something is told.
type period struct {
	requests uint64
	cookies  telemetry.Cookies
	cuts     telemetry.Cuts
	text     string
}

// enough is how many requests of the last minutes are looked at alone. If there are fewer, all
// since the beginning are.
const enough = 200

// recent is the last minutes, or longer when little happened.
func recent(r telemetry.Report) period {
	if w := longest(r); w.Requests >= enough {
		return period{w.Requests, w.Cookies, w.Cuts, "in the last " + duration(w.Seconds)}
	}
	t := r.Totals
	return period{t.Requests, t.Cookies, t.Cuts, "since " + r.Since.UTC().Format("2006-01-02 15:04:05 MST")}
}

// longest is the longest of a report's windows.
func longest(r telemetry.Report) telemetry.Window {
	if len(r.Windows) == 0 {
		return telemetry.Window{}
	}
	return slices.MaxFunc(r.Windows, func(a, b telemetry.Window) int { return cmp.Compare(a.Seconds, b.Seconds) })
}

func duration(seconds int) string {
	if seconds%60 == 0 {
		if seconds == 60 {
			return "minute"
		}
		return fmt.Sprintf("%d minutes", seconds/60)
	}
	return fmt.Sprintf("%d seconds", seconds)
}

// span shows a duration as the file says it.
func span(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// maxNamed bounds how many targets a line names.
const maxNamed = 8

// names lists targets.
func names(targets []*admin.TargetStats) string {
	return list(targets, func(t *admin.TargetStats) string { return t.ID })
}

// list tells something of each target.
func list(targets []*admin.TargetStats, tell func(*admin.TargetStats) string) string {
	var parts []string
	for _, t := range targets[:min(len(targets), maxNamed)] {
		parts = append(parts, tell(t))
	}
	text := strings.Join(parts, ", ")
	if n := len(targets) - maxNamed; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// percent shows a share.
func percent(part, whole float64) string {
	if whole == 0 {
		return "0 %"
	}
	share := 100 * part / whole
	if share < 10 {
		return strconv.FormatFloat(share, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(share, 'f', 0, 64) + " %"
}
