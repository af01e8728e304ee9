package alarm

import "github.com/evenkeel/evenkeel/spec"

// MetricNamespace is the CloudWatch namespace of what our own functions report.
const MetricNamespace = "evenkeel"

// DimensionEnvironment is the only dimension of our own metrics: <app>-<environment>. Each
// further value of a dimension would be billed as a further metric; what an instance did is
// in the function's log.
const DimensionEnvironment = "Environment"

// Metrics of the function that drains instances.
const (
	// MetricDrainStarted counts drains that began, once each.
	MetricDrainStarted = "DrainStarted"
	// MetricDrainCompleted counts those that ended because the instance was done.
	MetricDrainCompleted = "DrainCompleted"
	// MetricDrainAbandoned counts those that ended because drain.maximum had passed.
	MetricDrainAbandoned = "DrainAbandoned"
	// MetricDrainFailed counts those that ended with an error that no retry mends.
	MetricDrainFailed = "DrainFailed"
	// MetricDrainDuration is the time from the hook's event to the drain's end, in seconds.
	MetricDrainDuration = "DrainDuration"
	// MetricDrainHeartbeats counts heartbeats sent.
	MetricDrainHeartbeats = "DrainHeartbeats"
)

// Metrics of the function that aggregates health.
const (
	// MetricHealthAge is how long ago the last complete round of checks ended, in seconds.
	MetricHealthAge = "HealthAge"
	// MetricDeepHealthyShare is the share of targets, in percent, that answer the
	// application's own check with success, in the target group with the smallest.
	MetricDeepHealthyShare = "DeepHealthyShare"
)

// OwnMetric is a metric that our own functions report for the environment.
func OwnMetric(env *spec.Environment, name, statistic string) Metric {
	return Metric{
		Namespace: MetricNamespace, Name: name, Statistic: statistic,
		Dimensions: []Dimension{{DimensionEnvironment, env.App + "-" + env.Name}},
	}
}
