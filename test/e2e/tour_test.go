//go:build e2e

package e2e_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/test/harness"
)

// step is one thing to try, as the demo prints it.
type step struct {
	title    string
	commands []string
}

// printedTour reads what the demo has printed.
func printedTour(out string) []step {
	var list []step
	for line := range strings.Lines(out) {
		text, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "  ")
		switch title, isTitle := strings.CutPrefix(text, "# "); {
		case !ok || text == "":
		case isTitle:
			list = append(list, step{title: title})
		case len(list) > 0:
			last := &list[len(list)-1]
			last.commands = append(last.commands, text)
		}
	}
	return list
}

// tourShows says by a step's title what its commands print in all, one pattern for each
// thing; they stand in any order.
var tourShows = map[string][]string{
	"Requests go round":                                     {`^(?:web-[123] answers, request \d+\n){6}$`, "web-1 ", "web-2 ", "web-3 "},
	"A cookie binds a client to one target":                 {`^(?:web-1 [^\n]*\n){4}$|^(?:web-2 [^\n]*\n){4}$|^(?:web-3 [^\n]*\n){4}$`},
	"A redirect":                                            {"^HTTP/1.1 301 Moved Permanently\r\n", `\r\nLocation: http://localhost:8080/new/old/page\?q=1\r\n`, "\r\nContent-Length: 134\r\n"},
	"A fixed response":                                      {"^HTTP/1.1 200 OK\r\n", "\r\n\r\nshort and stout\n$"},
	"The target hangs up: 502":                              {"^HTTP/1.1 502 Bad Gateway\r\n", "\r\nServer: awselb/2.0\r\n", "\r\nContent-Length: 122\r\n"},
	"A target group without targets: 503":                   {"^HTTP/1.1 503 Service Temporarily Unavailable\r\n", "\r\nServer: awselb/2.0\r\n", "\r\nContent-Length: 162\r\n"},
	"A target that takes longer than the idle timeout: 504": {"^HTTP/1.1 504 Gateway Time-out\r\n", "\r\nServer: awselb/2.0\r\n", "\r\nContent-Length: 132\r\n"},
	"TLS and HTTP/2, with a certificate that nobody trusts": {"^HTTP/2 200", "strict-transport-security: max-age=31536000", "web-[123] answers"},
	"Events as they come":                                   {`(?s)id: 1\n.*id: 5\n`},
	"A target fails its health checks, leaves, and comes back with a slow start": {`web-1 fails its health checks until POST /mend`, `web-1 passes its health checks`, `(?m)^web\s+web-1\b.*\bunhealthy\b`},
	"A target is gone for half a minute":                                         {`web-3 is gone for 30 s`, `(?m)^web\s+web-3\b`},
	"Metrics, by CloudWatch's names":                                             {`(?m)^alb_request_count\w*\{[^}]*\} \d`},
	"What is in effect":                                                          {`(?m)^app: demo$`, `(?m)^\s+idle_timeout: 10s$`},
}

// walkTour carries out every step that the demo has printed, as a reader would, and holds
// it to what the step's title promises.
func walkTour(t *testing.T, p *harness.Process) {
	t.Helper()
	dir := t.TempDir()
	steps := printedTour(p.Output())
	if len(steps) != len(tourShows) {
		t.Errorf("the demo prints %d steps, here are %d", len(steps), len(tourShows))
	}
	for _, s := range steps {
		t.Run(s.title, func(t *testing.T) {
			patterns, known := tourShows[s.title]
			if !known {
				t.Fatalf("a step that is not known here: %q", s.commands)
			}
			out := ""
			for _, c := range s.commands {
				out += shell(t, dir, c)
				if strings.HasSuffix(c, "/break") {
					waitDemo(t, "web-1", "unhealthy", 15*time.Second)
				}
			}
			for _, pattern := range patterns {
				if !regexp.MustCompile(pattern).MatchString(out) {
					t.Errorf("nothing matches %q in\n%s", pattern, out)
				}
			}
		})
	}
}

// shell runs a command line as the reader's shell does, with the program on its path.
func shell(t *testing.T, dir, line string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, "sh", "-c", line)
	c.Dir = dir
	c.Env = append(os.Environ(), "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"))
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v", line, err)
	}
	return string(out)
}

// waitDemo waits until a target of the group web is in a state.
func waitDemo(t *testing.T, target, state string, most time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(most); demoState(t, target) != state; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s is %s, not %s, after %v", target, demoState(t, target), state, most)
		}
	}
}
