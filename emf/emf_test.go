package emf_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/emf"
)

var moment = time.Date(2026, 3, 1, 12, 0, 0, 5_000_000, time.UTC)

func record(metrics ...emf.Metric) emf.Record {
	return emf.Record{
		Time: moment, Namespace: "evenkeel",
		Dimensions: []emf.Dimension{{Name: "Environment", Value: "app-prod"}},
		Metrics:    metrics,
		Properties: map[string]any{"instance": "i-1"},
	}
}

func TestLineIsWhatCloudWatchReads(t *testing.T) {
	var out bytes.Buffer
	err := emf.Write(&out, record(
		emf.Metric{Name: "Completed", Unit: emf.Count, Values: []float64{1}},
		emf.Metric{Name: "Duration", Unit: emf.Seconds, Values: []float64{1.5, 2}},
	))
	if err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"_aws": map[string]any{
			"Timestamp": 1772366400005.0,
			"CloudWatchMetrics": []any{map[string]any{
				"Namespace":  "evenkeel",
				"Dimensions": []any{[]any{"Environment"}},
				"Metrics": []any{
					map[string]any{"Name": "Completed", "Unit": "Count"},
					map[string]any{"Name": "Duration", "Unit": "Seconds"},
				},
			}},
		},
		"Environment": "app-prod",
		"Completed":   1.0,
		"Duration":    []any{1.5, 2.0},
		"instance":    "i-1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if n := strings.Count(out.String(), "\n"); n != 1 || !strings.HasSuffix(out.String(), "\n") {
		t.Errorf("%d line ends, want one at the end", n)
	}
}

func TestMetricsThatDoNotFitBecomeMoreLines(t *testing.T) {
	var metrics []emf.Metric
	for i := range 2*emf.MaxMetrics + 1 {
		metrics = append(metrics, emf.Metric{Name: fmt.Sprint("M", i), Unit: emf.None, Values: []float64{1}})
	}
	var out bytes.Buffer
	if err := emf.Write(&out, record(metrics...)); err != nil {
		t.Fatal(err)
	}
	for i := range metrics {
		if n := strings.Count(out.String(), fmt.Sprintf(`"Name":"M%d"`, i)); n != 1 {
			t.Errorf("M%d is in %d lines, want 1", i, n)
		}
	}
	if n := strings.Count(out.String(), "\n"); n != 3 {
		t.Errorf("%d lines, want 3", n)
	}
}

func TestWithoutMetricsNothingIsWritten(t *testing.T) {
	var out bytes.Buffer
	if err := emf.Write(&out, record()); err != nil || out.Len() > 0 {
		t.Errorf("wrote %q, error %v", out.String(), err)
	}
}

func TestWhatCloudWatchWouldDropIsRefused(t *testing.T) {
	one := emf.Metric{Name: "M", Unit: emf.Count, Values: []float64{1}}
	for want, change := range map[string]func(*emf.Record){
		"namespace is missing": func(r *emf.Record) { r.Namespace = "" },
		"time is missing":      func(r *emf.Record) { r.Time = time.Time{} },
		"31 dimensions":        func(r *emf.Record) { r.Dimensions = make([]emf.Dimension, 31) },
		"has a value of 0 bytes": func(r *emf.Record) {
			r.Dimensions = []emf.Dimension{{Name: "D"}}
		},
		`metric "M" has 0 values`:                     func(r *emf.Record) { r.Metrics[0].Values = nil },
		`metric "M" has 101 values`:                   func(r *emf.Record) { r.Metrics[0].Values = make([]float64, 101) },
		`metric "M" has a value that is no number`:    func(r *emf.Record) { r.Metrics[0].Values = []float64{math.NaN()} },
		`metric "" has 0 bytes`:                       func(r *emf.Record) { r.Metrics[0].Name = "" },
		`metric "M" has the name of something else`:   func(r *emf.Record) { r.Properties = map[string]any{"M": 1} },
		`property "_aws" is reserved`:                 func(r *emf.Record) { r.Properties = map[string]any{"_aws": 1} },
		`metric "Environment" has the name of`:        func(r *emf.Record) { r.Metrics[0].Name = "Environment" },
		`json: unsupported type: func(*emf.Record)`:   func(r *emf.Record) { r.Properties = map[string]any{"f": func(*emf.Record) {}} },
		`dimension "` + strings.Repeat("x", 40) + `"`: func(r *emf.Record) { r.Dimensions[0].Name = strings.Repeat("x", 1025) },
	} {
		r := record(one)
		change(&r)
		var out bytes.Buffer
		if err := emf.Write(&out, r); err == nil || !strings.Contains(err.Error(), want) || out.Len() > 0 {
			t.Errorf("error %v and %d bytes, want %q and none", err, out.Len(), want)
		}
	}
}

type full struct{}

var errFull = errors.New("full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestErrorOfTheLogIsReturned(t *testing.T) {
	if err := emf.Write(full{}, record(emf.Metric{Name: "M", Unit: emf.Count, Values: []float64{1}})); !errors.Is(err, errFull) {
		t.Errorf("error %v, want %v", err, errFull)
	}
}
