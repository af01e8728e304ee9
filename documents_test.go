package evenkeel_test

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are the texts that people read, by path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, name := range tree(t) {
		if path.Ext(name) != ".md" {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	return texts
}

var (
	makeWord   = regexp.MustCompile("(?m)(?:^|`)(?:[A-Z0-9]+=\\S+ )?make ([a-z][a-z0-9-]*)")
	makeTarget = regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*):`)
	mdLink     = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)
	adrName    = regexp.MustCompile(`^(\d{4})-[a-z0-9]+(-[a-z0-9]+)+\.md$`)
)

// TestMakeCommandsExist holds documents and Makefile to each other.
func TestMakeCommandsExist(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, m := range makeTarget.FindAllStringSubmatch(string(makefile), -1) {
		targets[m[1]] = true
		if !regexp.MustCompile(`(?m)^` + m[1] + `:.*## \S`).Match(makefile) {
			t.Errorf("Makefile: %s has no `## ` that says what it is for", m[1])
		}
	}
	used := map[string]bool{}
	for name, text := range documents(t) {
		for _, m := range makeWord.FindAllStringSubmatch(text, -1) {
			used[m[1]] = true
			if !targets[m[1]] {
				t.Errorf("%s says `make %s`, which the Makefile does not have", name, m[1])
			}
		}
	}
	for _, must := range []string{"run", "test"} {
		if !used[must] {
			t.Errorf("no document tells of `make %s`", must)
		}
	}
}

// TestLinksLead follows every link inside the repository.
func TestLinksLead(t *testing.T) {
	for name, text := range documents(t) {
		for _, m := range mdLink.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], ":") {
				continue
			}
			if _, err := os.Stat(path.Join(path.Dir(name), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			}
		}
	}
}

// TestDecisionsAreNumbered wants decision records in one sequence and of one form.
func TestDecisionsAreNumbered(t *testing.T) {
	texts := documents(t)
	var names []string
	for name := range texts {
		if dir, base := path.Split(name); dir == "docs/adr/" && base != "README.md" {
			names = append(names, base)
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		t.Fatal("no decision records in docs/adr")
	}
	for i, name := range names {
		number := []byte("0000")
		for n, at := i+1, 3; n > 0; n, at = n/10, at-1 {
			number[at] += byte(n % 10)
		}
		m := adrName.FindStringSubmatch(name)
		if m == nil || m[1] != string(number) {
			t.Errorf("docs/adr/%s is not called %s-verb-noun.md", name, number)
		}
		text := texts["docs/adr/"+name]
		at := -1
		for _, section := range []string{"Status", "Context", "Positions", "Decision", "Consequences"} {
			next := strings.Index(text, "\n## "+section+"\n")
			if next <= at {
				t.Errorf("docs/adr/%s: section %s is missing or out of order", name, section)
				break
			}
			at = next
		}
	}
}

// TestAdmissionRunsTheSame wants the script that admits changes to run what people run.
func TestAdmissionRunsTheSame(t *testing.T) {
	text, err := os.ReadFile(".ci/run")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "\nmake lint test e2e\n") {
		t.Error(".ci/run does not run `make lint test e2e`")
	}
}
