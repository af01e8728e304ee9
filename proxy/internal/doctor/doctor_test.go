package doctor_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/doctor"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

// file has one group, whose settings %s are.
const file = `app: shop
load_balancer:
  listeners:
    - {name: http, port: 8080, protocol: HTTP, default_action: {forward: [{target_group: web}]}}
target_groups:
  - name: web
    port: 80
%s
`

var now = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

// world is a process that does well: an hour old, with targets that have been healthy as long
// and had so many requests in each window.
func world(t *testing.T, settings string, requests ...uint64) *doctor.Input {
	t.Helper()
	var list []string
	for i := range requests {
		list = append(list, fmt.Sprintf("      - {id: web-%d, address: 10.0.0.%[1]d}", i+1))
	}
	if !strings.Contains(settings, "targets:") {
		settings += "\n    targets:\n" + strings.Join(list, "\n")
	}
	name := filepath.Join(t.TempDir(), "shop.yaml")
	if err := os.WriteFile(name, fmt.Appendf(nil, file, settings), 0o600); err != nil {
		t.Fatal(err)
	}
	env, err := spec.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	g := admin.GroupStats{Name: "web", InUse: true, Algorithm: env.TargetGroups[0].Algorithm}
	if other := env.TargetGroups[0].ProxyOnly.Algorithm; other != "" {
		g.Algorithm = other
	}
	for i, n := range requests {
		var s admin.TargetStats
		s.ID, s.Address = fmt.Sprintf("web-%d", i+1), fmt.Sprintf("10.0.0.%d:80", i+1)
		s.State, s.Changed, s.Weight = targethealth.Healthy, now.Add(-time.Hour), 1
		s.Timeline = []telemetry.Transition{{Time: s.Changed, From: targethealth.Initial, To: targethealth.Healthy}}
		s.Telemetry = report(n)
		for range 20 {
			s.Checks = append(s.Checks, telemetry.Check{Time: now.Add(-time.Minute), Took: 3, Status: 200})
		}
		g.Targets = append(g.Targets, s)
	}
	all := uint64(0)
	for _, n := range requests {
		all += n
	}
	g.Telemetry = report(all)
	return &doctor.Input{Environment: env, Stats: admin.Stats{
		Environment: "shop", Started: now.Add(-time.Hour), Time: now, MaxConnections: 1000, TargetGroups: []admin.GroupStats{g},
	}}
}

func report(n uint64) telemetry.Report {
	r := telemetry.Report{Since: now.Add(-time.Hour), Totals: telemetry.Totals{Requests: n, Status2XX: n}}
	for _, seconds := range []int{10, 60, 300} {
		r.Windows = append(r.Windows, telemetry.Window{Seconds: seconds, Requests: n, Rate: float64(n) / float64(seconds), P50: 5, P95: 9, P99: 12})
	}
	return r
}

func group(in *doctor.Input) *admin.GroupStats { return &in.Stats.TargetGroups[0] }

func one(in *doctor.Input, i int) *admin.TargetStats { return &group(in).Targets[i] }

// held makes so many of a target's requests bound by a cookie.
func held(in *doctor.Input, i int, n uint64) {
	r := &one(in, i).Telemetry
	for w := range r.Windows {
		r.Windows[w].Cookies.Held = n
	}
	r.Totals.Cookies.Held = n
}

// count tells the same of the group's windows and totals.
func count(in *doctor.Input, cookies telemetry.Cookies, cuts telemetry.Cuts) {
	r := &group(in).Telemetry
	for w := range r.Windows {
		r.Windows[w].Cookies, r.Windows[w].Cuts = cookies, cuts
	}
	r.Totals.Cookies, r.Totals.Cuts = cookies, cuts
}

// fail makes the last checks of a target fail.
func fail(in *doctor.Input, i, n, status int, failure telemetry.CheckFailure) {
	list := one(in, i).Checks
	for j := len(list) - n; j < len(list); j++ {
		list[j].Failure, list[j].Status = failure, status
	}
}

// down makes a target unhealthy with all of its checks failed.
func down(in *doctor.Input, i, status int, failure telemetry.CheckFailure) {
	fail(in, i, 20, status, failure)
	one(in, i).State = targethealth.Unhealthy
}

const (
	cookie    = "    stickiness: {type: lb_cookie}"
	appCookie = "    stickiness: {type: app_cookie, cookie_name: sessionid}"
	haCookie  = "    proxy_only: {cookie: {name: SERVERID, secure: true, max_idle: 1m}}"
	full      = "    targets: [{id: web-1, address: 10.0.0.1, proxy_only: {max_connections: 5}}, {id: web-2, address: 10.0.0.2, proxy_only: {max_connections: 5}}]"
)

// unremarkable are worlds in which nothing is wrong.
var unremarkable = map[string]func(t *testing.T) *doctor.Input{
	"idle":            func(t *testing.T) *doctor.Input { return world(t, "", 0, 0) },
	"even":            func(t *testing.T) *doctor.Input { return world(t, "", 1000, 1001) },
	"few requests":    func(t *testing.T) *doctor.Input { return world(t, "", 9, 1) },
	"a chance spread": func(t *testing.T) *doctor.Input { return world(t, "    algorithm: weighted_random", 540, 460) },
	"one target":      func(t *testing.T) *doctor.Input { return world(t, "", 1000) },
	"weights": func(t *testing.T) *doctor.Input {
		in := world(t, "", 250, 750)
		one(in, 1).Weight = 3
		return in
	},
	"a target that has just come": func(t *testing.T) *doctor.Input {
		in := world(t, "", 1000, 10)
		one(in, 1).Changed = now.Add(-5 * time.Second)
		return in
	},
	"a slow start": func(t *testing.T) *doctor.Input {
		in := world(t, "    slow_start: 120s", 1000, 300)
		one(in, 1).Changed = now.Add(-60 * time.Second)
		return in
	},
	"an order of a moment ago": func(t *testing.T) *doctor.Input {
		in := world(t, "", 1000, 300)
		s := one(in, 1)
		s.Timeline = append(s.Timeline, telemetry.Transition{Time: now.Add(-5 * time.Second), From: targethealth.Healthy, To: targethealth.Healthy, Order: "ready, weight 9"})
		return in
	},
	"a reload of a moment ago": func(t *testing.T) *doctor.Input {
		in := world(t, "", 1000, 300)
		in.Stats.Reloads.LastTime = now.Add(-5 * time.Second)
		return in
	},
	"one that an operator drains": func(t *testing.T) *doctor.Input {
		in := world(t, "", 500, 500, 3)
		one(in, 2).Administrative = "drain"
		return in
	},
	"one in maintenance": func(t *testing.T) *doctor.Input {
		in := world(t, "", 500, 500, 0)
		one(in, 2).State = targethealth.Unavailable
		return in
	},
	"a backup": func(t *testing.T) *doctor.Input {
		in := world(t, "", 500, 500, 0)
		one(in, 2).Backup = true
		return in
	},
	"one that drains": func(t *testing.T) *doctor.Input {
		in := world(t, "", 500, 500, 0)
		one(in, 2).State = targethealth.Draining
		return in
	},
	"an adaptive algorithm that prefers the fast": func(t *testing.T) *doctor.Input {
		return world(t, "    algorithm: least_outstanding_requests", 900, 100)
	},
	"sessions of different size": func(t *testing.T) *doctor.Input {
		in := world(t, cookie, 700, 300)
		held(in, 0, 693)
		held(in, 1, 293)
		return in
	},
	"cookies that are new or hold": func(t *testing.T) *doctor.Input {
		in := world(t, cookie, 500, 500)
		count(in, telemetry.Cookies{Held: 500, Absent: 480, Expired: 15, Gone: 2, Unreadable: 3}, telemetry.Cuts{})
		return in
	},
	"one timeout in many": func(t *testing.T) *doctor.Input {
		in := world(t, "", 50000, 50000)
		count(in, telemetry.Cookies{}, telemetry.Cuts{Answer: 9, Client: 4, Kept: 20})
		return in
	},
	"a check that failed once": func(t *testing.T) *doctor.Input {
		in := world(t, "", 500, 500)
		fail(in, 0, 1, 503, telemetry.CheckMismatch)
		return in
	},
	"checks that failed before the target was healthy": func(t *testing.T) *doctor.Input {
		in := world(t, "", 0, 0)
		fail(in, 0, 9, 503, telemetry.CheckMismatch)
		one(in, 0).Changed = now.Add(-30 * time.Second)
		return in
	},
	"a new target": func(t *testing.T) *doctor.Input {
		in := world(t, "", 500, 500, 0)
		s := one(in, 2)
		s.State, s.Checks, s.Changed = targethealth.Initial, nil, now
		return in
	},
	"a group that no rule forwards to": func(t *testing.T) *doctor.Input {
		in := world(t, "", 0)
		group(in).InUse, group(in).Targets = false, nil
		return in
	},
	"requests under way": func(t *testing.T) *doctor.Input {
		in := world(t, "", 500, 500)
		one(in, 0).Outstanding, one(in, 1).Outstanding = 30, 20
		return in
	},
	"queues that hold": func(t *testing.T) *doctor.Input {
		in := world(t, full, 500, 500)
		one(in, 0).Outstanding = 5
		in.Process = doctor.Process{OpenFiles: 100, MaxFiles: 1024, Queues: map[string]doctor.Queue{"web": {TimedOut: 1, Rejected: 2}}}
		return in
	},
}

func TestNoFindingWhereNothingIsWrong(t *testing.T) {
	for name, built := range unremarkable {
		t.Run(name, func(t *testing.T) {
			if r := doctor.Examine(built(t)); len(r.Findings) > 0 {
				t.Errorf("got %+v", r.Findings)
			}
		})
	}
}

// TestProcessOf reads metrics, and none.
func TestProcessOf(t *testing.T) {
	gauge := func(v float64) *dto.MetricFamily {
		return &dto.MetricFamily{Metric: []*dto.Metric{{Gauge: &dto.Gauge{Value: &v}}}}
	}
	three, name, group := 3.0, spec.DimensionTargetGroup.Prometheus, "web"
	got := doctor.ProcessOf(map[string]*dto.MetricFamily{
		"process_open_fds": gauge(7), "process_max_fds": gauge(9),
		spec.MetricQueueTimeoutCount.Prometheus: {Metric: []*dto.Metric{{Counter: &dto.Counter{Value: &three}, Label: []*dto.LabelPair{{Name: &name, Value: &group}}}}},
	})
	if got.OpenFiles != 7 || got.MaxFiles != 9 || got.Rejected != 0 || got.Queues["web"].TimedOut != 3 {
		t.Errorf("got %+v", got)
	}
	if got := doctor.ProcessOf(nil); got.MaxFiles != 0 || len(got.Queues) != 0 {
		t.Errorf("got %+v of nothing", got)
	}
}

// TestWriteIsSafe: what a process says goes to a terminal.
func TestWriteIsSafe(t *testing.T) {
	in := world(t, "", 10, 10)
	down(in, 0, 404, telemetry.CheckMismatch)
	one(in, 0).ID, one(in, 0).Description = "\x1b[2Jweb\nfake: no finding", "\x1b]0;owned\a"
	in.Stats.Environment = "\x1b[31m"
	var out strings.Builder
	r := doctor.Examine(in)
	r.Findings[0].File, r.Findings[0].Line, r.Findings[0].Column = "a.yaml", 3, 5
	if err := r.Write(&out); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if strings.ContainsAny(text, "\x1b\a") || strings.Contains(text, "\nfake") {
		t.Errorf("got %q", text)
	}
	if !strings.HasPrefix(text, "a.yaml:3:5: target_groups[0].health_check.path: health checks: web: 1 of 2 targets") || !strings.Contains(text, "\n1 finding: ") {
		t.Errorf("got %s", text)
	}
}
