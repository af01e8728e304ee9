package function_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/infra/constructs/drain"
	"github.com/evenkeel/evenkeel/infra/constructs/function"
	"github.com/evenkeel/evenkeel/infra/constructs/health"
	"github.com/evenkeel/evenkeel/infra/nag"
)

// sentence is what a reason has to be: more than a word, with a capital and a full stop.
var sentence = regexp.MustCompile(`^[A-Z].{40,}\.$`)

// TestEveryFindingHasAReason puts every function of an environment before the rules, and
// the reasons before the findings: one that accepts nothing is left over from what is gone.
func TestEveryFindingHasAReason(t *testing.T) {
	env := environment(t)
	app, stack := newStack(t, env)
	nag.Check(app)
	function.New(stack, "Probe", props(env))
	drain.New(stack, "Drain", drain.Props{Environment: env, Entry: probe, Fleets: env.Fleets})
	health.New(stack, "Health", health.Props{Environment: env, Entry: probe, Subnets: []string{"subnet-0123456789abcdef0", "subnet-0123456789abcdef1"}, SecurityGroup: "sg-0123456789abcdef0"})
	written := app.Synth(nil)

	reports, err := filepath.Glob(filepath.Join(*written.Directory(), "AwsSolutions-*-NagReport.json"))
	if err != nil || len(reports) != 1 {
		t.Fatalf("%d reports (%v)", len(reports), err)
	}
	var report struct {
		Lines []struct{ RuleID, ResourceID, Compliance, ExceptionReason string }
	}
	read(t, reports[0], &report)
	used, compliant := map[string]bool{}, 0
	for _, line := range report.Lines {
		switch line.Compliance {
		case "Compliant":
			compliant++
		case "Suppressed":
			_, reason, granular := strings.Cut(line.ExceptionReason, "] ")
			if !granular {
				reason = line.ExceptionReason
			}
			used[reason] = true
			if !sentence.MatchString(reason) {
				t.Errorf("%s at %s: %q is no sentence", line.RuleID, line.ResourceID, reason)
			}
		default:
			t.Errorf("%s at %s: %s", line.RuleID, line.ResourceID, line.Compliance)
		}
	}
	if compliant < 20 || len(used) == 0 {
		t.Errorf("%d checks passed and %d reasons were taken, so the rules have not seen the stack", compliant, len(used))
	}

	var deployed struct {
		Resources map[string]struct {
			Metadata struct {
				Nag struct {
					Rules []struct{ ID, Reason string } `json:"rules_to_suppress"`
				} `json:"cdk_nag"`
			}
		}
	}
	read(t, filepath.Join(*written.Directory(), "Test.template.json"), &deployed)
	for id, r := range deployed.Resources {
		for _, rule := range r.Metadata.Nag.Rules {
			if !used[rule.Reason] {
				t.Errorf("%s: nothing is found that %q accepts", id, rule.Reason)
			}
		}
	}

	var validation struct {
		PluginReports []struct {
			Violations []struct{ RuleName, Description string }
		}
	}
	read(t, filepath.Join(*written.Directory(), "validation-report.json"), &validation)
	for _, r := range validation.PluginReports {
		for _, v := range r.Violations {
			t.Errorf("%s: %s", v.RuleName, v.Description)
		}
	}
}

func read(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
