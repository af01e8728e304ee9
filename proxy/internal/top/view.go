package top

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/targethealth"
)

// view is what is shown, and how.
type view struct {
	stats admin.Stats
	// err is why the last question was not answered; stats are older then.
	err error

	color         bool
	width, height int // width 0 is as wide as need be
	sort          int // of columns
	reverse       bool
	window        int // of a report's
	scroll        int
	paused, help  bool
}

func newView(color bool) *view { return &view{color: color, height: defaultHeight} }

// take takes in an answer.
func (v *view) take(a answer) {
	v.err = a.err
	if a.err == nil {
		v.stats = a.stats
	}
}

// press does what a key says.
func (v *view) press(k key) {
	page := max(1, v.height-chrome)
	switch k {
	case keyUp:
		v.scroll--
	case keyDown:
		v.scroll++
	case keyPageUp:
		v.scroll -= page
	case keyPageDown:
		v.scroll += page
	case keyHome:
		v.scroll = 0
	case keyEnd:
		v.scroll = len(v.rows())
	case keyNextSort:
		v.sort = (v.sort + 1) % len(columns)
	case keyPreviousSort:
		v.sort = (v.sort + len(columns) - 1) % len(columns)
	case keyReverse:
		v.reverse = !v.reverse
	case keyWindow:
		v.window++
	case keyPause:
		v.paused = !v.paused
	case keyHelp:
		v.help = !v.help
	default:
	}
	v.clip()
}

// clip keeps the page full where it can be.
func (v *view) clip() {
	v.scroll = max(0, min(v.scroll, len(v.rows())-max(1, v.height-chrome)))
}

// style is how a line looks.
type style uint8

const (
	plain style = iota
	bold
	head
	good
	bad
	warning
	faint
)

// colors are the styles' parameters of SGR.
var colors = [...]string{plain: "", bold: "1", head: "7", good: "32", bad: "31", warning: "33", faint: "2"}

// line is one of the screen; nothing in text acts on a terminal.
type line struct {
	text  string
	style style
}

// paint is the line as the terminal is told it.
func (v *view) paint(l line) string {
	if code := colors[l.style]; v.color && code != "" {
		return "\x1b[" + code + "m" + l.text + "\x1b[m"
	}
	return l.text
}

// chrome is how many lines there are beside the rows: two of the process, the heads of columns, and
// the keys.
const chrome = 4

// page is all there is to show.
func (v *view) page() []line {
	shown := v.fit()
	lines := []line{v.process(), v.traffic(), {v.heads(shown), head}}
	for _, r := range v.rows() {
		lines = append(lines, line{v.cells(shown, r), r.style})
	}
	return lines
}

// frame is the page as far as the screen has room for it.
func (v *view) frame() []line {
	v.clip()
	lines := v.page()
	top, rows := lines[:3], lines[3:]
	room := max(1, v.height-chrome)
	if v.help {
		rows = helpLines
	} else {
		rows = rows[min(v.scroll, len(rows)):]
	}
	rows = rows[:min(len(rows), room)]
	all := append(slices.Clone(top), rows...)
	for len(all) < len(top)+room {
		all = append(all, line{})
	}
	all = append(all, v.keys())
	return all[:min(len(all), v.height)]
}

var helpLines = []line{
	{"q  Ctrl-C        quit", plain},
	{"↑ ↓  j k         a row up, down", plain},
	{"PgUp PgDn        a page up, down; Home End, g G: to the first, the last", plain},
	{"← →  S s         sort the targets of each group by the column before, behind", plain},
	{"r                the other way round", plain},
	{"w                rates, errors and percentiles of 10 seconds, 1 minute, 5 minutes", plain},
	{"p                pause", plain},
	{"Ctrl-Z           back to the shell, for a while", plain},
}

// process is the first line: who this is.
func (v *view) process() line {
	s := &v.stats
	text := fmt.Sprintf("evenkeel %s  %s  %s old  connections %d of %d", s.Version, s.Environment, age(s.Time.Sub(s.Started)), s.Connections, s.MaxConnections)
	switch {
	case v.err != nil:
		return line{v.clean("cannot ask: " + v.err.Error()), bad}
	case s.Draining:
		return line{v.clean(text + "  shutting down"), warning}
	case s.Reloads.LastError != "":
		return line{v.clean(text + "  the last reload was refused"), warning}
	}
	return line{v.clean(text), bold}
}

// traffic is the second: what goes through, of all groups together.
func (v *view) traffic() line {
	rate, received, sent, errors, requests := 0.0, 0.0, 0.0, uint64(0), uint64(0)
	seconds := 0
	for i := range v.stats.TargetGroups {
		w := v.report(v.stats.TargetGroups[i].Telemetry)
		rate, received, sent = rate+w.Rate, received+w.ReceivedRate, sent+w.SentRate
		errors, requests, seconds = errors+w.Errors, requests+w.Requests, max(seconds, w.Seconds)
	}
	share := 0.0
	if requests > 0 {
		share = float64(errors) / float64(requests)
	}
	text := fmt.Sprintf("last %d s: %s requests/s  %s %% errors  in %sB/s  out %sB/s", seconds, number(rate), number(100*share), number(received), number(sent))
	if v.paused {
		text += "  paused"
	}
	return line{v.clean(text), plain}
}

// keys is the last line.
func (v *view) keys() line {
	order := "as registered"
	if v.sort > 0 {
		order = "by " + strings.ToLower(columns[v.sort].head)
	}
	return line{v.clean(fmt.Sprintf("q quit  ↑↓ scroll  ←→ sort (%s)  r reverse  w window  p pause  ? help", order)), faint}
}

// clean makes text fit for a line of the screen.
func (v *view) clean(text string) string { return cut(admin.Printable(text), v.width) }

// row is a target group, or one of its targets.
type row struct {
	group  *admin.GroupStats
	target *admin.TargetStats // nil for the group itself
	style  style
}

// rows are those of all groups, each followed by its targets in their order.
func (v *view) rows() []row {
	var rows []row
	for i := range v.stats.TargetGroups {
		g := &v.stats.TargetGroups[i]
		rows = append(rows, row{g, nil, bold})
		first := len(rows)
		for j := range g.Targets {
			rows = append(rows, row{g, &g.Targets[j], styleOf(&g.Targets[j])})
		}
		v.order(rows[first:])
	}
	return rows
}

// order sorts targets by the chosen column.
func (v *view) order(rows []row) {
	if compare := columns[v.sort].compare; compare != nil {
		slices.SortStableFunc(rows, func(a, b row) int { return compare(v, a, b) })
	}
	if v.reverse {
		slices.Reverse(rows)
	}
}

func styleOf(t *admin.TargetStats) style {
	switch t.State {
	case targethealth.Healthy:
		if t.Anomalous {
			return warning
		}
		return good
	case targethealth.Unhealthy:
		return bad
	case targethealth.Unused:
		return faint
	default:
		return warning
	}
}

// age shows how long something has been.
func age(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
