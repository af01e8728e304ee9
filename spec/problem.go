package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong with an environment file, and where.
//
//nolint:errname // it is what a reader of the file has, and one of several
type Problem struct {
	// File is the file as it was named, or the base that it extends.
	File string
	// Line and Col count from 1; zero when the whole file is meant.
	Line, Col int
	// Path leads to the value: keys joined by dots, places in lists in brackets.
	Path string
	// What is wrong, in a few words.
	What string
	// Got is what the file says and Want what it may say; either can be empty.
	Got, Want string
}

// Error formats the problem as `file:line:col: path: what (got X, want Y)`.
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Col)
	}
	if p.File != "" {
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.What)
	switch {
	case p.Got != "" && p.Want != "":
		fmt.Fprintf(&b, " (got %s, want %s)", p.Got, p.Want)
	case p.Got != "":
		fmt.Fprintf(&b, " (got %s)", p.Got)
	case p.Want != "":
		fmt.Fprintf(&b, " (want %s)", p.Want)
	}
	return b.String()
}

// Problems is everything wrong with an environment file, in the order of its lines. It is
// the error of Load; errors.As finds it, and each Problem in it.
//
//nolint:errname // the same, all of them
type Problems []Problem

// Error lists the problems, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns each problem as an error of its own.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// sort brings the problems into the order of the lines: those of file first, then those of
// its base.
func (ps Problems) sort(file string) {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if a.File != b.File {
			switch file {
			case a.File:
				return -1
			case b.File:
				return 1
			}
		}
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.Path, b.Path))
	})
}

// position is a place in a file.
type position struct {
	file      string
	line, col int
}

// problem makes a Problem of what is at the position.
func (p position) problem(path, what, got, want string) Problem {
	return Problem{File: p.file, Line: p.line, Col: p.col, Path: path, What: what, Got: got, Want: want}
}
