package stacks_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/evenkeel/evenkeel/infra/template"
)

// TestTemplatesAreGolden holds what is synthesized to what was reviewed. A difference is
// told resource by resource, first of all what it would replace that holds state.
func TestTemplatesAreGolden(t *testing.T) {
	each(t, func(t *testing.T, s *synthesized) {
		dir := filepath.Join("../golden", s.name)
		var names []string
		for _, stack := range s.assembly.Stacks {
			names = append(names, stack.Name+".json")
			got, err := template.Normalize(stack.Raw)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, stack.Name+".json")
			if *update {
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Errorf("%v: run go test ./infra/stacks -update", err)
				continue
			}
			if bytes.Equal(got, want) {
				continue
			}
			changes, err := template.Diff(want, got)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range template.Replacements(changes) {
				t.Errorf("%s: REPLACES WHAT HOLDS STATE: %s", stack.Name, c)
			}
			for _, c := range changes {
				if !c.Replacement {
					t.Errorf("%s: %s", stack.Name, c)
				}
			}
			t.Errorf("%s is not what was reviewed: look at the differences, then run go test ./infra/stacks -update", file)
		}
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if slices.Contains(names, f.Name()) {
				continue
			}
			if *update {
				if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
					t.Fatal(err)
				}
				continue
			}
			t.Errorf("%s is of no stack any more: run go test ./infra/stacks -update", filepath.Join(dir, f.Name()))
		}
	})
}
