package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evenkeel/evenkeel/spec"
)

// CertificateGauges is one certificate of a listener, both by their names in the environment
// file.
type CertificateGauges struct {
	Listener, Certificate string
	NotAfter              time.Time
}

// describeCertificates adds what is told of certificates.
func (c *collector) describeCertificates() {
	m := &spec.MetricCertificateExpiry
	c.descs[m] = prometheus.NewDesc(m.Prometheus, m.Help, []string{spec.DimensionLoadBalancer.Prometheus, "listener", "certificate"}, nil)
}

// collectCertificates sends it.
func (c *collector) collectCertificates(ch chan<- prometheus.Metric, list []CertificateGauges) {
	for _, one := range list {
		c.send(ch, &spec.MetricCertificateExpiry, float64(one.NotAfter.Unix()), c.set.label(), label(one.Listener), label(one.Certificate))
	}
}
