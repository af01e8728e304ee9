package metrics_test

import (
	"bytes"
	"errors"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/metrics"
	"github.com/evenkeel/evenkeel/spec"
)

// samples are values by metric, with the target group and zone as {group,zone}. Of a
// histogram there are its _count and _sum.
type samples map[string]float64

// scrape reads what a set exposes, the Go runtime's own metrics left out.
func scrape(t *testing.T, s *metrics.Set) samples {
	t.Helper()
	var text bytes.Buffer
	if err := s.WritePrometheus(&text); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(&text)
	if err != nil {
		t.Fatal(err)
	}
	found := samples{}
	for name, family := range families {
		if !strings.HasPrefix(name, "alb_") && !strings.HasPrefix(name, "evenkeel_") {
			continue
		}
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			key := name
			if group := labels[spec.DimensionTargetGroup.Prometheus]; group != "" {
				key += "{" + group + "," + labels[spec.DimensionAvailabilityZone.Prometheus] + "}"
			}
			if result := labels["result"]; result != "" {
				key += "{" + result + "}"
			}
			switch {
			case m.GetHistogram() != nil:
				found[key+"_count"] = float64(m.GetHistogram().GetSampleCount())
				found[key+"_sum"] = m.GetHistogram().GetSampleSum()
			case m.GetGauge() != nil:
				found[key] = m.GetGauge().GetValue()
			default:
				found[key] = m.GetCounter().GetValue()
			}
		}
	}
	return found
}

// moved is what differs between two scrapes, and by how much.
func moved(before, after samples) samples {
	d := samples{}
	for key, value := range after {
		if n := value - before[key]; n != 0 {
			d[key] = n
		}
	}
	delete(d, spec.MetricRequests.Prometheus) // which every exchange moves
	return d
}

// ended is an exchange over IPv4 of which nothing is worth counting.
func ended(change func(x *exchange.Exchange)) *exchange.Exchange {
	x := &exchange.Exchange{Conn: &exchange.Connection{Peer: netip.MustParseAddrPort("192.0.2.1:1234")}}
	x.Record.Priority = exchange.NoRule
	x.Record.Status = 200
	if change != nil {
		change(x)
	}
	return x
}

// served is one that a target of the group web answered with a status.
func served(status int, change func(r *exchange.Record)) *exchange.Exchange {
	return ended(func(x *exchange.Exchange) {
		r := &x.Record
		r.Status, r.TargetStatus, r.ByTarget = status, status, true
		r.TargetGroup, r.TargetZone, r.TargetAddress = "web", "a", "10.0.0.1:80"
		r.Actions = exchange.ActionForward
		if change != nil {
			change(r)
		}
	})
}

// answered is one that the load balancer answered by itself.
func answered(status int, change func(r *exchange.Record)) *exchange.Exchange {
	return ended(func(x *exchange.Exchange) {
		x.Record.Status = status
		if change != nil {
			change(&x.Record)
		}
	})
}

// TestObserveMovesWhatCloudWatchMoves looks at all metrics for each exchange: what is not
// in want stands still.
func TestObserveMovesWhatCloudWatchMoves(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	web := func(also samples) samples {
		all := samples{"alb_request_count_total{web,a}": 1, "alb_request_count_per_target_total{web,}": 0.5}
		maps.Copy(all, also)
		return all
	}
	for name, c := range map[string]struct {
		x    *exchange.Exchange
		want samples
	}{
		"nothing": {ended(nil), samples{}},
		"bytes": {
			ended(func(x *exchange.Exchange) { x.Record.ReceivedBytes, x.Record.SentBytes = 100, 23 }),
			samples{"alb_processed_bytes_total": 123},
		},
		"bytes over IPv6": {ended(func(x *exchange.Exchange) {
			x.Conn.Peer = netip.MustParseAddrPort("[2001:db8::1]:1234")
			x.Record.ReceivedBytes, x.Record.SentBytes = 100, 23
		}), samples{"alb_processed_bytes_total": 123, "alb_ipv6_request_count_total": 1, "alb_ipv6_processed_bytes_total": 123}},
		"IPv4 in IPv6": {ended(func(x *exchange.Exchange) { x.Conn.Peer = netip.MustParseAddrPort("[::ffff:192.0.2.1]:1234") }), samples{}},
		"rules":        {ended(func(x *exchange.Exchange) { x.Record.RulesEvaluated = 7 }), samples{"alb_rule_evaluations_total": 7}},

		"400": {answered(400, nil), samples{"alb_http_code_elb_4xx_count_total": 1}},
		"460": {answered(460, nil), samples{"alb_http_code_elb_4xx_count_total": 1}},
		"500": {answered(500, nil), samples{"alb_http_code_elb_5xx_count_total": 1, "alb_http_code_elb_500_count_total": 1}},
		"501": {answered(501, nil), samples{"alb_http_code_elb_5xx_count_total": 1}},
		"502": {answered(502, nil), samples{"alb_http_code_elb_5xx_count_total": 1, "alb_http_code_elb_502_count_total": 1}},
		"503": {answered(503, nil), samples{"alb_http_code_elb_5xx_count_total": 1, "alb_http_code_elb_503_count_total": 1}},
		"504": {answered(504, nil), samples{"alb_http_code_elb_5xx_count_total": 1, "alb_http_code_elb_504_count_total": 1}},
		"561": {answered(561, nil), samples{"alb_http_code_elb_5xx_count_total": 1}},

		"redirect": {
			answered(301, func(r *exchange.Record) { r.Actions = exchange.ActionRedirect }),
			samples{"alb_http_redirect_count_total": 1, "alb_http_code_elb_3xx_count_total": 1},
		},
		"redirect too long": {
			answered(500, func(r *exchange.Record) { r.Actions, r.RedirectTooLong = exchange.ActionRedirect, true }),
			samples{"alb_http_redirect_url_limit_exceeded_count_total": 1, "alb_http_code_elb_5xx_count_total": 1, "alb_http_code_elb_500_count_total": 1},
		},
		"fixed response": {
			answered(200, func(r *exchange.Record) { r.Actions = exchange.ActionFixedResponse }),
			samples{"alb_http_fixed_response_count_total": 1},
		},
		"fixed response of an error": {
			answered(503, func(r *exchange.Record) { r.Actions = exchange.ActionFixedResponse }),
			samples{"alb_http_fixed_response_count_total": 1, "alb_http_code_elb_5xx_count_total": 1, "alb_http_code_elb_503_count_total": 1},
		},

		"gRPC":              {ended(func(x *exchange.Exchange) { x.Record.GRPC = true }), samples{"alb_grpc_request_count_total": 1}},
		"not compliant":     {ended(func(x *exchange.Exchange) { x.Record.Classification = "Acceptable" }), samples{"alb_desync_mitigation_mode_non_compliant_request_count_total": 1}},
		"invalid dropped":   {ended(func(x *exchange.Exchange) { x.Record.InvalidHeaders, x.Record.InvalidDropped = 3, true }), samples{"alb_dropped_invalid_header_request_count_total": 1}},
		"invalid forwarded": {ended(func(x *exchange.Exchange) { x.Record.InvalidHeaders = 3 }), samples{"alb_forwarded_invalid_header_request_count_total": 1}},

		"target 101": {served(101, nil), web(nil)},
		"target 200": {served(200, nil), web(samples{"alb_http_code_target_2xx_count_total{web,a}": 1})},
		"target 302": {served(302, nil), web(samples{"alb_http_code_target_3xx_count_total{web,a}": 1})},
		"target 404": {served(404, nil), web(samples{"alb_http_code_target_4xx_count_total{web,a}": 1})},
		// What a target answers is never the load balancer's.
		"target 503": {served(503, nil), web(samples{"alb_http_code_target_5xx_count_total{web,a}": 1})},
		"target 999": {served(999, nil), web(nil)},
		"client left during the answer": {
			served(200, func(r *exchange.Record) { r.Status, r.ByTarget = 460, false }),
			web(samples{"alb_http_code_target_2xx_count_total{web,a}": 1, "alb_http_code_elb_4xx_count_total": 1}),
		},
		"response time": {
			served(200, func(r *exchange.Record) { r.Dispatched, r.Answered = at, at.Add(250*time.Millisecond) }),
			web(samples{"alb_http_code_target_2xx_count_total{web,a}": 1, "alb_target_response_time_seconds{web,a}_count": 1, "alb_target_response_time_seconds{web,a}_sum": 0.25}),
		},
		"answered before it was sent": {
			served(400, func(r *exchange.Record) { r.Dispatched, r.Answered = at, at.Add(-time.Second) }),
			web(samples{"alb_http_code_target_4xx_count_total{web,a}": 1, "alb_target_response_time_seconds{web,a}_count": 1}),
		},
		"no answer": {
			served(504, func(r *exchange.Record) { r.TargetStatus, r.ByTarget, r.Dispatched = 0, false, at }),
			web(samples{"alb_http_code_elb_5xx_count_total": 1, "alb_http_code_elb_504_count_total": 1}),
		},
		"target refuses": {
			served(502, func(r *exchange.Record) { r.TargetStatus, r.ByTarget, r.TargetConnError = 0, false, true }),
			web(samples{"alb_http_code_elb_5xx_count_total": 1, "alb_http_code_elb_502_count_total": 1, "alb_target_connection_error_count_total{web,a}": 1}),
		},
		"target without TLS": {
			served(502, func(r *exchange.Record) { r.TargetStatus, r.ByTarget, r.TargetTLSError = 0, false, true }),
			web(samples{"alb_http_code_elb_5xx_count_total": 1, "alb_http_code_elb_502_count_total": 1, "alb_target_tls_negotiation_error_count_total{web,a}": 1}),
		},
		"fail open":      {served(200, func(r *exchange.Record) { r.FailOpen = true }), web(samples{"alb_http_code_target_2xx_count_total{web,a}": 1, "alb_unhealthy_routing_request_count_total{web,a}": 1})},
		"not sticky":     {served(200, func(r *exchange.Record) { r.NonSticky = true }), web(samples{"alb_http_code_target_2xx_count_total{web,a}": 1, "alb_non_sticky_request_count_total": 1})},
		"not app sticky": {served(200, func(r *exchange.Record) { r.NonStickyApp = true }), web(samples{"alb_http_code_target_2xx_count_total{web,a}": 1, "alb_app_cookie_non_stickiness_count_total": 1})},
		"new connection": {served(200, func(r *exchange.Record) { r.NewTargetConn = true }), web(samples{"alb_http_code_target_2xx_count_total{web,a}": 1, "alb_new_connection_count_total": 1})},
		"no target in the group": {
			answered(503, func(r *exchange.Record) { r.TargetGroup, r.Actions = "web", exchange.ActionForward }),
			samples{"alb_http_code_elb_5xx_count_total": 1, "alb_http_code_elb_503_count_total": 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := metrics.New(metrics.Options{LoadBalancer: "app/shop/1", Gauges: fixed{Groups: []metrics.GroupGauges{{TargetGroup: "web", Zone: "a", Registered: 2, Healthy: 2}}}})
			s.EnsureGroup("web", "a")
			before := scrape(t, s)
			s.Observe(c.x)
			if diff := cmp.Diff(c.want, moved(before, scrape(t, s))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// fixed is a source of gauges that do not change.
type fixed metrics.Gauges

func (f fixed) Gauges() metrics.Gauges { return metrics.Gauges(f) }

func TestConnectionsOfClientsAndTargets(t *testing.T) {
	s := metrics.New(metrics.Options{Gauges: fixed{TargetConnections: 5}})
	before := scrape(t, s)
	if n := before["alb_active_connection_count"]; n != 5 {
		t.Errorf("%v connections are active, want those to targets", n)
	}
	for shard := range uint32(4) { // any shard, more than there are
		s.ConnectionOpened(shard)
		s.ConnectionOpened(shard + 1000)
	}
	s.ConnectionClosed(0)
	s.ConnectionRejected(1)
	s.TLSNegotiationError(2)
	s.ProxyHeaderRefused(3)
	s.Observe(served(200, func(r *exchange.Record) { r.TargetAddress, r.NewTargetConn = "", true }))
	want := samples{
		"alb_active_connection_count":                  7,
		"alb_new_connection_count_total":               9,
		"alb_rejected_connection_count_total":          1,
		"alb_client_tls_negotiation_error_count_total": 1,
		"evenkeel_proxy_protocol_errors_total":         1,
	}
	if diff := cmp.Diff(want, moved(before, scrape(t, s))); diff != "" {
		t.Error(diff)
	}
}

// TestActiveConnectionsAreNeverNegative closes more than was opened, as a scrape in between
// may see it.
func TestActiveConnectionsAreNeverNegative(t *testing.T) {
	s := metrics.New(metrics.Options{})
	s.ConnectionClosed(0)
	if n := scrape(t, s)["alb_active_connection_count"]; n != 0 {
		t.Errorf("%v connections are active", n)
	}
}

func TestReloadsAreCounted(t *testing.T) {
	s := metrics.New(metrics.Options{})
	if _, ok := scrape(t, s)["evenkeel_config_last_reload_successful"]; ok {
		t.Error("nothing was loaded, and yet it went well or badly")
	}
	first := time.UnixMilli(1_700_000_000_500)
	s.Reloaded(first, nil)
	s.Reloaded(first.Add(time.Hour), errors.New("bad file"))
	got := scrape(t, s)
	want := samples{
		"evenkeel_config_reloads_total{success}":                1,
		"evenkeel_config_reloads_total{failure}":                1,
		"evenkeel_config_last_reload_successful":                0,
		"evenkeel_config_last_reload_success_timestamp_seconds": 1_700_000_000.5,
	}
	for key, want := range want {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	s.Reloaded(first.Add(2*time.Hour), nil)
	if got := scrape(t, s); got["evenkeel_config_last_reload_successful"] != 1 || got["evenkeel_config_last_reload_success_timestamp_seconds"] != 1_700_007_200.5 {
		t.Errorf("after a good one: %v", got)
	}
}

func TestObserveDoesNotAllocate(t *testing.T) {
	s := metrics.New(metrics.Options{})
	s.EnsureGroup("web", "a", "b")
	now := time.Now()
	x := served(503, func(r *exchange.Record) {
		r.Dispatched, r.Answered = now, now.Add(time.Second)
		r.NewTargetConn, r.NonSticky, r.FailOpen, r.GRPC, r.RulesEvaluated, r.ReceivedBytes = true, true, true, true, 3, 9
	})
	if n := testing.AllocsPerRun(1000, func() { s.Observe(x) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestObserveAtOnce has many connections end while scrapes run and groups come, and loses
// none.
func TestObserveAtOnce(t *testing.T) {
	const connections, each = 16, 500
	s := metrics.New(metrics.Options{Gauges: fixed{Groups: []metrics.GroupGauges{{TargetGroup: "web", Zone: "a", Registered: 1, Healthy: 1}}}})
	var all sync.WaitGroup
	for shard := range uint32(connections) {
		all.Go(func() {
			s.ConnectionOpened(shard)
			x := served(200, func(r *exchange.Record) { r.ReceivedBytes = 2 })
			x.Conn.Shard = shard
			for range each {
				s.Observe(x)
			}
			s.ConnectionClosed(shard)
		})
	}
	all.Go(func() {
		last := 0.0
		for range 20 {
			n := scrape(t, s)["alb_processed_bytes_total"]
			if n < last {
				t.Errorf("a counter went from %v to %v", last, n)
			}
			last = n
		}
	})
	all.Wait()
	got := scrape(t, s)
	want := samples{
		"alb_processed_bytes_total":                2 * connections * each,
		"alb_request_count_total{web,a}":           connections * each,
		"alb_request_count_per_target_total{web,}": connections * each,
		"alb_active_connection_count":              0,
		"alb_new_connection_count_total":           connections,
	}
	for key, want := range want {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
}
