package elbv2api

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// attributeTable is what AWS calls the attributes of a noun, and where a T has them.
type attributeTable[T any] struct {
	noun string
	rows []attributeRow[T]
	// compose sets what several attributes make together. said is what was set.
	compose func(v *T, said map[string]string) error
}

// attributeRow is one attribute.
type attributeRow[T any] struct {
	key   string
	value valueKind
	get   func(v *T) string
	// set is nil for what compose sets.
	set func(v *T, value string)
}

// valueKind is what an attribute may say.
type valueKind struct {
	want string
	ok   func(s string) bool
}

// apply sets the attributes that were said on v.
func (t *attributeTable[T]) apply(v *T, said map[string]string) error {
	for i := range t.rows {
		row := &t.rows[i]
		value, ok := said[row.key]
		if !ok {
			continue
		}
		if !row.value.ok(value) {
			return fail(codeInvalidConfigurationRequest, "%s attribute key '%s' does not take the value '%s': it takes %s", t.noun, row.key, excerpt(value), row.value.want)
		}
		if row.set != nil {
			row.set(v, value)
		}
	}
	if len(said) == 0 || t.compose == nil {
		return nil
	}
	return t.compose(v, said)
}

// describe lists all attributes, in the order of the table. What was said is shown as it
// was, be it without effect.
func (t *attributeTable[T]) describe(v *T, said map[string]string) members[attribute] {
	list := make(members[attribute], len(t.rows))
	for i := range t.rows {
		row := &t.rows[i]
		value, ok := said[row.key]
		if !ok {
			value = row.get(v)
		}
		list[i] = attribute{row.key, value}
	}
	return list
}

// modify is what was said so far and now.
func (t *attributeTable[T]) modify(said map[string]string, list []attribute) (map[string]string, error) {
	all := maps.Clone(said)
	if all == nil {
		all = map[string]string{}
	}
	seen := map[string]bool{}
	for _, a := range list {
		if !slices.ContainsFunc(t.rows, func(row attributeRow[T]) bool { return row.key == a.Key }) {
			return nil, fail(codeValidationError, "%s attribute key '%s' is not recognized", t.noun, excerpt(a.Key))
		}
		if seen[a.Key] {
			return nil, fail(codeValidationError, "%s attribute key '%s' stands twice", t.noun, a.Key)
		}
		seen[a.Key] = true
		all[a.Key] = a.Value
	}
	return all, nil
}

var (
	truth = words("true", "false")
	text  = valueKind{"text", func(string) bool { return true }}
)

func words(list ...string) valueKind {
	return valueKind{strings.Join(list, " or "), func(s string) bool { return slices.Contains(list, s) }}
}

// within is a whole number in a range.
func within(lo, hi int) valueKind {
	return valueKind{fmt.Sprintf("%d to %d", lo, hi), func(s string) bool {
		n, err := strconv.Atoi(s)
		return err == nil && n >= lo && n <= hi && strconv.Itoa(n) == s
	}}
}

// or is a kind that takes a word as well.
func (k valueKind) or(word string) valueKind {
	return valueKind{k.want + ", or " + word, func(s string) bool { return s == word || k.ok(s) }}
}

// The kinds of rows, by the type of the field that they stand for.

func boolean[T any](key string, field func(v *T) *bool) attributeRow[T] {
	return attributeRow[T]{
		key, truth,
		func(v *T) string { return strconv.FormatBool(*field(v)) },
		func(v *T, s string) { *field(v) = s == "true" },
	}
}

func choice[T any](key string, field func(v *T) *string, list ...string) attributeRow[T] {
	return attributeRow[T]{key, words(list...), func(v *T) string { return *field(v) }, func(v *T, s string) { *field(v) = s }}
}

func seconds[T any](key string, kind valueKind, field func(v *T) *time.Duration) attributeRow[T] {
	return attributeRow[T]{
		key, kind,
		func(v *T) string { return showSeconds(*field(v)) },
		func(v *T, s string) { *field(v) = readSeconds(s) },
	}
}

// threshold is a number of which 0 is called off.
func threshold[T any](key string, hi int, off bool, field func(v *T) *int) attributeRow[T] {
	kind := within(1, hi)
	if off {
		kind = kind.or("off")
	}
	return attributeRow[T]{
		key, kind,
		func(v *T) string {
			if *field(v) == 0 {
				return "off"
			}
			return strconv.Itoa(*field(v))
		},
		func(v *T, s string) { *field(v), _ = strconv.Atoi(s) },
	}
}

func showSeconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

func readSeconds(s string) time.Duration {
	n, _ := strconv.Atoi(s) // its kind was checked
	return time.Duration(n) * time.Second
}

func secondsIn(d time.Duration) int { return int(d / time.Second) }

type lbAttributes = spec.LoadBalancerAttributes

// loadBalancerAttributes are those of an Application Load Balancer.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html
var loadBalancerAttributes = attributeTable[lbAttributes]{
	noun: "Load balancer",
	rows: slices.Concat(
		bucketRows("access_logs", func(a *lbAttributes) *spec.LogBucket { return &a.AccessLogs }),
		[]attributeRow[lbAttributes]{
			seconds("client_keep_alive.seconds", within(secondsIn(spec.MinClientKeepAlive), secondsIn(spec.MaxClientKeepAlive)), func(a *lbAttributes) *time.Duration { return &a.ClientKeepAlive }),
		},
		bucketRows("connection_logs", func(a *lbAttributes) *spec.LogBucket { return &a.ConnectionLogs }),
		[]attributeRow[lbAttributes]{
			boolean("deletion_protection.enabled", func(a *lbAttributes) *bool { return &a.DeletionProtection }),
		},
		bucketRows("health_check_logs", func(a *lbAttributes) *spec.LogBucket { return &a.HealthCheckLogs }),
		[]attributeRow[lbAttributes]{
			seconds("idle_timeout.timeout_seconds", within(secondsIn(spec.MinIdleTimeout), secondsIn(spec.MaxIdleTimeout)), func(a *lbAttributes) *time.Duration { return &a.IdleTimeout }),
			boolean("ipv6.deny_all_igw_traffic", func(a *lbAttributes) *bool { return &a.IPv6DenyAllIGWTraffic }),
			choice("load_balancing.cross_zone.enabled", func(*lbAttributes) *string { return new("true") }, "true"),
			choice("routing.http.desync_mitigation_mode", func(a *lbAttributes) *string { return &a.DesyncMitigationMode }, spec.DesyncMonitor, spec.DesyncDefensive, spec.DesyncStrictest),
			boolean("routing.http.drop_invalid_header_fields.enabled", func(a *lbAttributes) *bool { return &a.DropInvalidHeaderFields }),
			boolean("routing.http.preserve_host_header.enabled", func(a *lbAttributes) *bool { return &a.PreserveHostHeader }),
			boolean("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", func(a *lbAttributes) *bool { return &a.TLSVersionAndCipherSuite }),
			boolean("routing.http.xff_client_port.enabled", func(a *lbAttributes) *bool { return &a.XFFClientPort }),
			choice("routing.http.xff_header_processing.mode", func(a *lbAttributes) *string { return &a.XFFHeaderProcessingMode }, spec.XFFAppend, spec.XFFPreserve, spec.XFFRemove),
			boolean("routing.http2.enabled", func(a *lbAttributes) *bool { return &a.HTTP2 }),
			boolean("waf.fail_open.enabled", func(a *lbAttributes) *bool { return &a.WAFFailOpen }),
			boolean("zonal_shift.config.enabled", func(a *lbAttributes) *bool { return &a.ZonalShift }),
		},
	),
	compose: func(a *lbAttributes, said map[string]string) error {
		for name, bucket := range map[string]*spec.LogBucket{
			"access_logs": &a.AccessLogs, "connection_logs": &a.ConnectionLogs, "health_check_logs": &a.HealthCheckLogs,
		} {
			if said[name+".s3.enabled"] != "true" {
				continue
			}
			if said[name+".s3.bucket"] == "" {
				return fail(codeInvalidConfigurationRequest, "The value of '%s.s3.bucket' cannot be empty when '%s.s3.enabled' is true", name, name)
			}
			*bucket = spec.LogBucket{Bucket: said[name+".s3.bucket"], Prefix: said[name+".s3.prefix"]}
		}
		return nil
	},
}

// bucketRows are the three attributes of a log that goes to S3.
func bucketRows(name string, bucket func(a *lbAttributes) *spec.LogBucket) []attributeRow[lbAttributes] {
	return []attributeRow[lbAttributes]{
		{name + ".s3.enabled", truth, func(a *lbAttributes) string { return strconv.FormatBool(bucket(a).Bucket != "") }, nil},
		{name + ".s3.bucket", text, func(a *lbAttributes) string { return bucket(a).Bucket }, nil},
		{name + ".s3.prefix", text, func(a *lbAttributes) string { return bucket(a).Prefix }, nil},
	}
}

// listenerAttributes are those of a listener that AWS has for responses. Those that rename
// headers of requests are not there.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ListenerAttribute.html
var listenerAttributes = attributeTable[spec.Listener]{
	noun: "Listener",
	rows: []attributeRow[spec.Listener]{
		responseHeader("access_control_allow_credentials", func(h *spec.ResponseHeaders) *string { return &h.AccessControlAllowCredentials }),
		responseHeader("access_control_allow_headers", func(h *spec.ResponseHeaders) *string { return &h.AccessControlAllowHeaders }),
		responseHeader("access_control_allow_methods", func(h *spec.ResponseHeaders) *string { return &h.AccessControlAllowMethods }),
		responseHeader("access_control_allow_origin", func(h *spec.ResponseHeaders) *string { return &h.AccessControlAllowOrigin }),
		responseHeader("access_control_expose_headers", func(h *spec.ResponseHeaders) *string { return &h.AccessControlExposeHeaders }),
		responseHeader("access_control_max_age", func(h *spec.ResponseHeaders) *string { return &h.AccessControlMaxAge }),
		responseHeader("content_security_policy", func(h *spec.ResponseHeaders) *string { return &h.ContentSecurityPolicy }),
		boolean("routing.http.response.server.enabled", func(l *spec.Listener) *bool { return &l.ServerHeader }),
		responseHeader("strict_transport_security", func(h *spec.ResponseHeaders) *string { return &h.StrictTransportSecurity }),
		responseHeader("x_content_type_options", func(h *spec.ResponseHeaders) *string { return &h.XContentTypeOptions }),
		responseHeader("x_frame_options", func(h *spec.ResponseHeaders) *string { return &h.XFrameOptions }),
	},
}

func responseHeader(name string, field func(h *spec.ResponseHeaders) *string) attributeRow[spec.Listener] {
	return attributeRow[spec.Listener]{
		"routing.http.response." + name + ".header_value", text,
		func(l *spec.Listener) string { return *field(&l.ResponseHeaders) },
		func(l *spec.Listener, s string) { *field(&l.ResponseHeaders) = s },
	}
}

type tgAttributes = spec.TargetGroup

// targetGroupAttributes are those of a target group of instances or addresses.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html
var targetGroupAttributes = attributeTable[tgAttributes]{
	noun: "Target group",
	rows: []attributeRow[tgAttributes]{
		seconds("deregistration_delay.timeout_seconds", within(0, secondsIn(spec.MaxDeregistrationDelay)), func(g *tgAttributes) *time.Duration { return &g.DeregistrationDelay }),
		{
			"load_balancing.algorithm.anomaly_mitigation", words("on", "off"),
			func(g *tgAttributes) string {
				if g.AnomalyMitigation {
					return "on"
				}
				return "off"
			},
			func(g *tgAttributes, s string) { g.AnomalyMitigation = s == "on" },
		},
		choice("load_balancing.algorithm.type", func(g *tgAttributes) *string { return &g.Algorithm }, spec.RoundRobin, spec.LeastOutstandingRequests, spec.WeightedRandom),
		choice("load_balancing.cross_zone.enabled", func(g *tgAttributes) *string { return &g.CrossZone }, spec.CrossZoneOn, spec.CrossZoneOff, spec.CrossZoneLikeLoadBalancer),
		seconds("slow_start.duration_seconds", within(secondsIn(spec.MinSlowStart), secondsIn(spec.MaxSlowStart)).or("0"), func(g *tgAttributes) *time.Duration { return &g.SlowStart }),
		{"stickiness.app_cookie.cookie_name", text, func(g *tgAttributes) string { return g.Stickiness.CookieName }, nil},
		{"stickiness.app_cookie.duration_seconds", stickySeconds, func(g *tgAttributes) string { return stickyDuration(g, spec.StickinessAppCookie) }, nil},
		{"stickiness.enabled", truth, func(g *tgAttributes) string { return strconv.FormatBool(g.Stickiness.Type != "") }, nil},
		{"stickiness.lb_cookie.duration_seconds", stickySeconds, func(g *tgAttributes) string { return stickyDuration(g, spec.StickinessLBCookie) }, nil},
		{"stickiness.type", words(spec.StickinessLBCookie, spec.StickinessAppCookie), func(g *tgAttributes) string {
			if g.Stickiness.Type == "" {
				return spec.StickinessLBCookie
			}
			return g.Stickiness.Type
		}, nil},
		threshold("target_group_health.dns_failover.minimum_healthy_targets.count", spec.MaxTargets, true, func(g *tgAttributes) *int { return &g.TargetGroupHealth.DNSFailover.Count }),
		threshold("target_group_health.dns_failover.minimum_healthy_targets.percentage", 100, true, func(g *tgAttributes) *int { return &g.TargetGroupHealth.DNSFailover.Percentage }),
		threshold("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", spec.MaxTargets, false, func(g *tgAttributes) *int { return &g.TargetGroupHealth.UnhealthyStateRouting.Count }),
		threshold("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", 100, true, func(g *tgAttributes) *int { return &g.TargetGroupHealth.UnhealthyStateRouting.Percentage }),
	},
	compose: func(g *tgAttributes, said map[string]string) error {
		if said["stickiness.enabled"] != "true" {
			return nil
		}
		g.Stickiness = spec.Stickiness{Type: said["stickiness.type"], Duration: spec.DefaultStickiness}
		if g.Stickiness.Type == "" {
			g.Stickiness.Type = spec.StickinessLBCookie
		}
		if g.Stickiness.Type == spec.StickinessAppCookie {
			g.Stickiness.CookieName = said["stickiness.app_cookie.cookie_name"]
		}
		if s := said["stickiness."+g.Stickiness.Type+".duration_seconds"]; s != "" {
			g.Stickiness.Duration = readSeconds(s)
		}
		return nil
	},
}

var stickySeconds = within(1, secondsIn(spec.MaxStickiness))

func stickyDuration(g *tgAttributes, kind string) string {
	if g.Stickiness.Type == kind {
		return showSeconds(g.Stickiness.Duration)
	}
	return showSeconds(spec.DefaultStickiness)
}
