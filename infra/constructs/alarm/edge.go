package alarm

import (
	"fmt"
	"time"
)

const day = 24 * time.Hour

// Kinds of alarms on what stands before the load balancer.
var (
	CertificateExpiry = Kind{
		Name: "certificate-expiry", Severity: Warning,
		Meaning: "A certificate ends soon and has not been renewed.",
		Measure: "DaysToExpiry, Minimum", Limit: "< `alarms.certificate_expiry`", Comparison: Below,
		Window: Window{Period: day, Periods: 1, Datapoints: 1}, Missing: Ignore, MissingReason: "ACM stops reporting when a certificate has ended, and the alarm must stay; a new one is first reported within a day",
	}
	EdgeErrorRate = Kind{
		Name: "edge-error-rate", Severity: Warning,
		Meaning: "CloudFront answers too many requests with a 5XX status.",
		Measure: "5xxErrorRate, Average, if there are `alarms.minimum_requests` a minute", Limit: "> `alarms.error_rate`", Comparison: Above,
		Window: minutes(3, 5), Missing: NotBreaching, MissingReason: "without a request there is nothing to report",
	}
	WAFBlocked = Kind{
		Name: "waf-blocked", Severity: Warning,
		Meaning: "The web ACL blocks more requests than is usual at this hour: an attack, or a rule that blocks clients.",
		Measure: "BlockedRequests, Sum", Limit: fmt.Sprintf("> the usual by %d standard deviations", bandWidth), Comparison: AboveBand,
		Window: Window{Period: 5 * time.Minute, Periods: 3, Datapoints: 3}, Missing: NotBreaching, MissingReason: "a web ACL that blocks nothing reports nothing",
	}
)

// CertificateMetric is how many days a certificate of ACM has left.
//
// https://docs.aws.amazon.com/acm/latest/userguide/cloudwatch-metrics.html
func CertificateMetric(arn string) Metric {
	return Metric{Namespace: "AWS/CertificateManager", Name: "DaysToExpiry", Statistic: "Minimum", Dimensions: []Dimension{{"CertificateArn", arn}}}
}

// DistributionMetric is a metric of a CloudFront distribution, which is in us-east-1.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html
func DistributionMetric(d *Distribution, metric, statistic string) Metric {
	return Metric{Namespace: "AWS/CloudFront", Name: metric, Statistic: statistic, Dimensions: []Dimension{{"DistributionId", d.ID}, {"Region", "Global"}}}
}

// WebACLMetric is a metric of all rules of a web ACL together.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/waf-metrics.html
func WebACLMetric(w *WebACL, metric, statistic string) Metric {
	m := Metric{Namespace: "AWS/WAFV2", Name: metric, Statistic: statistic, Dimensions: []Dimension{{"WebACL", w.MetricName}, {"Rule", "ALL"}}}
	if w.Region != "" {
		m.Dimensions = append(m.Dimensions, Dimension{"Region", w.Region})
	}
	return m
}

func (l *list) certificate(c Certificate) {
	l.add(CertificateExpiry, c.Name, float64(l.env.Alarms.CertificateExpiry/day), CertificateMetric(c.ARN))
}

func (l *list) distribution(d *Distribution) {
	l.add(EdgeErrorRate, "", float64(l.env.Alarms.ErrorRate),
		DistributionMetric(d, "Requests", "Sum").as("requests"),
		DistributionMetric(d, "5xxErrorRate", "Average").as("percentage"),
	).Formulas = []Formula{{"share", fmt.Sprintf("IF(requests >= %d, percentage, 0)", l.env.Alarms.MinimumRequests)}}
}

func (l *list) webACL(w *WebACL) {
	l.add(WAFBlocked, "", 0, WebACLMetric(w, "BlockedRequests", "Sum")).Band = bandWidth
}
