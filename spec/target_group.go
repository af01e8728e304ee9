package spec

import "time"

// TargetGroup is one ALB target group.
type TargetGroup struct {
	Name            string `yaml:"name"`
	Protocol        string `yaml:"protocol"`
	ProtocolVersion string `yaml:"protocol_version"`
	// TargetType is instance or ip; instance when Fleet is set. Default ip.
	TargetType string `yaml:"target_type"`
	Port       int    `yaml:"port"`
	// Fleet names the Auto Scaling group that fills this group on AWS.
	Fleet               string            `yaml:"fleet"`
	Algorithm           string            `yaml:"algorithm"`
	AnomalyMitigation   bool              `yaml:"anomaly_mitigation"`
	SlowStart           time.Duration     `yaml:"slow_start"`
	DeregistrationDelay time.Duration     `yaml:"deregistration_delay"`
	CrossZone           string            `yaml:"cross_zone"`
	Stickiness          Stickiness        `yaml:"stickiness"`
	HealthCheck         HealthCheck       `yaml:"health_check"`
	TargetGroupHealth   TargetGroupHealth `yaml:"target_group_health"`
	Targets             []Target          `yaml:"targets"`
	ProxyOnly           ProxyOnly         `yaml:"proxy_only"`
}

// Values of TargetGroup.ProtocolVersion.
const (
	ProtocolVersionHTTP1 = "HTTP1"
	ProtocolVersionHTTP2 = "HTTP2"
	ProtocolVersionGRPC  = "GRPC"
)

// Values of TargetGroup.Algorithm.
const (
	RoundRobin               = "round_robin"
	LeastOutstandingRequests = "least_outstanding_requests"
	WeightedRandom           = "weighted_random"
)

// Stickiness binds a client to a target by cookie; off when Type is empty.
type Stickiness struct {
	// Type is lb_cookie or app_cookie.
	Type     string        `yaml:"type"`
	Duration time.Duration `yaml:"duration"`
	// CookieName is the application's cookie; app_cookie only.
	CookieName string `yaml:"cookie_name"`
}

// Values of Stickiness.Type.
const (
	StickinessLBCookie  = "lb_cookie"
	StickinessAppCookie = "app_cookie"
)

// HealthCheck says how targets are checked.
type HealthCheck struct {
	Protocol string `yaml:"protocol"`
	// Port is traffic-port or a number.
	Port               string        `yaml:"port"`
	Path               string        `yaml:"path"`
	Interval           time.Duration `yaml:"interval"`
	Timeout            time.Duration `yaml:"timeout"`
	HealthyThreshold   int           `yaml:"healthy_threshold"`
	UnhealthyThreshold int           `yaml:"unhealthy_threshold"`
	// Matcher is "200", "200,202", "200-299" or a mixture; gRPC codes 0-99 for GRPC groups.
	Matcher string `yaml:"matcher"`
}

// TargetGroupHealth holds the thresholds below which the group fails open.
type TargetGroupHealth struct {
	DNSFailover           MinimumHealthyTargets `yaml:"dns_failover"`
	UnhealthyStateRouting MinimumHealthyTargets `yaml:"unhealthy_state_routing"`
}

// MinimumHealthyTargets is a threshold as a count and as a percentage of registered targets.
// Zero is off (ALB's word `off`); the routing count has no off and starts at 1.
type MinimumHealthyTargets struct {
	Count      int `yaml:"minimum_healthy_targets_count"`
	Percentage int `yaml:"minimum_healthy_targets_percentage"`
}

// Target is one registered target.
type Target struct {
	ID      string `yaml:"id"`
	Address string `yaml:"address"`
	// Port overrides the group's port when above zero.
	Port             int    `yaml:"port"`
	AvailabilityZone string `yaml:"availability_zone"`
	// ProxyOnly holds what only the container can do with one target.
	ProxyOnly TargetProxyOnly `yaml:"proxy_only"`
}

// TargetProxyOnly holds the per-target settings that no ALB has.
type TargetProxyOnly struct {
	// Weight is the target's share beside its peers, 1-256. Default 1.
	Weight int `yaml:"weight"`
	// Backup targets serve only when every other target is out.
	Backup bool `yaml:"backup"`
	// MaxConnections bounds concurrent requests to the target; 0 is unbounded.
	MaxConnections int `yaml:"max_connections"`
}

// ProxyOnly holds what no ALB has; the CDK app refuses it by name.
type ProxyOnly struct {
	Algorithm      string        `yaml:"algorithm"`
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
	SendTimeout    time.Duration `yaml:"send_timeout"`
	ReadTimeout    time.Duration `yaml:"read_timeout"`
	// IdleConnections is how many idle connections are kept per target. Default 32.
	IdleConnections int `yaml:"idle_connections"`
}
