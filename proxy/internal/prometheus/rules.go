// Package prometheus turns the thresholds of an environment file into rules by which
// Prometheus alerts on the container, as CloudWatch does on AWS: the same names, thresholds
// and timing, and the same runbooks.
//
// https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
package prometheus

import (
	_ "embed"
	"fmt"
	"io"
	"strings"
	"text/template"

	"github.com/evenkeel/evenkeel/spec"
)

// Severities, as the alarms on AWS have them: critical means that clients notice.
const (
	Critical = "critical"
	Warning  = "warning"
)

// Rules are a file of rules.
type Rules struct {
	// Environment is <app>-<environment>, and a label of every alert.
	Environment string
	Records     []Record
	Alerts      []Alert
}

// Record is a recording rule: an expression under a name.
type Record struct{ Name, Expression string }

// Alert is an alerting rule.
type Alert struct {
	// Name is the alert's, in CamelCase; Alarm that of the alarm on AWS and of the runbook.
	Name, Alarm string
	// Subject tells alerts of one kind apart, such as p95; empty when there is one.
	Subject  string
	Severity string
	// Meaning is a sentence for the person who is woken.
	Meaning string
	// Condition has a sample for each series that crosses the threshold.
	Condition string
	Window    Window
}

// Window is how long a threshold has to be crossed: in Minutes of the last Of minutes.
type Window struct{ Minutes, Of int }

// For is how many minutes on end the expression must hold; 0 for none.
func (a *Alert) For() int {
	if a.Window.Of > 1 && a.Window.Minutes == a.Window.Of {
		return a.Window.Of
	}
	return 0
}

// Expression is the alert's, with the window if that is not of minutes on end.
func (a *Alert) Expression() string {
	if a.Window.Of <= 1 || a.For() > 0 {
		return a.Condition
	}
	return fmt.Sprintf("count_over_time((%s)[%dm:1m]) >= %d", a.Condition, a.Window.Of, a.Window.Minutes)
}

// Runbook is the path of the alert's runbook from the repository's root.
func (a *Alert) Runbook() string { return "docs/runbooks/" + a.Alarm + ".md" }

//go:embed rules.yaml.tmpl
var file string

var rulesFile = template.Must(template.New("rules").Funcs(template.FuncMap{"quote": quote}).Parse(file))

// quote writes a scalar of YAML that nothing in it can end.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Write writes a file of rules for env, as `rule_files` of Prometheus takes it.
func Write(w io.Writer, env *spec.Environment) error {
	return rulesFile.Execute(w, New(env))
}
