//go:build e2e

package e2e_test

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
)

// TestReplacedProcessesAreNotAsked replaces processes that live on for their WebSockets.
// Whoever asks the admin listener means the one that serves.
func TestReplacedProcessesAreNotAsked(t *testing.T) {
	m := newMirror(t, "web-1")
	text := strings.ReplaceAll(strings.ReplaceAll(attackFile, "%IDLE%", "60s"), "proxy:\n", "proxy:\n  handover_socket: \"%DIR%/handover\"\n")
	s := newSite(t, text, m)
	processes := []*balancer{s.serve()}
	processes[0].healthy(1)
	sockets := newSockets(t, s)
	for range 3 {
		sockets.open(2)
		processes = append(processes, s.replace(processes[len(processes)-1]))
	}
	last := processes[len(processes)-1]
	last.healthy(1)
	for i, p := range processes[:3] {
		if ended, err := p.Ended(); ended {
			t.Errorf("process %d did not wait for its WebSockets: %v", i+1, err)
		}
	}
	wrong := 0
	for range 40 {
		out, status := evenkeel(t, "status", "--json", "--admin", s.admin)
		var said struct {
			Draining bool `json:"draining"`
		}
		if err := json.Unmarshal([]byte(out), &said); err != nil || status != 0 {
			t.Fatalf("status: exit status %d, %v\n%s", status, err, out)
		}
		if said.Draining {
			wrong++
		}
	}
	if wrong > 0 {
		t.Errorf("%d of 40 times a process answered for the admin listener that had been replaced", wrong)
	}
	for range 10 {
		if out, status := evenkeel(t, "reload", "--admin", s.admin); status != 0 {
			t.Errorf("reload: exit status %d\n%s", status, out)
			break
		}
	}
	sockets.finish()
	if n := sockets.cut.Load(); n > 0 {
		t.Errorf("%d WebSockets were cut", n)
	}
	last.Signal(syscall.SIGTERM)
	for i, p := range processes {
		if err := p.Wait(); err != nil {
			t.Errorf("process %d: %v", i+1, err)
		}
	}
}
