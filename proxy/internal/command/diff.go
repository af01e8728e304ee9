package command

import (
	"cmp"
	"fmt"

	"github.com/evenkeel/evenkeel/spec"
)

type diffCommand struct {
	A string `arg:"" help:"An environment file."`
	B string `arg:"" help:"The one to compare it with."`
}

// Help is what `evenkeel diff --help` adds.
func (diffCommand) Help() string {
	return `Each difference is a line, path: value of A -> value of B. Exit status: 0 when the two are the
same in effect, 1 when they differ, 2 when one cannot be read or has errors.`
}

// nothing stands for a value that only the other environment has. Values are YAML, in which
// a string like it would have quotes.
const nothing = "(nothing)"

// Run prints the differences in effect.
func (c diffCommand) Run(s *streams) error {
	a, problems, _ := spec.Check(c.A)
	b, more, _ := spec.Check(c.B)
	if problems = append(problems, more...); len(problems) > 0 {
		return &exitError{exitTrouble, problems}
	}
	differences := spec.Diff(a, b)
	for _, d := range differences {
		fmt.Fprintf(s.out, "%s: %s -> %s\n", d.Path, cmp.Or(d.A, nothing), cmp.Or(d.B, nothing))
	}
	if len(differences) > 0 {
		return &exitError{status: exitNo}
	}
	return nil
}
