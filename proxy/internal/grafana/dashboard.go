// Package grafana draws a dashboard of the container's metrics for Grafana, as the CDK app draws
// one of CloudWatch's: the same numbers, with the thresholds of the same alarms across them.
//
// https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
package grafana

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/evenkeel/evenkeel/spec"
)

const (
	// sourceVariable holds the data source, so that the dashboard goes with any Prometheus.
	sourceVariable = "datasource"
	// groupVariable holds the target groups that are shown.
	groupVariable = "target_group"
	// maxUID is how long Grafana lets a dashboard's uid be.
	maxUID = 40
)

// Dashboard is Grafana's classic model. Every Grafana imports it; what takes its place from 13 on,
// none before does.
type Dashboard = dashboard.Dashboard //nolint:staticcheck // for the reason above

// board is a dashboard in the making.
type board struct {
	*dashboard.DashboardBuilder
	env *spec.Environment
	// all selects the series of the load balancer, chosen those of the groups that are shown.
	all, chosen string
	panels      uint32
}

// New draws the dashboard of an environment.
func New(env *spec.Environment) (Dashboard, error) {
	lb, group := spec.DimensionLoadBalancer.Prometheus, spec.DimensionTargetGroup.Prometheus
	b := &board{
		//nolint:staticcheck // of the classic model, as Dashboard
		DashboardBuilder: dashboard.NewDashboardBuilder(fmt.Sprintf("evenkeel %s %s", env.App, env.Name)),
		env:              env,
		all:              fmt.Sprintf("%s=%q", lb, env.LoadBalancerID()),
	}
	b.chosen = fmt.Sprintf("%s,%s=~\"$%s\"", b.all, group, groupVariable)
	b.Uid(uid("evenkeel-"+env.App+"-"+env.Name)).
		Description(fmt.Sprintf("Made by evenkeel dashboard. Lines across are the thresholds in alarms of the environment file of %s-%s.", env.App, env.Name)).
		Tags([]string{"evenkeel", env.App}).
		Refresh("30s").Time("now-3h", "now").Timezone("browser").
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		WithVariable(dashboard.NewDatasourceVariableBuilder(sourceVariable).Label("Data source").Type("prometheus")).
		WithVariable(b.groups(group))
	b.clients()
	b.errors()
	b.targets()
	b.times()
	b.process()
	return b.Build()
}

// groups is the variable by which target groups are chosen.
func (b *board) groups(label string) *dashboard.QueryVariableBuilder {
	query := fmt.Sprintf("label_values(%s{%s}, %s)", spec.MetricRequestCount.Prometheus, b.all, label)
	return dashboard.NewQueryVariableBuilder(groupVariable).Label("Target group").
		Datasource(source()).
		Query(dashboard.StringOrMap{String: new(query)}).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortAlphabeticalAsc).
		Multi(true).IncludeAll(true).AllValue(".*").
		Current(dashboard.VariableOption{
			Selected: new(true),
			Text:     dashboard.StringOrArrayOfString{String: new("All")},
			Value:    dashboard.StringOrArrayOfString{String: new("$__all")},
		})
}

// Write writes the dashboard of env as Grafana imports it.
func Write(w io.Writer, env *spec.Environment) error {
	d, err := New(env)
	if err != nil {
		return fmt.Errorf("dashboard of %s: %w", env.Name, err)
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(d)
}

// uid makes name one that Grafana takes: the same for the same environment, so that the next
// import replaces the last.
func uid(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, name)
	return name[:min(len(name), maxUID)]
}

// clients is what clients do and get.
func (b *board) clients() {
	b.row("Clients")
	maximum := b.env.Alarms.Connections.Fraction() * float64(b.env.Proxy.MaxConnections)
	b.add(graph("Connections", "short", "Open connections from clients and to targets.").across(maximum).
		line(fmt.Sprintf("max by (%s) (%s)", instance, b.of(&spec.MetricActiveConnectionCount)), "{{"+instance+"}}"))
	b.add(graph("New and refused connections", "conn/s", "Connections that are opened from clients and to targets, and those that are refused because the maximum is open.").
		line(b.rate(&spec.MetricNewConnectionCount), "opened").
		line(b.rate(&spec.MetricRejectedConnectionCount), "refused"))
	b.add(graph("Requests", "reqps", "Requests that were answered or given up, and the part of them for which a target was chosen.").
		line(b.rate(&spec.MetricRequests), "all").
		line(b.groupRate(&spec.MetricRequestCount), "to targets"))
	b.add(graph("Bytes", "Bps", "Heads and bodies received from and sent to clients.").
		line(b.rate(&spec.MetricProcessedBytes), "in and out"))
}

// errors is what goes wrong, by whose fault and how.
func (b *board) errors() {
	b.row("Errors")
	elb, targets := b.rate(&spec.MetricHTTPCodeELB5XX), b.groupRate(&spec.MetricHTTPCodeTarget5XX)
	b.add(graph("Share of errors", "percent", "5XX answers of load balancer and targets as a share of all requests.").across(float64(b.env.Alarms.ErrorRate)).
		line(fmt.Sprintf("100 * (%s + (%s or vector(0))) / (%s > 0)", elb, targets, b.rate(&spec.MetricRequests)), "5XX"))
	codes := graph("Errors by code", "reqps", "Answers with an error, by who made them. 4XX are the client's doing.")
	for _, m := range []*spec.Metric{&spec.MetricHTTPCodeELB500, &spec.MetricHTTPCodeELB502, &spec.MetricHTTPCodeELB503, &spec.MetricHTTPCodeELB504, &spec.MetricHTTPCodeELB4XX} {
		codes.line(b.rate(m), "load balancer "+code(m))
	}
	for _, m := range []*spec.Metric{&spec.MetricHTTPCodeTarget5XX, &spec.MetricHTTPCodeTarget4XX} {
		codes.line(b.groupRate(m), "targets "+code(m))
	}
	b.add(codes)
	b.add(graph("Errors by target and code", "reqps", "How requests to each target ended, but for those that went well: class of the status, connect_error, failed (no valid answer) or client_gone.").
		line(fmt.Sprintf(`sum by (%s, outcome) (rate(%s{%s,outcome!~"[123]xx"}[$__rate_interval]))`, byTarget, spec.MetricTargetRequests.Prometheus, b.chosen), targetLegend+" {{outcome}}"))
	b.add(graph("Connections to targets that fail", "conn/s", "Connections that could not be established, and TLS handshakes that did not end in a session.").
		line(b.byGroup(&spec.MetricTargetConnectionErrorCount), groupLegend+" connect").
		line(b.byGroup(&spec.MetricTargetTLSNegotiationErrorCount), groupLegend+" TLS"))
}

// targets is who gets what, and how they are.
func (b *board) targets() {
	b.row("Targets")
	b.add(graph("Requests by target", "reqps", "Requests that ended. Lines that part, where weights are equal, are an uneven distribution: ask evenkeel doctor.").
		line(fmt.Sprintf("sum by (%s) (rate(%s{%s}[$__rate_interval]))", byTarget, spec.MetricTargetRequests.Prometheus, b.chosen), targetLegend))
	b.add(graph("Requests under way", "short", "Requests that have begun and not ended, by target.").
		line(fmt.Sprintf("sum by (%s) (%s{%s})", byTarget, spec.MetricTargetOutstanding.Prometheus, b.chosen), targetLegend))
	b.WithPanel(timeline("Health of targets", "Where several proxies look at a target, the least of what they see.",
		fmt.Sprintf("min by (%s) (%s{%s})", byTarget, spec.MetricTargetHealth.Prometheus, b.chosen)).Id(b.id()))
	b.add(graph("Healthy and unhealthy targets", "short", "By target group.").
		line(b.count(&spec.MetricHealthyHostCount), groupLegend+" healthy").
		line(b.count(&spec.MetricUnHealthyHostCount), groupLegend+" unhealthy"))
	b.add(graph("Waiting and repeated requests", "short", "Requests in the groups' queues, those a second that found no room in time, and those that were sent again.").
		line(fmt.Sprintf("sum by (%s) (%s{%s})", byGroup, spec.MetricQueuedRequestCount.Prometheus, b.chosen), groupLegend+" waiting").
		line(b.byGroup(&spec.MetricQueueTimeoutCount), groupLegend+" too late").
		line(b.byGroup(&spec.MetricQueueRejectedRequestCount), groupLegend+" refused").
		line(b.byGroup(&spec.MetricRetriedRequestCount), groupLegend+" repeated"))
}

// times is how long targets take.
func (b *board) times() {
	b.row("Response time")
	limits := b.env.Alarms.ResponseTime
	for _, p := range []struct {
		title    string
		quantile float64
		limit    float64
	}{{"Median", 0.5, limits.P50.Seconds()}, {"95th percentile", 0.95, limits.P95.Seconds()}, {"99th percentile", 0.99, limits.P99.Seconds()}} {
		b.add(graph(p.title, "s", "Time from sending a request to a target until its answer began, by target group.").narrow().across(p.limit).
			line(fmt.Sprintf("histogram_quantile(%g, sum by (%s, le) (rate(%s_bucket{%s}[$__rate_interval])))", p.quantile, byGroup, spec.MetricTargetResponseTime.Prometheus, b.chosen), groupLegend))
	}
}

// process is the program itself.
func (b *board) process() {
	b.row("Process")
	// These have no label of the load balancer: they are joined to the instances that have.
	of := func(expression string) string {
		return fmt.Sprintf("%s and on (%s) %s", expression, instance, b.of(&spec.MetricActiveConnectionCount))
	}
	b.add(graph("Processor time", "percentunit", "1 is one processor.").narrow().
		line(of("rate(process_cpu_seconds_total[$__rate_interval])"), "{{"+instance+"}}"))
	b.add(graph("Memory", "bytes", "What the process has in memory.").narrow().
		line(of("process_resident_memory_bytes"), "{{"+instance+"}}"))
	b.add(graph("Reloads refused and log lines lost", "short", "1 while the environment file has an error; lines a second that the logs could not take.").narrow().
		line(of(spec.MetricConfigLastReloadSuccessful.Prometheus+" == bool 0"), "{{"+instance+"}} file refused").
		line(of("rate("+spec.MetricAccessLogDroppedLines.Prometheus+"[$__rate_interval])"), "{{"+instance+"}} lines lost"))
}
