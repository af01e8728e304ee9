package conformance_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

const reportFile = "../../docs/reference/conformance.md"

// report compares docs/reference/conformance.md with the cases, or writes it.
func (s *suite) report(t *testing.T, r *results) {
	text := s.render(r)
	if *update {
		if len(r.passed) == 0 {
			t.Fatal("no case has run")
		}
		if err := os.WriteFile(reportFile, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	old, err := os.ReadFile(reportFile)
	if err != nil || withoutResults(string(old)) != withoutResults(text) {
		t.Errorf("%s is not of these cases (%v): run go test ./test/conformance -update", reportFile, err)
	}
}

// withoutResults takes out what a run of some of the cases leaves open.
func withoutResults(text string) string {
	text = regexp.MustCompile(`\(<!--passed-->\d+ of them pass\)`).ReplaceAllString(text, "")
	return regexp.MustCompile(`(?m)^(\| \[[^|]*\| \d+ \|) \d+ \|`).ReplaceAllString(text, "$1 |")
}

func (s *suite) render(r *results) string {
	var b, details strings.Builder
	all, passed := 0, 0
	var rows strings.Builder
	for _, f := range s.features {
		ok := 0
		var differs []string
		details.WriteString("\n## " + f.name + "\n")
		for _, file := range f.files {
			fmt.Fprintf(&details, "\n### %s\n\n[cases/%s](../../test/conformance/cases/%s)\n\n", file.Title, file.path, file.path)
			for _, c := range file.Cases {
				if r.passed[c] {
					ok++
				}
				fmt.Fprintf(&details, "- `%s` %s", c.Name, c.Proves)
				for i, source := range c.Source {
					fmt.Fprintf(&details, "%s[%s](%s)", map[bool]string{true: " (", false: ", "}[i == 0], source, s.url(source))
				}
				details.WriteString(")")
				if c.Differs != 0 {
					fmt.Fprintf(&details, " **Differs from an ALB on purpose: %s.**", s.decision(c.Differs))
					differs = append(differs, s.decision(c.Differs))
				}
				details.WriteString("\n")
			}
		}
		n := len(f.cases())
		all, passed = all+n, passed+ok
		fmt.Fprintf(&rows, "| [%s](#%s) | %d | %d | %s |\n", f.name, f.name, n, ok, counted(differs))
	}
	b.WriteString("# Conformance\n\n" +
		"<!-- Made from test/conformance/cases by `go test ./test/conformance -update`. -->\n\n")
	fmt.Fprintf(&b, "What an Application Load Balancer does, as %d cases (<!--passed-->%d of them pass), each run against the real\n"+
		"program with clients and targets that say every byte. [How a case is written](../../test/conformance/README.md).\n\n",
		all, passed)
	b.WriteString("| feature | cases | passed | different on purpose |\n|---|---|---|---|\n" + rows.String() + details.String())
	return b.String()
}

func (s *suite) decision(n int) string {
	return fmt.Sprintf("[ADR %d](../adr/%s)", n, s.decisions[n])
}

// counted lists what stands several times once, with how often.
func counted(list []string) string {
	var order []string
	n := map[string]int{}
	for _, e := range list {
		if n[e] == 0 {
			order = append(order, e)
		}
		n[e]++
	}
	for i, e := range order {
		order[i] = fmt.Sprintf("%d (%s)", n[e], e)
	}
	return strings.Join(order, ", ")
}
