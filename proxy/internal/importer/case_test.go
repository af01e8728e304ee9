package importer_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/proxy/internal/importer/haproxy"
	"github.com/evenkeel/evenkeel/proxy/internal/importer/nginx"
	"github.com/evenkeel/evenkeel/spec"
)

var update = flag.Bool("update", false, "write what comes out in place of what should")

// program is one whose configurations are imported.
type program struct {
	name, ending string
	parse        func(file string) ([]*importer.Directive, error)
	convert      func(list []*importer.Directive) *importer.Draft
	table        func() importer.Table
	example      string
}

var programs = []program{
	{"nginx", ".conf", nginx.Parse, nginx.Convert, nginx.Table, "../../../test/import/nginx.conf"},
	{"haproxy", ".cfg", haproxy.Parse, haproxy.Convert, haproxy.Table, "../../../test/import/haproxy.cfg"},
}

// inputs are the program's cases and its full example.
func (p program) inputs(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", p.name, "*"+p.ending))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases of %s: %v", p.name, err)
	}
	return append(files, p.example)
}

func (p program) draft(t *testing.T, file string) *importer.Draft {
	t.Helper()
	list, err := p.parse(file)
	if err != nil {
		t.Fatal(err)
	}
	return p.convert(list)
}

// TestCases imports every case and holds environment file and report to those beside it,
// which -update writes.
func TestCases(t *testing.T) {
	for _, p := range programs {
		for _, file := range p.inputs(t) {
			t.Run(p.name+"/"+filepath.Base(file), func(t *testing.T) {
				d := p.draft(t, file)
				var text, report bytes.Buffer
				if err := d.Write(&text, filepath.Base(file)); err != nil {
					t.Fatal(err)
				}
				if err := d.Report(&report); err != nil {
					t.Fatal(err)
				}
				golden(t, strings.TrimSuffix(file, p.ending)+"."+p.name+".yaml", text.Bytes())
				golden(t, strings.TrimSuffix(file, p.ending)+"."+p.name+".report", report.Bytes())
			})
		}
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; go test -update writes it):\n%s", file, diff)
	}
}

// TestEveryDirectiveIsToldOnce: each statement has one outcome, and those that need a reason
// have one.
func TestEveryDirectiveIsToldOnce(t *testing.T) {
	for _, p := range programs {
		for _, file := range p.inputs(t) {
			d := p.draft(t, file)
			var report bytes.Buffer
			if err := d.Report(&report); err != nil {
				t.Fatal(err)
			}
			n := 0
			importer.Walk(d.Directives, func(dir *importer.Directive) {
				n++
				if dir.Outcome() == importer.Unseen {
					t.Errorf("%s: %s: %s has no outcome", file, dir.At(), dir)
				}
				if dir.Outcome() == importer.Mapped && len(dir.Keys()) == 0 && dir.Note() == "" {
					t.Errorf("%s: %s: %s is mapped to nothing", file, dir.At(), dir)
				}
				if dir.Outcome() != importer.Mapped && dir.Note() == "" {
					t.Errorf("%s: %s: %s is %s without a reason", file, dir.At(), dir, dir.Outcome())
				}
			})
			if lines := strings.Count(report.String(), "\n"); lines != n+1 {
				t.Errorf("%s: the report has %d lines, want one for each of %d directives and a sum", file, lines, n)
			}
		}
	}
}

// TestExamplesLoseNothing: no directive of the full examples is without an equivalent.
func TestExamplesLoseNothing(t *testing.T) {
	for _, p := range programs {
		importer.Walk(p.draft(t, p.example).Directives, func(d *importer.Directive) {
			if d.Outcome() == importer.NotMapped {
				t.Errorf("%s: %s is not mapped: %s", d.At(), d, d.Note())
			}
		})
	}
}

// TestWhatIsMadeIsValid loads every environment file that was made.
func TestWhatIsMadeIsValid(t *testing.T) {
	for _, p := range programs {
		for _, file := range p.inputs(t) {
			d := p.draft(t, file)
			for _, problem := range d.Check() {
				t.Errorf("%s: %v", file, problem)
			}
			var text bytes.Buffer
			if err := d.Write(&text, filepath.Base(file)); err != nil {
				t.Fatal(err)
			}
			made := filepath.Join(t.TempDir(), "made.yaml")
			if err := os.WriteFile(made, text.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			loaded, err := spec.Load(made)
			if err != nil {
				t.Errorf("%s: %v\n%s", file, err, text.String())
				continue
			}
			// What was written is what was meant: nothing is lost on the way through YAML.
			env, _ := d.Environment()
			if got, want := len(loaded.TargetGroups), len(env.TargetGroups); got != want {
				t.Errorf("%s: %d target groups, want %d", file, got, want)
			}
			for i := range loaded.TargetGroups {
				want := env.TargetGroups[i]
				want.Complete()
				if diff := cmp.Diff(want, loaded.TargetGroups[i]); diff != "" {
					t.Errorf("%s: target group %s (-meant +loaded):\n%s", file, want.Name, diff)
				}
			}
		}
	}
}
