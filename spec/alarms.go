package spec

import (
	"regexp"
	"time"
)

// Alarms holds the thresholds from which every alarm, dashboard and Prometheus rule is made.
type Alarms struct {
	// ErrorRate is the share of requests answered with 5XX above which to alarm: 0% to 100%.
	// Default 1%.
	ErrorRate Percent `yaml:"error_rate"`
	// MinimumRequests is how many requests a minute it takes for ErrorRate to mean anything:
	// 1 to 1000000. Default 100.
	MinimumRequests int `yaml:"minimum_requests"`
	// UnhealthyTargets is the number of unhealthy targets above which to alarm: 0 to 1000.
	// Default 0, any.
	UnhealthyTargets int `yaml:"unhealthy_targets"`
	// HealthyTargets are the shares of healthy targets below which to alarm.
	HealthyTargets HealthyTargets `yaml:"healthy_targets"`
	// CertificateExpiry is how long before a certificate ends to alarm: 1 to 90 days (24h to
	// 2160h). Default 720h, 30 days.
	CertificateExpiry time.Duration `yaml:"certificate_expiry"`
	// ResponseTime are the times above which to alarm.
	ResponseTime ResponseTime `yaml:"response_time"`
	// Connections is the share of proxy.max_connections, and of what the database allows,
	// above which to alarm: 1% to 100%. Default 80%.
	Connections Percent `yaml:"connections"`
	// Notify says who is told.
	Notify Notify `yaml:"notify"`
}

// ServiceDownErrorRate is the share of requests answered with 5XX above which the service
// counts as down, unless ErrorRate tolerates more.
const ServiceDownErrorRate = Percent(5)

func (a *Alarms) setDefaults() {
	a.ErrorRate, a.MinimumRequests, a.Connections = 1, 100, 80
	a.CertificateExpiry = 30 * day
}

const day = 24 * time.Hour

func (a *Alarms) limits() limits {
	return limits{
		"error_rate":        between(Percent(0), Percent(100)),
		"minimum_requests":  between(1, 1_000_000),
		"unhealthy_targets": between(0, MaxTargets),
		"connections":       between(Percent(1), Percent(100)),

		"certificate_expiry": days(1, 90),
	}
}

// HealthyTargets are shares of the registered targets of a group.
type HealthyTargets struct {
	// Warning is the share below which someone should look: 0% to 100%. Default 80%.
	Warning Percent `yaml:"warning"`
	// Critical is the share below which the service counts as down: 0% to 100%, at most
	// Warning. Default 50%.
	Critical Percent `yaml:"critical"`
}

func (h *HealthyTargets) setDefaults() { h.Warning, h.Critical = 80, 50 }

func (h *HealthyTargets) limits() limits {
	return limits{"warning": between(Percent(0), Percent(100)), "critical": between(Percent(0), Percent(100))}
}

func (h *HealthyTargets) check(c *checker, path string) {
	if h.Critical > h.Warning {
		c.refuse(field(path, "critical"), "is above warning", h.Critical.String(), "at most "+h.Warning.String())
	}
}

// ResponseTime are thresholds by percentile, 1ms to 4000s each, rising; 0s is off.
type ResponseTime struct {
	// P50 is for the median. Default 0s, off.
	P50 time.Duration `yaml:"p50"`
	// P95 is for the slowest twentieth. Default 500ms.
	P95 time.Duration `yaml:"p95"`
	// P99 is for the slowest hundredth. Default 0s, off.
	P99 time.Duration `yaml:"p99"`
}

func (t *ResponseTime) setDefaults() { t.P95 = 500 * time.Millisecond }

func (t *ResponseTime) limits() limits {
	l := zeroOr("off", between(time.Millisecond, MaxIdleTimeout))
	return limits{"p50": l, "p95": l, "p99": l}
}

func (t *ResponseTime) check(c *checker, path string) {
	last, lastKey := t.P50, "p50"
	for _, p := range []struct {
		key string
		d   time.Duration
	}{{"p95", t.P95}, {"p99", t.P99}} {
		if p.d == 0 {
			continue
		}
		if last > p.d {
			c.refuse(field(path, p.key), "is below "+lastKey, showDuration(p.d), "at least "+showDuration(last))
		}
		last, lastKey = p.d, p.key
	}
}

// Notify says who is told of an alarm.
type Notify struct {
	// Email are addresses. Default: none.
	Email []string `yaml:"email"`
	// Slack is a channel. Default: none.
	Slack Slack `yaml:"slack"`
}

var (
	emailShape     = regexp.MustCompile(`^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+$`)
	workspaceShape = regexp.MustCompile(`^T[0-9A-Z]{8,12}$`)
	channelShape   = regexp.MustCompile(`^[CDG][0-9A-Z]{8,12}$`)
)

func (n *Notify) limits() limits {
	return limits{"email": each(like(emailShape, "an address such as ops@example.com"))}
}

func (n *Notify) check(c *checker, path string) {
	seen := map[string]string{}
	for i, a := range n.Email {
		c.unique(seen, a, element(field(path, "email"), i))
	}
}

// Slack is a channel that Amazon Q Developer in chat applications posts to.
//
// https://docs.aws.amazon.com/chatbot/latest/adminguide/slack-setup.html
type Slack struct {
	// Workspace is the workspace's id, such as T01234567.
	Workspace string `yaml:"workspace"`
	// Channel is the channel's id, such as C01234567.
	Channel string `yaml:"channel"`
}

func (s *Slack) absent() bool { return *s == Slack{} }

func (s *Slack) limits() limits {
	return limits{
		"workspace": required(like(workspaceShape, "the id of a workspace such as T01234567")),
		"channel":   required(like(channelShape, "the id of a channel such as C01234567")),
	}
}
