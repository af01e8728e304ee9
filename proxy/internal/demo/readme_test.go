package demo_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/demo"
	"github.com/evenkeel/evenkeel/spec"
)

var update = flag.Bool("update", false, "write the tour into README.md")

// TestReadmeHasTheTour holds README.md to what `make run` prints.
func TestReadmeHasTheTour(t *testing.T) {
	const begin, end = "<!-- tour -->\n", "<!-- /tour -->\n"
	root := filepath.Join("..", "..", "..")
	env, err := spec.Load(filepath.Join(root, "environments", "local.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := demo.NewFleet(env, "1")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("```sh\n")
	for i, s := range demo.NewTour(env, fleet, "go run ./proxy", "environments/local.yaml").Steps {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString("# " + s.Title + "\n" + strings.Join(s.Commands, "\n") + "\n")
	}
	b.WriteString("```\n")

	name := filepath.Join(root, "README.md")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), begin)
	got, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatal("README.md has no place for the tour")
	}
	if got == b.String() {
		return
	}
	if *update {
		if err := os.WriteFile(name, []byte(head+begin+b.String()+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Error("README.md has another tour than `make run`: run go test ./proxy/internal/demo -update")
}
