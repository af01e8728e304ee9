package doctor

import (
	"fmt"

	dto "github.com/prometheus/client_model/go"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/spec"
)

// nearly is the part of what a process may have from which it is about to run out.
const nearly = 0.9

// Process is what a process has of what it may have.
type Process struct {
	// OpenFiles are files and sockets; MaxFiles is 0 where that is not known.
	OpenFiles, MaxFiles float64
	// Rejected counts client connections that were refused because the maximum was open.
	Rejected float64
	// Queues counts by target group what found no room at a target.
	Queues map[string]Queue
}

// Queue counts requests that were answered with 503 for want of room at a target.
type Queue struct {
	// TimedOut waited too long; Rejected found no place to wait.
	TimedOut, Rejected uint64
}

// ProcessOf reads what is needed of the metrics.
func ProcessOf(families map[string]*dto.MetricFamily) Process {
	sum := func(name string) (total float64) {
		for _, m := range families[name].GetMetric() {
			total += m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
		return total
	}
	queues := map[string]Queue{}
	for _, m := range families[spec.MetricQueueTimeoutCount.Prometheus].GetMetric() {
		q := queues[groupOf(m)]
		q.TimedOut += uint64(m.GetCounter().GetValue())
		queues[groupOf(m)] = q
	}
	for _, m := range families[spec.MetricQueueRejectedRequestCount.Prometheus].GetMetric() {
		q := queues[groupOf(m)]
		q.Rejected += uint64(m.GetCounter().GetValue())
		queues[groupOf(m)] = q
	}
	return Process{
		Queues:    queues,
		OpenFiles: sum("process_open_fds"), MaxFiles: sum("process_max_fds"),
		Rejected: sum(spec.MetricRejectedConnectionCount.Prometheus),
	}
}

// groupOf is the target group that a sample is of.
func groupOf(m *dto.Metric) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == spec.DimensionTargetGroup.Prometheus {
			return l.GetValue()
		}
	}
	return ""
}

// process looks for a process that runs out of something.
func process(in *Input, r *Report) {
	stats, p := &in.Stats, in.Process
	if p.Rejected > 0 || float64(stats.Connections) >= nearly*float64(stats.MaxConnections) {
		r.Findings = append(r.Findings, Finding{
			Case:     HealthChecks,
			What:     fmt.Sprintf("the proxy has %d of the %d client connections that it may have, and has refused %.0f since it started", stats.Connections, stats.MaxConnections, p.Rejected),
			Evidence: []string{fmt.Sprintf("started %s", clock(stats.Started))},
			Path:     "proxy.max_connections",
			Change:   "raise max_connections if the process may open as many files (ulimit -n), or find out who opens connections and keeps them",
		})
	}
	if p.MaxFiles > 0 && p.OpenFiles >= nearly*p.MaxFiles {
		r.Findings = append(r.Findings, Finding{
			Case: HealthChecks,
			What: fmt.Sprintf("the proxy has %.0f of the %.0f files and sockets open that it may have: then neither clients nor health checks get a connection", p.OpenFiles, p.MaxFiles),
			Evidence: []string{
				fmt.Sprintf("client connections: %d", stats.Connections),
				"a request takes two: the client's connection and the target's",
			},
			Path:   "proxy.max_connections",
			Change: "raise the limit of open files (ulimit -n, LimitNOFILE), or make max_connections at most a half of it",
		})
	}
}

// capacity looks for a group all of whose targets are full, or were.
func capacity(g *group, r *Report) {
	targets := g.serving()
	var path string
	if q := g.in.Process.Queues[g.Name]; q.Rejected >= leastExpected && atLeast(q.Rejected, q.Rejected+g.Telemetry.Totals.Requests) > cutShare {
		queue, wait := "requests wait in no queue", "a queue lets requests wait"
		if depth := g.Load.QueueDepth; depth > 0 {
			queue, wait = fmt.Sprintf("the queue takes %d", depth), "a deeper queue lets more requests wait"
		}
		g.add(r, Finding{
			Case:     HealthChecks,
			What:     fmt.Sprintf("%d requests were answered with 503 because no target had room for them", q.Rejected),
			Evidence: []string{fmt.Sprintf("since %s targets have answered %d", g.Telemetry.Since.UTC().Format("2006-01-02 15:04:05 MST"), g.Telemetry.Totals.Requests), queue},
			Path:     g.at("proxy_only.queue"),
			Change:   "add targets, or raise their max_connections if they can take more; " + wait,
		})
	}
	for _, t := range targets {
		s, at := g.registered(t)
		if s == nil || s.ProxyOnly.MaxConnections == 0 || t.Outstanding < int64(s.ProxyOnly.MaxConnections) {
			return
		}
		path = at + ".proxy_only.max_connections"
	}
	if len(targets) == 0 {
		return
	}
	g.add(r, Finding{
		Case: HealthChecks,
		What: "every healthy target has as many requests as it may: more are answered with 503, or wait",
		Evidence: []string{"under way: " + list(targets, func(t *admin.TargetStats) string {
			return fmt.Sprintf("%s %d", t.ID, t.Outstanding)
		})},
		Path:   path,
		Change: "add targets, or raise max_connections if they can take more",
	})
}
