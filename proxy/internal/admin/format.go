package admin

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// FormatStatus writes s for people: what runs, its listeners, and one row for each target.
func FormatStatus(w io.Writer, s Status) error {
	var out bytes.Buffer
	fmt.Fprintf(&out, "evenkeel %s, environment %s, since %s\n",
		Printable(cmp.Or(s.Version, "?")), Printable(cmp.Or(s.Environment, "?")), s.Started.UTC().Format(time.RFC3339))
	if s.Draining {
		out.WriteString("shutting down: no new connections, requests in progress are finished\n")
	}
	formatReloads(&out, s.Reloads)

	t := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	out.WriteByte('\n')
	row(t, "LISTENER", "PROTOCOL", "PORT", "ADDRESS")
	for _, l := range s.Listeners {
		row(t, l.Name, l.Protocol, fmt.Sprint(l.Port), l.Address)
	}
	_ = t.Flush() // a bytes.Buffer takes everything

	out.WriteByte('\n')
	row(t, "TARGET GROUP", "TARGET", "ADDRESS", "ZONE", "STATE", "REASON", "OUTSTANDING", "REQUESTS")
	for _, g := range s.TargetGroups {
		name := g.Name
		if g.FailOpen {
			name += " (fails open)"
		}
		if len(g.Targets) == 0 {
			row(t, name, "", "", "", "", "", "", "")
		}
		for _, target := range g.Targets {
			row(t, name, target.ID, target.Address, target.Zone, state(target), reason(target),
				fmt.Sprint(target.Outstanding), fmt.Sprint(target.Requests))
		}
	}
	_ = t.Flush()
	formatDiscovery(&out, s.TargetGroups)
	_, err := w.Write(out.Bytes())
	return err
}

// formatDiscovery tells of groups whose targets cannot be looked up now.
func formatDiscovery(out *bytes.Buffer, groups []TargetGroup) {
	for _, g := range groups {
		d := g.Discovery
		if d == nil || d.Error == "" {
			continue
		}
		since := "none was found yet"
		if !d.Answered.IsZero() {
			since = "those of " + d.Answered.UTC().Format(time.RFC3339) + " stay"
		}
		fmt.Fprintf(out, "\n%s: targets of %s cannot be looked up, %s: %s\n", Printable(g.Name), Printable(d.DNS), since, Printable(d.Error))
	}
}

func formatReloads(out *bytes.Buffer, r Reloads) {
	if r.LastTime.IsZero() {
		return
	}
	fmt.Fprintf(out, "reloaded %d times, last tried %s\n", r.Count, r.LastTime.UTC().Format(time.RFC3339))
	if r.LastError == "" {
		return
	}
	out.WriteString("the last reload was refused:\n")
	for line := range strings.Lines(r.LastError) {
		fmt.Fprintf(out, "  %s\n", Printable(strings.TrimRight(line, "\n")))
	}
}

// state is the target's state, and what an operator wants of it, if that is something else.
func state(t Target) string {
	if t.Administrative == "" || t.Administrative == ActionReady {
		return string(t.State)
	}
	return fmt.Sprintf("%s (%s)", t.State, t.Administrative)
}

// reason is the reason code with its description.
func reason(t Target) string {
	switch {
	case t.Description == "":
		return string(t.Reason)
	case t.Reason == "":
		return t.Description
	}
	return fmt.Sprintf("%s: %s", t.Reason, t.Description)
}

// row writes one line of a table; an empty cell is a dash.
func row(t *tabwriter.Writer, cells ...string) {
	for i, cell := range cells {
		if i > 0 {
			fmt.Fprint(t, "\t")
		}
		fmt.Fprint(t, Printable(cmp.Or(cell, "-")))
	}
	fmt.Fprint(t, "\n")
}

// Printable replaces what a terminal might act on.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// printableLines does so for a text of several lines.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = Printable(lines[i])
	}
	return strings.Join(lines, "\n")
}
