package aggregate_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/aggregate"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

const (
	up       = targethealth.Healthy
	down     = targethealth.Unhealthy
	initial  = targethealth.Initial
	draining = targethealth.Draining
)

// TestStatus has one group in each condition, and what that makes of the environment.
func TestStatus(t *testing.T) {
	databaseDown := says(aggregate.Failing, "1", aggregate.Down, aggregate.Up, aggregate.Up)
	celeryDown := says(aggregate.Impaired, "1", aggregate.Up, aggregate.Up, aggregate.Down)
	threshold := func(g aggregate.Group, m spec.MinimumHealthyTargets) aggregate.Group {
		g.MinimumHealthy = m
		return g
	}
	for name, c := range map[string]struct {
		group   aggregate.Group
		status  aggregate.Status
		overall aggregate.Status
		reasons []string
	}{
		"all healthy":                  {group("web", times(4, 0, up)...), "ok", "ok", nil},
		"all pass":                     {group("web", times(4, 0, up, passes("1"))...), "ok", "ok", nil},
		"one of ten unhealthy":         {group("web", slices.Concat(times(9, 0, up), times(1, 9, down))...), "ok", "ok", nil},
		"draining and initial besides": {group("web", slices.Concat(times(4, 0, up), times(2, 4, draining), times(2, 6, initial))...), "ok", "ok", nil},
		"less than warning": {
			group("web", slices.Concat(times(6, 0, up), times(2, 6, down))...), "degraded", "degraded",
			[]string{"75% of targets are healthy"},
		},
		"less than critical": {
			group("web", slices.Concat(times(2, 0, up), times(3, 2, down))...), "down", "down",
			[]string{"40% of targets are healthy"},
		},
		"exactly critical": {group("web", target(0, up), target(2, down)), "degraded", "degraded", []string{"50% of targets are healthy"}},
		"none healthy":     {group("web", times(3, 0, down)...), "down", "down", []string{"no target is healthy"}},
		"all initial":      {group("web", times(3, 0, initial)...), "down", "down", []string{"no target is healthy"}},
		"health not known": {group("web", times(3, 0, targethealth.Unavailable)...), "unknown", "unknown", []string{"the health of its targets is not known"}},
		"another state":    {group("web", times(3, 0, "asleep")...), "unknown", "unknown", []string{"the health of its targets is not known"}},
		"a zone without": {
			group("web", append(times(6, 0, up, zone("a")), target(9, down, zone("c")))...), "degraded", "degraded",
			[]string{"no target is healthy in zone c"},
		},
		"fails open by count": {
			threshold(group("web", times(2, 0, up)...), spec.MinimumHealthyTargets{Count: 3}), "degraded", "degraded",
			[]string{"fails open: too few targets are healthy"},
		},
		"fails open by share, as initial targets count": {
			threshold(group("web", slices.Concat(times(2, 0, up), times(3, 2, initial))...), spec.MinimumHealthyTargets{Count: 1, Percentage: 50}), "degraded", "degraded",
			[]string{"fails open: too few targets are healthy"},
		},
		"database down for all": {
			group("web", times(4, 0, up, databaseDown)...), "down", "down",
			[]string{"0% of targets say that they work", "database is down for 4 targets"},
		},
		"celery down for all": {
			group("web", times(4, 0, up, celeryDown)...), "degraded", "degraded",
			[]string{"0% of targets pass deep checks", "celery is down for 4 targets"},
		},
		"one of ten fails": {group("web", append(times(9, 0, up, passes("1")), target(9, up, ends(aggregate.TimedOut)))...), "ok", "ok", nil},
		"all hang": {
			group("web", times(4, 0, up, ends(aggregate.TimedOut))...), "down", "down",
			[]string{"0% of targets say that they work"},
		},
		"the checks reach nobody, and the load balancer everybody": {
			group("web", times(4, 0, up, ends(aggregate.NoAnswer))...), "degraded", "degraded",
			[]string{"no target can be reached by deep checks"},
		},
		"not all asked":                     {group("web", append(times(4, 0, up, passes("1")), target(4, up, ends(aggregate.NotAsked)))...), "ok", "degraded", []string{"not all was seen"}},
		"initial targets fail, as they may": {group("web", append(times(4, 0, up, passes("1")), times(6, 4, initial, ends(aggregate.NoAnswer))...)...), "ok", "ok", nil},
		"unseen":                            {aggregate.Group{Name: "web", Unseen: true}, "unknown", "unknown", []string{"could not be seen"}},
		"no targets":                        {group("web"), "idle", "down", []string{"no target group has targets that get requests"}},
		"only draining":                     {group("web", times(3, 0, draining)...), "idle", "down", []string{"no target group has targets that get requests"}},
		"gets no traffic": {
			aggregate.Group{Name: "web", Idle: true, Targets: times(3, 0, down)},
			"idle", "down",
			[]string{"no target group has targets that get requests"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := aggregate.Build(site([]aggregate.Group{c.group}), quorum)
			if d.TargetGroups[0].Status != c.status || d.Status != c.overall {
				t.Errorf("group is %s, environment %s; want %s, %s (%q)", d.TargetGroups[0].Status, d.Status, c.status, c.overall, d.Reasons)
			}
			got := []string{}
			for _, r := range d.Reasons {
				r = strings.TrimPrefix(r, "target group web")
				got = append(got, strings.TrimPrefix(strings.TrimPrefix(r, ": "), " "))
			}
			if diff := cmp.Diff(append([]string{}, c.reasons...), got); diff != "" {
				t.Error(diff)
			}
			if want := map[aggregate.Status]int{"ok": 200, "degraded": 200, "unknown": 503, "down": 503}[c.overall]; d.HTTPStatus() != want {
				t.Errorf("answered with %d", d.HTTPStatus())
			}
		})
	}
}

func zone(name string) func(*aggregate.Target) {
	return func(t *aggregate.Target) { t.Zone = name }
}

// TestOverallIsAsGoodAsTheWorst group that is used.
func TestOverallIsAsGoodAsTheWorst(t *testing.T) {
	groups := map[string]aggregate.Group{
		"ok": group("ok", times(4, 0, up)...), "degraded": group("degraded", slices.Concat(times(3, 0, up), times(2, 3, down))...),
		"down": group("down", times(1, 0, down)...), "idle": group("idle"), "unknown": {Name: "unknown", Unseen: true},
	}
	for names, want := range map[string]aggregate.Status{
		"ok idle": "ok", "ok degraded": "degraded", "ok unknown": "degraded", "unknown idle": "unknown", "degraded down ok": "down",
		"down unknown": "down", "idle": "down", "": "unknown",
	} {
		var list []aggregate.Group
		for name := range strings.FieldsSeq(names) {
			list = append(list, groups[name])
		}
		d := aggregate.Build(site(list), quorum)
		if d.Status != want || (d.Status == "ok") != (len(d.Reasons) == 0) {
			t.Errorf("%q: %s because of %q, want %s", names, d.Status, d.Reasons, want)
		}
	}
	o := site([]aggregate.Group{groups["ok"]})
	o.Problems = []string{"Auto Scaling groups"}
	if d := aggregate.Build(o, quorum); d.Status != "degraded" || d.Coverage.Complete || !cmp.Equal(d.Problems, o.Problems) {
		t.Errorf("with a problem: %s, coverage %+v, problems %q", d.Status, d.Coverage, d.Problems)
	}
}

// TestGroupThatItsFleetWantsFilled is down without targets, not idle.
func TestGroupThatItsFleetWantsFilled(t *testing.T) {
	d := aggregate.Build(site([]aggregate.Group{group("web")}, fleet(inService(1))), quorum)
	if d.Status != "down" || !cmp.Equal(d.Reasons, []string{"target group web: no target is registered, and its fleet wants some"}) {
		t.Errorf("%s because of %q", d.Status, d.Reasons)
	}
}

func TestGroupIsCounted(t *testing.T) {
	g := group("web",
		target(0, up), target(1, up), target(2, up), target(3, down, because(targethealth.ReasonTimeout)), target(5, down, because(targethealth.ReasonTimeout)),
		target(4, initial, because(targethealth.ReasonInitialHealthChecking), since(90*time.Second)), target(6, initial, since(2*time.Second)),
		target(7, draining, because(targethealth.ReasonDeregistrationInProgress)), target(8, targethealth.Unused), target(9, targethealth.Unavailable),
	)
	got := aggregate.Build(site([]aggregate.Group{g}), quorum).TargetGroups[0]
	want := aggregate.GroupHealth{
		Name: "web", Status: "degraded",
		Counts:        aggregate.Counts{Healthy: 3, Unhealthy: 2, Initial: 2, Draining: 1, Unused: 1, Unavailable: 1},
		Reasons:       map[string]int{"Target.Timeout": 2, "Elb.InitialHealthChecking": 1, "Target.DeregistrationInProgress": 1},
		HealthyShare:  new(60.0),
		OldestInitial: new(90.0),
		MinZone:       "b",
		Zones: []aggregate.ZoneHealth{
			{Zone: "a", Counts: aggregate.Counts{Healthy: 2, Initial: 2, Unused: 1}, HealthyShare: new(100.0)},
			{Zone: "b", Counts: aggregate.Counts{Healthy: 1, Unhealthy: 2, Draining: 1, Unavailable: 1}, HealthyShare: new(33.3)},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDeepChecksAreSummedUp(t *testing.T) {
	web := group("web",
		target(0, up, passes("2.1")), target(1, up, passes("2.0")), target(2, up, says(aggregate.Impaired, "2.0", aggregate.Up, aggregate.Degraded, aggregate.Unknown)),
		target(3, up, ends(aggregate.TimedOut)), target(4, up, ends(aggregate.NotAsked)), target(5, initial, ends(aggregate.NoAnswer)),
	)
	api := group("api", target(0, up, passes("2.1"))) // the same target once more
	d := aggregate.Build(site([]aggregate.Group{web, api}), quorum)
	want := &aggregate.DeepHealth{
		HealthyShare: new(50.0), AnsweringShare: new(75.0),
		Outcomes: map[aggregate.Outcome]int{"passed": 2, "impaired": 1, "timed_out": 1, "not_asked": 1},
		Dependencies: []aggregate.DependencyHealth{
			{Name: "cache", Up: 2, Degraded: 1, HealthyShare: new(66.7)},
			{Name: "celery", Up: 2, Unknown: 1, HealthyShare: new(100.0)},
			{Name: "database", Up: 3, HealthyShare: new(100.0)},
		},
		Versions: map[string]int{"2.0": 2, "2.1": 1}, VersionSkew: true,
	}
	if diff := cmp.Diff(want, d.Deep); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(aggregate.Coverage{TargetGroups: 2, TargetGroupsSeen: 2, DeepChecks: 6, DeepChecksDone: 5}, d.Coverage); diff != "" {
		t.Error(diff)
	}
	if got := d.Coverage.Share(); got < 83.3 || got > 83.4 {
		t.Errorf("%v%% was seen", got)
	}
	if d.TargetGroups[0].Name != "api" || d.TargetGroups[0].Deep.VersionSkew {
		t.Errorf("group api: %+v", d.TargetGroups[0].Deep)
	}
}

// TestSharedDependencyIsNamed: what is down for most targets is not their fault.
func TestSharedDependencyIsNamed(t *testing.T) {
	for n, want := range map[int]bool{0: false, 1: false, 2: false, 3: true, 4: true} {
		targets := append(times(n, 0, up, says(aggregate.Impaired, "1", aggregate.Up, aggregate.Down, aggregate.Up)), times(4-n, n, up, passes("1"))...)
		d := aggregate.Build(site([]aggregate.Group{group("web", targets...)}), quorum)
		if got := d.Deep.Dependencies[0]; got.Name != "cache" || got.Shared != want || got.Down != n {
			t.Errorf("down for %d of 4: %+v", n, got)
		}
	}
	alone := aggregate.Build(site([]aggregate.Group{group("web", target(1, up, says(aggregate.Impaired, "1", aggregate.Up, aggregate.Down, aggregate.Up)))}), quorum)
	if alone.Deep.Dependencies[0].Shared {
		t.Error("one target shares with nobody")
	}
}

// TestSharesAreNotRoundedToAllOrNone: 100% means all, 0% none.
func TestSharesAreNotRoundedToAllOrNone(t *testing.T) {
	targets := append(times(1, 0, down), times(2999, 1, up)...)
	if got := *aggregate.Build(site([]aggregate.Group{group("web", targets...)}), quorum).TargetGroups[0].HealthyShare; got != 99.9 {
		t.Errorf("all but one of 3,000 are %v%%", got)
	}
	targets = append(times(1, 0, up), times(2999, 1, down)...)
	if got := *aggregate.Build(site([]aggregate.Group{group("web", targets...)}), quorum).TargetGroups[0].HealthyShare; got != 0.1 {
		t.Errorf("one of 3,000 is %v%%", got)
	}
}

// TestTargetsCannotBlowUpTheDocument: names and versions are theirs.
func TestTargetsCannotBlowUpTheDocument(t *testing.T) {
	var targets []aggregate.Target
	for i := range 1000 {
		targets = append(targets, target(i, up, func(t *aggregate.Target) {
			r := &aggregate.Report{Version: fmt.Sprint("v", i), Dependencies: map[string]aggregate.Verdict{"database": aggregate.Up}}
			for j := range 15 {
				r.Dependencies[fmt.Sprintf("d%d-%d", i, j)] = aggregate.Down
			}
			t.Deep = &aggregate.Result{Outcome: aggregate.Impaired, Report: r}
		}))
	}
	d := aggregate.Build(site([]aggregate.Group{group("web", targets...)}), quorum)
	if n := len(d.Deep.Dependencies); n != 32 || !slices.ContainsFunc(d.Deep.Dependencies, func(h aggregate.DependencyHealth) bool { return h.Name == "database" }) {
		t.Errorf("%d dependencies", n)
	}
	if len(d.Deep.Versions) != 21 || d.Deep.Versions["other"] != 980 {
		t.Errorf("versions: %v", d.Deep.Versions)
	}
	if text, err := json.Marshal(d); err != nil || len(text) > 32<<10 {
		t.Errorf("document of %d bytes, %v", len(text), err)
	}
}
