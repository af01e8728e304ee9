package main

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/aggregate"
	"github.com/evenkeel/evenkeel/emf"
	"github.com/evenkeel/evenkeel/spec"
)

// Metrics beside spec.MetricHealthAge and spec.MetricDeepHealthyShare, which alarms watch.
// With no other dimension than spec.DimensionEnvironment they are of the whole environment.
const (
	// metricHealthyShare is the share of healthy targets: in the group with the smallest, by
	// target group, and by zone.
	metricHealthyShare = "HealthyShare"
	// metricDependencyHealthyShare is, by dependency, the share of targets for which it is up.
	metricDependencyHealthyShare = "DependencyHealthyShare"
	// metricTargets is, by reason code, how many targets have it.
	metricTargets = "Targets"
	// metricFailOpen is how many target groups fail open.
	metricFailOpen = "FailOpen"
	// metricVersions is how many versions run in the group with the most.
	metricVersions = "Versions"
	// metricZombies is how many instances Auto Scaling, load balancer and application do not
	// agree on.
	metricZombies = "Zombies"
	// metricOldestInitial is how long a target has been initial, in seconds; at least, since a
	// function sees only from its first round on.
	metricOldestInitial = "OldestInitial"
	// metricCoverage is the share of what there is that was seen.
	metricCoverage = "Coverage"
)

// Dimensions beside spec.DimensionEnvironment, one at a time. Their values are few: groups
// and zones of the environment, AWS's reason codes, dependencies that the document limits.
const (
	dimensionTargetGroup = "TargetGroup"
	dimensionZone        = "AvailabilityZone"
	dimensionReason      = "Reason"
	dimensionDependency  = "Dependency"
)

// write writes one record.
func (h *handler) write(at time.Time, metrics []emf.Metric, more ...emf.Dimension) error {
	if len(metrics) == 0 {
		return nil
	}
	scope := emf.Dimension{Name: spec.DimensionEnvironment, Value: spec.FunctionScope(h.settings.app, h.settings.environment)}
	return emf.Write(h.metrics, emf.Record{
		Time: at, Namespace: spec.FunctionNamespace, Dimensions: append([]emf.Dimension{scope}, more...), Metrics: metrics,
	})
}

func metric(name string, unit emf.Unit, value float64) []emf.Metric {
	return []emf.Metric{{Name: name, Unit: unit, Values: []float64{value}}}
}

// reportAge tells how long ago the last complete round ended. A process that has made none
// does not know, and says nothing, which an alarm takes for the worst.
func (h *handler) reportAge() error {
	if h.complete.IsZero() {
		return nil
	}
	now := time.Now()
	return h.write(now, metric(spec.MetricHealthAge, emf.Seconds, max(0, now.Sub(h.complete).Seconds())))
}

// smallest is the smaller of two shares, of which one may be of nothing.
func smallest(a, b *float64) *float64 {
	if a == nil || b != nil && *b < *a {
		return b
	}
	return a
}

// report tells what the document says.
func (h *handler) report(d *aggregate.Document) error {
	var errs []error
	write := func(metrics []emf.Metric, more ...emf.Dimension) {
		errs = append(errs, h.write(d.MeasuredAt, metrics, more...))
	}
	var healthyShare, deepShare, oldest *float64
	failOpen, versions := 0, 0
	zones, reasons := map[string]*aggregate.Counts{}, map[string]int{}
	for i := range d.TargetGroups {
		g := &d.TargetGroups[i]
		if g.Status == aggregate.StatusIdle || g.Status == aggregate.StatusUnknown && g.HealthyShare == nil {
			continue
		}
		healthyShare = smallest(healthyShare, g.HealthyShare)
		if g.FailOpen {
			failOpen++
		}
		if g.OldestInitial != nil && (oldest == nil || *g.OldestInitial > *oldest) {
			oldest = g.OldestInitial
		}
		if g.Deep != nil {
			deepShare = smallest(deepShare, g.Deep.HealthyShare)
			versions = max(versions, len(g.Deep.Versions))
		}
		if g.HealthyShare != nil {
			write(metric(metricHealthyShare, emf.Percent, *g.HealthyShare), emf.Dimension{Name: dimensionTargetGroup, Value: g.Name})
		}
		for _, z := range g.Zones {
			if zones[z.Zone] == nil {
				zones[z.Zone] = &aggregate.Counts{}
			}
			zones[z.Zone].Healthy += z.Counts.Healthy
			zones[z.Zone].Unhealthy += z.Counts.Unhealthy
		}
		for reason, n := range g.Reasons {
			reasons[reason] += n
		}
	}
	for _, zone := range slices.Sorted(maps.Keys(zones)) {
		if share := zones[zone].Share(); share != nil && zone != "" {
			write(metric(metricHealthyShare, emf.Percent, *share), emf.Dimension{Name: dimensionZone, Value: zone})
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		write(metric(metricTargets, emf.Count, float64(reasons[reason])), emf.Dimension{Name: dimensionReason, Value: strings.ToValidUTF8(reason, "")})
	}
	if d.Deep != nil {
		for _, dependency := range d.Deep.Dependencies {
			if dependency.HealthyShare != nil {
				write(metric(metricDependencyHealthyShare, emf.Percent, *dependency.HealthyShare), emf.Dimension{Name: dimensionDependency, Value: dependency.Name})
			}
		}
	}
	metrics := slices.Concat(metric(metricFailOpen, emf.Count, float64(failOpen)), metric(metricCoverage, emf.Percent, d.Coverage.Share()))
	if len(d.Fleets) > 0 {
		zombies := 0
		for _, f := range d.Fleets {
			zombies += len(f.Zombies) + f.Omitted
		}
		metrics = append(metrics, metric(metricZombies, emf.Count, float64(zombies))...)
	}
	if versions > 0 {
		metrics = append(metrics, metric(metricVersions, emf.Count, float64(versions))...)
	}
	for _, m := range []struct {
		name  string
		unit  emf.Unit
		value *float64
	}{
		{metricHealthyShare, emf.Percent, healthyShare},
		{spec.MetricDeepHealthyShare, emf.Percent, deepShare},
		{metricOldestInitial, emf.Seconds, oldest},
	} {
		if m.value != nil {
			metrics = append(metrics, metric(m.name, m.unit, *m.value)...)
		}
	}
	write(metrics)
	return errors.Join(errs...)
}
