package metrics

import (
	"cmp"
	"io"
	"maps"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/evenkeel/evenkeel/spec"
)

const (
	// maxScrapes bounds the scrapes that are answered at the same time.
	maxScrapes = 4
	// scrapeTimeout bounds how long a scrape may take.
	scrapeTimeout = 10 * time.Second
)

// gatherer is what a registry of Prometheus is read through.
type gatherer interface {
	Gather() ([]*dto.MetricFamily, error)
}

// register makes the registry: ours alone, so that no imported package can add to it.
func (s *Set) register() {
	registry := prometheus.NewRegistry()
	s.orders, s.signIns = newOperatorCounters()
	registry.MustRegister(
		newCollector(s),
		s.orders,
		s.signIns,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	s.gather = registry
	s.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes,
		Timeout:             scrapeTimeout,
		EnableOpenMetrics:   true,
	})
}

// Handler answers a scrape in the format that it asks for.
func (s *Set) Handler() http.Handler { return s.handler }

// WritePrometheus writes all metrics in Prometheus's text format.
func (s *Set) WritePrometheus(w io.Writer) error {
	families, err := s.gather.Gather()
	if err != nil {
		return err
	}
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(w, family); err != nil {
			return err
		}
	}
	return nil
}

// collector shows a Set to Prometheus.
type collector struct {
	set     *Set
	descs   map[*spec.Metric]*prometheus.Desc
	build   *prometheus.Desc
	reloads *prometheus.Desc

	// shares by target group, which scrapes bring up to date; mu guards it.
	shares map[string]*share
	mu     sync.Mutex
}

func newCollector(s *Set) *collector {
	c := &collector{
		set:    s,
		descs:  make(map[*spec.Metric]*prometheus.Desc),
		shares: make(map[string]*share),
	}
	lb := []string{spec.DimensionLoadBalancer.Prometheus}
	group := []string{spec.DimensionLoadBalancer.Prometheus, spec.DimensionTargetGroup.Prometheus, spec.DimensionAvailabilityZone.Prometheus}
	for _, m := range exposed() {
		labels := lb
		if m.PerTargetGroup {
			labels = group
		}
		c.descs[m] = prometheus.NewDesc(m.Prometheus, m.Help, labels, nil)
	}
	for _, m := range []*spec.Metric{
		&spec.MetricAccessLogDroppedLines, &spec.MetricWAFUnsharedRequests, &spec.MetricConfigLastReloadSuccessful, &spec.MetricConfigLastReloadTime,
	} {
		c.descs[m] = prometheus.NewDesc(m.Prometheus, m.Help, nil, nil)
	}
	c.describeTargets()
	c.descs[&spec.MetricWAFRequests] = prometheus.NewDesc(spec.MetricWAFRequests.Prometheus, spec.MetricWAFRequests.Help,
		[]string{spec.DimensionLoadBalancer.Prometheus, "rule", "action"}, nil)
	c.describeCache()
	c.describeDiscoveries()
	c.describeCertificates()
	c.build = prometheus.NewDesc(spec.MetricBuildInfo.Prometheus, spec.MetricBuildInfo.Help,
		[]string{"version", "revision", "goversion"}, nil)
	c.reloads = prometheus.NewDesc(spec.MetricConfigReloads.Prometheus, spec.MetricConfigReloads.Help,
		[]string{spec.LabelResult}, nil)
	return c
}

// exposed lists the metrics with the dimensions of CloudWatch.
func exposed() []*spec.Metric {
	list := []*spec.Metric{
		&spec.MetricActiveConnectionCount,
		&spec.MetricNewConnectionCount,
		&spec.MetricRequestCountPerTarget,
		&spec.MetricTargetResponseTime,
		&spec.MetricHealthyHostCount,
		&spec.MetricUnHealthyHostCount,
		&spec.MetricAnomalousHostCount,
		&spec.MetricMitigatedHostCount,
		&spec.MetricHealthyStateRouting,
		&spec.MetricUnhealthyStateRouting,
	}
	for _, m := range counterMetrics {
		list = append(list, m)
	}
	for _, l := range loadMetrics {
		list = append(list, l.metric)
	}
	return append(list, groupCounterMetrics[:]...)
}

// loadMetrics are the metrics that one number each of a GroupLoad makes up.
var loadMetrics = []struct {
	metric *spec.Metric
	value  func(*GroupLoad) float64
}{
	{&spec.MetricQueuedRequestCount, func(l *GroupLoad) float64 { return l.Queued }},
	{&spec.MetricQueueTimeoutCount, func(l *GroupLoad) float64 { return l.QueueTimeouts }},
	{&spec.MetricQueueRejectedRequestCount, func(l *GroupLoad) float64 { return l.QueueRejected }},
	{&spec.MetricRetriedRequestCount, func(l *GroupLoad) float64 { return l.Retried }},
	{&spec.MetricRetryBudgetExceededCount, func(l *GroupLoad) float64 { return l.RetriesRefused }},
}

// collectLoads sums up groups of the same name: one may drain behind another.
func (c *collector) collectLoads(ch chan<- prometheus.Metric, list []GroupLoad) {
	sums := map[string]*GroupLoad{}
	for i := range list {
		l := &list[i]
		if sum := sums[l.TargetGroup]; sum != nil {
			sum.add(l)
			continue
		}
		sums[l.TargetGroup] = l
	}
	for name, l := range sums {
		for _, m := range loadMetrics {
			c.send(ch, m.metric, m.value(l), c.set.label(), label(name), "")
		}
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
	ch <- c.build
	ch <- c.reloads
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	var gauges Gauges
	if c.set.options.Gauges != nil {
		gauges = c.set.options.Gauges.Gauges()
	}
	c.collectLoadBalancer(ch, gauges.TargetConnections)
	c.collectGroups(ch, gauges.Groups)
	c.collectTargets(ch, gauges.Targets)
	c.collectDiscoveries(ch, gauges.Discoveries)
	c.collectCertificates(ch, gauges.Certificates)
	c.collectLoads(ch, gauges.Loads)
	for _, rule := range gauges.Firewall {
		for action, n := range rule.Requests {
			c.send(ch, &spec.MetricWAFRequests, float64(n), c.set.label(), label(rule.Name), action)
		}
	}
	c.collectCache(ch, gauges.Cache)
	c.collectProcess(ch)
}

func (c *collector) collectLoadBalancer(ch chan<- prometheus.Metric, targetConnections int) {
	sums := c.set.sums()
	lb := c.set.label()
	for counter, m := range counterMetrics {
		c.send(ch, m, float64(sums[counter]), lb)
	}
	// A connection may have been counted as closed after its opening was read: never below 0.
	clients := max(int64(sums[newConnections])-int64(sums[closedConnections]), 0)
	c.send(ch, &spec.MetricActiveConnectionCount, float64(clients)+float64(targetConnections), lb)
	c.send(ch, &spec.MetricNewConnectionCount, float64(sums[newConnections]+sums[newTargetConnections]), lb)
}

func (c *collector) collectGroups(ch chan<- prometheus.Metric, list []GroupGauges) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lb := c.set.label()
	targets := make(map[string]GroupGauges) // by target group, all zones
	for key, g := range merge(list) {
		all := targets[key.targetGroup]
		all.add(g)
		targets[key.targetGroup] = all
		c.collectGauges(ch, key, g)
	}
	total := make(map[string]uint64)
	for key, g := range *c.set.groups.Load() {
		var sums [groupCounterCount]uint64
		var latency totals
		for i := range g.shards {
			for j := range sums {
				sums[j] += g.shards[i].counters[j].Load()
			}
			latency.add(&g.shards[i].latency)
		}
		for counter, m := range groupCounterMetrics {
			c.send(ch, m, float64(sums[counter]), lb, label(key.targetGroup), label(key.zone))
		}
		buckets, count := latency.cumulative()
		ch <- prometheus.MustNewConstHistogram(c.descs[&spec.MetricTargetResponseTime], count,
			latency.sum.Seconds(), buckets, lb, label(key.targetGroup), label(key.zone))
		total[key.targetGroup] += sums[requests]
	}
	maps.DeleteFunc(c.shares, func(name string, _ *share) bool { _, there := total[name]; return !there })
	for name, n := range total {
		sh := c.shares[name]
		if sh == nil {
			sh = new(share)
			c.shares[name] = sh
		}
		t := targets[name]
		// Of the group as a whole: the shares of its zones would not add up to it.
		c.send(ch, &spec.MetricRequestCountPerTarget, sh.update(n, cmp.Or(t.Healthy, t.Registered)), lb, label(name), "")
	}
}

func (c *collector) collectGauges(ch chan<- prometheus.Metric, key groupKey, g GroupGauges) {
	healthy, unhealthy := 1.0, 0.0
	if g.FailOpen {
		healthy, unhealthy = 0, 1
	}
	for m, value := range map[*spec.Metric]float64{
		&spec.MetricHealthyHostCount:      float64(g.Healthy),
		&spec.MetricUnHealthyHostCount:    float64(g.Unhealthy),
		&spec.MetricAnomalousHostCount:    float64(g.Anomalous),
		&spec.MetricMitigatedHostCount:    float64(g.Mitigated),
		&spec.MetricHealthyStateRouting:   healthy,
		&spec.MetricUnhealthyStateRouting: unhealthy,
	} {
		c.send(ch, m, value, c.set.label(), label(key.targetGroup), label(key.zone))
	}
}

func (c *collector) collectProcess(ch chan<- prometheus.Metric) {
	o := &c.set.options
	ch <- prometheus.MustNewConstMetric(c.build, prometheus.GaugeValue, 1,
		label(o.Version), label(o.Revision), runtime.Version())
	if o.DroppedLines != nil {
		c.send(ch, &spec.MetricAccessLogDroppedLines, float64(o.DroppedLines()))
	}
	if o.UnsharedRequests != nil {
		c.send(ch, &spec.MetricWAFUnsharedRequests, float64(o.UnsharedRequests()))
	}
	r := &c.set.reloads
	r.mu.Lock()
	defer r.mu.Unlock()
	ch <- prometheus.MustNewConstMetric(c.reloads, prometheus.CounterValue, float64(r.good), spec.ResultSuccess)
	ch <- prometheus.MustNewConstMetric(c.reloads, prometheus.CounterValue, float64(r.bad), spec.ResultFailure)
	if r.good+r.bad == 0 {
		return
	}
	good := 0.0
	if r.lastGood {
		good = 1
	}
	c.send(ch, &spec.MetricConfigLastReloadSuccessful, good)
	if !r.lastSuccess.IsZero() {
		c.send(ch, &spec.MetricConfigLastReloadTime, float64(r.lastSuccess.UnixMilli())/1000)
	}
}

func (c *collector) send(ch chan<- prometheus.Metric, m *spec.Metric, value float64, labels ...string) {
	kind := prometheus.CounterValue
	if m.Kind == spec.MetricGauge {
		kind = prometheus.GaugeValue
	}
	ch <- prometheus.MustNewConstMetric(c.descs[m], kind, value, labels...)
}

// label makes s fit for a label's value: Prometheus panics on what is no UTF-8.
func label(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
