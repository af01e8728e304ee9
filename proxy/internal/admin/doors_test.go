package admin_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
)

// TestDoorsAreDocumented holds the list of doors in the reference to those that are there.
func TestDoorsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/reference/admin.md")
	if err != nil {
		t.Fatal(err)
	}
	h := admin.New(admin.Options{Listen: "127.0.0.1:8404", Source: &process{}, Metrics: http.NotFoundHandler()}).Handler()
	told := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(GET|POST) (/\\S*)` \\|").FindAllStringSubmatch(string(text), -1) {
		told[m[2]] = true
		if m[2] == "/metrics" || m[2] == "/stats/events" { // a source's own, and without an end
			continue
		}
		if got := ask(t, h, m[1], m[2]); got.Code == http.StatusNotFound || got.Code == http.StatusMethodNotAllowed {
			t.Errorf("%s %s: %d", m[1], m[2], got.Code)
		}
	}
	source, err := os.ReadFile("server.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`mux\.Handle(?:Func)?\("(?:GET|POST) (/[^"]*)",`).FindAllStringSubmatch(string(source), -1) {
		door := strings.TrimSuffix(m[1], "{$}")
		if !told[door] && door != "/stats/page.css" {
			t.Errorf("the reference does not tell of %s", door)
		}
	}
	if len(told) < 10 {
		t.Errorf("the reference tells of %d doors", len(told))
	}
}
