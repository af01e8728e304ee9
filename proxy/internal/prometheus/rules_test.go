package prometheus_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/prometheus"
	"github.com/evenkeel/evenkeel/spec"
)

// environments are files, and the golden templates of what CDK makes of them.
var environments = map[string]string{
	"prod":       "../../../environments/prod.yaml",
	"everything": "../../../infra/stacks/testdata/everything.yaml",
}

// onlyHere are the alerts on what AWS runs itself.
var onlyHere = []string{"proxy-absent", "reload-failed", "log-lines-dropped"}

// otherwise are the alarms whose sentence differs: what is usual is told by hour on AWS, and a
// service is down as well if nobody hears of it.
var otherwise = []string{"response-time-anomaly", "client-tls-errors", "service-down"}

// certificates is the namespace of ACM's metrics, which come once a day: the proxy always knows.
const certificates = "AWS/CertificateManager"

// alarm is one of CloudWatch's, as a template has it.
type alarm struct {
	kind, severity, meaning string
	window                  prometheus.Window
	threshold               *float64
}

// alarmsOf are the alarms on load balancer and target groups of an environment's templates.
func alarmsOf(t *testing.T, name string, env *spec.Environment) []alarm {
	t.Helper()
	files, err := filepath.Glob("../../../infra/golden/" + name + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no templates of %s (%v)", name, err)
	}
	var list []alarm
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var parsed struct {
			Resources map[string]struct {
				Type       string
				Properties json.RawMessage
			}
		}
		if err := json.Unmarshal(text, &parsed); err != nil {
			t.Fatal(err)
		}
		for _, r := range parsed.Resources {
			composite := r.Type == "AWS::CloudWatch::CompositeAlarm"
			if !composite && (r.Type != "AWS::CloudWatch::Alarm" || !strings.Contains(string(r.Properties), spec.MetricNamespace) && !strings.Contains(string(r.Properties), certificates)) {
				continue
			}
			var p struct {
				AlarmDescription                             string
				EvaluationPeriods, DatapointsToAlarm, Period int
				Threshold                                    *float64
				Metrics                                      []struct{ MetricStat *struct{ Period int } }
			}
			if err := json.Unmarshal(r.Properties, &p); err != nil {
				t.Fatal(err)
			}
			period := p.Period
			for _, m := range p.Metrics {
				if m.MetricStat != nil {
					period = m.MetricStat.Period
				}
			}
			lines := strings.Split(p.AlarmDescription, "\n")
			a := alarm{threshold: p.Threshold, window: prometheus.Window{Minutes: p.DatapointsToAlarm * period / 60, Of: p.EvaluationPeriods * period / 60}}
			a.severity, a.meaning, _ = strings.Cut(lines[0], ": ")
			a.kind = strings.TrimSuffix(strings.TrimPrefix(lines[len(lines)-1], "docs/runbooks/"), ".md")
			if composite || strings.Contains(string(r.Properties), certificates) {
				a.window = prometheus.Window{Minutes: 1, Of: 1}
			}
			list = append(list, a)
		}
	}
	return list
}

// TestAlertsAreTheAlarms holds the rules to the alarms that the same file has on AWS: names,
// severities, sentences, timing and thresholds.
func TestAlertsAreTheAlarms(t *testing.T) {
	for name, file := range environments {
		t.Run(name, func(t *testing.T) {
			env, err := spec.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			alerts := map[string][]prometheus.Alert{}
			for _, a := range prometheus.New(env).Alerts {
				alerts[a.Alarm] = append(alerts[a.Alarm], a)
			}
			seen := map[string]bool{}
			for _, want := range alarmsOf(t, name, env) {
				seen[want.kind] = true
				list := alerts[want.kind]
				if len(list) == 0 {
					t.Errorf("nothing alerts as the alarm %s does", want.kind)
				}
				matched := false
				for _, got := range list {
					if got.Severity != want.severity || got.Window != want.window {
						t.Errorf("%s: got %s and %v, the alarm has %s and %v", want.kind, got.Severity, got.Window, want.severity, want.window)
					}
					if got.Meaning != want.meaning && !slices.Contains(otherwise, want.kind) {
						t.Errorf("%s: got %q, the alarm says %q", want.kind, got.Meaning, want.meaning)
					}
					matched = matched || want.threshold == nil || strings.Contains(got.Condition, strconv.FormatFloat(*want.threshold, 'f', -1, 64))
				}
				if !matched {
					t.Errorf("%s: no condition has the threshold %g", want.kind, *want.threshold)
				}
			}
			for kind := range alerts {
				if !seen[kind] && !slices.Contains(onlyHere, kind) {
					t.Errorf("%s alerts, and no alarm does", kind)
				}
			}
		})
	}
}

// TestEveryAlertHasARunbook wants a person who is woken to find what to do.
func TestEveryAlertHasARunbook(t *testing.T) {
	env, err := spec.Load(environments["everything"])
	if err != nil {
		t.Fatal(err)
	}
	env.TargetGroups[0].ProxyOnly.Discovery.DNS = "web.internal" // which no file for AWS has
	for _, a := range prometheus.New(env).Alerts {
		if _, err := os.Stat("../../../" + a.Runbook()); err != nil {
			t.Errorf("%s: %v", a.Name, err)
		}
	}
}

// TestNothingInTheFileEndsAScalar: names come from a file, and rules go to another program.
func TestNothingInTheFileEndsAScalar(t *testing.T) {
	env, err := spec.Load(environments["prod"])
	if err != nil {
		t.Fatal(err)
	}
	env.App = "it's"
	var b strings.Builder
	if err := prometheus.Write(&b, env); err != nil {
		t.Fatal(err)
	}
	if want := "environment: 'it''s-prod'"; !strings.Contains(b.String(), want) {
		t.Errorf("no %q in\n%s", want, b.String())
	}
	scalar := regexp.MustCompile(`^ +(- )?[a-z]+:( '([^']|'')*'| [A-Za-z0-9_:]+)?$`)
	for i, line := range strings.Split(strings.TrimSpace(b.String()), "\n")[2:] {
		if !scalar.MatchString(line) {
			t.Errorf("line %d: %s", i+3, line)
		}
	}
}

// TestDiscoveryAlerts: only where targets are found by DNS can that fail.
func TestDiscoveryAlerts(t *testing.T) {
	env, err := spec.Load(environments["prod"])
	if err != nil {
		t.Fatal(err)
	}
	alerts := func() bool {
		return slices.ContainsFunc(prometheus.New(env).Alerts, func(a prometheus.Alert) bool { return a.Name == "DiscoveryFailing" })
	}
	if alerts() {
		t.Error("it alerts on what no group has")
	}
	env.TargetGroups[0].ProxyOnly.Discovery.DNS = "web.internal"
	if !alerts() {
		t.Error("nothing alerts")
	}
}
