//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience bounds each wait of these tests. Nothing is measured by it: it only ends a test
// whose wait is in vain.
const patience = 30 * time.Second

// tool returns the path of a program, or fails with the Debian package that has it.
func tool(t *testing.T, program, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is missing: apt-get install %s", program, pkg)
	}
	return path
}

// setting returns what `make e2e` says by an environment variable.
func setting(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: run these tests with make e2e", name)
	}
	return value
}

// container runs an image and removes it at the end of the test.
type container struct {
	t             *testing.T
	program, name string
}

// run starts the image on the host's network with flags before and args behind its name.
func run(t *testing.T, flags, args []string) *container {
	t.Helper()
	image := setting(t, "EVENKEEL_IMAGE")
	c := &container{t: t, program: setting(t, "EVENKEEL_CONTAINER"), name: fmt.Sprintf("evenkeel-e2e-%d", os.Getpid())}
	var line []string
	if c.program == "podman" {
		tool(t, "podman", "podman")
		// crun, podman's own choice, wants cgroups that a container inside a container
		// does not have.
		line = append(line, "--runtime", tool(t, "runc", "runc"))
	}
	line = append(line, "run", "--detach", "--name", c.name, "--network=host",
		"--ulimit", "nofile=20000:20000", "--ulimit", "nproc=10000:10000")
	line = append(line, flags...)
	line = append(line, image)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the container said:\n%s", c.output())
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = exec.CommandContext(ctx, c.program, "rm", "--force", c.name).Run()
	})
	c.must(append(line, args...)...)
	return c
}

func (c *container) must(args ...string) string {
	c.t.Helper()
	out, err := c.try(args...)
	if err != nil {
		c.t.Fatalf("%s %s: %v\n%s", c.program, strings.Join(args, " "), err, out)
	}
	return out
}

func (c *container) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, c.program, args...).CombinedOutput()
	return string(out), err
}

func (c *container) output() string {
	out, _ := c.try("logs", c.name)
	return out
}

// TestContainerServes runs the image as it should be run, with a read-only root and without
// privileges, and sends traffic through it.
func TestContainerServes(t *testing.T) {
	target := newTarget(t)
	ports := freePorts(t, 2)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { // the container's user is another
		t.Fatal(err)
	}
	file := filepath.Join(dir, "environment.yaml")
	text := fmt.Sprintf(`app: e2e
domain: e2e.example.com
load_balancer:
  listeners:
    - name: http
      port: 80
      protocol: HTTP
      rules:
        - name: fixed
          priority: 1
          conditions: [{path_pattern: [/fixed]}]
          action: {fixed_response: {status_code: 418, content_type: text/plain, message_body: short and stout}}
      default_action: {forward: [{target_group: web}]}
target_groups:
  - name: web
    protocol: HTTP
    port: %d
    deregistration_delay: 5s
    health_check: {path: /health/, interval: 5s, timeout: 2s, healthy_threshold: 2, unhealthy_threshold: 2, matcher: "200"}
    targets: [{id: web-1, address: 127.0.0.1, port: %d}]
proxy:
  bind: {http: "127.0.0.1:%d"}
  admin: {listen: "127.0.0.1:%d"}
  access_log: {path: /dev/stdout, format: alb}
`, target.Port(), target.Port(), ports[0], ports[1])
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}

	admin := fmt.Sprintf("127.0.0.1:%d", ports[1])
	c := run(t, []string{
		"--read-only", "--cap-drop=all", "--security-opt=no-new-privileges",
		"--env", "EVENKEEL_ADMIN=" + admin,
		"--volume", dir + ":/etc/evenkeel:ro",
	}, nil)
	await(t, "http://"+admin+"/readyz", http.StatusOK)

	url := fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	for path, want := range map[string]string{"/": "hello from the target", "/fixed": "short and stout"} {
		_, body := get(t, url+path)
		if body != want {
			t.Errorf("GET %s = %q, want %q", path, body, want)
		}
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<20/16)
	if status, body := post(t, url+"/length", big); status != http.StatusOK || body != strconv.Itoa(len(big)) {
		t.Errorf("POST of %d bytes = %d %q", len(big), status, body)
	}

	t.Run("HEALTHCHECK", func(t *testing.T) {
		if out := c.must("inspect", "--format", "{{.Config.Healthcheck.Test}}", c.name); !strings.Contains(out, "/evenkeel health") {
			t.Errorf("the image's HEALTHCHECK is %q", out)
		}
		c.must("exec", c.name, "/evenkeel", "health")
		if out, err := c.try("exec", c.name, "/evenkeel", "health", "--admin", "127.0.0.1:1"); err == nil {
			t.Errorf("health of nothing succeeded: %s", out)
		}
	})
	t.Run("non-root", func(t *testing.T) {
		pid := strings.TrimSpace(c.must("inspect", "--format", "{{.State.Pid}}", c.name))
		status, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(status), "\nUid:\t65532\t65532\t65532\t65532\n") {
			t.Errorf("the process runs as another user than 65532:\n%s", status)
		}
	})
	t.Run("stop drains", func(t *testing.T) {
		c.must("stop", "--time", "20", c.name)
		if out := c.must("inspect", "--format", "{{.State.ExitCode}}", c.name); strings.TrimSpace(out) != "0" {
			t.Errorf("exit status %s after stop, want 0", out)
		}
		if out := c.output(); !strings.Contains(out, `"GET http://127.0.0.1:`) {
			t.Errorf("no line of the access log on stdout:\n%s", out)
		}
	})
}

// newTarget serves /health/, /length and a greeting.
func newTarget(t *testing.T) netip.AddrPort {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/length" {
			n, _ := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n)
			return
		}
		fmt.Fprint(w, "hello from the target")
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().(*net.TCPAddr).AddrPort()
}

// freePorts returns ports that nothing listened on a moment ago.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		ports[i] = ln.Addr().(*net.TCPAddr).Port
	}
	return ports
}

// await asks until url answers with the status.
func await(t *testing.T, url string, status int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		answer, err := http.Get(url)
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == status {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer %d: %v, %v", url, status, answer, err)
		}
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	answer, err := http.Get(url)
	return read(t, answer, err)
}

func post(t *testing.T, url string, body []byte) (int, string) {
	t.Helper()
	answer, err := http.Post(url, "application/octet-stream", bytes.NewReader(body))
	return read(t, answer, err)
}

func read(t *testing.T, answer *http.Response, err error) (int, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}
