package spec

import (
	"fmt"
	"strings"
	"time"
)

// LoadBalancer describes the Application Load Balancer.
type LoadBalancer struct {
	// Name of the load balancer; at most 32 letters, digits and hyphens. Default: `<app>-<environment>`.
	Name string `yaml:"name"`
	// Scheme is internet-facing or internal. Default internet-facing. The container answers
	// whoever reaches it.
	Scheme string `yaml:"scheme"`
	// IPAddressType is ipv4, dualstack or dualstack-without-public-ipv4. Default ipv4. The
	// container listens on IPv6 as well unless it is ipv4.
	IPAddressType string `yaml:"ip_address_type"`
	// Attributes are the load balancer's attributes.
	Attributes LoadBalancerAttributes `yaml:"attributes"`
	// Listeners are the ports that take requests; at most 50.
	Listeners []Listener `yaml:"listeners"`
}

// Values of LoadBalancer.Scheme.
const (
	SchemeInternetFacing = "internet-facing"
	SchemeInternal       = "internal"
)

// Values of LoadBalancer.IPAddressType.
const (
	IPAddressTypeIPv4                       = "ipv4"
	IPAddressTypeDualstack                  = "dualstack"
	IPAddressTypeDualstackWithoutPublicIPv4 = "dualstack-without-public-ipv4"
)

// Quotas of an Application Load Balancer.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
const (
	MaxListeners    = 50
	MaxRules        = 100
	MaxCertificates = 25
	MaxTargetGroups = 100
	MaxTargets      = 1000
)

func (b *LoadBalancer) setDefaults() {
	b.Scheme = SchemeInternetFacing
	b.IPAddressType = IPAddressTypeIPv4
}

func (b *LoadBalancer) limits() limits {
	return limits{
		"name":            like(nameShape, nameWords),
		"scheme":          required(oneOf(SchemeInternetFacing, SchemeInternal)),
		"ip_address_type": required(oneOf(IPAddressTypeIPv4, IPAddressTypeDualstack, IPAddressTypeDualstackWithoutPublicIPv4)),
		"listeners":       atMost(MaxListeners),
	}
}

func (b *LoadBalancer) check(c *checker, path string) {
	if strings.HasPrefix(b.Name, "internal-") {
		c.refuse(field(path, "name"), "begins with internal-, which AWS keeps for itself", quote(b.Name), "another name")
	}
	if b.Scheme == SchemeInternal && b.IPAddressType == IPAddressTypeDualstackWithoutPublicIPv4 {
		c.refuse(field(path, "ip_address_type"), "is for internet-facing load balancers", quote(b.IPAddressType), "ipv4 or dualstack")
	}
	if b.Scheme == SchemeInternetFacing && b.Attributes.IPv6DenyAllIGWTraffic {
		c.refuse(field(path, "attributes.ipv6_deny_all_igw_traffic"), "is for internal load balancers", "true", "false, or scheme internal")
	}
	names, ports := map[string]string{}, map[string]string{}
	rules, certificates := 0, map[string]bool{}
	for i := range b.Listeners {
		l := &b.Listeners[i]
		at := element(field(path, "listeners"), i)
		c.unique(names, l.Name, field(at, "name"))
		if before, taken := ports[fmt.Sprint(l.Port)]; taken {
			c.refuse(field(at, "port"), "is taken by "+before, fmt.Sprint(l.Port), "a port of its own")
		}
		ports[fmt.Sprint(l.Port)] = field(at, "port")
		rules += len(l.Rules)
		for _, name := range l.Certificates[min(1, len(l.Certificates)):] {
			certificates[name] = true
		}
	}
	if rules > MaxRules {
		c.refuse(field(path, "listeners"), "have more rules than a load balancer takes", fmt.Sprint(rules), fmt.Sprintf("at most %d, default actions not counted", MaxRules))
	}
	if len(certificates) > MaxCertificates {
		c.refuse(field(path, "listeners"), "have more certificates than a load balancer takes", fmt.Sprint(len(certificates)), fmt.Sprintf("at most %d, default certificates not counted", MaxCertificates))
	}
	if len(b.Listeners) == 0 && !c.env.Proxy.ELBv2API.Served() {
		c.warn(field(path, "listeners"), "nothing listens", "", "")
	}
}

// LoadBalancerAttributes are the ALB attributes, with ALB's defaults and ranges.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html
type LoadBalancerAttributes struct {
	// IdleTimeout is how long a client's or a target's connection may be without a byte
	// either way: 1s to 4000s. Default 60s. ALB: idle_timeout.timeout_seconds.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// ClientKeepAlive is the most that a client's connection lives: 60s to 7 days (168h).
	// Default 1h. ALB: client_keep_alive.seconds.
	ClientKeepAlive time.Duration `yaml:"client_keep_alive"`
	// DesyncMitigationMode says what becomes of requests that could desynchronise: monitor,
	// defensive or strictest. Default defensive. ALB: routing.http.desync_mitigation_mode.
	DesyncMitigationMode string `yaml:"desync_mitigation_mode"`
	// DropInvalidHeaderFields removes request headers whose names have other characters than
	// letters, digits and hyphens. Default false.
	// ALB: routing.http.drop_invalid_header_fields.enabled.
	DropInvalidHeaderFields bool `yaml:"drop_invalid_header_fields"`
	// XFFHeaderProcessingMode says what becomes of X-Forwarded-For: append, preserve or
	// remove. Default append. ALB: routing.http.xff_header_processing.mode.
	XFFHeaderProcessingMode string `yaml:"xff_header_processing_mode"`
	// XFFClientPort adds the client's port to X-Forwarded-For; it acts in mode append.
	// Default false. ALB: routing.http.xff_client_port.enabled.
	XFFClientPort bool `yaml:"xff_client_port"`
	// PreserveHostHeader sends Host to targets as it came. Default false.
	// ALB: routing.http.preserve_host_header.enabled.
	PreserveHostHeader bool `yaml:"preserve_host_header"`
	// HTTP2 offers HTTP/2 to clients of HTTPS listeners. Default true. ALB: routing.http2.enabled.
	HTTP2 bool `yaml:"http2"`
	// TLSVersionAndCipherSuite adds X-Amzn-Tls-Version and X-Amzn-Tls-Cipher-Suite to
	// requests. Default false. ALB: routing.http.x_amzn_tls_version_and_cipher_suite.enabled.
	TLSVersionAndCipherSuite bool `yaml:"x_amzn_tls_version_and_cipher_suite"`
	// WAFFailOpen forwards requests that the firewall could not judge. Default false, which
	// answers them with 500. ALB: waf.fail_open.enabled.
	WAFFailOpen bool `yaml:"waf_fail_open"`
	// ZonalShift allows traffic to be shifted away from a zone. Default false; AWS only.
	// ALB: zonal_shift.config.enabled.
	ZonalShift bool `yaml:"zonal_shift"`
	// DeletionProtection keeps the load balancer from being deleted. Default false; AWS only.
	// ALB: deletion_protection.enabled.
	DeletionProtection bool `yaml:"deletion_protection"`
	// IPv6DenyAllIGWTraffic blocks internet gateways from an internal load balancer's IPv6
	// addresses. Default false; AWS only. ALB: ipv6.deny_all_igw_traffic.
	IPv6DenyAllIGWTraffic bool `yaml:"ipv6_deny_all_igw_traffic"`
	// CrossZone spreads requests over the targets of all zones. Default true, and no ALB can
	// have it otherwise; target groups can. ALB: load_balancing.cross_zone.enabled.
	CrossZone bool `yaml:"cross_zone"`
	// AccessLogs is where AWS puts access logs; the container's are proxy.access_log.
	// Default: off. ALB: access_logs.s3.
	AccessLogs LogBucket `yaml:"access_logs"`
	// ConnectionLogs is where AWS puts connection logs. Default: off. ALB: connection_logs.s3.
	ConnectionLogs LogBucket `yaml:"connection_logs"`
	// HealthCheckLogs is where AWS puts health-check logs. Default: off.
	// ALB: health_check_logs.s3.
	HealthCheckLogs LogBucket `yaml:"health_check_logs"`
}

// Values of LoadBalancerAttributes.DesyncMitigationMode.
const (
	DesyncMonitor   = "monitor"
	DesyncDefensive = "defensive"
	DesyncStrictest = "strictest"
)

// Values of LoadBalancerAttributes.XFFHeaderProcessingMode.
const (
	XFFAppend   = "append"
	XFFPreserve = "preserve"
	XFFRemove   = "remove"
)

// Ranges and defaults of LoadBalancerAttributes.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html
const (
	DefaultIdleTimeout     = 60 * time.Second
	MinIdleTimeout         = 1 * time.Second
	MaxIdleTimeout         = 4000 * time.Second
	DefaultClientKeepAlive = time.Hour
	MinClientKeepAlive     = 60 * time.Second
	MaxClientKeepAlive     = 7 * 24 * time.Hour
)

func (a *LoadBalancerAttributes) setDefaults() {
	a.IdleTimeout = DefaultIdleTimeout
	a.ClientKeepAlive = DefaultClientKeepAlive
	a.DesyncMitigationMode = DesyncDefensive
	a.XFFHeaderProcessingMode = XFFAppend
	a.HTTP2 = true
	a.CrossZone = true
}

func (a *LoadBalancerAttributes) limits() limits {
	return limits{
		"idle_timeout":               seconds(MinIdleTimeout, MaxIdleTimeout),
		"client_keep_alive":          seconds(MinClientKeepAlive, MaxClientKeepAlive),
		"desync_mitigation_mode":     required(oneOf(DesyncMonitor, DesyncDefensive, DesyncStrictest)),
		"xff_header_processing_mode": required(oneOf(XFFAppend, XFFPreserve, XFFRemove)),
	}
}

func (a *LoadBalancerAttributes) check(c *checker, path string) {
	if !a.CrossZone {
		c.refuse(field(path, "cross_zone"), "no Application Load Balancer can turn this off", "false", "true, and cross_zone on target groups")
	}
	if a.XFFClientPort && a.XFFHeaderProcessingMode != XFFAppend {
		c.warn(field(path, "xff_client_port"), "acts in xff_header_processing_mode append only", "mode "+a.XFFHeaderProcessingMode, "")
	}
}
