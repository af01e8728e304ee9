//go:build e2e

package e2e_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/evenkeel/evenkeel/test/harness"
)

// The ports of environments/local.yaml.
const (
	demoPlain  = "http://localhost:8080"
	demoSecure = "https://localhost:8443"
	demoAdmin  = "127.0.0.1:8404"
)

// startDemo runs what `make run` runs, in a home of its own. Its ports are fixed.
func startDemo(t *testing.T) (p *harness.Process, home string) {
	t.Helper()
	for _, port := range []int{8080, 8443, 8404, 8101, 8102, 8103} {
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			t.Fatalf("the demo needs port %d, which another program on this machine has: %v", port, err)
		}
		_ = l.Close()
	}
	home = t.TempDir()
	p = harness.Start(t, tool(t, "env", "coreutils"), "HOME="+home, "XDG_CACHE_HOME="+home, program, "demo")
	p.Until("three healthy targets", func() bool {
		out, _ := evenkeel(t, "status")
		return strings.Count(out, "healthy") >= 7 && strings.Contains(p.Output(), "Ctrl-C drains")
	})
	return p, home
}

// evenkeel runs the program and returns what it wrote and its exit status.
func evenkeel(t *testing.T, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("evenkeel %s: %v", strings.Join(args, " "), err)
	}
	if exit != nil {
		return string(out), exit.ExitCode()
	}
	return string(out), 0
}

// curl asks with curl, as the tour does.
func curl(t *testing.T, args ...string) string {
	t.Helper()
	out, _ := command(t, "curl", "curl", append([]string{"-s", "--max-time", "25"}, args...)...)
	return out
}

// TestDemo walks the tour that `make run` prints.
func TestDemo(t *testing.T) {
	p, home := startDemo(t)

	t.Run("tour", func(t *testing.T) { walkTour(t, p) })
	t.Run("WebSocket", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		c, _, err := websocket.Dial(ctx, "ws://localhost:8080/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		if err := c.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		for {
			_, message, err := c.Read(ctx)
			if err != nil {
				t.Fatalf("no echo: %v", err)
			}
			if strings.Contains(string(message), "hello") {
				return
			}
		}
	})
	// The tour has sent web-3 away for half a minute; of checks every 5 s two must fail, and
	// two must succeed after that.
	t.Run("a target leaves and comes back", func(t *testing.T) {
		waitDemo(t, "web-3", "unhealthy", 15*time.Second)
		for range 6 {
			if got := curl(t, demoPlain+"/"); strings.Contains(got, "web-3") || !strings.Contains(got, "web-") {
				t.Errorf("an unhealthy target answers: %q", got)
			}
		}
		waitDemo(t, "web-1", "healthy", 15*time.Second)
		waitDemo(t, "web-3", "healthy", 45*time.Second)
		p.Until("web-3 answering again", func() bool { return strings.Contains(curl(t, demoPlain+"/"), "web-3") })
	})
	t.Run("questions to the process", func(t *testing.T) {
		for _, c := range []struct {
			args string
			want string
		}{
			{"health", ""},
			{"health --ready", ""},
			{"status", "web-canary"},
			{"status --json", `"target_groups"`},
			{"top", "web-canary"},
			{"reload", "reloaded"},
		} {
			if out, status := evenkeel(t, strings.Fields(c.args)...); status != 0 || !strings.Contains(out, c.want) {
				t.Errorf("evenkeel %s: exit status %d, want 0 with %q in\n%s", c.args, status, c.want, out)
			}
		}
	})
	t.Run("a changed file is reloaded", func(t *testing.T) {
		file := filepath.Join(home, "evenkeel", "demo", "local.yaml")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "short and stout", "tall and thin")), 0o600); err != nil {
			t.Fatal(err)
		}
		p.Until("reloaded", func() bool { return strings.Contains(curl(t, demoPlain+"/teapot"), "tall and thin") })
		if err := os.WriteFile(file, append(text, "\nnonsense: 1\n"...), 0o600); err != nil {
			t.Fatal(err)
		}
		out, status := evenkeel(t, "reload")
		if status != 1 || !strings.Contains(out, "nonsense") {
			t.Errorf("reload of a broken file: exit status %d\n%s", status, out)
		}
		if got := curl(t, demoPlain+"/teapot"); !strings.Contains(got, "tall and thin") {
			t.Errorf("a broken file changed something: %q", got)
		}
	})
	t.Run("port in use", func(t *testing.T) {
		out, status := evenkeel(t, "demo")
		if status != 1 || !strings.Contains(out, "127.0.0.1:8101 is in use") || !strings.Contains(out, "change target_groups[0].targets[0].port in ") {
			t.Errorf("a second demo: exit status %d\n%s", status, out)
		}
		for port, key := range map[string]string{"8080": "proxy.bind.http", "8443": "proxy.bind.https", "8404": "proxy.admin.listen"} {
			out, status := evenkeel(t, "demo", "--only-proxy", "--file", onlyTaken(t, home, port))
			if status != 1 || !strings.Contains(out, "127.0.0.1:"+port+" is in use") || !strings.Contains(out, "change "+key+" in ") {
				t.Errorf("a second demo on %s: exit status %d\n%s", port, status, out)
			}
		}
	})
	t.Run("Ctrl-C drains", func(t *testing.T) {
		slow := make(chan string, 1)
		go func() { slow <- curl(t, demoPlain+"/slow?s=2") }()
		p.Until("a request in flight", func() bool { return outstanding(t) > 0 })
		p.Signal(syscall.SIGINT)
		if got := <-slow; !strings.Contains(got, "web-") {
			t.Errorf("the request in flight was answered with %q", got)
		}
		if err := p.Wait(); err != nil {
			t.Errorf("ended with %v", err)
		}
	})
}

// onlyTaken writes the demo's environment with other ports, but for one of the demo's, into
// the folder where the demo has it.
func onlyTaken(t *testing.T, home, taken string) string {
	t.Helper()
	dir := filepath.Join(home, "evenkeel", "demo")
	text, err := os.ReadFile(filepath.Join(dir, "local.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	other := strings.TrimSuffix(string(text), "\nnonsense: 1\n")
	for _, port := range []string{"8080", "8443", "8404"} {
		if port != taken {
			other = strings.ReplaceAll(other, "127.0.0.1:"+port, harness.FreeAddress(t))
		}
	}
	file := filepath.Join(dir, "taken-"+taken+".yaml")
	if err := os.WriteFile(file, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// demoState is what `evenkeel status` says of a target of the group web.
func demoState(t *testing.T, target string) string {
	t.Helper()
	out, _ := evenkeel(t, "status")
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) > 4 && f[0] == "web" && f[1] == target {
			return f[4]
		}
	}
	return ""
}

// outstanding counts requests in progress.
func outstanding(t *testing.T) int {
	t.Helper()
	answer, err := http.Get("http://" + demoAdmin + "/status")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	sum := 0
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		var n int
		if _, err := fmt.Sscanf(strings.TrimSpace(lines.Text()), `"outstanding": %d`, &n); err == nil {
			sum += n
		}
	}
	return sum
}

// TestCommands has every other subcommand answer yes and no.
func TestCommands(t *testing.T) {
	dir := t.TempDir()
	good, bad, other := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml"), filepath.Join(dir, "other.yaml")
	text := "app: one\nload_balancer:\n  listeners:\n    - {name: http, port: 80, protocol: HTTP, default_action: {fixed_response: {status_code: 200}}}\n"
	for file, content := range map[string]string{
		good: text, bad: text + "nonsense: 1\nwaf: {managed: [nothing]}\n", other: strings.ReplaceAll(text, "200", "404"),
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	nobody := "--admin=" + harness.FreeAddress(t)
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"check", good}, 0, "ok"},
		{[]string{"check", good, bad}, 1, "bad.yaml:5:1: nonsense"},
		{[]string{"check", bad}, 1, "bad.yaml:6:"},
		{[]string{"print", good}, 0, "app: one"},
		{[]string{"print", bad}, 1, "nonsense"},
		{[]string{"diff", good, good}, 0, ""},
		{[]string{"diff", good, other}, 1, "200 -> 404"},
		{[]string{"diff", good, bad}, 2, "nonsense"},
		{[]string{"schema"}, 0, `"$schema"`},
		{[]string{"version"}, 0, "evenkeel "},
		{[]string{"health", nobody}, 1, "refused"},
		{[]string{"status", nobody}, 1, "refused"},
		{[]string{"reload", nobody}, 1, "refused"},
		{[]string{"serve", bad}, 1, "nonsense"},
		{[]string{"serve"}, 2, "file"},
		{[]string{"dance"}, 2, "dance"},
		{[]string{"--help"}, 0, "serve"},
	} {
		out, status := evenkeel(t, c.args...)
		if status != c.status || !strings.Contains(out, c.want) {
			t.Errorf("evenkeel %s: exit status %d, want %d with %q in\n%s", strings.Join(c.args, " "), status, c.status, c.want, out)
		}
	}
}

// TestPortInUse names the port and the key that asks for it.
func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := newSite(t, strings.ReplaceAll(toolsFile, "%POLICY%", "ELBSecurityPolicy-TLS13-1-2-2021-06"), newMirror(t, "one"))
	s.write(strings.ReplaceAll(strings.ReplaceAll(toolsFile, "%POLICY%", "ELBSecurityPolicy-TLS13-1-2-2021-06"), "%PLAIN%", taken.Addr().String()))
	out, status := evenkeel(t, "serve", s.file)
	if status != 1 || !strings.Contains(out, taken.Addr().String()+" is in use") || !strings.Contains(out, "proxy.bind.http") {
		t.Errorf("exit status %d\n%s", status, out)
	}
}
