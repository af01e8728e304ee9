package metrics_test

import (
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/metrics"
)

// discoveriesOnly is a source of gauges that has nothing but discoveries.
type discoveriesOnly []metrics.DiscoveryGauges

func (d discoveriesOnly) Gauges() metrics.Gauges { return metrics.Gauges{Discoveries: d} }

func TestMetricsOfDiscovery(t *testing.T) {
	s := metrics.New(metrics.Options{LoadBalancer: "app/a/b", Gauges: discoveriesOnly{
		{TargetGroup: "web", Succeeded: 7, Failed: 2, Answered: time.UnixMilli(1700000000500)},
		{TargetGroup: "api", Failed: 1},
	}})
	var text strings.Builder
	if err := s.WritePrometheus(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`evenkeel_discovery_lookups_total{load_balancer="app/a/b",result="success",target_group="web"} 7`,
		`evenkeel_discovery_lookups_total{load_balancer="app/a/b",result="failure",target_group="web"} 2`,
		`evenkeel_discovery_last_answer_timestamp_seconds{load_balancer="app/a/b",target_group="web"} 1.7000000005e+09`,
		`evenkeel_discovery_lookups_total{load_balancer="app/a/b",result="failure",target_group="api"} 1`,
		`evenkeel_discovery_last_answer_timestamp_seconds{load_balancer="app/a/b",target_group="api"} 0`,
	} {
		if !strings.Contains(text.String(), want+"\n") {
			t.Errorf("no %s in\n%s", want, text.String())
		}
	}
}
