package prometheus

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// rateWindow is what a rate is taken over: long enough to hold two scrapes that are a minute
// apart, so that a value is about as old as CloudWatch's.
const rateWindow = "2m"

// day is the unit in which the time until a certificate ends is told.
const day = 24 * time.Hour

// Of anomalies: how many standard deviations above the usual, and how far back that is looked
// for. CloudWatch learns a daily pattern; this is the same band without one.
const (
	bandWidth  = 2
	bandLength = "1d"
)

// series selects the samples of a metric that this environment's proxies report.
type series struct{ selector string }

func (s series) of(m *spec.Metric) string { return m.Prometheus + s.selector }

// rate is the sum of a counter's rates a second.
func (s series) rate(m *spec.Metric, by ...string) string {
	by = append([]string{spec.DimensionLoadBalancer.Prometheus}, by...)
	return fmt.Sprintf("sum by (%s) (rate(%s[%s]))", strings.Join(by, ", "), s.of(m), rateWindow)
}

// Names of recorded series, by Prometheus's convention of level:metric:operation.
//
// https://prometheus.io/docs/practices/rules/
const (
	recordRequests     = "load_balancer:alb_request_count:rate"
	recordELBErrors    = "load_balancer:alb_http_code_elb_5xx_count:rate"
	recordTargetErrors = "load_balancer:alb_http_code_target_5xx_count:rate"
	recordErrors       = "load_balancer:alb_http_code_5xx_count:rate"
	recordHealthy      = "target_group:alb_healthy_host_count:max"
	recordUnhealthy    = "target_group:alb_unhealthy_host_count:min"
	recordClientTLS    = "load_balancer:alb_client_tls_negotiation_error_count:rate"
)

// recordTime is the name of a percentile of the response time.
func recordTime(percentile string) string {
	return "load_balancer:alb_target_response_time_seconds:" + percentile
}

// percentiles of the response time, in order.
var percentiles = []struct {
	name     string
	quantile float64
}{{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}}

// New makes the rules of an environment.
func New(env *spec.Environment) *Rules {
	s := series{fmt.Sprintf("{%s=%q}", spec.DimensionLoadBalancer.Prometheus, env.LoadBalancerID())}
	r := &Rules{Environment: env.App + "-" + env.Name}
	r.record(s)
	r.traffic(env, s)
	r.targets(env, s)
	r.discovery(env, s)
	r.process(s)
	r.serviceDown()
	return r
}

func (r *Rules) record(s series) {
	add := func(name, expression string) { r.Records = append(r.Records, Record{name, expression}) }
	add(recordRequests, s.rate(&spec.MetricRequestCount))
	add(recordELBErrors, s.rate(&spec.MetricHTTPCodeELB5XX))
	add(recordTargetErrors, s.rate(&spec.MetricHTTPCodeTarget5XX))
	// A group's series begin with the group; without any there are no errors of targets.
	add(recordErrors, fmt.Sprintf("%s%s + (%s%[2]s or 0 * %[1]s%[2]s)", recordELBErrors, s.selector, recordTargetErrors))
	for _, p := range percentiles {
		add(recordTime(p.name), fmt.Sprintf("histogram_quantile(%g, sum by (%s, le) (rate(%s_bucket%s[%s]))) >= 0",
			p.quantile, spec.DimensionLoadBalancer.Prometheus, spec.MetricTargetResponseTime.Prometheus, s.selector, rateWindow))
	}
	// Of what several proxies see, that on which all agree, as one that has just started takes
	// every target for not yet healthy.
	by := []string{spec.DimensionLoadBalancer.Prometheus, spec.DimensionTargetGroup.Prometheus}
	zone := append(slices.Clone(by), spec.DimensionAvailabilityZone.Prometheus)
	for _, c := range []struct {
		name, of string
		metric   *spec.Metric
	}{{recordHealthy, "max", &spec.MetricHealthyHostCount}, {recordUnhealthy, "min", &spec.MetricUnHealthyHostCount}} {
		add(c.name, fmt.Sprintf("sum by (%s) (%s by (%s) (%s))", strings.Join(by, ", "), c.of, strings.Join(zone, ", "), s.of(c.metric)))
	}
	add(recordClientTLS, s.rate(&spec.MetricClientTLSNegotiationErrorCount))
}

func (r *Rules) alert(a Alert) { r.Alerts = append(r.Alerts, a) }

func (r *Rules) traffic(env *spec.Environment, s series) {
	a := &env.Alarms
	// share is the percentage that errors are of all requests: of those that reached a target,
	// or of the errors if there are more.
	share := func(errors string, limit spec.Percent) string {
		errors += s.selector
		requests := recordRequests + s.selector
		total := fmt.Sprintf("((%s > %s) or %[2]s)", requests, errors)
		return fmt.Sprintf("100 * %[1]s / %[2]s > %[3]s and 60 * %[2]s >= %[4]d", errors, total, number(float64(limit)), a.MinimumRequests)
	}
	r.alert(Alert{
		Name: "ErrorRate", Alarm: "error-rate", Severity: Warning, Window: Window{3, 5},
		Meaning: "Too many requests are answered with a 5XX status, by targets and load balancer together.", Condition: share(recordErrors, a.ErrorRate),
	})
	r.alert(Alert{
		Name: "ErrorRateCritical", Alarm: "error-rate-critical", Severity: Critical, Window: Window{3, 3},
		Meaning: "So many requests are answered with a 5XX status that the service counts as down.", Condition: share(recordErrors, max(a.ErrorRate, spec.ServiceDownErrorRate)),
	})
	r.alert(Alert{
		Name: "TargetErrorRate", Alarm: "target-error-rate", Severity: Warning, Window: Window{3, 5},
		Meaning: "Targets answer too many requests with a 5XX status: the application fails.", Condition: share(recordTargetErrors, a.ErrorRate),
	})
	r.alert(Alert{
		Name: "LoadBalancerErrorRate", Alarm: "load-balancer-error-rate", Severity: Warning, Window: Window{3, 5},
		Meaning: "The load balancer itself answers too many requests with a 5XX status: it gets no usable answer from targets.", Condition: share(recordELBErrors, a.ErrorRate),
	})

	most := map[string]time.Duration{"p50": a.ResponseTime.P50, "p95": a.ResponseTime.P95, "p99": a.ResponseTime.P99}
	for _, p := range percentiles {
		if limit := most[p.name]; limit > 0 {
			r.alert(Alert{
				Name: "ResponseTime", Alarm: "response-time", Subject: p.name, Severity: Warning, Window: Window{5, 5},
				Meaning:   "Targets answer slowly: a percentile of the response time is above its threshold.",
				Condition: fmt.Sprintf("%s%s > %s", recordTime(p.name), s.selector, number(limit.Seconds())),
			})
		}
	}
	r.alert(Alert{
		Name: "ResponseTimeAnomaly", Alarm: "response-time-anomaly", Severity: Warning, Window: Window{10, 15},
		Meaning: "The slowest hundredth of requests takes longer than is usual.", Condition: aboveBand(recordTime("p99") + s.selector),
	})
	// Each process has the maximum for itself.
	r.alert(Alert{
		Name: "Connections", Alarm: "connections", Severity: Warning, Window: Window{5, 5},
		Meaning:   "There are almost as many open connections as the environment file plans for.",
		Condition: fmt.Sprintf("%s > %s", s.of(&spec.MetricActiveConnectionCount), number(a.Connections.Fraction()*float64(env.Proxy.MaxConnections))),
	})
	counted := func(name, alarm, severity, meaning string, m *spec.Metric, w Window) {
		r.alert(Alert{Name: name, Alarm: alarm, Severity: severity, Meaning: meaning, Window: w, Condition: s.rate(m) + " > 0"})
	}
	counted("RejectedConnections", "rejected-connections", Critical, "The load balancer refuses connections because it has as many as it can take.", &spec.MetricRejectedConnectionCount, Window{1, 1})
	counted("TargetConnectionErrors", "target-connection-errors", Warning, "The load balancer cannot connect to targets that it takes for healthy.", &spec.MetricTargetConnectionErrorCount, Window{3, 5})
	if env.TargetsSpeakTLS() {
		counted("TargetTLSErrors", "target-tls-errors", Warning, "TLS handshakes between the load balancer and targets fail.", &spec.MetricTargetTLSNegotiationErrorCount, Window{3, 5})
	}
	if env.ClientsSpeakTLS() {
		r.alert(Alert{
			Name: "ClientTLSErrors", Alarm: "client-tls-errors", Severity: Warning, Window: Window{15, 15},
			Meaning: "More TLS handshakes with clients fail than is usual.", Condition: aboveBand(recordClientTLS + s.selector),
		})
		// A certificate that has ended has less than no time left: it stays on, as on AWS.
		r.alert(Alert{
			Name: "CertificateExpiry", Alarm: "certificate-expiry", Severity: Warning, Window: Window{1, 1},
			Meaning:   "A certificate ends soon and has not been renewed.",
			Condition: fmt.Sprintf("(%s - time()) / %s < %s", s.of(&spec.MetricCertificateExpiry), number(day.Seconds()), number(a.CertificateExpiry.Hours()/day.Hours())),
		})
	}
}

// aboveBand is the condition that a recorded series is higher than usual.
func aboveBand(x string) string {
	return fmt.Sprintf("%s > avg_over_time(%[1]s[%s]) + %d * stddev_over_time(%[1]s[%[2]s])", x, bandLength, bandWidth)
}

func (r *Rules) targets(env *spec.Environment, s series) {
	used := slices.Sorted(maps.Keys(env.InUseTargetGroups()))
	if len(used) == 0 {
		return
	}
	a := &env.Alarms
	// The targets of a group that no rule forwards to are not checked. Names are of letters,
	// digits and hyphens.
	groups := series{fmt.Sprintf("%s,%s=~%q}", strings.TrimSuffix(s.selector, "}"), spec.DimensionTargetGroup.Prometheus, strings.Join(used, "|"))}
	healthy, unhealthy := recordHealthy+groups.selector, recordUnhealthy+groups.selector
	// 0 / 0, a group without targets, is no number: not above or equal to 0.
	share := fmt.Sprintf("100 * %s / (%[1]s + %s) >= 0", healthy, unhealthy)
	r.alert(Alert{
		Name: "UnhealthyTargets", Alarm: "unhealthy-targets", Severity: Warning, Window: Window{5, 5},
		Meaning: "Targets fail their health checks.", Condition: fmt.Sprintf("%s > %d", unhealthy, a.UnhealthyTargets),
	})
	r.alert(Alert{
		Name: "HealthyTargets", Alarm: "healthy-targets", Severity: Warning, Window: Window{3, 3},
		Meaning: "Too small a share of a target group is healthy.", Condition: fmt.Sprintf("(%s) < %s", share, number(float64(a.HealthyTargets.Warning))),
	})
	r.alert(Alert{
		Name: "HealthyTargetsCritical", Alarm: "healthy-targets-critical", Severity: Critical, Window: Window{3, 3},
		Meaning:   "So small a share of a target group is healthy, or registered at all, that the service counts as down.",
		Condition: fmt.Sprintf("((%s) or 0 * %s) < %s", share, healthy, number(float64(a.HealthyTargets.Critical))),
	})
	r.alert(Alert{
		Name: "UnhealthyRouting", Alarm: "unhealthy-routing", Severity: Critical, Window: Window{2, 3},
		Meaning:   "A target group fails open: requests go to all of its targets, because too few are healthy.",
		Condition: groups.rate(&spec.MetricUnhealthyRoutingRequestCount, spec.DimensionTargetGroup.Prometheus) + " > 0",
	})
}

// discovery is the alert on targets that DNS does not tell.
func (r *Rules) discovery(env *spec.Environment, s series) {
	if !slices.ContainsFunc(env.TargetGroups, func(g spec.TargetGroup) bool { return g.ProxyOnly.Discovery.DNS != "" }) {
		return
	}
	failures := series{fmt.Sprintf("%s,%s=%q}", strings.TrimSuffix(s.selector, "}"), spec.LabelResult, spec.ResultFailure)}
	r.alert(Alert{
		Name: "DiscoveryFailing", Alarm: "discovery-failing", Severity: Warning, Window: Window{5, 5},
		Meaning:   "The targets of a group cannot be looked up in DNS: those of the last answer stay.",
		Condition: failures.rate(&spec.MetricDiscoveryLookups, spec.DimensionTargetGroup.Prometheus) + " > 0",
	})
}

// process are the alerts on what no ALB has: a process, its configuration, its log files.
func (r *Rules) process(s series) {
	r.alert(Alert{
		Name: "ProxyAbsent", Alarm: "proxy-absent", Severity: Critical, Window: Window{3, 3},
		Meaning: "Prometheus gets metrics of no proxy of this environment.", Condition: fmt.Sprintf("absent(%s)", s.of(&spec.MetricActiveConnectionCount)),
	})
	r.alert(Alert{
		Name: "ReloadFailed", Alarm: "reload-failed", Severity: Warning, Window: Window{1, 1},
		Meaning:   "The environment file has an error: the proxy goes on with what it had before, and would not start again.",
		Condition: spec.MetricConfigLastReloadSuccessful.Prometheus + " == 0",
	})
	r.alert(Alert{
		Name: "LogLinesDropped", Alarm: "log-lines-dropped", Severity: Warning, Window: Window{3, 5},
		Meaning:   "Lines of the access, connection or health check log are lost: its file cannot keep up or be written.",
		Condition: fmt.Sprintf("rate(%s[%s]) > 0", spec.MetricAccessLogDroppedLines.Prometheus, rateWindow),
	})
}

// serviceDown is the alert that pages: any of those that mean it.
func (r *Rules) serviceDown() {
	var names []string
	for i := range r.Alerts {
		switch r.Alerts[i].Alarm {
		case "error-rate-critical", "healthy-targets-critical", "proxy-absent":
			names = append(names, r.Alerts[i].Name)
		}
	}
	r.alert(Alert{
		Name: "ServiceDown", Alarm: "service-down", Severity: Critical, Window: Window{1, 1},
		Meaning:   "The service is down, or so bad that it counts as down.",
		Condition: fmt.Sprintf(`count by (environment) (ALERTS{environment=%q,alertname=~%q,alertstate="firing"}) > 0`, r.Environment, strings.Join(names, "|")),
	})
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
