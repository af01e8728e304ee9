package top

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
)

// column is one of the table.
type column struct {
	head string
	// width has room for the head and a mark.
	width int
	// left says that the column's text begins at its left; numbers end at the right.
	left bool
	// rank says which column gives way first where there is no room: the highest.
	rank int
	text func(v *view, r row) string
	// compare orders targets; nil keeps the order of the file.
	compare func(v *view, a, b row) int
}

const (
	// leastName is how narrow the column of names may become.
	leastName = 14
	// gap is between columns.
	gap = 2
)

// columns in their order. The first takes what room the others leave, and the last what is left
// after it.
var columns = []column{
	{head: "TARGET", left: true, text: name},
	{head: "STATE", width: 11, left: true, rank: 1, text: state, compare: byText(state)},
	{head: "IN FLIGHT", width: 10, rank: 4, text: outstanding, compare: byNumber(func(_ *view, r row) float64 { return float64(r.target.Outstanding) })},
	{head: "REQ/S", width: 7, rank: 2, text: inWindow(rate), compare: byWindow(rate)},
	{head: "ERR %", width: 6, rank: 3, text: inWindow(errorShare), compare: byWindow(errorShare)},
	{head: "P50 MS", width: 7, rank: 7, text: inWindow(p50), compare: byWindow(p50)},
	{head: "P95 MS", width: 7, rank: 5, text: inWindow(p95), compare: byWindow(p95)},
	{head: "P99 MS", width: 7, rank: 6, text: inWindow(p99), compare: byWindow(p99)},
	{head: "OUT B/S", width: 8, rank: 9, text: inWindow(sentRate), compare: byWindow(sentRate)},
	{head: "CONNS", width: 6, rank: 10, text: connections, compare: byNumber(func(_ *view, r row) float64 { return float64(r.target.Connections) })},
	{head: "WEIGHT", width: 7, rank: 11, text: weight, compare: byNumber(func(_ *view, r row) float64 { return float64(r.target.Weight) })},
	{head: "SINCE", width: 6, rank: 12, text: since, compare: byNumber(func(v *view, r row) float64 { return -v.stats.Time.Sub(r.target.Changed).Seconds() })},
	{head: "REASON", width: 12, left: true, rank: 8, text: reason, compare: byText(reason)},
}

// widths says how wide each column is; 0 for one that is not shown.
type widths []int

// fit chooses the columns that there is room for.
func (v *view) fit() widths {
	w := make(widths, len(columns))
	longest, wordy := leastName, 0
	for _, r := range v.rows() {
		longest = max(longest, utf8.RuneCountInString(admin.Printable(name(v, r))))
		wordy = max(wordy, utf8.RuneCountInString(admin.Printable(reason(v, r))))
	}
	used := leastName
	for rank := 1; rank < len(columns); rank++ {
		for i := range columns {
			if c := &columns[i]; c.rank == rank && (v.width == 0 || used+gap+c.width <= v.width) {
				w[i] = c.width
				used += gap + c.width
			}
		}
	}
	last := len(columns) - 1
	if v.width == 0 {
		w[0], w[last] = longest, max(w[last], wordy)
		return w
	}
	w[0] = min(longest, leastName+max(0, v.width-used))
	if w[last] > 0 {
		w[last] += max(0, v.width-used-(w[0]-leastName))
	}
	return w
}

// heads are the columns' names; the one that targets are sorted by is marked.
func (v *view) heads(shown widths) string {
	return v.join(shown, func(i int) string {
		if i == v.sort && i > 0 {
			return columns[i].head + "*"
		}
		return columns[i].head
	})
}

// cells is a row's line.
func (v *view) cells(shown widths, r row) string {
	return v.join(shown, func(i int) string { return columns[i].text(v, r) })
}

func (v *view) join(shown widths, text func(i int) string) string {
	var b strings.Builder
	for i, width := range shown {
		if width == 0 {
			continue
		}
		if i > 0 {
			b.WriteString(strings.Repeat(" ", gap))
		}
		cell := cut(admin.Printable(text(i)), width)
		space := strings.Repeat(" ", width-utf8.RuneCountInString(cell))
		if columns[i].left {
			b.WriteString(cell + space)
		} else {
			b.WriteString(space + cell)
		}
	}
	return cut(strings.TrimRight(b.String(), " "), v.width)
}

// cut shortens text to so many characters; 0 is no bound.
func cut(text string, width int) string {
	if width == 0 || utf8.RuneCountInString(text) <= width {
		return text
	}
	runes := []rune(text)
	return string(runes[:width-1]) + "…"
}

func name(_ *view, r row) string {
	if r.target != nil {
		return "  " + r.target.ID
	}
	return r.group.Name
}

func state(_ *view, r row) string {
	switch {
	case r.target != nil && r.target.Administrative == admin.ActionDrain:
		return "drain"
	case r.target != nil:
		return string(r.target.State)
	case !r.group.InUse:
		return "not in use"
	case r.group.FailOpen:
		return "fails open"
	}
	return ""
}

func outstanding(_ *view, r row) string {
	if r.target != nil {
		return fmt.Sprint(r.target.Outstanding)
	}
	return fmt.Sprint(r.group.Outstanding)
}

func connections(_ *view, r row) string {
	if r.target != nil {
		return fmt.Sprint(r.target.Connections)
	}
	return fmt.Sprint(r.group.Connections)
}

func weight(_ *view, r row) string {
	switch {
	case r.target == nil:
		return ""
	case r.target.Backup:
		return "backup"
	case r.target.WeightOverridden:
		return fmt.Sprintf("(%d)", r.target.Weight)
	}
	return fmt.Sprint(r.target.Weight)
}

func since(v *view, r row) string {
	if r.target == nil || r.target.Changed.IsZero() {
		return ""
	}
	return age(v.stats.Time.Sub(r.target.Changed))
}

func reason(_ *view, r row) string {
	switch {
	case r.target == nil:
		return r.group.Algorithm
	case r.target.Description != "":
		return r.target.Description
	case r.target.Mitigated:
		return "mitigated: more errors than its peers"
	case r.target.Anomalous:
		return "more errors than its peers"
	}
	return string(r.target.Reason)
}

// report is the window that is looked at.
func (v *view) report(r telemetry.Report) telemetry.Window {
	if len(r.Windows) == 0 {
		return telemetry.Window{}
	}
	return r.Windows[v.window%len(r.Windows)]
}

func (v *view) windowOf(r row) telemetry.Window {
	if r.target != nil {
		return v.report(r.target.Telemetry)
	}
	return v.report(r.group.Telemetry)
}

func rate(w telemetry.Window) float64       { return w.Rate }
func errorShare(w telemetry.Window) float64 { return 100 * w.ErrorShare }
func p50(w telemetry.Window) float64        { return w.P50 }
func p95(w telemetry.Window) float64        { return w.P95 }
func p99(w telemetry.Window) float64        { return w.P99 }
func sentRate(w telemetry.Window) float64   { return w.SentRate }

// inWindow shows a number of the window, and nothing where nothing was asked.
func inWindow(value func(telemetry.Window) float64) func(*view, row) string {
	return func(v *view, r row) string {
		w := v.windowOf(r)
		if w.Requests == 0 {
			return "-"
		}
		return number(value(w))
	}
}

// byWindow puts the highest first.
func byWindow(value func(telemetry.Window) float64) func(v *view, a, b row) int {
	return byNumber(func(v *view, r row) float64 { return value(v.windowOf(r)) })
}

func byNumber(value func(*view, row) float64) func(v *view, a, b row) int {
	return func(v *view, a, b row) int { return cmp.Compare(value(v, b), value(v, a)) }
}

func byText(text func(*view, row) string) func(v *view, a, b row) int {
	return func(v *view, a, b row) int { return strings.Compare(text(v, a), text(v, b)) }
}

// number shows a number in six characters at most.
func number(n float64) string {
	units := []string{"", "k", "M", "G", "T", "P"}
	unit := 0
	for n >= 9999.5 && unit < len(units)-1 {
		n, unit = n/1000, unit+1
	}
	switch {
	case n == 0:
		return "0"
	case n < 0.95:
		return strconv.FormatFloat(n, 'f', 2, 64) + units[unit]
	case n < 99.95:
		return strconv.FormatFloat(n, 'f', 1, 64) + units[unit]
	}
	return strconv.FormatFloat(n, 'f', 0, 64) + units[unit]
}
