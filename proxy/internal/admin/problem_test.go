package admin_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/targethealth"
)

// site is a group of n healthy targets that answer 100 requests a minute, 1 in 1000 with an error
// and with a p95 of 10 ms.
func site(n int) admin.Stats {
	s := admin.Stats{Time: time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC), MaxConnections: 100, Alarms: admin.Alarms{ErrorShare: .01, P95: 500, Connections: .8}}
	g := admin.GroupStats{Name: "web", InUse: true}
	for i := range n {
		t := admin.TargetStats{}
		t.ID, t.Address = fmt.Sprint("t", i+1), fmt.Sprintf("10.0.0.%d:80", i+1)
		t.State, t.Administrative = targethealth.Healthy, admin.ActionReady
		t.Telemetry.Windows = []telemetry.Window{{Seconds: 10}, {Seconds: 60, Requests: 1000, Errors: 1, ErrorShare: .001, P95: 10}}
		g.Targets = append(g.Targets, t)
	}
	s.TargetGroups = []admin.GroupStats{g}
	return s
}

// problems are those that /stats;json tells.
func problems(t *testing.T, s admin.Stats) []string {
	t.Helper()
	var got struct{ Problems []admin.Problem }
	if err := json.Unmarshal(ask(t, handler(&process{stats: s}), "GET", "/stats;json").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, p := range got.Problems {
		list = append(list, strings.Join([]string{p.Level, p.TargetGroup, p.Target, p.Text}, "|"))
	}
	return list
}

func TestProblems(t *testing.T) {
	minute := func(one *admin.TargetStats) *telemetry.Window { return &one.Telemetry.Windows[1] }
	turn := func(s *admin.Stats, ago time.Duration, from, to targethealth.State) telemetry.Transition {
		return telemetry.Transition{Time: s.Time.Add(-ago), From: from, To: to}
	}
	for name, c := range map[string]struct {
		change func(s *admin.Stats, g *admin.GroupStats, first *admin.TargetStats)
		want   []string
	}{
		"nothing": {func(*admin.Stats, *admin.GroupStats, *admin.TargetStats) {}, []string{}},
		"unhealthy": {func(_ *admin.Stats, _ *admin.GroupStats, first *admin.TargetStats) {
			first.State, first.Reason, first.Description = targethealth.Unhealthy, targethealth.ReasonResponseCodeMismatch, "Health checks failed with these codes: [503]"
		}, []string{"bad|web|t1|unhealthy: Health checks failed with these codes: [503]"}},
		"initial, without a description": {func(_ *admin.Stats, _ *admin.GroupStats, first *admin.TargetStats) {
			first.State, first.Reason = targethealth.Initial, targethealth.ReasonRegistrationInProgress
		}, []string{"note|web|t1|initial: Elb.RegistrationInProgress"}},
		"errors": {func(_ *admin.Stats, _ *admin.GroupStats, first *admin.TargetStats) {
			minute(first).Errors, minute(first).ErrorShare = 50, .05
		}, []string{"bad|web|t1|5.00 % of its requests fail (its peers: 0.10 %)"}},
		"errors of too few requests": {func(_ *admin.Stats, _ *admin.GroupStats, first *admin.TargetStats) {
			minute(first).Requests, minute(first).Errors, minute(first).ErrorShare = 19, 19, 1
		}, []string{}},
		"above the alarm": {func(_ *admin.Stats, _ *admin.GroupStats, first *admin.TargetStats) {
			minute(first).P95 = 1500
		}, []string{"warning|web|t1|slow: p95 is 1.5 s (alarm: 500 ms)"}},
		"slower than its peers": {func(_ *admin.Stats, _ *admin.GroupStats, first *admin.TargetStats) {
			minute(first).P95 = 31
		}, []string{"warning|web|t1|slow: p95 is 31 ms (its peers: 10 ms)"}},
		"two of a kind": {func(_ *admin.Stats, g *admin.GroupStats, first *admin.TargetStats) {
			minute(first).P95, minute(&g.Targets[1]).P95 = 90, 80
		}, []string{"warning|web|t1|slow: p95 is 90 ms (its peers: 10 ms)", "warning|web|t2|slow: p95 is 80 ms (its peers: 10 ms)"}},
		"the slower of two": {func(_ *admin.Stats, g *admin.GroupStats, first *admin.TargetStats) {
			minute(first).P95 = 90
			g.Targets = g.Targets[:2]
		}, []string{"warning|web|t1|slow: p95 is 90 ms (its peers: 10 ms)"}},
		"three times as slow, and quick": {func(_ *admin.Stats, g *admin.GroupStats, first *admin.TargetStats) {
			for i := range g.Targets {
				minute(&g.Targets[i]).P95 = 1
			}
			minute(first).P95 = 20
		}, []string{}},
		"no alarm for latency, no peers": {func(s *admin.Stats, g *admin.GroupStats, first *admin.TargetStats) {
			s.Alarms.P95, minute(first).P95, minute(first).ErrorShare = 0, 3000, .5
			g.Targets = g.Targets[:1]
		}, []string{"bad|web|t1|50.00 % of its requests fail"}},
		"anomalous": {func(_ *admin.Stats, _ *admin.GroupStats, first *admin.TargetStats) {
			first.Anomalous, first.Mitigated = true, true
		}, []string{"warning|web|t1|anomalous: more errors than its peers, and fewer requests for it"}},
		"flapping": {func(s *admin.Stats, _ *admin.GroupStats, first *admin.TargetStats) {
			first.Timeline = []telemetry.Transition{
				turn(s, 90*time.Minute, targethealth.Healthy, targethealth.Unhealthy), turn(s, 50*time.Minute, targethealth.Unhealthy, targethealth.Healthy),
				turn(s, 40*time.Minute, targethealth.Healthy, targethealth.Unhealthy), turn(s, 30*time.Minute, targethealth.Unhealthy, targethealth.Healthy),
				turn(s, 20*time.Minute, targethealth.Healthy, targethealth.Unhealthy), turn(s, 10*time.Minute, targethealth.Unhealthy, targethealth.Healthy),
			}
		}, []string{"warning|web|t1|flapping: turned unhealthy or back 5 times in the last hour"}},
		"drained, and failing": {func(s *admin.Stats, _ *admin.GroupStats, first *admin.TargetStats) {
			first.Administrative = admin.ActionDrain
			first.Timeline = []telemetry.Transition{{Time: s.Time, Order: "drain", By: "bob"}, {Time: s.Time, Order: "drain, weight 5", By: "alice"}}
			minute(first).ErrorShare = .02
		}, []string{"bad|web|t1|drained, by alice's order; 2.00 % of its requests fail (its peers: 0.10 %)"}},
		"in maintenance for long": {func(_ *admin.Stats, _ *admin.GroupStats, first *admin.TargetStats) {
			first.State, first.Administrative = targethealth.Unavailable, admin.ActionMaintenance
		}, []string{"note|web|t1|in maintenance, by an operator's order"}},
		"nobody is left": {func(_ *admin.Stats, g *admin.GroupStats, _ *admin.TargetStats) {
			for i := range g.Targets {
				g.Targets[i].Administrative = admin.ActionDrain
			}
		}, []string{"bad|web||no target can serve: new requests are answered with 503", "note|web|t1|drained, by an operator's order", "note|web|t2|drained, by an operator's order", "note|web|t3|drained, by an operator's order"}},
		"fails open": {
			func(_ *admin.Stats, g *admin.GroupStats, _ *admin.TargetStats) { g.FailOpen = true },
			[]string{"bad|web||too few targets are healthy, so that all get requests (fails open)"},
		},
		"no targets": {
			func(_ *admin.Stats, g *admin.GroupStats, _ *admin.TargetStats) { g.Targets = nil },
			[]string{"bad|web||no target is registered: requests are answered with 503"},
		},
		"not in use": {func(_ *admin.Stats, g *admin.GroupStats, first *admin.TargetStats) {
			g.InUse, first.State = false, targethealth.Unused
		}, []string{}},
		"connections": {
			func(s *admin.Stats, _ *admin.GroupStats, _ *admin.TargetStats) { s.Connections = 81 },
			[]string{"warning|||81 of 100 client connections are open"},
		},
		"the worst first": {func(s *admin.Stats, g *admin.GroupStats, first *admin.TargetStats) {
			s.Connections = 100
			first.Administrative = admin.ActionDrain
			g.Targets[2].State, g.Targets[2].Description = targethealth.Unhealthy, "Request timed out"
		}, []string{"bad|web|t3|unhealthy: Request timed out", "warning|||100 of 100 client connections are open", "note|web|t1|drained, by an operator's order"}},
	} {
		s := site(3)
		c.change(&s, &s.TargetGroups[0], &s.TargetGroups[0].Targets[0])
		if diff := cmp.Diff(c.want, problems(t, s)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestProblemsAreBounded(t *testing.T) {
	s := site(300)
	for i := range s.TargetGroups[0].Targets {
		s.TargetGroups[0].Targets[i].State = targethealth.Unhealthy
	}
	if n := len(problems(t, s)); n != 100 {
		t.Errorf("%d problems are told", n)
	}
}
