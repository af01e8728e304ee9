package alarm

import (
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// oldHealth is the age of the last complete round of checks, in seconds, at which it says
// nothing about now. A round begins every minute.
const oldHealth = 180

// Kinds of alarms on the function that aggregates health.
var (
	HealthErrors = Kind{
		Name: "health-errors", Severity: Warning,
		Meaning: "The health function ends with errors.",
		Measure: "Errors, Sum", Limit: "> 0", Comparison: Above,
		Window: Window{Period: 5 * time.Minute, Periods: 2, Datapoints: 2}, Missing: NotBreaching, MissingReason: "that the function is not called is for health-age to tell of",
	}
	HealthAge = Kind{
		Name: "health-age", Severity: Warning,
		Meaning: "The aggregated health is out of date: the health function has not finished a round of checks.",
		Measure: spec.MetricHealthAge + ", Maximum", Limit: fmt.Sprintf("> %d s", oldHealth), Comparison: Above,
		Window: minutes(5, 5), Missing: Breaching, MissingReason: "a function that does not run cannot report how late it is",
	}
	DeepHealth = Kind{
		Name: "deep-health", Severity: Critical,
		Meaning: "Too few targets pass the application's own check: something that they depend on is not available.",
		Measure: spec.MetricDeepHealthyShare + ", Maximum", Limit: "< `alarms.healthy_targets.critical`", Comparison: Below,
		Window: minutes(3, 3), Missing: NotBreaching, MissingReason: "that nothing is reported is for health-age to tell of",
	}
)

func (l *list) health(h *Health) {
	l.add(HealthErrors, "", 0, FunctionMetric(h.FunctionName, "Errors", "Sum"))
	l.add(HealthAge, "", oldHealth, OwnMetric(l.env, spec.MetricHealthAge, "Maximum"))
	l.add(DeepHealth, "", float64(l.env.Alarms.HealthyTargets.Critical), OwnMetric(l.env, spec.MetricDeepHealthyShare, "Maximum"))
}
