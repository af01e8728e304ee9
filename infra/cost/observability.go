package cost

import (
	"fmt"
	"strings"

	"github.com/evenkeel/evenkeel/infra/template"
)

// alarm prices an alarm: each metric that it looks at. Anomaly detection takes three for one, and
// so does a period under a minute.
//
// https://aws.amazon.com/cloudwatch/pricing/
func alarm(s *sheet, r *template.Resource) {
	item, what := "alarm-metric", "alarm"
	metrics := 0
	watch := func(path string, period float64) {
		metrics++
		s.watch(r, path)
		if period > 0 && period < 60 {
			item, what = "high-resolution-alarm-metric", "high-resolution alarm"
		}
	}
	if r.Has("MetricName") {
		watch("", r.Number("Period"))
	}
	for i := range r.List("Metrics") {
		metric := fmt.Sprintf("Metrics[%d].", i)
		if r.Has(metric + "MetricStat") {
			watch(metric+"MetricStat.Metric.", r.Number(metric+"MetricStat.Period"))
		}
		if strings.Contains(r.String(metric+"Expression"), "ANOMALY_DETECTION_BAND") {
			item, what = "anomaly-alarm-metric", "anomaly alarm"
		}
	}
	// A query chooses its metrics itself; it is paid for one at least.
	s.add(what, float64(max(metrics, 1)), "metric", "cloudwatch", item)
}

// watch notes a custom metric: its namespace, name and dimensions. AWS's own are free.
func (s *sheet) watch(r *template.Resource, path string) {
	namespace := r.String(path + "Namespace")
	if namespace == "" || strings.HasPrefix(namespace, "AWS/") {
		return
	}
	id := namespace + "\x00" + r.String(path+"MetricName") + "\x00" + r.String(path+"Dimensions")
	if !s.watched[id] {
		s.watched[id] = true
		s.unpaid++
	}
}

// metricFilter notes the custom metrics that a filter makes of a log group.
func metricFilter(s *sheet, r *template.Resource) {
	for i := range r.List("MetricTransformations") {
		id := r.String(fmt.Sprintf("MetricTransformations[%d].MetricNamespace", i)) + "\x00" +
			r.String(fmt.Sprintf("MetricTransformations[%d].MetricName", i)) + "\x00"
		if !s.watched[id] {
			s.watched[id] = true
			s.unpaid++
		}
	}
}

// customMetrics puts down the custom metrics of a stack, in one line.
func (s *sheet) customMetrics() {
	if s.unpaid == 0 {
		return
	}
	s.resource = "(custom metrics)"
	s.add("metrics", float64(s.unpaid), "metric", "cloudwatch", "metric")
}

func compositeAlarm(s *sheet, _ *template.Resource) {
	s.add("composite alarm", 1, "month", "cloudwatch", "composite-alarm")
}

func dashboard(s *sheet, _ *template.Resource) {
	s.add("dashboard", 1, "month", "cloudwatch", "dashboard")
}

// logGroup prices what is written to a log group.
func logGroup(s *sheet, r *template.Resource) {
	switch class := r.String("LogGroupClass"); class {
	case "", "STANDARD":
		s.add("logs", LogGB, "GB", "cloudwatch", "logs-gb")
	case "INFREQUENT_ACCESS":
		s.add("logs, infrequent access", LogGB, "GB", "cloudwatch", "infrequent-logs-gb")
	default:
		s.unknown("log group of class " + class)
	}
}

// delivery prices logs of an AWS service that go to a bucket.
func delivery(s *sheet, _ *template.Resource) {
	s.add("delivered logs", LogGB, "GB", "cloudwatch", "delivered-logs-gb")
}
