// Package parity reads a synthesized template back into the words of the environment file, so
// that tests can hold the two runtimes to one description: what AWS is told is what the
// container is told.
package parity

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/evenkeel/evenkeel/infra/template"
	"github.com/evenkeel/evenkeel/spec"
)

// reader reads the load balancer's stack.
type reader struct {
	assembly *template.Assembly
	// groups are the names of target groups by their resources.
	groups map[*template.Resource]string
}

// ReadLoadBalancer is the load balancer of an assembly as a file would say it, with its target
// groups in the order of their names. Names of certificates are lost: AWS knows their ARNs.
func ReadLoadBalancer(assembly *template.Assembly) (spec.LoadBalancer, []spec.TargetGroup, error) {
	r := reader{assembly: assembly, groups: map[*template.Resource]string{}}
	var groups []spec.TargetGroup
	for _, res := range assembly.All("AWS::ElasticLoadBalancingV2::TargetGroup") {
		if res.String("TargetType") == "lambda" {
			continue // the health function's, which no file names
		}
		g := r.targetGroup(res)
		r.groups[res] = g.Name
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b spec.TargetGroup) int { return cmp.Compare(a.Name, b.Name) })
	balancers := assembly.All("AWS::ElasticLoadBalancingV2::LoadBalancer")
	if len(balancers) != 1 {
		return spec.LoadBalancer{}, nil, fmt.Errorf("%d load balancers, want 1", len(balancers))
	}
	b := spec.LoadBalancer{
		Name:          balancers[0].String("Name"),
		Scheme:        balancers[0].String("Scheme"),
		IPAddressType: balancers[0].String("IpAddressType"),
		Attributes:    attributes(balancers[0]),
	}
	for _, res := range assembly.All("AWS::ElasticLoadBalancingV2::Listener") {
		b.Listeners = append(b.Listeners, r.listener(res))
	}
	slices.SortFunc(b.Listeners, func(a, b spec.Listener) int { return cmp.Compare(a.Port, b.Port) })
	return b, groups, nil
}

// value is an attribute, or the empty string.
func value(r *template.Resource, list, key string) string {
	v, _ := r.Attribute(list, key)
	return v
}

func attributes(r *template.Resource) spec.LoadBalancerAttributes {
	at := func(key string) string { return value(r, "LoadBalancerAttributes", key) }
	bucket := func(key string) spec.LogBucket {
		if at(key+".enabled") != "true" {
			return spec.LogBucket{}
		}
		return spec.LogBucket{Bucket: at(key + ".bucket"), Prefix: at(key + ".prefix")}
	}
	return spec.LoadBalancerAttributes{
		IdleTimeout:              duration(at("idle_timeout.timeout_seconds")),
		ClientKeepAlive:          duration(at("client_keep_alive.seconds")),
		DesyncMitigationMode:     at("routing.http.desync_mitigation_mode"),
		DropInvalidHeaderFields:  at("routing.http.drop_invalid_header_fields.enabled") == "true",
		XFFHeaderProcessingMode:  at("routing.http.xff_header_processing.mode"),
		XFFClientPort:            at("routing.http.xff_client_port.enabled") == "true",
		PreserveHostHeader:       at("routing.http.preserve_host_header.enabled") == "true",
		HTTP2:                    at("routing.http2.enabled") == "true",
		TLSVersionAndCipherSuite: at("routing.http.x_amzn_tls_version_and_cipher_suite.enabled") == "true",
		WAFFailOpen:              at("waf.fail_open.enabled") == "true",
		ZonalShift:               at("zonal_shift.config.enabled") == "true",
		DeletionProtection:       at("deletion_protection.enabled") == "true",
		IPv6DenyAllIGWTraffic:    at("ipv6.deny_all_igw_traffic") == "true",
		CrossZone:                true, // no template can say otherwise
		AccessLogs:               bucket("access_logs.s3"),
		ConnectionLogs:           bucket("connection_logs.s3"),
		HealthCheckLogs:          bucket("health_check_logs.s3"),
	}
}

func duration(seconds string) time.Duration {
	n, _ := strconv.Atoi(seconds)
	return time.Duration(n) * time.Second
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func (r *reader) targetGroup(res *template.Resource) spec.TargetGroup {
	at := func(key string) string { return value(res, "TargetGroupAttributes", key) }
	minimum := func(key string) spec.MinimumHealthyTargets {
		return spec.MinimumHealthyTargets{
			Count:      number(at("target_group_health." + key + ".minimum_healthy_targets.count")),
			Percentage: number(at("target_group_health." + key + ".minimum_healthy_targets.percentage")),
		}
	}
	g := spec.TargetGroup{
		Name:                value(res, "Tags", "Name"),
		Protocol:            res.String("Protocol"),
		ProtocolVersion:     res.String("ProtocolVersion"),
		TargetType:          res.String("TargetType"),
		Port:                int(res.Number("Port")),
		Algorithm:           at("load_balancing.algorithm.type"),
		AnomalyMitigation:   at("load_balancing.algorithm.anomaly_mitigation") == "on",
		SlowStart:           duration(at("slow_start.duration_seconds")),
		DeregistrationDelay: duration(at("deregistration_delay.timeout_seconds")),
		CrossZone:           at("load_balancing.cross_zone.enabled"),
		TargetControlPort:   int(res.Number("TargetControlPort")),
		HealthCheck: spec.HealthCheck{
			Protocol:           res.String("HealthCheckProtocol"),
			Port:               res.String("HealthCheckPort"),
			Path:               res.String("HealthCheckPath"),
			Interval:           duration(res.String("HealthCheckIntervalSeconds")),
			Timeout:            duration(res.String("HealthCheckTimeoutSeconds")),
			HealthyThreshold:   int(res.Number("HealthyThresholdCount")),
			UnhealthyThreshold: int(res.Number("UnhealthyThresholdCount")),
			Matcher:            cmp.Or(res.String("Matcher.HttpCode"), res.String("Matcher.GrpcCode")),
		},
		TargetGroupHealth: spec.TargetGroupHealth{DNSFailover: minimum("dns_failover"), UnhealthyStateRouting: minimum("unhealthy_state_routing")},
		Fleet:             r.fleet(res),
	}
	if at("stickiness.enabled") == "true" {
		g.Stickiness.Type = at("stickiness.type")
		g.Stickiness.Duration = duration(at("stickiness." + g.Stickiness.Type + ".duration_seconds"))
		g.Stickiness.CookieName = at("stickiness.app_cookie.cookie_name")
	}
	for i := range res.List("Targets") {
		at := fmt.Sprintf("Targets[%d].", i)
		g.Targets = append(g.Targets, spec.Target{
			Address: res.String(at + "Id"), Port: int(res.Number(at + "Port")), AvailabilityZone: res.String(at + "AvailabilityZone"),
		})
	}
	return g
}

// fleet is the Auto Scaling group that fills a target group, by the end of its name.
func (r *reader) fleet(group *template.Resource) string {
	for _, res := range r.assembly.All("AWS::AutoScaling::AutoScalingGroup") {
		for _, arn := range res.List("TargetGroupARNs") {
			if to, _, ok := r.assembly.Target(res.Stack, arn); ok && to == group {
				return res.String("AutoScalingGroupName")
			}
		}
	}
	return ""
}

func (r *reader) listener(res *template.Resource) spec.Listener {
	header := func(key string) string {
		return value(res, "ListenerAttributes", "routing.http.response."+key+".header_value")
	}
	l := spec.Listener{
		Name:         value(res, "Tags", "Name"),
		Port:         int(res.Number("Port")),
		Protocol:     res.String("Protocol"),
		SSLPolicy:    res.String("SslPolicy"),
		ServerHeader: value(res, "ListenerAttributes", "routing.http.response.server.enabled") == "true",
		ResponseHeaders: spec.ResponseHeaders{
			StrictTransportSecurity:       header("strict_transport_security"),
			AccessControlAllowOrigin:      header("access_control_allow_origin"),
			AccessControlAllowMethods:     header("access_control_allow_methods"),
			AccessControlAllowHeaders:     header("access_control_allow_headers"),
			AccessControlAllowCredentials: header("access_control_allow_credentials"),
			AccessControlExposeHeaders:    header("access_control_expose_headers"),
			AccessControlMaxAge:           header("access_control_max_age"),
			ContentSecurityPolicy:         header("content_security_policy"),
			XContentTypeOptions:           header("x_content_type_options"),
			XFrameOptions:                 header("x_frame_options"),
		},
		DefaultAction: r.action(res, "DefaultActions[0]"),
	}
	for _, rule := range r.assembly.All("AWS::ElasticLoadBalancingV2::ListenerRule") {
		// The health aggregate's rule is in no file and has no name.
		if to, _, ok := r.assembly.Target(rule.Stack, rule.Get("ListenerArn")); ok && to == res && value(rule, "Tags", "Name") != "" {
			l.Rules = append(l.Rules, r.rule(rule))
		}
	}
	slices.SortFunc(l.Rules, func(a, b spec.Rule) int { return cmp.Compare(a.Priority, b.Priority) })
	return l
}

// CountCertificates is how many certificates each listener has, by its name.
func CountCertificates(assembly *template.Assembly) map[string]int {
	counts := map[string]int{}
	for _, listener := range assembly.All("AWS::ElasticLoadBalancingV2::Listener") {
		name := value(listener, "Tags", "Name")
		counts[name] = len(listener.List("Certificates"))
		for _, further := range assembly.All("AWS::ElasticLoadBalancingV2::ListenerCertificate") {
			if to, _, ok := assembly.Target(further.Stack, further.Get("ListenerArn")); ok && to == listener {
				counts[name] += len(further.List("Certificates"))
			}
		}
	}
	return counts
}
