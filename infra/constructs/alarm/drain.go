package alarm

import (
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// A message is old when the function has had it for many tries. It takes messages within
// seconds, but sends one that it is not done with again with a delay, a third of a heartbeat
// at most, and AWS does not say that a message ages only after that.
const (
	oldMessage = 600 * time.Second
	lateness   = 300 * time.Second
	// longestDelay is SQS's.
	longestDelay = 900 * time.Second
	// delaysPerHeartbeat is how often the function looks at an instance in one heartbeat.
	delaysPerHeartbeat = 3
)

// Kinds of alarms on the function that drains instances.
var (
	DrainQueueAge = Kind{
		Name: "drain-queue-age", Severity: Warning,
		Meaning: "Messages about terminating instances are not worked off.",
		Measure: "ApproximateAgeOfOldestMessage, Maximum", Limit: fmt.Sprintf("> %.0f s, or a third of `fleets.*.drain.heartbeat` (%.0f s at most) + %.0f s if that is more", oldMessage.Seconds(), longestDelay.Seconds(), lateness.Seconds()), Comparison: Above,
		Window: minutes(3, 3), Missing: NotBreaching, MissingReason: "an idle queue stops reporting",
	}
	DrainDeadLetters = Kind{
		Name: "drain-dead-letters", Severity: Warning,
		Meaning: "The drain function gave up on a message.",
		Measure: "ApproximateNumberOfMessagesVisible of the dead-letter queue, Maximum", Limit: "> 0", Comparison: Above,
		Window: minutes(1, 1), Missing: NotBreaching, MissingReason: "an idle queue stops reporting",
	}
	DrainErrors = Kind{
		Name: "drain-errors", Severity: Warning,
		Meaning: "The drain function ends with errors.",
		Measure: "Errors, Sum", Limit: "> 0", Comparison: Above,
		Window: Window{Period: 5 * time.Minute, Periods: 2, Datapoints: 2}, Missing: NotBreaching, MissingReason: "a function that is not called reports nothing",
	}
	DrainThrottles = Kind{
		Name: "drain-throttles", Severity: Warning,
		Meaning: "The drain function is called more often at once than its concurrency allows.",
		Measure: "Throttles, Sum", Limit: "> 0", Comparison: Above,
		Window: Window{Period: 5 * time.Minute, Periods: 3, Datapoints: 3}, Missing: NotBreaching, MissingReason: "a function that is not called reports nothing",
	}
	DrainOutcome = Kind{
		Name: "drain-outcome", Severity: Warning,
		Meaning: "An instance was not done when its drain ended, or the drain failed.",
		Measure: spec.MetricDrainAbandoned + " + " + spec.MetricDrainFailed + ", Sum", Limit: "> 0", Comparison: Above,
		Window: Window{Period: 5 * time.Minute, Periods: 1, Datapoints: 1}, Missing: NotBreaching, MissingReason: "the function reports only drains that end",
	}
)

// SQSMetric is a metric of a queue.
func SQSMetric(queueName, metric, statistic string) Metric {
	return Metric{Namespace: "AWS/SQS", Name: metric, Statistic: statistic, Dimensions: []Dimension{{"QueueName", queueName}}}
}

// FunctionMetric is a metric of a Lambda function.
func FunctionMetric(functionName, metric, statistic string) Metric {
	return Metric{Namespace: "AWS/Lambda", Name: metric, Statistic: statistic, Dimensions: []Dimension{{"FunctionName", functionName}}}
}

func (l *list) drain(d *Drain) {
	l.add(DrainQueueAge, "", tooOld(l.env).Seconds(), SQSMetric(d.QueueName, "ApproximateAgeOfOldestMessage", "Maximum"))
	l.add(DrainDeadLetters, "", 0, SQSMetric(d.DeadLetterQueueName, "ApproximateNumberOfMessagesVisible", "Maximum"))
	l.add(DrainErrors, "", 0, FunctionMetric(d.FunctionName, "Errors", "Sum"))
	l.add(DrainThrottles, "", 0, FunctionMetric(d.FunctionName, "Throttles", "Sum"))
	l.add(DrainOutcome, "", 0,
		OwnMetric(l.env, spec.MetricDrainAbandoned, "Sum").as("abandoned"),
		OwnMetric(l.env, spec.MetricDrainFailed, "Sum").as("failed"),
	).Formulas = []Formula{{"bad", "SUM([abandoned, failed])"}}
}

// tooOld is the age at which a message is old in the environment.
func tooOld(env *spec.Environment) time.Duration {
	age := oldMessage
	for _, fleet := range env.Fleets {
		age = max(age, min(fleet.Drain.Heartbeat/delaysPerHeartbeat, longestDelay)+lateness)
	}
	return age
}
