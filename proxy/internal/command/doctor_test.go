package command_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/targethealth"
)

// sick is an environment whose group is extended from a base.
const sick = `extends: base.yaml
app: shop
load_balancer:
  listeners:
    - {name: http, port: 8080, protocol: HTTP, default_action: {forward: [{target_group: web}]}}
target_groups:
  - name: web
    port: 80
    health_check:
      path: /health
    targets: [{id: web-1, address: 10.0.0.1}]
`

// TestDoctorCommand plays the admin listener of a process with a target that is well, and then of
// one that is not.
func TestDoctorCommand(t *testing.T) {
	stats := admin.Stats{Environment: "shop", Time: time.Now(), MaxConnections: 100}
	var target admin.TargetStats
	target.ID, target.Address, target.State = "web-1", "10.0.0.1:80", targethealth.Healthy
	password := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, got, _ := r.BasicAuth(); got != password {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.URL.Path == "/metrics" {
			_, _ = io.WriteString(w, "# TYPE process_open_fds gauge\nprocess_open_fds 7\n")
			return
		}
		stats.TargetGroups = []admin.GroupStats{{Name: "web", InUse: true, Algorithm: "round_robin", Targets: []admin.TargetStats{target}}}
		_ = json.NewEncoder(w).Encode(stats)
	}))
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	dir := folder(t, "base.yaml", "proxy: {admin: {listen: \""+address+"\"}}\n", "shop.yaml", sick, "other.yaml", good, "bad.yaml", "app: Shop\n", "password", "secret\n")

	const summary = ": environment shop, target groups in use: 1, targets: 1, requests in the last minutes: 0\n"
	expect(t, dir, "doctor DIR/shop.yaml", 0, "no finding"+summary, "")

	target.State, target.Description = targethealth.Unhealthy, "Health checks failed with these codes: [404]"
	target.Checks = []telemetry.Check{{Status: 404, Failure: telemetry.CheckMismatch}}
	expect(t, dir, "doctor DIR/shop.yaml", 1, `DIR/shop.yaml:10:13: target_groups[0].health_check.path: health checks: web: 1 of 1 targets are unhealthy (web-1): status 404
    web-1, unhealthy since 00:00:00 (Health checks failed with these codes: [404]); last checks: 1 × status 404
    change: /health of port traffic-port is not there: correct the path

1 finding`+summary, "")

	status, out, _ := run(t, dir, "doctor", "--json", "DIR/shop.yaml")
	var report struct {
		Findings []struct {
			Case, File string
			Line       int
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || status != 1 || len(report.Findings) != 1 {
		t.Fatalf("status %d, %v\n%s", status, err, out)
	}
	if f := report.Findings[0]; f.Case != "health checks" || f.File != "DIR/shop.yaml" || f.Line != 10 {
		t.Errorf("got %+v", f)
	}

	password = "secret"
	for args, says := range map[string]string{
		"doctor DIR/shop.yaml":                                 "401 Unauthorized",
		"doctor --user a --password-file DIR/no DIR/shop.yaml": "password: ",
		"doctor DIR/bad.yaml":                                  "DIR/bad.yaml:1:6: app: is not allowed",
		"doctor --admin " + address + " --user a --password-file DIR/password DIR/other.yaml": `serves another environment (got "shop", want "other")`,
		"doctor --admin 127.0.0.1:1 DIR/shop.yaml":                                            "ask 127.0.0.1:1",
	} {
		if status, out, stderr := run(t, dir, strings.Fields(args)...); status != 2 || !strings.Contains(stderr, says) || out != "" {
			t.Errorf("%s: status %d\n%s%s", args, status, out, stderr)
		}
	}
	if status, _, stderr := run(t, dir, "doctor", "--user", "a", "--password-file", "DIR/password", "DIR/shop.yaml"); status != 1 || stderr != "" {
		t.Errorf("with a user: status %d\n%s", status, stderr)
	}
}
