package aggregate_test

import (
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/aggregate"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

// noon is when the rounds of these tests end.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// quorum is that of a file that says nothing of it: 80% and 50%.
var quorum = spec.Default[spec.HealthyTargets]()

// site is an observation of these groups and fleets.
func site(groups []aggregate.Group, fleets ...aggregate.Fleet) *aggregate.Observation {
	return &aggregate.Observation{
		App: "syncapp", Environment: "prod", LoadBalancer: "syncapp-prod",
		Begun: noon.Add(-1500 * time.Millisecond), Ended: noon, Groups: groups, Fleets: fleets,
	}
}

// group has targets, and the threshold of a group for which nothing is said.
func group(name string, targets ...aggregate.Target) aggregate.Group {
	return aggregate.Group{Name: name, MinimumHealthy: spec.MinimumHealthyTargets{Count: 1}, Targets: targets}
}

// target is the nth instance, in zone a or b by turns.
func target(n int, state targethealth.State, change ...func(*aggregate.Target)) aggregate.Target {
	t := aggregate.Target{
		ID: fmt.Sprintf("i-%02d", n), Instance: fmt.Sprintf("i-%02d", n), Address: fmt.Sprintf("10.0.0.%d:8000", n),
		Zone: string(rune('a' + n%2)), State: state,
	}
	for _, f := range change {
		f(&t)
	}
	return t
}

func because(r targethealth.Reason) func(*aggregate.Target) {
	return func(t *aggregate.Target) { t.Reason = r }
}

func since(d time.Duration) func(*aggregate.Target) {
	return func(t *aggregate.Target) { t.Since = noon.Add(-d) }
}

// ends is a deep check that ended so, without a report.
func ends(o aggregate.Outcome) func(*aggregate.Target) {
	return func(t *aggregate.Target) { t.Deep = &aggregate.Result{Outcome: o} }
}

// passes is a deep check that found all well.
func passes(version string) func(*aggregate.Target) {
	return says(aggregate.Passed, version, aggregate.Up, aggregate.Up, aggregate.Up)
}

func says(o aggregate.Outcome, version string, database, cache, celery aggregate.Verdict) func(*aggregate.Target) {
	return func(t *aggregate.Target) {
		t.Deep = &aggregate.Result{Outcome: o, Status: 200, Report: &aggregate.Report{
			Version:      version,
			Dependencies: map[string]aggregate.Verdict{"database": database, "cache": cache, "celery": celery},
		}}
	}
}

// times makes n targets of the same kind, from the first on.
func times(n, first int, state targethealth.State, change ...func(*aggregate.Target)) []aggregate.Target {
	var list []aggregate.Target
	for i := range n {
		list = append(list, target(first+i, state, change...))
	}
	return list
}

// fleet fills the group web with these instances.
func fleet(instances ...aggregate.Instance) aggregate.Fleet {
	return aggregate.Fleet{Name: "syncapp-prod-web", Desired: len(instances), Groups: []string{"web"}, Instances: instances}
}

// inService is the nth instance, in service.
func inService(n int) aggregate.Instance { return instance(n, aggregate.InService) }

func instance(n int, lifecycle string) aggregate.Instance {
	return aggregate.Instance{ID: fmt.Sprintf("i-%02d", n), Zone: string(rune('a' + n%2)), Lifecycle: lifecycle}
}
