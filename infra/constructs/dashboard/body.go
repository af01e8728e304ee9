package dashboard

import (
	"fmt"

	"github.com/evenkeel/evenkeel/infra/constructs/alarm"
	"github.com/evenkeel/evenkeel/spec"
)

// edgeRegion is where metrics of CloudFront and of its web ACL are.
const edgeRegion = "us-east-1"

// page is what the rows are drawn from.
type page struct {
	body
	env      *spec.Environment
	subjects alarm.Subjects
	region   string
	alarmed  []alarm.Alarm
}

// Body is the dashboard as CloudWatch takes it: JSON. Names in subjects may be tokens.
func Body(env *spec.Environment, subjects alarm.Subjects, region string, alarmARNs []string) string {
	p := &page{env: env, subjects: subjects, region: region, alarmed: alarm.Inventory(env, subjects)}
	p.heading(fmt.Sprintf("**%s %s**. Lines across are alarms' thresholds. What to do: docs/runbooks in the repository.", env.App, env.Name))
	p.alarms(alarmARNs)
	if subjects.LoadBalancer != "" {
		p.clients()
		p.zones()
	}
	if len(subjects.Fleets) > 0 {
		p.scaling()
	}
	if subjects.Drain != nil {
		p.drain()
	}
	if subjects.Health != nil {
		p.health()
	}
	if subjects.WebACL != nil || subjects.Distribution != nil {
		p.edge()
	}
	if subjects.Database != nil || subjects.Cache != nil || subjects.Broker != nil {
		p.data()
	}
	return p.String()
}

// thresholds draws those of all alarms of a kind.
func (p *page) thresholds(g *graph, kind alarm.Kind) *graph {
	drawn := map[float64]bool{}
	for i := range p.alarmed {
		if a := &p.alarmed[i]; a.Kind.Name == kind.Name && !drawn[a.Threshold] {
			drawn[a.Threshold] = true
			label := kind.Name
			if kind.Name == alarm.ResponseTime.Name {
				label += " " + a.Subject
			}
			g.threshold(label, a.Threshold)
		}
	}
	return g
}

func (p *page) graph(title, unit string) *graph { return newGraph(p.region, title, unit) }

// clients is what clients notice.
func (p *page) clients() {
	lb := func(m spec.Metric, statistic string) alarm.Metric {
		return alarm.LoadBalancerMetric(p.subjects.LoadBalancer, m, statistic)
	}
	requests := p.graph("Requests", "a minute").
		line("requests", lb(spec.MetricRequestCount, "Sum")).
		threshold("alarms.minimum_requests", float64(p.env.Alarms.MinimumRequests))

	errors := p.graph("Errors", "% of requests")
	total := errors.hidden(lb(spec.MetricRequestCount, "Sum"))
	elb4, target4 := errors.hidden(lb(spec.MetricHTTPCodeELB4XX, "Sum")), errors.hidden(lb(spec.MetricHTTPCodeTarget4XX, "Sum"))
	elb5, target5 := errors.hidden(lb(spec.MetricHTTPCodeELB5XX, "Sum")), errors.hidden(lb(spec.MetricHTTPCodeTarget5XX, "Sum"))
	// As in the alarms: without a target to choose there are more errors than requests.
	share := func(id string) string { return fmt.Sprintf("100 * %s / MAX([%s, %[1]s])", id, total) }
	errors.formula("4XX", share(errors.step(fmt.Sprintf("SUM([%s, %s])", elb4, target4)))).
		formula("5XX", share(errors.step(fmt.Sprintf("SUM([%s, %s])", elb5, target5)))).
		formula("5XX of the load balancer", share(elb5))
	p.thresholds(errors, alarm.ErrorRate)
	p.thresholds(errors, alarm.ErrorRateCritical)

	times := p.graph("Response time", "seconds")
	for _, percentile := range []string{"p50", "p95", "p99"} {
		times.line(percentile, lb(spec.MetricTargetResponseTime, percentile))
	}
	p.thresholds(times, alarm.ResponseTime)
	p.row(requests, errors, times)

	targets := p.graph("Targets", "")
	for _, g := range p.subjects.TargetGroups {
		targets.line(g.Name+" healthy", alarm.TargetGroupMetric(p.subjects.LoadBalancer, g, spec.MetricHealthyHostCount, "Maximum"))
		targets.line(g.Name+" unhealthy", alarm.TargetGroupMetric(p.subjects.LoadBalancer, g, spec.MetricUnHealthyHostCount, "Minimum"))
	}
	p.thresholds(targets, alarm.UnhealthyTargets)
	connections := p.graph("Connections", "").
		line("active", lb(spec.MetricActiveConnectionCount, "Sum")).
		line("new", lb(spec.MetricNewConnectionCount, "Sum")).
		line("rejected", lb(spec.MetricRejectedConnectionCount, "Sum")).
		line("refused by targets", lb(spec.MetricTargetConnectionErrorCount, "Sum"))
	p.row(targets, p.thresholds(connections, alarm.Connections))
}

// zones tells a failing zone from a failing application.
func (p *page) zones() {
	zone := spec.DimensionAvailabilityZone.CloudWatch
	lb := func(m spec.Metric) alarm.Metric { return alarm.LoadBalancerMetric(p.subjects.LoadBalancer, m, "Sum") }
	p.heading("**Zones**")
	p.row(
		p.graph("Requests by zone", "a minute").zones(lb(spec.MetricRequestCount), zone),
		p.graph("5XX of targets by zone", "a minute").zones(lb(spec.MetricHTTPCodeTarget5XX), zone),
		p.graph("5XX of the load balancer by zone", "a minute").zones(lb(spec.MetricHTTPCodeELB5XX), zone),
	)
	var graphs []*graph
	used := p.env.InUseTargetGroups()
	for _, g := range p.subjects.TargetGroups {
		if used[g.Name] {
			graphs = append(graphs, p.graph("Healthy targets of "+g.Name+" by zone", "").
				zones(alarm.TargetGroupMetric(p.subjects.LoadBalancer, g, spec.MetricHealthyHostCount, "Maximum"), zone))
		}
	}
	p.rows(graphs)
}

// rows puts any number of graphs into rows of three.
func (p *page) rows(graphs []*graph) {
	for len(graphs) > 0 {
		n := min(len(graphs), 3)
		p.row(graphs[:n]...)
		graphs = graphs[n:]
	}
}

func (p *page) scaling() {
	p.heading("**Fleets**")
	var graphs []*graph
	cpu := p.graph("CPU of fleets", "%")
	for _, f := range p.subjects.Fleets {
		graphs = append(graphs, p.graph("Instances of "+f.Name, "").
			line("in service", alarm.GroupMetric(f.GroupName, "GroupInServiceInstances", "Average")).
			line("desired", alarm.GroupMetric(f.GroupName, "GroupDesiredCapacity", "Average")).
			line("terminating", alarm.GroupMetric(f.GroupName, "GroupTerminatingInstances", "Average")).
			threshold("capacity.max", float64(p.env.Fleets[f.Name].Capacity.Max)))
		cpu.line(f.Name, alarm.CPUMetric(f.GroupName))
	}
	graphs = append(graphs, p.thresholds(cpu, alarm.FleetCPU))
	if p.subjects.Broker != nil {
		waiting := p.graph("Tasks that wait", "")
		for _, f := range p.subjects.Fleets {
			for _, queue := range p.env.Fleets[f.Name].Queues {
				waiting.line(queue, alarm.QueueMetric(p.subjects.Broker.Name, queue, "MessageReadyCount", "Maximum"))
			}
		}
		if len(waiting.Metrics) > 0 {
			graphs = append(graphs, p.thresholds(waiting, alarm.QueueDepth))
		}
	}
	p.rows(graphs)
}

func (p *page) drain() {
	d := p.subjects.Drain
	own := func(name, statistic string) alarm.Metric { return alarm.OwnMetric(p.env, name, statistic) }
	p.heading("**Draining instances**")
	p.row(
		p.graph("Drains", "").
			line("started", own(spec.MetricDrainStarted, "Sum")).
			line("completed", own(spec.MetricDrainCompleted, "Sum")).
			line("abandoned", own(spec.MetricDrainAbandoned, "Sum")).
			line("failed", own(spec.MetricDrainFailed, "Sum")),
		p.graph("Duration of drains", "seconds").
			line("p50", own(spec.MetricDrainDuration, "p50")).
			line("p99", own(spec.MetricDrainDuration, "p99")).
			line("heartbeats", own(spec.MetricDrainHeartbeats, "Sum")),
		p.thresholds(p.graph("Messages", "seconds, messages").
			line("age of the oldest", alarm.SQSMetric(d.QueueName, "ApproximateAgeOfOldestMessage", "Maximum")).
			line("dead letters", alarm.SQSMetric(d.DeadLetterQueueName, "ApproximateNumberOfMessagesVisible", "Maximum")).
			line("errors", alarm.FunctionMetric(d.FunctionName, "Errors", "Sum")).
			line("throttles", alarm.FunctionMetric(d.FunctionName, "Throttles", "Sum")), alarm.DrainQueueAge),
	)
}

func (p *page) health() {
	p.heading("**Aggregated health**")
	p.row(
		p.thresholds(p.graph("Targets that pass the application's own check", "%").
			line("smallest share", alarm.OwnMetric(p.env, spec.MetricDeepHealthyShare, "Maximum")), alarm.DeepHealth),
		p.thresholds(p.graph("Age of the last round of checks", "seconds").
			line("age", alarm.OwnMetric(p.env, spec.MetricHealthAge, "Maximum")).
			line("errors of the function", alarm.FunctionMetric(p.subjects.Health.FunctionName, "Errors", "Sum")), alarm.HealthAge),
	)
}

func (p *page) edge() {
	p.heading("**Edge**")
	var graphs []*graph
	if w := p.subjects.WebACL; w != nil {
		region := w.Region
		if region == "" {
			region = edgeRegion
		}
		graphs = append(graphs, newGraph(region, "Web ACL", "requests a minute").
			line("allowed", alarm.WebACLMetric(w, "AllowedRequests", "Sum")).
			line("blocked", alarm.WebACLMetric(w, "BlockedRequests", "Sum")).
			line("counted", alarm.WebACLMetric(w, "CountedRequests", "Sum")))
	}
	if d := p.subjects.Distribution; d != nil {
		graphs = append(graphs,
			newGraph(edgeRegion, "CloudFront requests", "a minute").line("requests", alarm.DistributionMetric(d, "Requests", "Sum")),
			p.thresholds(newGraph(edgeRegion, "CloudFront errors", "% of requests").
				line("4XX", alarm.DistributionMetric(d, "4xxErrorRate", "Average")).
				line("5XX", alarm.DistributionMetric(d, "5xxErrorRate", "Average")), alarm.EdgeErrorRate))
	}
	p.row(graphs...)
}

func (p *page) data() {
	p.heading("**Data**")
	var graphs []*graph
	if d := p.subjects.Database; d != nil {
		connections, cpu, storage := p.graph("Database connections", ""), p.graph("Database CPU", "%"), p.graph("Database storage that is free", "bytes")
		for _, id := range append([]string{d.Identifier}, d.Replicas...) {
			connections.line(id, alarm.DatabaseMetric(id, "DatabaseConnections", "Maximum"))
			cpu.line(id, alarm.DatabaseMetric(id, "CPUUtilization", "Average"))
			storage.line(id, alarm.DatabaseMetric(id, "FreeStorageSpace", "Minimum"))
		}
		graphs = append(graphs, p.thresholds(connections, alarm.DatabaseConnections), p.thresholds(cpu, alarm.DatabaseCPU), p.thresholds(storage, alarm.DatabaseStorage))
		if len(d.Replicas) > 0 {
			lag := p.graph("Replica lag", "seconds")
			for _, id := range d.Replicas {
				lag.line(id, alarm.DatabaseMetric(id, "ReplicaLag", "Maximum"))
			}
			graphs = append(graphs, p.thresholds(lag, alarm.DatabaseReplicaLag))
		}
	}
	if k := p.subjects.Cache; k != nil {
		memory := p.graph("Cache memory", "%")
		for _, id := range k.ClusterIDs {
			memory.line(id, alarm.CacheMetric(id, "DatabaseMemoryUsagePercentage", "Average"))
		}
		graphs = append(graphs, p.thresholds(memory, alarm.CacheMemory))
	}
	if b := p.subjects.Broker; b != nil {
		memory := p.graph("Broker memory", "% of the limit")
		used, most := memory.hidden(alarm.BrokerMetric(b.Name, "RabbitMQMemUsed", "Maximum")), memory.hidden(alarm.BrokerMetric(b.Name, "RabbitMQMemLimit", "Minimum"))
		graphs = append(graphs, p.thresholds(memory.formula("used", fmt.Sprintf("100 * %s / %s", used, most)), alarm.BrokerMemory))
	}
	p.rows(graphs)
}
