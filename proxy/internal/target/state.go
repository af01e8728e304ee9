package target

import (
	"fmt"

	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

// Health is what health checks have shown of a target so far.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
type Health struct {
	State       targethealth.State
	Reason      targethealth.Reason
	Description string
	// Successes and Failures count the results in a row that are of that kind.
	Successes, Failures int
}

// Outcome is the result of one health check.
type Outcome struct {
	Passed bool
	// Reason and Description say why a check failed.
	Reason      targethealth.Reason
	Description string
	// Check is the check itself, to be remembered.
	Check telemetry.Check
}

// Registered is the health of a target that nobody has checked yet.
func Registered() Health {
	return Health{
		State:       targethealth.Initial,
		Reason:      targethealth.ReasonRegistrationInProgress,
		Description: "Target registration is in progress",
	}
}

// notInUse is the health of the targets of a group that no listener forwards to.
func notInUse() Health {
	return Health{
		State:       targethealth.Unused,
		Reason:      targethealth.ReasonNotInUse,
		Description: "Target group is not configured to receive traffic from the load balancer",
	}
}

// draining is the health of a target in its deregistration delay.
func draining() Health {
	return Health{
		State:       targethealth.Draining,
		Reason:      targethealth.ReasonDeregistrationInProgress,
		Description: "Target deregistration is in progress",
	}
}

// Checking is h once the first check is on its way.
func (h Health) Checking() Health {
	if h.Reason == targethealth.ReasonRegistrationInProgress {
		h.Reason = targethealth.ReasonInitialHealthChecking
		h.Description = "Initial health checks in progress"
	}
	return h
}

// Observe returns the health after one more check. A target that is new turns healthy with
// its first success; otherwise it takes as many results in a row as the threshold says.
func (h Health) Observe(o Outcome, check *spec.HealthCheck) Health {
	h = h.Checking()
	if o.Passed {
		h.Successes++
		h.Failures = 0
		if h.State == targethealth.Initial || h.Successes >= check.HealthyThreshold {
			return Health{State: targethealth.Healthy, Successes: h.Successes}
		}
		return h
	}
	h.Failures++
	h.Successes = 0
	if h.State == targethealth.Unhealthy || h.Failures >= check.UnhealthyThreshold {
		h.State, h.Reason, h.Description = targethealth.Unhealthy, o.Reason, o.Description
	}
	return h
}

// failsOpen reports whether so few targets are healthy that requests go to all of them.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
func failsOpen(healthy, registered int, minimum spec.MinimumHealthyTargets) bool {
	return healthy < minimum.Count || healthy*100 < minimum.Percentage*registered
}

// MismatchDescription is the description of a check that was answered with the wrong code.
func MismatchDescription(code int) string {
	return fmt.Sprintf("Health checks failed with these codes: [%d]", code)
}
