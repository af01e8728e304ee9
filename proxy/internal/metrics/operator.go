package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/evenkeel/evenkeel/spec"
)

// newOperatorCounters makes the counters of what operators do.
func newOperatorCounters() (orders, signIns *prometheus.CounterVec) {
	vec := func(m *spec.Metric, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Prometheus, Help: m.Help}, []string{label})
	}
	return vec(&spec.MetricOperatorOrders, "action"), vec(&spec.MetricSignIns, "result")
}

// Ordered counts an order that was carried out. There are few actions, and action is one.
func (s *Set) Ordered(action string) { s.orders.WithLabelValues(action).Inc() }

// SignedIn counts a sign-in that was tried.
func (s *Set) SignedIn(ok bool) {
	result := "failure"
	if ok {
		result = "success"
	}
	s.signIns.WithLabelValues(result).Inc()
}
