package main

import (
	"context"

	"github.com/evenkeel/evenkeel/emf"
	"github.com/evenkeel/evenkeel/spec"
)

// started reports that a drain began.
func (f *Function) started(ctx context.Context, s *State) {
	f.Log.InfoContext(ctx, "drain started", "instance", s.Instance, "auto_scaling_group", s.Group, "warm_pool", s.WarmPool, "deadline", s.Deadline())
	f.emit(ctx, s, spec.MetricDrainStarted, 0)
}

// outcomes are log messages, by the metric that counts what they tell.
var outcomes = map[string]string{
	spec.MetricDrainCompleted: "drain completed",
	spec.MetricDrainAbandoned: "drain abandoned",
}

// ended reports how a drain ended.
func (f *Function) ended(ctx context.Context, s *State, a Action) {
	seconds := f.now().Sub(s.Started).Seconds()
	attributes := []any{"instance", s.Instance, "auto_scaling_group", s.Group, "action", string(a.Kind), "reason", a.Reason, "result", a.Result, "warm_pool", s.WarmPool, "seconds", seconds}
	if a.Metric == spec.MetricDrainAbandoned {
		f.Log.WarnContext(ctx, outcomes[a.Metric], append(attributes, "targets", s.Targets)...) //nolint:sloglint // one of two constants
	} else {
		f.Log.InfoContext(ctx, outcomes[a.Metric], attributes...) //nolint:sloglint // one of two constants
	}
	f.emit(ctx, s, a.Metric, seconds)
}

// failed reports a message that is to be delivered again, and after that set aside. It counts
// once, and only what no other delivery mends.
func (f *Function) failed(ctx context.Context, m *received, err error, d *Drain) {
	attributes := []any{"message_id", m.id, "error", err}
	if d == nil {
		f.Log.ErrorContext(ctx, "message failed", attributes...)
		return
	}
	f.Log.ErrorContext(ctx, "drain failed", append(attributes, "instance", d.Instance, "auto_scaling_group", d.Group)...)
	if !isTransient(err) && !m.again {
		f.emit(ctx, &State{Drain: *d}, spec.MetricDrainFailed, 0)
	}
}

// emit counts one, with the time that it took if there is one.
func (f *Function) emit(ctx context.Context, s *State, metric string, seconds float64) {
	metrics := []emf.Metric{{Name: metric, Unit: emf.Count, Values: []float64{1}}}
	if seconds > 0 {
		metrics = append(metrics, emf.Metric{Name: spec.MetricDrainDuration, Unit: emf.Seconds, Values: []float64{seconds}})
	}
	err := emf.Write(f.Metrics, emf.Record{
		Time: f.now(), Namespace: spec.FunctionNamespace,
		Dimensions: []emf.Dimension{{Name: spec.DimensionEnvironment, Value: f.scope()}},
		Metrics:    metrics,
		Properties: map[string]any{"instance": s.Instance, "auto_scaling_group": s.Group},
	})
	if err != nil {
		f.Log.ErrorContext(ctx, "metric not written", "metric", metric, "error", err)
	}
}
