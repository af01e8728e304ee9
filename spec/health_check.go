package spec

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// HealthCheck says how targets are checked.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
type HealthCheck struct {
	// Protocol of the check: HTTP or HTTPS. Default HTTP.
	Protocol string `yaml:"protocol"`
	// Port is traffic-port or "1" to "65535". Default traffic-port.
	Port string `yaml:"port"`
	// Path with its query, at most 1024 characters. Default /, for GRPC
	// /AWS.ALB/healthcheck.
	Path string `yaml:"path"`
	// Interval between checks of a target: 5s to 300s. Default 30s.
	Interval time.Duration `yaml:"interval"`
	// Timeout after which a check has failed: 2s to 120s and below Interval. Default 5s.
	Timeout time.Duration `yaml:"timeout"`
	// HealthyThreshold is how many successes make an unhealthy target healthy: 2 to 10.
	// Default 5. A new target's first success is enough.
	HealthyThreshold int `yaml:"healthy_threshold"`
	// UnhealthyThreshold is how many failures make a target unhealthy: 2 to 10. Default 2.
	UnhealthyThreshold int `yaml:"unhealthy_threshold"`
	// Matcher is "200", "200,202", "200-299" or a mixture of 200 to 499; gRPC codes 0 to 99
	// for GRPC groups. Default "200", for GRPC "12".
	Matcher string `yaml:"matcher"`
}

// TrafficPort is HealthCheck.Port when checks go where requests go.
const TrafficPort = "traffic-port"

// Ranges and defaults of HealthCheck.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
const (
	MinHealthCheckInterval     = 5 * time.Second
	MaxHealthCheckInterval     = 300 * time.Second
	MinHealthCheckTimeout      = 2 * time.Second
	MaxHealthCheckTimeout      = 120 * time.Second
	MinHealthCheckThreshold    = 2
	MaxHealthCheckThreshold    = 10
	MaxHealthCheckPath         = 1024
	defaultHealthCheckPath     = "/"
	defaultHealthCheckGRPCPath = "/AWS.ALB/healthcheck"
	defaultMatcher             = "200"
	defaultGRPCMatcher         = "12"
)

func (h *HealthCheck) setDefaults() {
	h.Protocol = ProtocolHTTP
	h.Port = TrafficPort
	h.Interval = 30 * time.Second
	h.Timeout = 5 * time.Second
	h.HealthyThreshold = 5
	h.UnhealthyThreshold = 2
}

func (h *HealthCheck) complete(version string) {
	path, matcher := defaultHealthCheckPath, defaultMatcher
	if version == ProtocolVersionGRPC {
		path, matcher = defaultHealthCheckGRPCPath, defaultGRPCMatcher
	}
	if h.Path == "" {
		h.Path = path
	}
	if h.Matcher == "" {
		h.Matcher = matcher
	}
}

func (h *HealthCheck) limits() limits {
	return limits{
		"protocol": required(oneOf(ProtocolHTTP, ProtocolHTTPS)),
		"port": required(that(`traffic-port or "1" to "65535"`, func(s string) bool {
			return s == TrafficPort || s != "#{port}" && isRedirectPort(s)
		})),
		"path":                both(both(that("visible ASCII", isVisible), length(MaxHealthCheckPath)), like(slashFirst, "a slash first")),
		"interval":            seconds(MinHealthCheckInterval, MaxHealthCheckInterval),
		"timeout":             seconds(MinHealthCheckTimeout, MaxHealthCheckTimeout),
		"healthy_threshold":   between(MinHealthCheckThreshold, MaxHealthCheckThreshold),
		"unhealthy_threshold": between(MinHealthCheckThreshold, MaxHealthCheckThreshold),
	}
}

func (h *HealthCheck) check(c *checker, path string) {
	if h.Timeout >= h.Interval {
		c.refuse(field(path, "timeout"), "is not below the interval", showDuration(h.Timeout), "less than "+showDuration(h.Interval))
	}
}

// checkMatcher checks the codes, which depend on the group's protocol version.
func (h *HealthCheck) checkMatcher(c *checker, version, path string) {
	lo, hi := 200, 499
	if version == ProtocolVersionGRPC {
		lo, hi = 0, 99
	}
	if _, err := parseMatcher(h.Matcher, lo, hi); err != nil {
		c.refuse(field(path, "matcher"), err.Error(), quote(h.Matcher),
			fmt.Sprintf(`codes of %d to %d, such as "%d", "%d,%d" or "%d-%d"`, lo, hi, lo, lo, lo+2, lo, hi))
	}
}

// CodeRange is a range of status codes, both ends included.
type CodeRange struct{ First, Last int }

// Codes returns the ranges of the matcher. The matcher of an environment that was loaded
// has at least one.
func (h *HealthCheck) Codes() []CodeRange {
	ranges, _ := parseMatcher(h.Matcher, 0, 599)
	return ranges
}

func parseMatcher(s string, lo, hi int) ([]CodeRange, error) {
	var ranges []CodeRange
	for part := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		a, ok := code(first)
		b, okay := code(last)
		switch {
		case !ok || !okay:
			return nil, fmt.Errorf("is not a list of codes")
		case a > b:
			return nil, fmt.Errorf("has a range that ends before it begins")
		case a < lo || b > hi:
			return nil, fmt.Errorf("has codes that are not allowed")
		}
		ranges = append(ranges, CodeRange{a, b})
	}
	return ranges, nil
}

// code reads up to three digits.
func code(s string) (int, bool) {
	if len(s) == 0 || len(s) > 3 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

// FixedPort is the port of checks that do not go where requests go, and whether there is one.
func (h *HealthCheck) FixedPort() (int, bool) {
	if h.Port == TrafficPort {
		return 0, false
	}
	p, err := strconv.Atoi(h.Port)
	return p, err == nil
}
