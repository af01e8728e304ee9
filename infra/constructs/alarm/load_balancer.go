package alarm

import (
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// How errors are counted. RequestCount leaves out requests for which no target could be
// chosen, so that in an outage there are more errors than requests: the larger of the two is
// the whole.
const errorShare = "100 × %s / max(RequestCount, %[1]s), if there are `alarms.minimum_requests` a minute"

const (
	bothErrors   = "(HTTPCode_ELB_5XX_Count + HTTPCode_Target_5XX_Count)"
	elbErrors    = "HTTPCode_ELB_5XX_Count"
	targetErrors = "HTTPCode_Target_5XX_Count"
)

const onlyIfNotZero = "the load balancer reports this only in minutes in which it is not zero"

// Kinds of alarms on the load balancer.
var (
	ErrorRate = Kind{
		Name: "error-rate", Severity: Warning,
		Meaning: "Too many requests are answered with a 5XX status, by targets and load balancer together.",
		Measure: fmt.Sprintf(errorShare, bothErrors), Limit: "> `alarms.error_rate`", Comparison: Above,
		Window: minutes(3, 5), Missing: NotBreaching, MissingReason: "without an error there is nothing to report",
	}
	ErrorRateCritical = Kind{
		Name: "error-rate-critical", Severity: Critical,
		Meaning: "So many requests are answered with a 5XX status that the service counts as down.",
		Measure: fmt.Sprintf(errorShare, bothErrors), Limit: fmt.Sprintf("> %v, or `alarms.error_rate` if that is more", spec.ServiceDownErrorRate), Comparison: Above,
		Window: minutes(3, 3), Missing: NotBreaching, MissingReason: "without an error there is nothing to report",
	}
	TargetErrorRate = Kind{
		Name: "target-error-rate", Severity: Warning,
		Meaning: "Targets answer too many requests with a 5XX status: the application fails.",
		Measure: fmt.Sprintf(errorShare, targetErrors), Limit: "> `alarms.error_rate`", Comparison: Above,
		Window: minutes(3, 5), Missing: NotBreaching, MissingReason: "without an error there is nothing to report",
	}
	LoadBalancerErrorRate = Kind{
		Name: "load-balancer-error-rate", Severity: Warning,
		Meaning: "The load balancer itself answers too many requests with a 5XX status: it gets no usable answer from targets.",
		Measure: fmt.Sprintf(errorShare, elbErrors), Limit: "> `alarms.error_rate`", Comparison: Above,
		Window: minutes(3, 5), Missing: NotBreaching, MissingReason: "without an error there is nothing to report",
	}
	ResponseTime = Kind{
		Name: "response-time", Severity: Warning,
		Meaning: "Targets answer slowly: a percentile of the response time is above its threshold.",
		Measure: "TargetResponseTime, p50, p95 and p99", Limit: "> `alarms.response_time.p50`, `alarms.response_time.p95`, `alarms.response_time.p99`; one alarm for each that is set", Comparison: Above,
		Window: minutes(5, 5), Missing: NotBreaching, MissingReason: "without a request there is no response time",
	}
	ResponseTimeAnomaly = Kind{
		Name: "response-time-anomaly", Severity: Warning,
		Meaning: "The slowest hundredth of requests takes longer than is usual at this hour.",
		Measure: "TargetResponseTime, p99", Limit: fmt.Sprintf("> the usual by %d standard deviations", bandWidth), Comparison: AboveBand,
		Window: minutes(10, 15), Missing: NotBreaching, MissingReason: "without a request there is no response time",
	}
	Connections = Kind{
		Name: "connections", Severity: Warning,
		Meaning: "There are almost as many open connections as the environment file plans for.",
		Measure: "ActiveConnectionCount, Sum", Limit: "> `alarms.connections` of `proxy.max_connections`; an ALB has no maximum of its own, this one keeps it comparable with the container", Comparison: Above,
		Window: minutes(5, 5), Missing: NotBreaching, MissingReason: "without a connection there is nothing to report",
	}
	RejectedConnections = Kind{
		Name: "rejected-connections", Severity: Critical,
		Meaning: "The load balancer refuses connections because it has as many as it can take.",
		Measure: "RejectedConnectionCount, Sum", Limit: "> 0", Comparison: Above,
		Window: minutes(1, 1), Missing: NotBreaching, MissingReason: onlyIfNotZero,
	}
	TargetConnectionErrors = Kind{
		Name: "target-connection-errors", Severity: Warning,
		Meaning: "The load balancer cannot connect to targets that it takes for healthy.",
		Measure: "TargetConnectionErrorCount, Sum", Limit: "> 0", Comparison: Above,
		Window: minutes(3, 5), Missing: NotBreaching, MissingReason: onlyIfNotZero,
	}
	TargetTLSErrors = Kind{
		Name: "target-tls-errors", Severity: Warning,
		Meaning: "TLS handshakes between the load balancer and targets fail.",
		Measure: "TargetTLSNegotiationErrorCount, Sum; with a target group of protocol HTTPS", Limit: "> 0", Comparison: Above,
		Window: minutes(3, 5), Missing: NotBreaching, MissingReason: onlyIfNotZero,
	}
	ClientTLSErrors = Kind{
		Name: "client-tls-errors", Severity: Warning,
		Meaning: "More TLS handshakes with clients fail than is usual at this hour.",
		Measure: "ClientTLSNegotiationErrorCount, Sum; with a listener of protocol HTTPS", Limit: fmt.Sprintf("> the usual by %d standard deviations", bandWidth), Comparison: AboveBand,
		Window: Window{Period: 5 * time.Minute, Periods: 3, Datapoints: 3}, Missing: NotBreaching, MissingReason: onlyIfNotZero,
	}
)

// LoadBalancerMetric is a metric of the load balancer with the full name, over all its target
// groups.
func LoadBalancerMetric(loadBalancer string, metric spec.Metric, statistic string) Metric {
	return Metric{
		Namespace: spec.MetricNamespace, Name: metric.CloudWatch, Statistic: statistic,
		Dimensions: []Dimension{{spec.DimensionLoadBalancer.CloudWatch, loadBalancer}},
	}
}

// as is the metric under the name that formulas have for it.
func (m Metric) as(id string) Metric {
	m.ID = id
	return m
}

func (l *list) loadBalancer(name string) {
	rate := float64(l.env.Alarms.ErrorRate)
	requests := LoadBalancerMetric(name, spec.MetricRequestCount, "Sum").as("requests")
	elb := LoadBalancerMetric(name, spec.MetricHTTPCodeELB5XX, "Sum").as("elb")
	target := LoadBalancerMetric(name, spec.MetricHTTPCodeTarget5XX, "Sum").as("target")
	both := append([]Formula{{"errors", "SUM([elb, target])"}}, l.share("errors")...)
	l.add(ErrorRate, "", rate, requests, elb, target).Formulas = both
	l.add(ErrorRateCritical, "", max(rate, float64(spec.ServiceDownErrorRate)), requests, elb, target).Formulas = both
	l.add(TargetErrorRate, "", rate, requests, target).Formulas = l.share("target")
	l.add(LoadBalancerErrorRate, "", rate, requests, elb).Formulas = l.share("elb")

	times := l.env.Alarms.ResponseTime
	for _, p := range []struct {
		percentile string
		most       time.Duration
	}{{"p50", times.P50}, {"p95", times.P95}, {"p99", times.P99}} {
		if p.most > 0 {
			l.add(ResponseTime, p.percentile, p.most.Seconds(), LoadBalancerMetric(name, spec.MetricTargetResponseTime, p.percentile))
		}
	}
	l.add(ResponseTimeAnomaly, "", 0, LoadBalancerMetric(name, spec.MetricTargetResponseTime, "p99")).Band = bandWidth

	l.add(Connections, "", l.env.Alarms.Connections.Fraction()*float64(l.env.Proxy.MaxConnections), LoadBalancerMetric(name, spec.MetricActiveConnectionCount, "Sum"))
	l.add(RejectedConnections, "", 0, LoadBalancerMetric(name, spec.MetricRejectedConnectionCount, "Sum"))
	l.add(TargetConnectionErrors, "", 0, LoadBalancerMetric(name, spec.MetricTargetConnectionErrorCount, "Sum"))
	if l.env.TargetsSpeakTLS() {
		l.add(TargetTLSErrors, "", 0, LoadBalancerMetric(name, spec.MetricTargetTLSNegotiationErrorCount, "Sum"))
	}
	if l.env.ClientsSpeakTLS() {
		l.add(ClientTLSErrors, "", 0, LoadBalancerMetric(name, spec.MetricClientTLSNegotiationErrorCount, "Sum")).Band = bandWidth
	}
}

// share is the percentage that errors are of all requests. Functions of arrays count a metric
// without data as zero, plain arithmetic would make the result missing.
func (l *list) share(errors string) []Formula {
	return []Formula{
		{"total", "MAX([requests, " + errors + "])"},
		{"share", fmt.Sprintf("IF(total >= %d, 100 * %s / total, 0)", l.env.Alarms.MinimumRequests, errors)},
	}
}
