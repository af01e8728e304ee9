package importer_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
)

// root is the repository.
const root = "../../.."

// reference is what users read of all this.
const reference = root + "/docs/reference/from-nginx-and-haproxy.md"

// TestReference writes the reference: what becomes of every directive of the examples, with what
// proves it, and of all others that are known.
func TestReference(t *testing.T) {
	text, err := os.ReadFile("testdata/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	proofs := readProofs(t)
	places := findTests(t)
	for _, p := range programs {
		rows := p.rows(t)
		named := map[string]bool{}
		var b strings.Builder
		b.WriteString("| Directive | Becomes | What differs, why, or how | Proof |\n| --- | --- | --- | --- |\n")
		for _, r := range rows {
			named[r.name] = true
			list, ok := proofs[p.name][r.name]
			if !ok {
				if r.outcome != importer.NotNeeded {
					t.Errorf("testdata/proofs.txt: nothing proves %s's %s, which is %s", p.name, r.name, r.outcome)
				}
				list = proofs[p.name][""]
			}
			var links []string
			for _, proof := range list {
				place, ok := places[proof]
				if !ok {
					t.Errorf("testdata/proofs.txt: %s %s: there is no test or conformance case %s", p.name, r.name, proof)
				}
				links = append(links, fmt.Sprintf("[%s](%s)", proof, place))
			}
			fmt.Fprintf(&b, "| %s |\n", strings.Join([]string{code(r.name), becomes(r.outcome, r.keys), cell(strings.Join(r.notes, "; ")), strings.Join(links, ", ")}, " | "))
		}
		for name := range proofs[p.name] {
			if name != "" && !named[name] {
				t.Errorf("testdata/proofs.txt: %s's example has no %s", p.name, name)
			}
		}
		text = bytes.Replace(text, []byte("%"+p.name+" example%\n"), []byte(b.String()), 1)
		text = bytes.Replace(text, []byte("%"+p.name+" others%\n"), []byte(p.others(named)), 1)
	}
	golden(t, reference, text)
}

// row is a directive of an example, with what became of it in all places.
type row struct {
	name    string
	outcome importer.Outcome
	keys    []string
	notes   []string
}

// rows are the directives of the example by name, in the order of the file.
func (p program) rows(t *testing.T) []*row {
	t.Helper()
	var list []*row
	byName := map[string]*row{}
	importer.Walk(p.draft(t, p.example).Directives, func(d *importer.Directive) {
		name := d.Name
		if name == "server" && d.Block != nil {
			name = "server {}"
		}
		r := byName[name]
		if r == nil {
			r = &row{name: name}
			byName[name] = r
			list = append(list, r)
		}
		r.outcome = max(r.outcome, d.Outcome())
		for _, k := range d.Keys() {
			for one := range strings.SplitSeq(k, ", ") {
				if !slices.Contains(r.keys, one) {
					r.keys = append(r.keys, one)
				}
			}
		}
		if note := d.Note(); note != "" && !slices.Contains(r.notes, note) {
			r.notes = append(r.notes, note)
		}
	})
	return list
}

// others is a table of what the program's table knows and its example has not.
func (p program) others(named map[string]bool) string {
	var b strings.Builder
	b.WriteString("| Directive | Becomes | What differs, why, or how |\n| --- | --- | --- |\n")
	table := p.table()
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if e := table[name]; !named[name] {
			var keys []string
			if e.Key != "" {
				keys = strings.Split(e.Key, ", ")
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", code(name), becomes(e.Usually, keys), cell(e.Note))
		}
	}
	return b.String()
}

func code(s string) string { return "`" + s + "`" }

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func becomes(o importer.Outcome, keys []string) string {
	if len(keys) == 0 {
		return o.String()
	}
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = code(k)
	}
	if o == importer.Mapped {
		return strings.Join(list, ", ")
	}
	return o.String() + ": " + strings.Join(list, ", ")
}

// readProofs are the proofs by program and directive; by no directive for all others.
func readProofs(t *testing.T) map[string]map[string][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/proofs.txt")
	if err != nil {
		t.Fatal(err)
	}
	proofs := map[string]map[string][]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		of, list, _ := strings.Cut(line, ": ")
		name, directive, _ := strings.Cut(of, " ")
		if proofs[name] == nil {
			proofs[name] = map[string][]string{}
		}
		if proofs[name][directive] != nil {
			t.Errorf("testdata/proofs.txt has %q twice", of)
		}
		proofs[name][directive] = strings.Split(list, ", ")
	}
	return proofs
}

var (
	testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	subtest      = regexp.MustCompile(`t\.Run\("([^"]+)"`)
	caseName     = regexp.MustCompile(`(?m)^  - name: ([\w-]+)$`)
)

// findTests are all tests by name, with those that they run by a name of their own, and all
// conformance cases as feature/name, with where the reference finds them.
func findTests(t *testing.T) map[string]string {
	t.Helper()
	places := map[string]string{}
	for _, folder := range []string{"proxy", "test", "spec"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(file, "_test.go") {
				return err
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			place := "../../" + filepath.ToSlash(strings.TrimPrefix(file, root+"/"))
			found := testFunction.FindAllSubmatchIndex(text, -1)
			for i, m := range found {
				end := len(text)
				if i+1 < len(found) {
					end = found[i+1][0]
				}
				name := string(text[m[2]:m[3]])
				places[name] = place
				for _, sub := range subtest.FindAllSubmatch(text[m[0]:end], -1) {
					places[name+"/"+strings.ReplaceAll(string(sub[1]), " ", "_")] = place
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(root + "/test/conformance/cases/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conformance cases: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		feature := filepath.Base(filepath.Dir(file))
		for _, m := range caseName.FindAllSubmatch(text, -1) {
			places[feature+"/"+string(m[1])] = "conformance.md#" + feature
		}
	}
	return places
}
