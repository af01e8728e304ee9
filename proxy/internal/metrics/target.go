package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

// TargetGauges is how one target stands, and what it has done since it was registered.
type TargetGauges struct {
	TargetGroup string
	// Address is host:port.
	Address     string
	State       targethealth.State
	Outstanding int64
	// Ended counts requests by how they ended: see spec.MetricTargetRequests.
	Ended map[string]uint64
}

// healthNumbers are the values of spec.MetricTargetHealth.
var healthNumbers = map[targethealth.State]float64{
	targethealth.Unhealthy: 0, targethealth.Healthy: 1, targethealth.Initial: 2,
	targethealth.Draining: 3, targethealth.Unused: 4, targethealth.Unavailable: 5,
}

// targetLabels are those of all metrics of targets.
var targetLabels = []string{spec.DimensionLoadBalancer.Prometheus, spec.DimensionTargetGroup.Prometheus, spec.DimensionTarget.Prometheus}

// describeTargets adds what is told of targets.
func (c *collector) describeTargets() {
	c.descs[&spec.MetricTargetRequests] = prometheus.NewDesc(spec.MetricTargetRequests.Prometheus, spec.MetricTargetRequests.Help, append(slices.Clip(targetLabels), "outcome"), nil)
	for _, m := range []*spec.Metric{&spec.MetricTargetOutstanding, &spec.MetricTargetHealth} {
		c.descs[m] = prometheus.NewDesc(m.Prometheus, m.Help, targetLabels, nil)
	}
}

// collectTargets sends what is told of targets. One that left a group may be there beside
// another of its address; Prometheus takes one of a name, and the first is the newer.
func (c *collector) collectTargets(ch chan<- prometheus.Metric, list []TargetGauges) {
	type key struct{ group, address string }
	seen := make(map[key]bool, len(list))
	for _, t := range list {
		k := key{t.TargetGroup, t.Address}
		if seen[k] {
			continue
		}
		seen[k] = true
		labels := []string{c.set.label(), label(t.TargetGroup), label(t.Address)}
		c.send(ch, &spec.MetricTargetOutstanding, float64(t.Outstanding), labels...)
		c.send(ch, &spec.MetricTargetHealth, healthNumbers[t.State], labels...)
		for outcome, n := range t.Ended {
			c.send(ch, &spec.MetricTargetRequests, float64(n), append(labels, outcome)...)
		}
	}
}
