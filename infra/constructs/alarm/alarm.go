// Package alarm is what wakes people. The inventory is data, made by pure functions from the
// environment file and what of it exists; New turns it into CloudWatch alarms. Every kind of
// alarm has a runbook, docs/runbooks/<kind>.md, which the alarm's description names.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
package alarm

import (
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// Severity says how soon someone has to look.
type Severity string

// The severities.
const (
	// Critical means that clients notice: look now.
	Critical Severity = "critical"
	// Warning means that they will, or that a reserve is gone: look today.
	Warning Severity = "warning"
)

// Comparison is CloudWatch's operator between a metric and its threshold.
type Comparison string

// The comparisons.
const (
	Above     Comparison = "GreaterThanThreshold"
	AtLeast   Comparison = "GreaterThanOrEqualToThreshold"
	Below     Comparison = "LessThanThreshold"
	AboveBand Comparison = "GreaterThanUpperThreshold"
)

// MissingData says what a period without data counts as.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
type MissingData string

// The treatments of missing data.
const (
	// NotBreaching is for what is only reported when it happens.
	NotBreaching MissingData = "notBreaching"
	// Breaching is for what has to be reported all the time.
	Breaching MissingData = "breaching"
	// Ignore keeps the alarm's state.
	Ignore MissingData = "ignore"
	// Insufficient lets the alarm say that it has no data, and tells people that.
	Insufficient MissingData = "missing"
)

// Window is how long a threshold has to be crossed.
type Window struct {
	// Period is what one datapoint covers: 60s or a multiple of it.
	Period time.Duration
	// Periods are looked back on, and Datapoints of them have to cross the threshold.
	Periods, Datapoints int
}

// Kind is what all alarms have in common that are answered alike, and so have one runbook.
type Kind struct {
	// Name is the first part of the alarm's name and the name of the runbook.
	Name     string
	Severity Severity
	// Meaning is a sentence for the person who is woken.
	Meaning string
	// Measure is the metric or the formula, in CloudWatch's names.
	Measure string
	// Limit is the threshold in words; a key of the environment file stands in backquotes.
	Limit      string
	Comparison Comparison
	Window     Window
	// WindowWords says in words what depends on the environment file; then Window is empty.
	WindowWords string
	Missing     MissingData
	// MissingReason says why Missing is right, as the end of a sentence.
	MissingReason string
}

// Runbook is the path of the kind's runbook from the repository's root.
func (k Kind) Runbook() string { return "docs/runbooks/" + k.Name + ".md" }

// Dimension is one of a metric's dimensions.
type Dimension struct{ Name, Value string }

// Metric is a CloudWatch metric with its statistic.
type Metric struct {
	// ID is what a Formula calls it; lower case.
	ID        string
	Namespace string
	Name      string
	// Statistic is Sum, Average, Minimum, Maximum or a percentile such as p95.
	Statistic  string
	Dimensions []Dimension
}

// Formula is a named step of metric math.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
type Formula struct{ ID, Expression string }

// Alarm is one alarm of an environment.
type Alarm struct {
	Kind Kind
	// Name is env.ResourceName of the kind and the subject.
	Name string
	// Subject tells apart alarms of one kind, such as a target group; empty when there is one.
	Subject string
	// Metrics are what is watched: one, or what Formulas reckon with.
	Metrics []Metric
	// Formulas are reckoned in order; the last one is compared. None: the only metric is.
	Formulas []Formula
	// Band is the width of the band of what is usual, in standard deviations; then there is
	// no Threshold. 0: none.
	Band      float64
	Threshold float64
	Window    Window
}

// Name is the name of an alarm, by which deployments and people find it. The subject is empty
// for a kind with one alarm.
func Name(env *spec.Environment, kind Kind, subject string) string {
	if subject == "" {
		return env.ResourceName(kind.Name)
	}
	return env.ResourceName(kind.Name + "-" + subject)
}

// Description is the text of the notification; its last line is the runbook's path.
func (a *Alarm) Description() string { return description(a.Kind, a.Subject) }

func description(kind Kind, subject string) string {
	text := string(kind.Severity) + ": " + kind.Meaning
	if subject != "" {
		text += "\nSubject: " + subject
	}
	return text + "\n" + kind.Runbook()
}
