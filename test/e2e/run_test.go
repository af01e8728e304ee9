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

// startDemo runs what `make run` runs, in a home of its own.
func startDemo(t *testing.T) (p *harness.Process, home string) {
	t.Helper()
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

	t.Run("round robin", func(t *testing.T) {
		got := ""
		for range 6 {
			got += curl(t, demoPlain+"/")
		}
		for _, name := range []string{"web-1", "web-2", "web-3"} {
			if strings.Count(got, name) != 2 {
				t.Errorf("six requests were answered with\n%s", got)
				break
			}
		}
	})
	t.Run("stickiness", func(t *testing.T) {
		cookies := filepath.Join(home, "cookies")
		first, _, _ := strings.Cut(curl(t, "-c", cookies, "-b", cookies, demoPlain+"/sticky"), " ")
		for range 4 {
			if got := curl(t, "-c", cookies, "-b", cookies, demoPlain+"/sticky"); !strings.HasPrefix(got, first+" ") {
				t.Errorf("a sticky client went from %s to %q", first, got)
			}
		}
	})
	for name, c := range map[string]struct{ url, want string }{
		"redirect":       {demoPlain + "/old/page?q=1", "Location: http://localhost:8080/new/old/page?q=1"},
		"fixed response": {demoPlain + "/teapot", "short and stout"},
		"502":            {demoPlain + "/hangup", "Content-Length: 122"},
		"503":            {demoPlain + "/empty", "Content-Length: 162"},
		"504":            {demoPlain + "/slow?s=15", "Content-Length: 132"},
		"HTTP/2":         {demoSecure + "/", "HTTP/2 200"},
		"events":         {demoPlain + "/sse?n=2", "text/event-stream"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := curl(t, "-ik", c.url); !strings.Contains(got, c.want) {
				t.Errorf("%s answers %q, want %q in it", c.url, got, c.want)
			}
		})
	}
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
	t.Run("a target leaves and comes back", func(t *testing.T) {
		curl(t, "-X", "POST", "http://127.0.0.1:8103/stop?s=12")
		p.Until("web-3 unhealthy", func() bool { return demoState(t, "web-3") == "unhealthy" })
		for range 6 {
			if got := curl(t, demoPlain+"/"); strings.Contains(got, "web-3") || got == "" {
				t.Errorf("an unhealthy target answers: %q", got)
			}
		}
		deadline := time.Now().Add(patience)
		for demoState(t, "web-3") != "healthy" {
			if time.Now().After(deadline) {
				t.Fatal("web-3 does not come back")
			}
			time.Sleep(200 * time.Millisecond)
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
		if status != 1 || !strings.Contains(out, "in use") || !strings.Contains(out, "change ") {
			t.Errorf("a second demo: exit status %d\n%s", status, out)
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
