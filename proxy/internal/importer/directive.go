// Package importer is what moving in from another load balancer takes: the statements of
// its file with what became of each, and the draft of an environment file with the place
// that each value came from. Its subpackages read the files of nginx and HAProxy.
package importer

import (
	"fmt"
	"slices"
	"strings"
)

// Outcome is what became of a directive. The order is that of concern.
type Outcome int

// Outcomes of a directive.
const (
	// Unseen is none yet.
	Unseen Outcome = iota
	// NotNeeded directives say what is so without them, or what nothing here depends on.
	NotNeeded
	// Mapped directives have a key, or a default, with the same meaning.
	Mapped
	// Differs is mapped with a difference, which the note tells.
	Differs
	// NotMapped directives have no equivalent; the note says why and what to do.
	NotMapped
)

// String is the outcome's word in reports.
func (o Outcome) String() string {
	return [...]string{"unseen", "not needed", "mapped", "differs", "not mapped"}[o]
}

// Directive is one statement of the file that is imported.
type Directive struct {
	// File and Line are where it stands; the file as seen from that which is imported.
	File string
	Line int
	// Name is its keyword, and Args what follows.
	Name string
	Args []string
	// Block holds the directives inside; nil without a block.
	Block []*Directive
	// Shown is how reports show it. Empty: Name and Args.
	Shown string

	outcome Outcome
	keys    []string
	notes   []string
}

// At is the place of the directive, as file:line.
func (d *Directive) At() string { return fmt.Sprintf("%s:%d", d.File, d.Line) }

// Arg is the i-th argument, or empty.
func (d *Directive) Arg(i int) string {
	if i < len(d.Args) {
		return d.Args[i]
	}
	return ""
}

// maxShown bounds how much of a directive a report shows, in bytes.
const maxShown = 100

// String is the directive on one line, cut off where it is long.
func (d *Directive) String() string {
	s := d.Shown
	if s == "" {
		s = strings.Join(append([]string{d.Name}, d.Args...), " ")
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + " …"
	}
	return s
}

// Outcome is what became of the directive so far.
func (d *Directive) Outcome() Outcome { return d.outcome }

// Keys are those of the environment file that say the same.
func (d *Directive) Keys() []string { return d.keys }

// Note is what differs, why there is no equivalent or why none is needed, and what to do.
func (d *Directive) Note() string { return strings.Join(d.notes, "; ") }

// mark records an outcome. A directive that holds in several places has the gravest of all.
func (d *Directive) mark(o Outcome, key, note string) {
	d.outcome = max(d.outcome, o)
	if key != "" && !slices.Contains(d.keys, key) {
		d.keys = append(d.keys, key)
	}
	if note != "" && !slices.Contains(d.notes, note) {
		d.notes = append(d.notes, note)
	}
}

// Maps records that key says the same.
func (d *Directive) Maps(key string) { d.mark(Mapped, key, "") }

// MapsBy records that key says the same, and how.
func (d *Directive) MapsBy(key, how string) { d.mark(Mapped, key, how) }

// Differs records that key says nearly the same, and in what it does not.
func (d *Directive) Differs(key, what string) { d.mark(Differs, key, what) }

// NotNeeded records why nothing has to be said.
func (d *Directive) NotNeeded(why string) { d.mark(NotNeeded, "", why) }

// NotMapped records why there is no equivalent and what to do.
func (d *Directive) NotMapped(why string) { d.mark(NotMapped, "", why) }

// Walk calls f once for each of the directives and of those inside them, in the order of the
// file. What a file includes twice is one directive in two places.
func Walk(list []*Directive, f func(*Directive)) {
	seen := map[*Directive]bool{}
	var walk func([]*Directive)
	walk = func(list []*Directive) {
		for _, d := range list {
			if seen[d] {
				continue
			}
			seen[d] = true
			f(d)
			walk(d.Block)
		}
	}
	walk(list)
}

// SyntaxError is what keeps a file from being read.
type SyntaxError struct {
	File string
	Line int
	What string
}

// Error is file:line: what.
func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.What)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.What)
}
