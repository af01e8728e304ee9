package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/evenkeel/evenkeel/spec"
)

// CacheGauges is what the cache did, and what it takes.
type CacheGauges struct {
	// Requests by X-Cache-Status, in lower case.
	Requests               map[string]uint64
	ServedBytes, Evictions uint64
	// Answers are kept; they and those on their way in take Bytes of Limit.
	Answers, Bytes, Limit int64
}

// cacheMetrics are those without a label of their own.
var cacheMetrics = []*spec.Metric{
	&spec.MetricCacheServedBytes, &spec.MetricCacheEvictions, &spec.MetricCacheAnswers, &spec.MetricCacheBytes, &spec.MetricCacheLimitBytes,
}

// describeCache adds what is told of the cache.
func (c *collector) describeCache() {
	lb := spec.DimensionLoadBalancer.Prometheus
	c.descs[&spec.MetricCacheRequests] = prometheus.NewDesc(spec.MetricCacheRequests.Prometheus, spec.MetricCacheRequests.Help, []string{lb, "status"}, nil)
	for _, m := range cacheMetrics {
		c.descs[m] = prometheus.NewDesc(m.Prometheus, m.Help, []string{lb}, nil)
	}
}

// collectCache sends what is told of the cache.
func (c *collector) collectCache(ch chan<- prometheus.Metric, g *CacheGauges) {
	if g == nil {
		return
	}
	lb := c.set.label()
	for status, n := range g.Requests {
		c.send(ch, &spec.MetricCacheRequests, float64(n), lb, status)
	}
	for i, value := range []float64{float64(g.ServedBytes), float64(g.Evictions), float64(g.Answers), float64(g.Bytes), float64(g.Limit)} {
		c.send(ch, cacheMetrics[i], value, lb)
	}
}
