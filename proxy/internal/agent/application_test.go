package agent_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/evenkeel/evenkeel/proxy/internal/agent"
)

// program starts a program that only ends when told.
func program(t *testing.T) *exec.Cmd {
	t.Helper()
	c := exec.Command("cat")
	if _, err := c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatalf("cat is missing: apt-get install coreutils: %v", err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return c
}

func TestProcess(t *testing.T) {
	c := program(t)
	file := filepath.Join(t.TempDir(), "app.pid")
	p := &agent.Process{PIDFile: file, Signal: syscall.SIGTERM}
	if run, err := p.Current(t.Context()); run != "" || err != nil {
		t.Errorf("without a file there is %q, %v", run, err)
	}
	if err := os.WriteFile(file, []byte(strconv.Itoa(c.Process.Pid)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run, err := p.Current(t.Context())
	if err != nil || !strings.HasPrefix(run, strconv.Itoa(c.Process.Pid)+"@") {
		t.Fatalf("run is %q, %v", run, err)
	}
	if err := os.Remove(file); err != nil { // Celery does so before its end
		t.Fatal(err)
	}
	alive(t, p, run, true)
	alive(t, p, run+"0", false) // another process of the same number
	alive(t, p, "of systemd", false)
	if err := p.Quiesce(t.Context(), run+"0"); err != nil {
		t.Error(err)
	}
	alive(t, p, run, true)
	if err := p.Quiesce(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	// Until it is collected it is in the list of processes, and has ended all the same.
	if err := unix.Waitid(unix.P_PID, c.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	alive(t, p, run, false)
	err = c.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v", err)
	}
	alive(t, p, run, false)
	if err := p.Quiesce(t.Context(), run); err != nil {
		t.Error(err)
	}
}

func alive(t *testing.T, a agent.Application, run string, want bool) {
	t.Helper()
	got, err := a.Alive(t.Context(), run)
	if err != nil || got != want {
		t.Errorf("run %s is alive: %v, %v; want %v", run, got, err, want)
	}
}

func TestPIDFileIsNoNumber(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.pid")
	for _, text := range []string{"", "celery", "-1", "0"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if run, err := (&agent.Process{PIDFile: file}).Current(t.Context()); err == nil {
			t.Errorf("%q is run %q", text, run)
		}
	}
}

// systemd is a unit, as systemctl tells of it.
type systemd struct {
	load, active, invocation string
	pid                      int
	calls                    []string
	err                      error
}

func (s *systemd) systemctl(_ context.Context, args ...string) (string, error) {
	s.calls = append(s.calls, args[0])
	if args[len(args)-1] != "shop-worker" {
		return "", fmt.Errorf("asked for %q", args)
	}
	if s.err != nil {
		return "", s.err
	}
	switch {
	case args[0] == "show":
		return fmt.Sprintf("LoadState=%s\nActiveState=%s\nInvocationID=%s\nMainPID=%d\n", s.load, s.active, s.invocation, s.pid), nil
	case slices.Equal(args[:2], []string{"stop", "--no-block"}):
		s.active = "deactivating"
		return "", nil
	default:
		return "", fmt.Errorf("called with %q", args)
	}
}

func TestService(t *testing.T) {
	c := program(t)
	unit := &systemd{load: "loaded", active: "active", invocation: "6f1", pid: c.Process.Pid}
	s := agent.NewFakeService("shop-worker", unit.systemctl)
	run, err := s.Current(t.Context())
	if run != "6f1" || err != nil {
		t.Fatalf("run is %q, %v", run, err)
	}
	if err := s.Quiesce(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	unit.calls = nil
	alive(t, s, run, true)
	if len(unit.calls) > 0 {
		t.Errorf("systemd is asked while the main process lives: %q", unit.calls)
	}
	_ = c.Process.Kill()
	_ = c.Wait() // killed
	alive(t, s, run, true)
	unit.active, unit.pid = "inactive", 0
	alive(t, s, run, false)
	if run, err := s.Current(t.Context()); run != "" || err != nil {
		t.Errorf("run is %q, %v", run, err)
	}
}

// TestServiceUnknown takes nothing for ended of which systemd knows nothing.
func TestServiceUnknown(t *testing.T) {
	for _, unit := range []*systemd{
		{load: "not-found", active: "inactive"},
		{load: "loaded"},
		{err: errors.New("systemctl: exit status 1: Failed to connect to bus")},
	} {
		if run, err := agent.NewFakeService("shop-worker", unit.systemctl).Current(t.Context()); err == nil {
			t.Errorf("%+v is run %q", unit, run)
		}
	}
}

// TestCelery asks a program that answers as celery does.
func TestCelery(t *testing.T) {
	celery := filepath.Join(t.TempDir(), "celery")
	const text = `#!/bin/sh
[ "$*" = "--app shop inspect $4 --json --destination celery@one --timeout 3" ] || exit 2
case $4 in
active) echo '{"celery@one": [{"id": "1"}, {"id": "2"}]}';;
reserved) echo '{"celery@one": []}';;
esac
`
	if err := os.WriteFile(celery, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	work, err := (&agent.Celery{Command: []string{celery, "--app", "shop"}, Node: "celery@one"}).Inspect(t.Context())
	if work != (agent.Work{Active: 2}) || err != nil {
		t.Errorf("got %+v, %v", work, err)
	}
	for name, script := range map[string]string{
		"no answer":    "echo 'Error: No nodes replied within time constraint' >&2; exit 69",
		"another node": `echo '{"celery@two": []}'`,
		"no JSON":      "echo hello",
	} {
		if err := os.WriteFile(celery, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
			t.Fatal(err)
		}
		if work, err := (&agent.Celery{Command: []string{celery}, Node: "celery@one"}).Inspect(t.Context()); err == nil {
			t.Errorf("%s: got %+v", name, work)
		}
	}
}
