// Package emf writes metrics as lines of a log: CloudWatch's embedded metric format. A
// function prints what it counted and is done; CloudWatch Logs reads the metrics out of the
// line, so that no invocation waits for an API and none is throttled by it. What else the
// line says stays searchable beside the numbers.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
package emf

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"
)

// Limits of one line. More metrics than fit become more lines; more of anything else is
// refused, as CloudWatch would drop it without a word.
const (
	MaxDimensions = 30
	MaxMetrics    = 100
	MaxValues     = 100
	maxName       = 1024
)

// Unit is one of CloudWatch's.
type Unit string

// Units that functions report in.
const (
	Count        Unit = "Count"
	Seconds      Unit = "Seconds"
	Milliseconds Unit = "Milliseconds"
	Percent      Unit = "Percent"
	None         Unit = "None"
)

// Dimension is a name and a value that a metric is found by. Each further value is billed
// as a further metric.
type Dimension struct{ Name, Value string }

// Metric is what was measured since the last line: one value or several.
type Metric struct {
	Name   string
	Unit   Unit
	Values []float64
}

// Record is one moment's metrics, all with the same dimensions.
type Record struct {
	Time       time.Time
	Namespace  string
	Dimensions []Dimension
	Metrics    []Metric
	// Properties are searchable in the log and no dimensions: an instance, a request.
	Properties map[string]any
}

// reserved is the key under which CloudWatch finds what to read out of a line.
const reserved = "_aws"

type (
	definition struct {
		Name string
		Unit Unit
	}
	directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []definition
	}
	metadata struct {
		Timestamp         int64
		CloudWatchMetrics []directive
	}
)

// Write writes a record, each line with one call of w. A record without metrics is none.
func Write(w io.Writer, r Record) error {
	if err := r.check(); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	names := make([]string, len(r.Dimensions))
	for i, d := range r.Dimensions {
		names[i] = d.Name
	}
	for metrics := range slices.Chunk(r.Metrics, MaxMetrics) {
		line := maps.Clone(r.Properties)
		if line == nil {
			line = map[string]any{}
		}
		for _, d := range r.Dimensions {
			line[d.Name] = d.Value
		}
		definitions := make([]definition, len(metrics))
		for i, m := range metrics {
			definitions[i] = definition{m.Name, m.Unit}
			if line[m.Name] = m.Values; len(m.Values) == 1 {
				line[m.Name] = m.Values[0]
			}
		}
		line[reserved] = metadata{r.Time.UnixMilli(), []directive{{r.Namespace, [][]string{names}, definitions}}}
		text, err := json.Marshal(line)
		if err != nil {
			return fmt.Errorf("write metrics: %w", err)
		}
		if _, err := w.Write(append(text, '\n')); err != nil {
			return fmt.Errorf("write metrics: %w", err)
		}
	}
	return nil
}

// check finds all that CloudWatch would drop.
func (r *Record) check() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if r.Namespace == "" {
		refuse("namespace is missing")
	}
	if r.Time.IsZero() {
		refuse("time is missing")
	}
	if len(r.Dimensions) > MaxDimensions {
		refuse("%d dimensions, at most %d", len(r.Dimensions), MaxDimensions)
	}
	seen := map[string]bool{reserved: true}
	for name := range r.Properties {
		if name == reserved {
			refuse("property %q is reserved", name)
		}
		seen[name] = true
	}
	name := func(what, name string) {
		switch {
		case name == "" || len(name) > maxName:
			refuse("%s %.40q has %d bytes, 1 to %d", what, name, len(name), maxName)
		case seen[name]:
			refuse("%s %q has the name of something else", what, name)
		}
		seen[name] = true
	}
	for _, d := range r.Dimensions {
		name("dimension", d.Name)
		if d.Value == "" || len(d.Value) > maxName {
			refuse("dimension %q has a value of %d bytes, 1 to %d", d.Name, len(d.Value), maxName)
		}
	}
	for _, m := range r.Metrics {
		name("metric", m.Name)
		if len(m.Values) == 0 || len(m.Values) > MaxValues {
			refuse("metric %q has %d values, 1 to %d", m.Name, len(m.Values), MaxValues)
		}
		if slices.ContainsFunc(m.Values, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
			refuse("metric %q has a value that is no number", m.Name)
		}
	}
	return errors.Join(errs...)
}
