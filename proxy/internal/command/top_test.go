package command_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
)

// TestTopCommand plays the admin listener; the output is no terminal.
func TestTopCommand(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "alice" || password != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(admin.Stats{Version: "1.2.3", Environment: "shop", TargetGroups: []admin.GroupStats{{Name: "web"}}})
	}))
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	dir := folder(t, "password", "secret\n")

	status, out, stderr := run(t, dir, "top", "--admin", address, "--user", "alice", "--password-file", "DIR/password")
	lines := strings.Split(out, "\n")
	if status != 0 || len(lines) != 5 || !strings.HasPrefix(lines[0], "evenkeel 1.2.3  shop") || !strings.HasPrefix(lines[2], "TARGET") || !strings.HasPrefix(lines[3], "web ") {
		t.Errorf("status %d\n%s%s", status, out, stderr)
	}
	if strings.Contains(out, "\x1b") {
		t.Errorf("what is no terminal is told %q", out)
	}
	if status, _, stderr := run(t, dir, "top", "--admin", address); status != 1 || !strings.Contains(stderr, "401") {
		t.Errorf("nobody: status %d\n%s", status, stderr)
	}
}
