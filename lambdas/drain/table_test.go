package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// failures is how many failures a drain has to survive.
const failures = 20

var (
	numbered  = regexp.MustCompile(`(?m)^\| (\d+) \|.*$`)
	testNamed = regexp.MustCompile("`(Test(?:Failure|Defect)[A-Za-z0-9]+)`")
)

// TestTableIsOfTheTests holds docs/reference/drain-failures.md to the tests and the tests to it.
func TestTableIsOfTheTests(t *testing.T) {
	text, err := os.ReadFile("../../docs/reference/drain-failures.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, m := range testNamed.FindAllStringSubmatch(string(text), -1) {
		if named[m[1]] {
			t.Errorf("the page names %s twice", m[1])
		}
		named[m[1]] = true
	}
	var numbers []string
	for _, m := range numbered.FindAllStringSubmatch(string(text), -1) {
		numbers = append(numbers, m[1])
		prefix := fmt.Sprintf("`TestFailure%02s", m[1])
		if !strings.Contains(m[0], prefix) {
			t.Errorf("failure %s has no test", m[1])
		}
		if strings.Count(m[0], "`TestFailure") != strings.Count(m[0], prefix) {
			t.Errorf("failure %s has a test of another", m[1])
		}
	}
	var want []string
	for n := range failures {
		want = append(want, fmt.Sprint(n+1))
	}
	if !slices.Equal(numbers, want) {
		t.Errorf("the page has failures %v, want %v", numbers, want)
	}
	if tests := testNames(t); !maps.Equal(named, tests) {
		for name := range tests {
			if !named[name] {
				t.Errorf("the page does not name %s", name)
			}
		}
		for name := range named {
			if !tests[name] {
				t.Errorf("the page names %s, which there is not", name)
			}
		}
	}
}

// testNames are those of the tests that the page is about.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && testNamed.MatchString("`"+f.Name.Name+"`") {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}
