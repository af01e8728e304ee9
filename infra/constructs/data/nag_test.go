package data_test

import (
	"slices"
	"strings"
	"testing"
)

func TestEveryFindingIsFixedOrAcknowledged(t *testing.T) {
	each(t, func(t *testing.T, m made) {
		if len(m.resources) > 0 && len(m.findings) == 0 {
			t.Error("no rule was applied")
		}
		for _, f := range m.findings {
			switch f.Compliance {
			case "Compliant":
			case "Suppressed":
				if !strings.HasSuffix(f.Reason, ".") || len(strings.Fields(f.Reason)) < 5 {
					t.Errorf("%s of %s: the reason is no sentence: %q", f.RuleID, f.ResourceID, f.Reason)
				}
			default:
				t.Errorf("%s of %s: %s", f.RuleID, f.ResourceID, f.Compliance)
			}
		}
	})
}

// An acknowledgement is needed in at least the environment that it is made in.
func TestNoAcknowledgementIsStale(t *testing.T) {
	each(t, func(t *testing.T, m made) {
		for _, r := range m.resources {
			for _, reason := range reasons(r) {
				if !slices.ContainsFunc(m.findings, func(f finding) bool { return f.Reason == reason }) {
					t.Errorf("%s: nothing is found of what is acknowledged: %q", r.id, reason)
				}
			}
		}
	})
}

// Where the file asks for what a rule wants, the rule is not silenced.
func TestProductionHasNoExceptionThatItsFileCouldAvoid(t *testing.T) {
	m := build(t, prod)
	for _, f := range m.findings {
		switch f.RuleID {
		case "AwsSolutions-RDS3", "AwsSolutions-RDS10":
			if f.Compliance != "Compliant" && !strings.Contains(f.ResourceID, "Replica") {
				t.Errorf("%s of %s: %s", f.RuleID, f.ResourceID, f.Compliance)
			}
		case "AwsSolutions-AEC4":
			if f.Compliance != "Compliant" {
				t.Errorf("%s of %s: %s", f.RuleID, f.ResourceID, f.Compliance)
			}
		}
	}
}

func reasons(r resource) []string {
	section, _ := r.Metadata["cdk_nag"].(map[string]any)
	rules, _ := section["rules_to_suppress"].([]any)
	var list []string
	for _, rule := range rules {
		list = append(list, rule.(map[string]any)["reason"].(string))
	}
	return list
}
