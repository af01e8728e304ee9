package metrics_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/metrics"
	"github.com/evenkeel/evenkeel/spec"
)

// families are all that a set exposes.
func families(t *testing.T, s *metrics.Set) map[string]*dto.MetricFamily {
	t.Helper()
	var text bytes.Buffer
	if err := s.WritePrometheus(&text); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	found, err := parser.TextToMetricFamilies(&text)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// whole is a set of which every metric has a value.
func whole() *metrics.Set {
	s := metrics.New(metrics.Options{
		LoadBalancer: "app/shop/1", Version: "1.2.3", Revision: "abc",
		Gauges: fixed{
			Groups:       []metrics.GroupGauges{{TargetGroup: "web", Zone: "a"}},
			Targets:      []metrics.TargetGauges{{TargetGroup: "web", Address: "10.0.0.1:80", Ended: map[string]uint64{"2xx": 1}}},
			Firewall:     []metrics.FirewallRule{{Name: "office", Requests: map[string]uint64{"allow": 1}}},
			Discoveries:  []metrics.DiscoveryGauges{{TargetGroup: "web"}},
			Certificates: []metrics.CertificateGauges{{Listener: "https", Certificate: "site"}},
		},
		DroppedLines: func() uint64 { return 4 }, UnsharedRequests: func() uint64 { return 5 },
	})
	s.EnsureGroup("web", "a")
	s.Reloaded(time.Now(), nil)
	s.Ordered("drain")
	s.SignedIn(true)
	s.SignedIn(false)
	return s
}

// TestEveryMetricIsExposed holds names, kinds, help and labels to the list in spec.
func TestEveryMetricIsExposed(t *testing.T) {
	found := families(t, whole())
	all := append(spec.Metrics(), spec.MetricRequests, spec.MetricTargetRequests, spec.MetricTargetOutstanding, spec.MetricTargetHealth, spec.MetricAccessLogDroppedLines, spec.MetricProxyProtocolErrors, spec.MetricBuildInfo,
		spec.MetricOperatorOrders, spec.MetricSignIns, spec.MetricWAFRequests, spec.MetricWAFUnsharedRequests,
		spec.MetricDiscoveryLookups, spec.MetricDiscoveryLastAnswer, spec.MetricCertificateExpiry,
		spec.MetricConfigReloads, spec.MetricConfigLastReloadSuccessful, spec.MetricConfigLastReloadTime)
	kinds := map[spec.MetricKind]dto.MetricType{
		spec.MetricCounter: dto.MetricType_COUNTER, spec.MetricGauge: dto.MetricType_GAUGE, spec.MetricHistogram: dto.MetricType_HISTOGRAM,
	}
	for _, m := range all {
		family := found[m.Prometheus]
		if family == nil {
			t.Errorf("%s is not exposed", m.Prometheus)
			continue
		}
		delete(found, m.Prometheus)
		if family.GetType() != kinds[m.Kind] || family.GetHelp() != m.Help {
			t.Errorf("%s is a %v, %q", m.Prometheus, family.GetType(), family.GetHelp())
		}
		if m.CloudWatch == "" {
			continue
		}
		want := []string{"load_balancer"}
		if m.PerTargetGroup {
			want = []string{"availability_zone", "load_balancer", "target_group"}
		}
		for _, one := range family.GetMetric() {
			var labels []string
			for _, l := range one.GetLabel() {
				labels = append(labels, l.GetName())
			}
			slices.Sort(labels)
			if !slices.Equal(labels, want) {
				t.Errorf("%s has the labels %q, want %q", m.Prometheus, labels, want)
			}
		}
	}
	for name := range found {
		if !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
			t.Errorf("%s is exposed, and spec does not name it", name)
		}
	}
}

func TestHandlerAnswersScrapes(t *testing.T) {
	for accept, want := range map[string]string{"": "text/plain", "application/openmetrics-text;version=1.0.0": "application/openmetrics-text"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		whole().Handler().ServeHTTP(w, r)
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), want) {
			t.Errorf("Accept %q: got %d, %s", accept, w.Code, w.Header().Get("Content-Type"))
		}
		if body := w.Body.String(); !strings.Contains(body, `alb_request_count_total{availability_zone="a",load_balancer="app/shop/1",target_group="web"} 0`) {
			t.Errorf("Accept %q: got\n%s", accept, body)
		}
	}
}

// TestNamesThatAreNoUTF8 wants such a name to spoil itself and not the scrape.
func TestNamesThatAreNoUTF8(t *testing.T) {
	s := metrics.New(metrics.Options{LoadBalancer: "app/\xff/1", Version: "\xff"})
	s.EnsureGroup("\xff\n\"")
	if n, ok := scrape(t, s)["alb_request_count_total{\ufffd\n\",}"]; n != 0 || !ok {
		t.Errorf("got %v", scrape(t, s))
	}
}

func TestGaugesOfGroups(t *testing.T) {
	s := metrics.New(metrics.Options{Gauges: fixed{Groups: []metrics.GroupGauges{
		{TargetGroup: "web", Zone: "a", Registered: 3, Healthy: 1, Unhealthy: 2, Anomalous: 1, Mitigated: 1},
		{TargetGroup: "web", Zone: "a", Registered: 1, Healthy: 1}, // the same zone, said in two parts
		{TargetGroup: "web", Zone: "b", Registered: 2, Unhealthy: 2, FailOpen: true},
	}}})
	got := scrape(t, s)
	want := samples{
		"alb_healthy_host_count{web,a}":      2,
		"alb_unhealthy_host_count{web,a}":    2,
		"alb_anomalous_host_count{web,a}":    1,
		"alb_mitigated_host_count{web,a}":    1,
		"alb_healthy_state_routing{web,a}":   1,
		"alb_unhealthy_state_routing{web,a}": 0,
		"alb_healthy_host_count{web,b}":      0,
		"alb_unhealthy_host_count{web,b}":    2,
		"alb_healthy_state_routing{web,b}":   0,
		"alb_unhealthy_state_routing{web,b}": 1,
	}
	for key, want := range want {
		if n, ok := got[key]; !ok || n != want {
			t.Errorf("%s is %v, want %v", key, n, want)
		}
	}
}

// standing is a source of gauges that a test changes between scrapes.
type standing struct{ now metrics.Gauges }

func (s *standing) Gauges() metrics.Gauges { return s.now }

// TestRequestCountPerTarget divides by the healthy targets of all zones, by all when none is
// healthy, and leaves the past as it was when targets come and go.
func TestRequestCountPerTarget(t *testing.T) {
	source := &standing{}
	s := metrics.New(metrics.Options{Gauges: source})
	s.EnsureGroup("web", "a", "b")
	const key = "alb_request_count_per_target_total{web,}"
	for i, step := range []struct {
		requests int
		groups   []metrics.GroupGauges
		want     float64
	}{
		{0, []metrics.GroupGauges{{TargetGroup: "web", Zone: "a", Registered: 4, Healthy: 4}}, 0},
		{8, []metrics.GroupGauges{{TargetGroup: "web", Zone: "a", Registered: 2, Healthy: 1}, {TargetGroup: "web", Zone: "b", Registered: 3, Healthy: 3}}, 2},
		{0, []metrics.GroupGauges{{TargetGroup: "web", Zone: "a", Registered: 1, Healthy: 1}}, 2},
		{6, []metrics.GroupGauges{{TargetGroup: "web", Zone: "a", Registered: 3, Unhealthy: 3, FailOpen: true}}, 4},
		{5, nil, 4}, // nobody to share among
		{1, []metrics.GroupGauges{{TargetGroup: "web", Zone: "a", Registered: 1, Healthy: 1}}, 5},
	} {
		for n := range step.requests {
			s.Observe(served(200, func(r *exchange.Record) { r.TargetZone = []string{"a", "b"}[n%2] }))
		}
		source.now = metrics.Gauges{Groups: step.groups}
		if got := scrape(t, s)[key]; got != step.want {
			t.Errorf("step %d: got %v, want %v", i, got, step.want)
		}
	}
}

// TestResponseTimeBuckets puts durations at, below and above every bound.
func TestResponseTimeBuckets(t *testing.T) {
	const name = "alb_target_response_time_seconds"
	s := whole()
	bounds := families(t, s)[name].GetMetric()[0].GetHistogram().GetBucket()
	if n := len(bounds); n < 20 {
		t.Fatalf("there are %d buckets", n)
	}
	at := time.Unix(1_700_000_000, 0)
	var seen []time.Duration
	observe := func(d time.Duration) {
		seen = append(seen, d)
		s.Observe(served(200, func(r *exchange.Record) { r.Dispatched, r.Answered = at, at.Add(d) }))
	}
	observe(0)
	observe(1)
	observe(time.Hour)
	last := 0.0
	for _, b := range bounds {
		if b.GetUpperBound() <= last {
			t.Errorf("bound %v stands after %v", b.GetUpperBound(), last)
		}
		last = b.GetUpperBound()
		if d := time.Duration(last * float64(time.Second)); d < time.Hour {
			observe(d.Round(time.Microsecond) - 1)
			observe(d.Round(time.Microsecond))
			observe(d.Round(time.Microsecond) + 1)
		}
	}
	h := families(t, s)[name].GetMetric()[0].GetHistogram()
	for _, b := range h.GetBucket() {
		want := uint64(0)
		for _, d := range seen {
			if d.Seconds() <= b.GetUpperBound() {
				want++
			}
		}
		if b.GetCumulativeCount() != want {
			t.Errorf("up to %v there are %d, want %d", b.GetUpperBound(), b.GetCumulativeCount(), want)
		}
	}
	if got, want := h.GetSampleCount(), uint64(len(seen)); got != want {
		t.Errorf("there are %d, want %d", got, want)
	}
	sum := time.Duration(0)
	for _, d := range seen {
		sum += d
	}
	if got := fmt.Sprintf("%.6f", h.GetSampleSum()); got != fmt.Sprintf("%.6f", sum.Seconds()) {
		t.Errorf("the sum is %s, want %v", got, sum.Seconds())
	}
}
