package metrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evenkeel/evenkeel/spec"
)

// DiscoveryGauges is how finding a target group's targets by DNS goes.
type DiscoveryGauges struct {
	TargetGroup string
	// Succeeded and Failed count the look-ups.
	Succeeded, Failed uint64
	// Answered is when the last good answer came; zero when none has.
	Answered time.Time
}

// describeDiscoveries adds what is told of groups whose targets are found.
func (c *collector) describeDiscoveries() {
	labels := []string{spec.DimensionLoadBalancer.Prometheus, spec.DimensionTargetGroup.Prometheus}
	lookups, last := &spec.MetricDiscoveryLookups, &spec.MetricDiscoveryLastAnswer
	c.descs[lookups] = prometheus.NewDesc(lookups.Prometheus, lookups.Help, append(slices.Clip(labels), spec.LabelResult), nil)
	c.descs[last] = prometheus.NewDesc(last.Prometheus, last.Help, labels, nil)
}

// collectDiscoveries sends it.
func (c *collector) collectDiscoveries(ch chan<- prometheus.Metric, list []DiscoveryGauges) {
	for _, d := range list {
		labels := []string{c.set.label(), label(d.TargetGroup)}
		c.send(ch, &spec.MetricDiscoveryLookups, float64(d.Succeeded), append(labels, spec.ResultSuccess)...)
		c.send(ch, &spec.MetricDiscoveryLookups, float64(d.Failed), append(labels, spec.ResultFailure)...)
		answered := 0.0
		if !d.Answered.IsZero() {
			answered = float64(d.Answered.UnixMilli()) / 1000
		}
		c.send(ch, &spec.MetricDiscoveryLastAnswer, answered, labels...)
	}
}
