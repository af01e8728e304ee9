package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/aggregate"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

// reported is what a document makes, as "Name{Dimension=value} = number".
func reported(t *testing.T, o *aggregate.Observation) []string {
	t.Helper()
	s := newScene(t)
	if err := s.report(aggregate.Build(o, spec.Default[spec.HealthyTargets]())); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, line := range lines(t, &s.metrics) {
		directive := line["_aws"].(map[string]any)["CloudWatchMetrics"].([]any)[0].(map[string]any)
		if directive["Namespace"] != spec.FunctionNamespace || line[spec.DimensionEnvironment] != "syncapp-prod" {
			t.Errorf("line %v", line)
		}
		dimensions := ""
		for _, name := range directive["Dimensions"].([]any)[0].([]any)[1:] {
			dimensions += fmt.Sprintf("{%s=%s}", name, line[name.(string)])
		}
		for _, m := range directive["Metrics"].([]any) {
			name := m.(map[string]any)["Name"].(string)
			list = append(list, fmt.Sprintf("%s%s = %v %s", name, dimensions, line[name], m.(map[string]any)["Unit"]))
		}
	}
	slices.Sort(list)
	return list
}

func deep(o aggregate.Outcome, version string, verdicts map[string]aggregate.Verdict) *aggregate.Result {
	r := &aggregate.Result{Outcome: o}
	if version != "" {
		r.Report = &aggregate.Report{Version: version, Dependencies: verdicts}
	}
	return r
}

func TestMetrics(t *testing.T) {
	now := time.Now()
	all := map[string]aggregate.Verdict{"database": "up", "cache": "up"}
	some := map[string]aggregate.Verdict{"database": "up", "cache": "down", "celery": "unknown"}
	o := &aggregate.Observation{Begun: now, Ended: now, Groups: []aggregate.Group{
		{Name: "web", MinimumHealthy: spec.MinimumHealthyTargets{Count: 3}, Targets: []aggregate.Target{
			{Address: "1", Zone: "a", State: targethealth.Healthy, Deep: deep(aggregate.Passed, "1.0", all)},
			{Address: "2", Zone: "b", State: targethealth.Healthy, Deep: deep(aggregate.Impaired, "1.1", some)},
			{Address: "3", Zone: "b", State: targethealth.Unhealthy, Reason: targethealth.ReasonTimeout, Deep: deep(aggregate.TimedOut, "", nil)},
			{Address: "4", Zone: "b", State: targethealth.Initial, Reason: targethealth.ReasonInitialHealthChecking, Since: now.Add(-20 * time.Second)},
		}},
		{Name: "api", MinimumHealthy: spec.MinimumHealthyTargets{Count: 1}, Targets: []aggregate.Target{
			{Address: "5", Zone: "a", State: targethealth.Healthy}, {Address: "6", State: targethealth.Healthy},
		}},
		{Name: "idle", Idle: true, Targets: []aggregate.Target{{Address: "7", Zone: "c", State: targethealth.Unhealthy, Reason: targethealth.ReasonNotInUse}}},
		{Name: "unseen", Unseen: true},
	}, Fleets: []aggregate.Fleet{{Name: "f", Groups: []string{"web"}, Instances: []aggregate.Instance{{ID: "i-1", Lifecycle: aggregate.InService}}}}}
	want := []string{
		"Coverage = 75 Percent",
		"DeepHealthyShare = 33.3 Percent",
		"DependencyHealthyShare{Dependency=cache} = 50 Percent",
		"DependencyHealthyShare{Dependency=database} = 100 Percent",
		"FailOpen = 1 Count",
		"HealthyShare = 66.7 Percent",
		"HealthyShare{AvailabilityZone=a} = 100 Percent",
		"HealthyShare{AvailabilityZone=b} = 50 Percent",
		"HealthyShare{TargetGroup=api} = 100 Percent",
		"HealthyShare{TargetGroup=web} = 66.7 Percent",
		"OldestInitial = 20 Seconds",
		"Targets{Reason=Elb.InitialHealthChecking} = 1 Count",
		"Targets{Reason=Target.Timeout} = 1 Count",
		"Versions = 2 Count",
		"Zombies = 1 Count",
	}
	if diff := cmp.Diff(want, reported(t, o)); diff != "" {
		t.Error(diff)
	}
}

// TestNoMetricOfNothing: what was not measured has no value, and no good one.
func TestNoMetricOfNothing(t *testing.T) {
	now := time.Now()
	o := &aggregate.Observation{Begun: now, Ended: now, Groups: []aggregate.Group{{Name: "web", Targets: []aggregate.Target{
		{Address: "1", State: targethealth.Initial, Deep: deep(aggregate.NoAnswer, "", nil)},
	}}}}
	if diff := cmp.Diff([]string{"Coverage = 100 Percent", "FailOpen = 0 Count"}, reported(t, o)); diff != "" {
		t.Error(diff)
	}
}

// TestSmallestGroupCounts: the deep share is that of the worst group, by spec's definition.
func TestSmallestGroupCounts(t *testing.T) {
	now := time.Now()
	o := &aggregate.Observation{Begun: now, Ended: now}
	for name, outcome := range map[string]aggregate.Outcome{"a": aggregate.Passed, "b": aggregate.Failing, "c": aggregate.Passed} {
		o.Groups = append(o.Groups, aggregate.Group{Name: name, Targets: []aggregate.Target{
			{Address: name, State: targethealth.Healthy, Deep: deep(outcome, "1", nil)}, {Address: name + name, State: targethealth.Healthy, Deep: deep(aggregate.Passed, "1", nil)},
		}})
	}
	if got := reported(t, o); !slices.Contains(got, "DeepHealthyShare = 50 Percent") {
		t.Errorf("got %q", got)
	}
}

// TestMetricsAreFew whatever targets say: each name costs money every month.
func TestMetricsAreFew(t *testing.T) {
	now := time.Now()
	o := &aggregate.Observation{Begun: now, Ended: now, Groups: []aggregate.Group{{Name: "web"}}}
	for i := range 1000 {
		verdicts := map[string]aggregate.Verdict{}
		for j := range 16 {
			verdicts[fmt.Sprintf("d%d-%d", i, j)] = aggregate.Down
		}
		o.Groups[0].Targets = append(o.Groups[0].Targets, aggregate.Target{Address: fmt.Sprint(i), Zone: "a", State: targethealth.Healthy, Deep: deep(aggregate.Impaired, fmt.Sprint("v", i), verdicts)})
	}
	names := map[string]bool{}
	for _, line := range reported(t, o) {
		name, _, _ := strings.Cut(line, " = ")
		names[name] = true
	}
	if len(names) > 45 {
		t.Errorf("%d metrics: %q", len(names), slices.Sorted(maps.Keys(names)))
	}
}
