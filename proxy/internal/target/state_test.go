package target_test

import (
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

var (
	passed   = target.Outcome{Passed: true}
	timedOut = target.Outcome{Reason: targethealth.ReasonTimeout, Description: "Request timed out"}
	mismatch = target.Outcome{Reason: targethealth.ReasonResponseCodeMismatch, Description: target.MismatchDescription(503)}
)

// TestObserve walks a target through results: P passes, T times out, M mismatches.
func TestObserve(t *testing.T) {
	check := &spec.HealthCheck{HealthyThreshold: 3, UnhealthyThreshold: 2}
	for _, c := range []struct {
		results string
		state   targethealth.State
		reason  targethealth.Reason
	}{
		{"", targethealth.Initial, targethealth.ReasonRegistrationInProgress},
		// A new target's first success is enough, whatever the threshold.
		{"P", targethealth.Healthy, ""},
		{"TP", targethealth.Healthy, ""},
		// One failure says nothing yet.
		{"T", targethealth.Initial, targethealth.ReasonInitialHealthChecking},
		{"TT", targethealth.Unhealthy, targethealth.ReasonTimeout},
		{"PT", targethealth.Healthy, ""},
		{"PTPT", targethealth.Healthy, ""},
		{"PTT", targethealth.Unhealthy, targethealth.ReasonTimeout},
		{"PTM", targethealth.Unhealthy, targethealth.ReasonResponseCodeMismatch},
		// The reason is the last failure's.
		{"TTM", targethealth.Unhealthy, targethealth.ReasonResponseCodeMismatch},
		// Coming back takes the threshold, in a row.
		{"TTPP", targethealth.Unhealthy, targethealth.ReasonTimeout},
		{"TTPPP", targethealth.Healthy, ""},
		{"TTPPTPP", targethealth.Unhealthy, targethealth.ReasonTimeout},
		{"TTPPTPPP", targethealth.Healthy, ""},
	} {
		h := target.Registered()
		for _, r := range c.results {
			h = h.Observe(map[rune]target.Outcome{'P': passed, 'T': timedOut, 'M': mismatch}[r], check)
		}
		if h.State != c.state || h.Reason != c.reason {
			t.Errorf("after %q: %s %q, want %s %q", c.results, h.State, h.Reason, c.state, c.reason)
		}
		if h.State == targethealth.Healthy && h.Description != "" {
			t.Errorf("after %q: a healthy target is described as %q", c.results, h.Description)
		}
	}
}
