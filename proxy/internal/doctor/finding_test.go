package doctor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/doctor"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

// ills are worlds in which one thing is wrong, which is found, and nothing else.
var ills = map[string]struct {
	settings string
	requests []uint64
	ail      func(in *doctor.Input)
	of       doctor.Case
	path     string
	// says is in what is wrong, its evidence or the change.
	says string
}{
	"cookies bind most to one": {
		cookie,
		[]uint64{2000, 100},
		func(in *doctor.Input) { held(in, 0, 1960); held(in, 1, 60) },
		doctor.Uneven, "target_groups[0].stickiness", "96 % of them were bound",
	},
	"cookies bound before the window bind all to one": {
		cookie,
		[]uint64{2000, 0},
		func(in *doctor.Input) {
			held(in, 0, 2000)
			for i := range 2 {
				one(in, i).Telemetry.Totals = telemetry.Totals{Requests: 5000, Cookies: telemetry.Cookies{Held: 4900}}
			}
		},
		doctor.Uneven, "target_groups[0].stickiness", "web-1 gets 100 %",
	},
	"nobody knows why": {
		"",
		[]uint64{900, 300},
		func(*doctor.Input) {},
		doctor.Uneven, "target_groups[0].algorithm", "neither weights nor cookies explain it",
	},
	"not by weight": {
		"",
		[]uint64{500, 500},
		func(in *doctor.Input) { one(in, 1).Weight = 3 },
		doctor.Uneven, "target_groups[0].algorithm", "web-1 500 (50 %, by weight 25 %)",
	},
	"one is mitigated": {
		"    algorithm: weighted_random\n    anomaly_mitigation: true",
		[]uint64{900, 300},
		func(in *doctor.Input) { one(in, 1).Anomalous, one(in, 1).Mitigated = true, true },
		doctor.Uneven, "target_groups[0].anomaly_mitigation", "mend web-2",
	},
	"one is full": {
		full,
		[]uint64{900, 300},
		func(in *doctor.Input) { one(in, 1).Outstanding = 5 },
		doctor.Uneven, "target_groups[0].targets[1].proxy_only.max_connections", "web-2 is full",
	},
	"one fails fast": {
		"    algorithm: least_outstanding_requests",
		[]uint64{100, 900},
		func(in *doctor.Input) {
			for i := range one(in, 1).Telemetry.Windows {
				one(in, 1).Telemetry.Windows[i].ErrorShare = 1
			}
		},
		doctor.Uneven, "target_groups[0].health_check.path", "it fails fast, and so looks idle",
	},
	"one client is busy, and hashed": {
		"    proxy_only: {algorithm: source_ip_hash}",
		[]uint64{1000, 0},
		func(*doctor.Input) {},
		doctor.Uneven, "target_groups[0].proxy_only.algorithm", "many people behind one address",
	},
	"tunnels stay": {
		"",
		[]uint64{500, 500},
		func(in *doctor.Input) { one(in, 0).Outstanding, one(in, 1).Outstanding = 80, 4 },
		doctor.Uneven, "target_groups[0].algorithm", "80 of the 84 requests and tunnels",
	},

	"no target": {
		"    targets: []", nil, func(in *doctor.Input) {},
		doctor.HealthChecks, "target_groups[0].targets", "answered with 503",
	},
	"DNS fails": {
		"    proxy_only: {discovery: {dns: web.internal}}",
		[]uint64{0},
		func(in *doctor.Input) {
			group(in).Discovery = &admin.Discovery{DNS: "web.internal", Answered: now.Add(-time.Minute), Error: "server misbehaving"}
		},
		doctor.HealthChecks, "target_groups[0].proxy_only.discovery", "web.internal: server misbehaving",
	},
	"DNS has nothing": {
		"    targets: []\n    proxy_only: {discovery: {dns: web.internal}}", nil,
		func(in *doctor.Input) { group(in).Discovery = &admin.Discovery{DNS: "web.internal", Answered: now} },
		doctor.HealthChecks, "target_groups[0].proxy_only.discovery", "let the name have addresses",
	},
	"refused": {
		"",
		[]uint64{0, 0},
		func(in *doctor.Input) { down(in, 0, -1, telemetry.CheckDisconnected) },
		doctor.HealthChecks, "target_groups[0].port", "20 × connection refused or closed",
	},
	"refused at a port of its own": {
		`    health_check: {port: "81"}`,
		[]uint64{0, 0},
		func(in *doctor.Input) { down(in, 0, -1, telemetry.CheckDisconnected) },
		doctor.HealthChecks, "target_groups[0].health_check.port", "start the application",
	},
	"not HTTP": {
		"",
		[]uint64{0, 0},
		func(in *doctor.Input) { down(in, 0, -1, telemetry.CheckInvalid) },
		doctor.HealthChecks, "target_groups[0].health_check.protocol", "speaks TLS",
	},
	"404 while requests go well": {
		"",
		[]uint64{500, 500},
		func(in *doctor.Input) {
			down(in, 0, 404, telemetry.CheckMismatch)
			down(in, 1, 404, telemetry.CheckMismatch)
			group(in).FailOpen = true
		},
		doctor.HealthChecks, "target_groups[0].health_check.path", "the check is wrong, not the target",
	},
	"400": {
		"",
		[]uint64{0, 0},
		func(in *doctor.Input) { down(in, 0, 400, telemetry.CheckMismatch) },
		doctor.HealthChecks, "target_groups[0].health_check.path", "ALLOWED_HOSTS",
	},
	"a redirect": {
		"",
		[]uint64{0, 0},
		func(in *doctor.Input) { down(in, 0, 301, telemetry.CheckMismatch) },
		doctor.HealthChecks, "target_groups[0].health_check.path", "checks do not follow",
	},
	"500": {
		"",
		[]uint64{0, 0},
		func(in *doctor.Input) { down(in, 0, 500, telemetry.CheckMismatch) },
		doctor.HealthChecks, "target_groups[0].health_check.path", "fails in the application",
	},
	"204": {
		"",
		[]uint64{0, 0},
		func(in *doctor.Input) { down(in, 0, 204, telemetry.CheckMismatch) },
		doctor.HealthChecks, "target_groups[0].health_check.matcher", "let the matcher have the status",
	},
	"no answer": {
		"",
		[]uint64{0, 0},
		func(in *doctor.Input) { down(in, 0, -1, telemetry.CheckTimedOut) },
		doctor.HealthChecks, "target_groups[0].health_check.timeout", "within 5s",
	},
	"no answer for want of time": {
		full,
		[]uint64{500, 500},
		func(in *doctor.Input) {
			down(in, 0, -1, telemetry.CheckTimedOut)
			s := one(in, 0)
			s.Outstanding = 90
			for i := range s.Telemetry.Windows {
				s.Telemetry.Windows[i].P95 = 6000
			}
		},
		doctor.HealthChecks, "target_groups[0].targets[0].proxy_only.max_connections", "has 90 requests under way",
	},
	"out for failed requests": {
		"    proxy_only: {passive_health: {max_fails: 3, fail_timeout: 10s}}",
		[]uint64{0, 0},
		func(in *doctor.Input) {
			one(in, 0).State, one(in, 0).Description = targethealth.Unhealthy, "Passive health: 3 requests failed"
		},
		doctor.HealthChecks, "target_groups[0].proxy_only.passive_health", "3 requests failed",
	},
	"flapping": {
		"",
		[]uint64{0, 0},
		func(in *doctor.Input) {
			for i := range 3 {
				at := now.Add(time.Duration(10*i-40) * time.Minute)
				one(in, 0).Timeline = append(one(in, 0).Timeline,
					telemetry.Transition{Time: at, From: targethealth.Healthy, To: targethealth.Unhealthy},
					telemetry.Transition{Time: at.Add(time.Minute), From: targethealth.Unhealthy, To: targethealth.Healthy})
			}
		},
		doctor.HealthChecks, "target_groups[0].health_check.unhealthy_threshold", "web-1 3 times",
	},
	"shaky": {
		"",
		[]uint64{0, 0},
		func(in *doctor.Input) { fail(in, 0, 3, 503, telemetry.CheckMismatch) },
		doctor.HealthChecks, "target_groups[0].health_check", "web-1 3 of the last 20",
	},
	"slow checks": {
		"",
		[]uint64{0, 0},
		func(in *doctor.Input) {
			for i := range 3 {
				one(in, 0).Checks[i].Took = 4900
			}
		},
		doctor.HealthChecks, "target_groups[0].health_check.timeout", "4.9 s at web-1",
	},
	"all full": {
		full,
		[]uint64{500, 500},
		func(in *doctor.Input) { one(in, 0).Outstanding, one(in, 1).Outstanding = 5, 5 },
		doctor.HealthChecks, "target_groups[0].targets[1].proxy_only.max_connections", "as many requests as it may",
	},
	"no room": {
		full,
		[]uint64{500, 500},
		func(in *doctor.Input) { in.Process.Queues = map[string]doctor.Queue{"web": {Rejected: 100}} },
		doctor.HealthChecks, "target_groups[0].proxy_only.queue", "100 requests were answered with 503",
	},
	"no room in the queue either": {
		full + "\n    proxy_only: {queue: {depth: 10, timeout: 2s}}",
		[]uint64{500, 500},
		func(in *doctor.Input) {
			in.Process.Queues = map[string]doctor.Queue{"web": {Rejected: 100}}
			group(in).Load.QueueDepth = 10
		},
		doctor.HealthChecks, "target_groups[0].proxy_only.queue", "the queue takes 10",
	},
	"connections run out": {
		"",
		[]uint64{0, 0},
		func(in *doctor.Input) { in.Stats.Connections = 950 },
		doctor.HealthChecks, "proxy.max_connections", "950 of the 1000 client connections",
	},
	"files run out": {
		"",
		[]uint64{0, 0},
		func(in *doctor.Input) { in.Process = doctor.Process{OpenFiles: 1000, MaxFiles: 1024} },
		doctor.HealthChecks, "proxy.max_connections", "1000 of the 1024 files",
	},

	"another key": {
		cookie,
		[]uint64{500, 500},
		func(in *doctor.Input) { count(in, telemetry.Cookies{Held: 400, Unreadable: 100}, telemetry.Cuts{}) },
		doctor.SessionLoss, "proxy.stickiness_keys", "no stickiness_keys",
	},
	"a former key": {
		cookie,
		[]uint64{500, 500},
		func(in *doctor.Input) {
			in.Environment.Proxy.StickinessKeys = []spec.Secret{"file:key"}
			count(in, telemetry.Cookies{Held: 400, Unreadable: 100}, telemetry.Cuts{})
		},
		doctor.SessionLoss, "proxy.stickiness_keys", "keep the former key",
	},
	"targets come and go": {
		cookie,
		[]uint64{500, 500},
		func(in *doctor.Input) { count(in, telemetry.Cookies{Held: 400, Gone: 100}, telemetry.Cuts{}) },
		doctor.SessionLoss, "target_groups[0].targets", "100 of 500 requests with a stickiness cookie (20 %)",
	},
	"targets fall ill": {
		cookie,
		[]uint64{500, 500},
		func(in *doctor.Input) {
			count(in, telemetry.Cookies{Held: 400, Gone: 100}, telemetry.Cuts{})
			one(in, 0).Timeline = append(one(in, 0).Timeline, telemetry.Transition{Time: now.Add(-time.Minute), From: targethealth.Healthy, To: targethealth.Unhealthy})
		},
		doctor.SessionLoss, "target_groups[0].health_check.unhealthy_threshold", "became unhealthy 1 times",
	},
	"a target without room": {
		cookie + "\n" + full,
		[]uint64{500, 500},
		func(in *doctor.Input) { count(in, telemetry.Cookies{Held: 400, Full: 100}, telemetry.Cuts{}) },
		doctor.SessionLoss, "target_groups[0].targets[1].proxy_only.max_connections", "web-1 may have 5 at once",
	},
	"too short": {
		cookie,
		[]uint64{500, 500},
		func(in *doctor.Input) { count(in, telemetry.Cookies{Held: 400, Expired: 100}, telemetry.Cuts{}) },
		doctor.SessionLoss, "target_groups[0].stickiness.duration", "stickiness lasts 24h",
	},
	"too short, HAProxy's": {
		haCookie,
		[]uint64{500, 500},
		func(in *doctor.Input) { count(in, telemetry.Cookies{Held: 400, Expired: 100}, telemetry.Cuts{}) },
		doctor.SessionLoss, "target_groups[0].proxy_only.cookie", "max_idle of the cookie is 1m",
	},
	"a cookie that browsers keep": {
		haCookie,
		[]uint64{500, 500},
		func(in *doctor.Input) { count(in, telemetry.Cookies{Absent: 1000}, telemetry.Cuts{}) },
		doctor.SessionLoss, "target_groups[0].proxy_only.cookie", "secure: true",
	},
	"no such cookie": {
		appCookie,
		[]uint64{500, 500},
		func(in *doctor.Input) { count(in, telemetry.Cookies{Absent: 1000}, telemetry.Cuts{}) },
		doctor.SessionLoss, "target_groups[0].stickiness.cookie_name", `"sessionid"`,
	},

	"connect": {
		"    proxy_only: {connect_timeout: 1s}",
		[]uint64{500, 500},
		func(in *doctor.Input) { count(in, telemetry.Cookies{}, telemetry.Cuts{Connect: 50}) },
		doctor.Timeouts, "target_groups[0].proxy_only.connect_timeout", "connect_timeout is 1s",
	},
	"handshake": {
		"    protocol: HTTPS",
		[]uint64{500, 500},
		func(in *doctor.Input) { count(in, telemetry.Cookies{}, telemetry.Cuts{TLS: 50}) },
		doctor.Timeouts, "target_groups[0].protocol", "50 of 1000 requests (5.0 %)",
	},
	"send": {
		"    proxy_only: {send_timeout: 1s}",
		[]uint64{500, 500},
		func(in *doctor.Input) { count(in, telemetry.Cookies{}, telemetry.Cuts{Send: 50}) },
		doctor.Timeouts, "target_groups[0].proxy_only.send_timeout", "took no more of the request",
	},
	"answer, by the load balancer's timeout": {
		"",
		[]uint64{500, 500},
		func(in *doctor.Input) {
			count(in, telemetry.Cookies{}, telemetry.Cuts{Answer: 50})
			one(in, 1).Telemetry.Totals.Cuts.Answer = 50
		},
		doctor.Timeouts, "load_balancer.attributes.idle_timeout", "only web-2 is concerned",
	},
	"answer, by its own": {
		"    proxy_only: {read_timeout: 90s}",
		[]uint64{500, 500},
		func(in *doctor.Input) { count(in, telemetry.Cookies{}, telemetry.Cuts{Answer: 50}) },
		doctor.Timeouts, "target_groups[0].proxy_only.read_timeout", "read_timeout is 1m30s",
	},
	"body": {
		"",
		[]uint64{500, 500},
		func(in *doctor.Input) { count(in, telemetry.Cookies{}, telemetry.Cuts{Body: 50}) },
		doctor.Timeouts, "load_balancer.attributes.idle_timeout", "in the middle of an answer",
	},
	"client": {
		"",
		[]uint64{500, 500},
		func(in *doctor.Input) { count(in, telemetry.Cookies{}, telemetry.Cuts{Client: 50}) },
		doctor.Timeouts, "load_balancer.attributes.idle_timeout", "the client fell silent",
	},
	"tunnel": {
		"",
		[]uint64{500, 500},
		func(in *doctor.Input) { count(in, telemetry.Cookies{}, telemetry.Cuts{Tunnel: 50}) },
		doctor.Timeouts, "load_balancer.attributes.idle_timeout", "ping more often",
	},
	"kept": {
		"",
		[]uint64{500, 500},
		func(in *doctor.Input) { count(in, telemetry.Cookies{}, telemetry.Cuts{Kept: 50}) },
		doctor.Timeouts, "load_balancer.attributes.idle_timeout", "--keep-alive",
	},
	"queue": {
		full + "\n    proxy_only: {queue: {depth: 10, timeout: 2s}}",
		[]uint64{500, 500},
		func(in *doctor.Input) { in.Process.Queues = map[string]doctor.Queue{"web": {TimedOut: 100}} },
		doctor.Timeouts, "target_groups[0].proxy_only.queue.timeout", "100 of 1100 requests",
	},
}

func TestFindings(t *testing.T) {
	for name, c := range ills {
		t.Run(name, func(t *testing.T) {
			in := world(t, c.settings, c.requests...)
			c.ail(in)
			r := doctor.Examine(in)
			if len(r.Findings) != 1 {
				t.Fatalf("got %d findings: %+v", len(r.Findings), r.Findings)
			}
			f := r.Findings[0]
			told := f.What + "\n" + strings.Join(f.Evidence, "\n") + "\n" + f.Change
			if f.Case != c.of || f.Path != c.path || !strings.Contains(told, c.says) || len(f.Evidence) == 0 {
				t.Errorf("got %+v\nwant %s of %s with %q", f, c.of, c.path, c.says)
			}
		})
	}
}

// TestAGroupOfTheAPI is not in the file, and yet examined.
func TestAGroupOfTheAPI(t *testing.T) {
	for name, c := range ills {
		in := world(t, c.settings, c.requests...)
		c.ail(in)
		group(in).Name = "made-by-api"
		for _, f := range doctor.Examine(in).Findings {
			if strings.Contains(f.Path, "[") {
				t.Errorf("%s: path %s", name, f.Path)
			}
		}
	}
}

// TestNotesSayWhatCannotBeJudged: silence is not always health.
func TestNotesSayWhatCannotBeJudged(t *testing.T) {
	in := world(t, "", 500, 500)
	one(in, 0).Changed = now.Add(-2 * time.Second)
	in.Stats.Reloads = admin.Reloads{LastError: "broken", LastTime: now.Add(-time.Hour)}
	r := doctor.Examine(in)
	if len(r.Findings) != 0 || len(r.Notes) != 2 || !strings.Contains(r.Notes[0], "refused the last one") || !strings.Contains(r.Notes[1], "cannot be judged yet") {
		t.Errorf("got %+v", r)
	}
}
