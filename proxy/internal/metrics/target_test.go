package metrics_test

import (
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/metrics"
	"github.com/evenkeel/evenkeel/targethealth"
)

// targetsOnly is a source of gauges that has nothing but targets.
type targetsOnly []metrics.TargetGauges

func (t targetsOnly) Gauges() metrics.Gauges { return metrics.Gauges{Targets: t} }

// TestMetricsOfTargets has a target that comes back while its predecessor of the same address
// still drains: Prometheus would refuse all metrics if one was there twice.
func TestMetricsOfTargets(t *testing.T) {
	s := metrics.New(metrics.Options{LoadBalancer: "app/a/b", Gauges: targetsOnly{
		{TargetGroup: "web", Address: "10.0.0.1:80", State: targethealth.Healthy, Outstanding: 3, Ended: map[string]uint64{"2xx": 7, "connect_error": 1}},
		{TargetGroup: "web", Address: "10.0.0.1:80", State: targethealth.Draining, Outstanding: 9},
		{TargetGroup: "web", Address: "10.0.0.2:80", State: targethealth.Unhealthy},
	}})
	var text strings.Builder
	if err := s.WritePrometheus(&text); err != nil {
		t.Fatal(err)
	}
	const one = `load_balancer="app/a/b",`
	for _, want := range []string{
		`evenkeel_target_health{` + one + `target="10.0.0.1:80",target_group="web"} 1`,
		`evenkeel_target_health{` + one + `target="10.0.0.2:80",target_group="web"} 0`,
		`evenkeel_target_outstanding_requests{` + one + `target="10.0.0.1:80",target_group="web"} 3`,
		`evenkeel_target_requests_total{` + one + `outcome="2xx",target="10.0.0.1:80",target_group="web"} 7`,
		`evenkeel_target_requests_total{` + one + `outcome="connect_error",target="10.0.0.1:80",target_group="web"} 1`,
	} {
		if !strings.Contains(text.String(), want+"\n") {
			t.Errorf("no %s in\n%s", want, text.String())
		}
	}
}
