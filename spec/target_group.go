package spec

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"
)

// TargetGroup is one ALB target group.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
type TargetGroup struct {
	// Name of the group; unique, at most 32 letters, digits and hyphens.
	Name string `yaml:"name"`
	// Protocol spoken with targets: HTTP or HTTPS. Default HTTP. Certificates of targets are
	// not verified, as by any ALB.
	Protocol string `yaml:"protocol"`
	// ProtocolVersion is HTTP1, HTTP2 or GRPC. Default HTTP1; the others are for HTTPS
	// listeners.
	ProtocolVersion string `yaml:"protocol_version"`
	// TargetType is instance or ip. Default: instance when Fleet is set, else ip.
	TargetType string `yaml:"target_type"`
	// Port of targets that name none: 1 to 65535.
	Port int `yaml:"port"`
	// Fleet names the Auto Scaling group that fills this group on AWS. The container takes
	// Targets. Default: none.
	Fleet string `yaml:"fleet"`
	// Algorithm is round_robin, least_outstanding_requests or weighted_random. Default
	// round_robin. ALB: load_balancing.algorithm.type.
	Algorithm string `yaml:"algorithm"`
	// AnomalyMitigation gives fewer requests to targets with more errors than their peers;
	// only with weighted_random. Default false.
	// ALB: load_balancing.algorithm.anomaly_mitigation.
	AnomalyMitigation bool `yaml:"anomaly_mitigation"`
	// SlowStart is how long a target's share grows after it turned healthy: 30s to 900s, or
	// 0s for not at all. Default 0s; only with round_robin, or what proxy_only has in its place.
	// ALB: slow_start.duration_seconds.
	SlowStart time.Duration `yaml:"slow_start"`
	// DeregistrationDelay is how long a deregistered target may finish what it has: 0s to
	// 3600s. Default 300s. ALB: deregistration_delay.timeout_seconds.
	DeregistrationDelay time.Duration `yaml:"deregistration_delay"`
	// CrossZone is "true", "false" or use_load_balancer_configuration. Default
	// use_load_balancer_configuration, which means true. ALB: load_balancing.cross_zone.enabled.
	CrossZone string `yaml:"cross_zone"`
	// Stickiness keeps a client with its target. Default: off.
	Stickiness Stickiness `yaml:"stickiness"`
	// HealthCheck says how targets are checked.
	HealthCheck HealthCheck `yaml:"health_check"`
	// TargetGroupHealth says when the group fails open.
	TargetGroupHealth TargetGroupHealth `yaml:"target_group_health"`
	// TargetControlPort is where the agent of the target optimizer listens on each target: 1
	// to 65535, or 0 for no target optimizer. With it a target gets at most as many requests
	// at once as its agent allows. AWS only, and fixed once the group is made. Default 0.
	// ALB: TargetControlPort.
	TargetControlPort int `yaml:"target_control_port"`
	// Targets are registered when the container starts, and on AWS when the group has no
	// Fleet. Default: none.
	Targets []Target `yaml:"targets"`
	// ProxyOnly holds what no ALB has.
	ProxyOnly ProxyOnly `yaml:"proxy_only"`
}

// Values of TargetGroup.ProtocolVersion.
const (
	ProtocolVersionHTTP1 = "HTTP1"
	ProtocolVersionHTTP2 = "HTTP2"
	ProtocolVersionGRPC  = "GRPC"
)

// Values of TargetGroup.TargetType.
const (
	TargetTypeInstance = "instance"
	TargetTypeIP       = "ip"
)

// Values of TargetGroup.Algorithm.
const (
	RoundRobin               = "round_robin"
	LeastOutstandingRequests = "least_outstanding_requests"
	WeightedRandom           = "weighted_random"
)

// Values of TargetGroup.CrossZone.
const (
	CrossZoneOn               = "true"
	CrossZoneOff              = "false"
	CrossZoneLikeLoadBalancer = "use_load_balancer_configuration"
)

// Ranges and defaults of a target group's attributes.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
const (
	MinSlowStart               = 30 * time.Second
	MaxSlowStart               = 900 * time.Second
	DefaultDeregistrationDelay = 300 * time.Second
	MaxDeregistrationDelay     = 3600 * time.Second
)

func (g *TargetGroup) setDefaults() {
	g.Protocol = ProtocolHTTP
	g.ProtocolVersion = ProtocolVersionHTTP1
	g.Algorithm = RoundRobin
	g.DeregistrationDelay = DefaultDeregistrationDelay
	g.CrossZone = CrossZoneLikeLoadBalancer
}

func (g *TargetGroup) limits() limits {
	return limits{
		"name":                 required(like(nameShape, nameWords)),
		"protocol":             required(oneOf(ProtocolHTTP, ProtocolHTTPS)),
		"protocol_version":     required(oneOf(ProtocolVersionHTTP1, ProtocolVersionHTTP2, ProtocolVersionGRPC)),
		"target_type":          oneOf(TargetTypeInstance, TargetTypeIP),
		"port":                 between(1, MaxPort),
		"target_control_port":  zeroOr("no target optimizer", between(1, MaxPort)),
		"algorithm":            required(oneOf(RoundRobin, LeastOutstandingRequests, WeightedRandom)),
		"slow_start":           zeroOr("off", seconds(MinSlowStart, MaxSlowStart)),
		"deregistration_delay": seconds(0, MaxDeregistrationDelay),
		"cross_zone":           required(oneOf(CrossZoneOn, CrossZoneOff, CrossZoneLikeLoadBalancer)),
		"targets":              atMost(MaxTargets),
	}
}

// Complete fills in what follows from other values.
func (g *TargetGroup) Complete() {
	if g.TargetType == "" {
		g.TargetType = TargetTypeIP
		if g.Fleet != "" {
			g.TargetType = TargetTypeInstance
		}
	}
	g.Stickiness.complete()
	g.HealthCheck.complete(g.ProtocolVersion)
}

// equal tells whether two groups say the same.
func (g *TargetGroup) equal(other *TargetGroup) bool {
	a, b := *g, *other
	a.Targets, b.Targets = nil, nil
	return slices.Equal(g.Targets, other.Targets) && reflect.DeepEqual(a, b)
}

func (g *TargetGroup) check(c *checker, path string) {
	if g.Fleet != "" {
		if _, ok := c.env.Fleets[g.Fleet]; !ok && !c.isUnread("fleets") {
			c.refuse(field(path, "fleet"), "no fleet has that name", quote(g.Fleet), "one of fleets")
		}
		if g.TargetType != TargetTypeInstance {
			c.refuse(field(path, "target_type"), "does not go with fleet, which registers instances", quote(g.TargetType), TargetTypeInstance)
		}
	}
	if g.SlowStart > 0 && g.Algorithm != RoundRobin {
		c.refuse(field(path, "slow_start"), "does not go with algorithm "+g.Algorithm, showDuration(g.SlowStart), "0s, or algorithm "+RoundRobin)
	}
	if g.AnomalyMitigation && g.Algorithm != WeightedRandom {
		c.refuse(field(path, "anomaly_mitigation"), "does not go with algorithm "+g.Algorithm, "true", "false, or algorithm "+WeightedRandom)
	}
	if g.Stickiness.Type != "" {
		switch {
		case g.Algorithm == WeightedRandom:
			c.refuse(field(path, "stickiness"), "does not go with algorithm "+g.Algorithm, g.Stickiness.Type, "no stickiness, or another algorithm")
		case g.CrossZone == CrossZoneOff:
			c.refuse(field(path, "stickiness"), "does not go with cross_zone off", g.Stickiness.Type, "no stickiness, or cross_zone on")
		}
	}
	g.HealthCheck.checkMatcher(c, g.ProtocolVersion, field(path, "health_check"))
	g.checkTargets(c, field(path, "targets"))
}

func (g *TargetGroup) checkTargets(c *checker, path string) {
	type named struct {
		id   string
		port int
	}
	ids, addresses := map[named]string{}, map[string]string{}
	for i := range g.Targets {
		t := &g.Targets[i]
		at := element(path, i)
		port := t.Port
		if port == 0 {
			port = g.Port
		}
		if before, ok := ids[named{t.ID, port}]; ok && t.ID != "" {
			c.refuse(field(at, "id"), "is taken by "+before, quote(t.ID), "a value of its own, or another port")
		}
		ids[named{t.ID, port}] = field(at, "id")
		if a, err := netip.ParseAddr(t.Address); err == nil {
			c.unique(addresses, netip.AddrPortFrom(a, uint16(port)).String(), field(at, "address"))
		}
	}
}

// Target is one registered target.
type Target struct {
	// ID of the target, for people and the control API; with its port unique in its group.
	ID string `yaml:"id"`
	// Address is the target's IPv4 or IPv6 address, no name.
	Address string `yaml:"address"`
	// Port is 1 to 65535. Default 0, the group's port.
	Port int `yaml:"port"`
	// AvailabilityZone is the zone that the target counts in. Default: none.
	AvailabilityZone string `yaml:"availability_zone"`
	// ProxyOnly holds what only the container can do with one target.
	ProxyOnly TargetProxyOnly `yaml:"proxy_only"`
}

func (t *Target) limits() limits {
	return limits{
		"id":                required(like(idShape, "1 to 64 letters, digits and - _ . :")),
		"address":           required(that("an IPv4 or IPv6 address that one target has", isTargetAddress)),
		"port":              zeroOr("the group's", between(1, MaxPort)),
		"availability_zone": like(zoneShape, "a zone such as a or eu-west-1a"),
	}
}

func isTargetAddress(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Zone() == "" && !a.IsUnspecified() && !a.IsMulticast()
}

// Stickiness binds a client to a target by cookie; off when Type is empty.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
type Stickiness struct {
	// Type is lb_cookie or app_cookie. Default: off. ALB: stickiness.enabled, stickiness.type.
	Type string `yaml:"type"`
	// Duration is how long a client stays with its target after its last request: 1s to 7
	// days (168h). Default 24h. ALB: stickiness.*_cookie.duration_seconds.
	Duration time.Duration `yaml:"duration"`
	// CookieName is the application's cookie; app_cookie only, and not AWSALB….
	// ALB: stickiness.app_cookie.cookie_name.
	CookieName string `yaml:"cookie_name"`
}

// Values of Stickiness.Type.
const (
	StickinessLBCookie  = "lb_cookie"
	StickinessAppCookie = "app_cookie"
)

// DefaultStickiness is the duration of both types.
const DefaultStickiness = 24 * time.Hour

func (s *Stickiness) absent() bool { return *s == Stickiness{} }

func (s *Stickiness) complete() {
	if s.Type != "" && s.Duration == 0 {
		s.Duration = DefaultStickiness
	}
}

func (s *Stickiness) limits() limits {
	return limits{
		"type":        required(oneOf(StickinessLBCookie, StickinessAppCookie)),
		"duration":    zeroOr("24h", seconds(time.Second, MaxStickiness)),
		"cookie_name": like(cookieShape, "the name of a cookie, at most 256 characters, that does not begin with AWSALB"),
	}
}

func (s *Stickiness) check(c *checker, path string) {
	switch {
	case s.Type == StickinessAppCookie && s.CookieName == "":
		c.refuse(field(path, "cookie_name"), "is missing", "", "the application's cookie, as type is app_cookie")
	case s.Type != StickinessAppCookie && s.CookieName != "":
		c.refuse(field(path, "cookie_name"), "is for type app_cookie", quote(s.CookieName), "no such key, or type app_cookie")
	case reservedCookie.MatchString(s.CookieName):
		c.refuse(field(path, "cookie_name"), "is a cookie of the load balancer", quote(s.CookieName), "one that does not begin with AWSALB")
	}
}

// TargetGroupHealth holds the thresholds below which the group fails open.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
type TargetGroupHealth struct {
	// DNSFailover is when a zone leaves DNS; AWS only. Default: a count of 1.
	DNSFailover MinimumHealthyTargets `yaml:"dns_failover"`
	// UnhealthyStateRouting is when requests go to all targets, unhealthy ones too. Default:
	// a count of 1.
	UnhealthyStateRouting MinimumHealthyTargets `yaml:"unhealthy_state_routing"`
}

func (h *TargetGroupHealth) check(c *checker, path string) {
	dns, routing := h.DNSFailover, h.UnhealthyStateRouting
	if routing.Count < 1 {
		c.refuse(field(path, "unhealthy_state_routing.minimum_healthy_targets_count"), "cannot be off", fmt.Sprint(routing.Count), "1 or more")
	}
	if dns.Count > 0 && dns.Count < routing.Count {
		c.refuse(field(path, "dns_failover.minimum_healthy_targets_count"), "is below that of unhealthy_state_routing",
			fmt.Sprint(dns.Count), fmt.Sprintf("at least %d, or 0", routing.Count))
	}
	if dns.Percentage > 0 && dns.Percentage < routing.Percentage {
		c.refuse(field(path, "dns_failover.minimum_healthy_targets_percentage"), "is below that of unhealthy_state_routing",
			fmt.Sprint(dns.Percentage), fmt.Sprintf("at least %d, or 0", routing.Percentage))
	}
}

// MinimumHealthyTargets is a threshold as a count and as a percentage of registered targets.
// Zero is off (ALB's word `off`); the routing count has no off and starts at 1.
type MinimumHealthyTargets struct {
	// Count of healthy targets: 1 to 1000, or 0 for off. Default 1.
	// ALB: target_group_health.*.minimum_healthy_targets.count.
	Count int `yaml:"minimum_healthy_targets_count"`
	// Percentage of healthy targets: 1 to 100, or 0 for off. Default 0.
	// ALB: target_group_health.*.minimum_healthy_targets.percentage.
	Percentage int `yaml:"minimum_healthy_targets_percentage"`
}

func (m *MinimumHealthyTargets) setDefaults() { m.Count = 1 }

func (m *MinimumHealthyTargets) limits() limits {
	return limits{
		"minimum_healthy_targets_count":      zeroOr("off", between(1, MaxTargets)),
		"minimum_healthy_targets_percentage": zeroOr("off", between(1, 100)),
	}
}
