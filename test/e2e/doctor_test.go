//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"
)

// doctorFile has a group for each path of %RULES%, which %GROUPS% lists.
const doctorFile = `app: ward
domain: app.test
load_balancer:
  listeners:
    - name: http
      port: 80
      protocol: HTTP
      rules: %RULES%
      default_action: {fixed_response: {status_code: 404}}
target_groups: %GROUPS%
proxy:
  bind: {http: "%PLAIN%"}
  admin: {listen: "%ADMIN%"}
  access_log: {path: off}
`

// ward is a target group of doctorFile.
type ward struct {
	name string
	// settings are lines of the group, indented.
	settings string
	targets  []*mirror
	// weights are the targets'; nil for 1 each.
	weights []int
}

func writeWards(wards []*ward) string {
	var rules, groups strings.Builder
	for i, w := range wards {
		path := "/" + w.name
		fmt.Fprintf(&rules, "\n        - {name: %s, priority: %d, conditions: [{path_pattern: [%s]}], action: {forward: [{target_group: %[1]s}]}}", w.name, i+1, path)
		fmt.Fprintf(&groups, "\n  - name: %s\n    port: 80\n    deregistration_delay: 0s\n%s", w.name, w.settings)
		if !strings.Contains(w.settings, "health_check:") {
			groups.WriteString("    health_check: {path: /health/, interval: 5s, timeout: 2s}\n")
		}
		groups.WriteString("    targets:\n")
		for j, m := range w.targets {
			weight := 1
			if w.weights != nil {
				weight = w.weights[j]
			}
			fmt.Fprintf(&groups, "      - {id: %s, address: 127.0.0.1, port: %d, proxy_only: {weight: %d}}\n", m.name, m.port, weight)
		}
	}
	return strings.NewReplacer("%RULES%", rules.String(), "%GROUPS%", groups.String()).Replace(doctorFile)
}

// diagnosis is what `evenkeel doctor --json` prints.
type diagnosis struct {
	Requests int
	Findings []struct {
		Case        string
		TargetGroup string `json:"target_group"`
		What        string
		Evidence    []string
		Path, File  string
		Line        int
	}
	Notes []string
}

func examine(t *testing.T, s *site) (d diagnosis, status int) {
	t.Helper()
	out, status := evenkeel(t, "doctor", "--json", s.file)
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatalf("evenkeel doctor: status %d, %v\n%s", status, err, out)
	}
	return d, status
}

// visit asks for a path, with a cookie if it has one, and returns the cookie that the answer sets.
func visit(t *testing.T, s *site, path, cookie string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.plain+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	for _, c := range answer.Cookies() {
		if c.Name == "AWSALB" {
			return c.Name + "=" + c.Value
		}
	}
	return ""
}

// clients are new ones, with the cookies that they have got.
func clients(t *testing.T, s *site, path string, n int) []string {
	t.Helper()
	cookies := make([]string, n)
	for i := range cookies {
		if cookies[i] = visit(t, s, path, ""); cookies[i] == "" {
			t.Fatalf("%s sets no cookie", path)
		}
	}
	return cookies
}

const stickyWard = "    stickiness:\n      type: lb_cookie\n"

// TestDoctorSaysNothingOfTheHealthy has a proxy do well in all the ways that spread requests.
func TestDoctorSaysNothingOfTheHealthy(t *testing.T) {
	t.Parallel()
	two := func(name string) []*mirror { return []*mirror{newMirror(t, name+"-1"), newMirror(t, name+"-2")} }
	wards := []*ward{
		{name: "even", targets: two("even")},
		{name: "weighted", targets: two("weighted"), weights: []int{1, 3}},
		{name: "least", settings: "    algorithm: least_outstanding_requests\n", targets: two("least")},
		{name: "random", settings: "    algorithm: weighted_random\n", targets: two("random")},
		{name: "hash", settings: "    proxy_only: {algorithm: consistent_hash, consistent_hash: {key: 'query:u'}}\n", targets: two("hash")},
		{name: "sticky", settings: stickyWard, targets: two("sticky")},
	}
	s := newSite(t, writeWards(wards))
	b := s.serve()
	b.healthy(2 * len(wards))
	cookies := clients(t, s, "/sticky", 50)
	round := 0
	b.Until("judged", func() bool {
		for i := range 50 {
			for _, w := range wards {
				cookie := ""
				if w.name == "sticky" {
					cookie = cookies[i]
				}
				visit(t, s, fmt.Sprintf("/%s?u=%d", w.name, 50*round+i), cookie)
			}
		}
		round++
		d, status := examine(t, s)
		if len(d.Findings) > 0 || status != 0 {
			t.Fatalf("status %d, %+v", status, d.Findings)
		}
		return len(d.Notes) == 0 && d.Requests > 0
	})
	if out, status := evenkeel(t, "doctor", s.file); status != 0 || !strings.HasPrefix(out, "no finding: environment site") {
		t.Errorf("status %d\n%s", status, out)
	}
}

// symptom is a finding that there must be.
type symptom struct{ group, of, path, what, line string }

// TestDoctorFindsTheIll provokes the four cases for real, all in one process.
func TestDoctorFindsTheIll(t *testing.T) {
	t.Parallel()
	m := map[string]*mirror{}
	of := func(names ...string) (list []*mirror) {
		for _, name := range names {
			m[name] = newMirror(t, name)
			list = append(list, m[name])
		}
		return list
	}
	dead := &mirror{name: "dead", port: freePorts(t, 1)[0]}
	check := "    health_check:\n      path: /health/\n      interval: 5s\n      timeout: 2s\n"
	churn := &ward{name: "churn", settings: stickyWard, targets: of("churn-1", "churn-2")}
	wards := []*ward{
		{name: "well", targets: of("well-1", "well-2")},
		{name: "busy", settings: stickyWard, targets: of("busy-1", "busy-2")},
		{name: "ws", settings: "    algorithm: round_robin\n", targets: of("ws-1", "ws-2")},
		{name: "sick", settings: check, targets: append(of("sick-1", "sick-2", "sick-3"), dead)},
		{name: "lost", settings: stickyWard, targets: of("lost-1", "lost-2")},
		churn,
		{name: "slow", settings: "    proxy_only:\n      read_timeout: 100ms\n", targets: of("slow-1", "slow-2")},
	}
	m["sick-1"].unwell.Store(http.StatusNotFound)
	m["sick-2"].checkTime.Store(1700)
	s := newSite(t, writeWards(wards))

	// A process that made its own key ends, and its cookies with it.
	b := s.serve()
	b.Until("lost served", func() bool { return visit(t, s, "/lost", "") != "" })
	old := clients(t, s, "/lost", 60)
	b.Signal(syscall.SIGKILL)
	_ = b.Wait()

	// All targets of before the balancer that is looked at are of its first check.
	m["ws-2"].unwell.Store(http.StatusServiceUnavailable)
	b = s.serve()
	b.Until("all but the ill healthy", func() bool { return b.metric("alb_healthy_host_count") == 13 })
	for _, cookie := range old {
		visit(t, s, "/lost", cookie)
	}
	// Targets that leave take their clients' sessions with them.
	moved := clients(t, s, "/churn", 60)
	churn.targets = churn.targets[:1]
	s.write(writeWards(wards))
	b.Until("reloaded", func() bool { return strings.Contains(b.Output(), `"msg":"reloaded"`) })
	for _, cookie := range moved {
		visit(t, s, "/churn", cookie)
	}
	// Tunnels began when there was one target, and stay there.
	for range 60 {
		c, _, err := websocket.Dial(t.Context(), "ws://"+s.plain+"/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
	}
	m["ws-2"].unwell.Store(0)
	for i := range 20 {
		visit(t, s, fmt.Sprintf("/slow?ms=%d", 300*(i/2%2)), "")
	}
	// One client is far busier than the others.
	busy := clients(t, s, "/busy", 60)[0]

	want := []symptom{
		{"busy", "uneven distribution", "target_groups[1].stickiness", "bound to their target by a stickiness cookie", "type: lb_cookie"},
		{"ws", "uneven distribution", "target_groups[2].algorithm", "ws-1 60", "algorithm: round_robin"},
		{"sick", "health checks", "target_groups[3].health_check.path", "sick-1): status 404", "path: /health/"},
		{"sick", "health checks", "target_groups[3].port", "dead): connection refused or closed", "port: 80"},
		{"sick", "health checks", "target_groups[3].health_check.timeout", "at sick-2", "timeout: 2s"},
		{"lost", "session loss", "proxy.stickiness_keys", "60 of 60 requests with a stickiness cookie", "bind:"},
		{"churn", "session loss", "target_groups[5].targets", "its target was out", "id: churn-1"},
		{"slow", "timeouts", "target_groups[6].proxy_only.read_timeout", "10 of 20 requests", "read_timeout: 100ms"},
	}
	text, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	var d diagnosis
	var missing string
	defer func() {
		if t.Failed() {
			t.Logf("missing: %s\nfound: %+v", missing, d)
		}
	}()
	b.Until("all found", func() bool {
		for range 60 {
			visit(t, s, "/busy", busy)
			visit(t, s, "/well", "")
		}
		var status int
		d, status = examine(t, s)
		if status != 1 && len(d.Findings) > 0 {
			t.Fatalf("status %d with findings", status)
		}
		missing = ""
		for _, w := range want {
			if !w.in(d, s.file, lines) {
				missing += fmt.Sprintf("%+v\n", w)
			}
		}
		return missing == ""
	})
	for _, f := range d.Findings {
		known := false
		for _, w := range want {
			known = known || w.group == f.TargetGroup && w.path == f.Path
		}
		if !known && f.Path != "proxy.stickiness_keys" {
			t.Errorf("nothing was done for %+v", f)
		}
	}
	out, status := evenkeel(t, "doctor", s.file)
	if want := fmt.Sprintf("%s:", s.file); status != 1 || !strings.HasPrefix(out, want) || !strings.Contains(out, "    change: ") {
		t.Errorf("status %d\n%s", status, out)
	}
	if out, status := evenkeel(t, "doctor", "--admin", loopback(freePorts(t, 1)[0]), s.file); status != 2 {
		t.Errorf("of nobody: status %d\n%s", status, out)
	}
}

// in tells whether the finding is there, with its line.
func (w symptom) in(d diagnosis, file string, lines []string) bool {
	for _, f := range d.Findings {
		told := f.What + "\n" + strings.Join(f.Evidence, "\n")
		if f.TargetGroup == w.group && f.Case == w.of && f.Path == w.path && strings.Contains(told, w.what) &&
			f.File == file && f.Line > 0 && strings.Contains(lines[f.Line-1], w.line) {
			return true
		}
	}
	return false
}
