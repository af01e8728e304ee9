package spec

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// ProxyOnly holds what no ALB has; the CDK app refuses it by name, unless aws.proxy_only is
// drop.
type ProxyOnly struct {
	// Algorithm replaces the group's: source_ip_hash (nginx's ip_hash: the same target for the
	// same IPv4 /24 or IPv6 address), consistent_hash (HAProxy's hash with hash-type consistent,
	// nginx's hash ... consistent), power_of_two_choices (HAProxy's random(2), nginx's random
	// two) or least_time (prefers targets whose answers begin soon; nginx's least_time header).
	// Targets have shares by their weight with each. Default: the group's.
	Algorithm string `yaml:"algorithm"`
	// ConsistentHash says what consistent_hash hashes.
	ConsistentHash ConsistentHash `yaml:"consistent_hash"`
	// Queue holds requests while every target has its max_connections. Default: none, which
	// answers them with 503.
	Queue Queue `yaml:"queue"`
	// PassiveHealth takes targets out that fail requests. Default: off.
	PassiveHealth PassiveHealth `yaml:"passive_health"`
	// Retries sends a failed request to another target. Default: off.
	Retries Retries `yaml:"retries"`
	// ConnectTimeout bounds the TCP handshake with a target: 1ms to 75s. Default 10s, as ALB.
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
	// SendTimeout bounds the time between two writes to a target: 1ms to 4000s, and up to a
	// quarter longer. Default 0s, the load balancer's idle_timeout.
	SendTimeout time.Duration `yaml:"send_timeout"`
	// ReadTimeout bounds the time between two reads from a target: 1ms to 4000s, and up to a
	// quarter longer once it has begun to answer. Default 0s, the load balancer's idle_timeout.
	ReadTimeout time.Duration `yaml:"read_timeout"`
	// TunnelTimeout ends a WebSocket, or what else a connection was upgraded to, on which
	// neither side has sent anything for so long: 1ms to 24h, and up to a quarter longer.
	// Default 0s, the load balancer's idle_timeout. HAProxy: timeout tunnel; nginx:
	// proxy_read_timeout of its location.
	TunnelTimeout time.Duration `yaml:"tunnel_timeout"`
	// MaxRequestBody is the most bytes that the body of a request has: 1 to 1099511627776
	// (1 TiB), or 0 for no bound. A larger one is answered with 413. Default 0. nginx:
	// client_max_body_size.
	MaxRequestBody int `yaml:"max_request_body"`
	// IdleConnections is how many idle connections are kept per target: 0 to 10000. Default 32.
	IdleConnections int `yaml:"idle_connections"`
	// Cookie keeps clients with their targets as HAProxy's does. Default: the group's stickiness.
	Cookie PersistenceCookie `yaml:"cookie"`
	// Headers changes the headers of requests to targets. Default: none.
	Headers RequestHeaders `yaml:"headers"`
	// Discovery finds targets by DNS, in addition to those that the group names. Default: off.
	Discovery Discovery `yaml:"discovery"`
}

// Values of ProxyOnly.Algorithm.
const (
	SourceIPHash      = "source_ip_hash"
	ConsistentHashing = "consistent_hash"
	PowerOfTwoChoices = "power_of_two_choices"
	LeastTime         = "least_time"
)

// Limits and defaults of ProxyOnly. No AWS page has them: they are what nginx and HAProxy
// allow, or what is still sensible.
const (
	DefaultConnectTimeout  = 10 * time.Second
	MaxConnectTimeout      = 75 * time.Second
	MaxTunnelTimeout       = 24 * time.Hour
	MaxMaxRequestBody      = 1 << 40
	DefaultIdleConnections = 32
	MaxIdleConnections     = 10000
	MaxTargetWeight        = 256
	MaxTargetConnections   = 100000
	MaxQueueDepth          = 100000
	MaxQueueTimeout        = 10 * time.Minute
	MaxRetryAttempts       = 10
	MaxFails               = 1000
	MaxFailTimeout         = time.Hour
	MinBoundedLoad         = 100
	MaxBoundedLoad         = 1000
)

func (p *ProxyOnly) setDefaults() {
	p.ConnectTimeout = DefaultConnectTimeout
	p.IdleConnections = DefaultIdleConnections
}

func (p *ProxyOnly) limits() limits {
	idle := zeroOr("the load balancer's idle_timeout", between(time.Millisecond, MaxIdleTimeout))
	return limits{
		"algorithm":        oneOf(SourceIPHash, ConsistentHashing, PowerOfTwoChoices, LeastTime),
		"connect_timeout":  between(time.Millisecond, MaxConnectTimeout),
		"send_timeout":     idle,
		"read_timeout":     idle,
		"tunnel_timeout":   zeroOr("the load balancer's idle_timeout", between(time.Millisecond, MaxTunnelTimeout)),
		"max_request_body": zeroOr("no bound", between(1, MaxMaxRequestBody)),
		"idle_connections": between(0, MaxIdleConnections),
	}
}

func (p *ProxyOnly) check(c *checker, path string) {
	if p.Algorithm == ConsistentHashing && p.ConsistentHash.absent() {
		c.refuse(field(path, "consistent_hash"), "is missing", "", "a key, as the algorithm is consistent_hash")
	}
	if p.Algorithm != ConsistentHashing && !p.ConsistentHash.absent() {
		c.refuse(field(path, "consistent_hash"), "is for algorithm consistent_hash", "", "no such key, or that algorithm")
	}
}

// ConsistentHash says what the algorithm consistent_hash hashes.
type ConsistentHash struct {
	// Key is source_ip, host, path, uri (path and query), header:NAME, cookie:NAME or
	// query:NAME. Requests that lack the header, cookie or parameter take turns.
	Key string `yaml:"key"`
	// BoundedLoad is the most outstanding requests that a target has, in hundredths of the
	// mean, before its requests go on to the next: 100 to 1000, or 0 for no bound; 125 is usual.
	// Default 0. HAProxy: hash-balance-factor.
	BoundedLoad int `yaml:"bounded_load"`
}

func (h *ConsistentHash) absent() bool { return *h == ConsistentHash{} }

func (h *ConsistentHash) limits() limits {
	return limits{
		"key":          required(like(hashKeyShape, "source_ip, host, path, uri, header:NAME, cookie:NAME or query:NAME")),
		"bounded_load": zeroOr("no bound", between(MinBoundedLoad, MaxBoundedLoad)),
	}
}

// Queue holds requests while no target has room, first come, first served. A request that is
// bound to a target by its cookie waits for that one, and goes to another when the queue is
// full. Without a queue, backup targets help out when nobody else has room.
type Queue struct {
	// Depth is how many requests wait: 1 to 100000, or 0 for no queue; more are answered with
	// 503. Default 0.
	Depth int `yaml:"depth"`
	// Timeout is how long a request waits before it is answered with 503: 1ms to 10m. HAProxy's
	// timeout queue.
	Timeout time.Duration `yaml:"timeout"`
}

func (q *Queue) absent() bool { return *q == Queue{} }

func (q *Queue) limits() limits {
	return limits{"depth": between(1, MaxQueueDepth), "timeout": between(time.Millisecond, MaxQueueTimeout)}
}

// PassiveHealth takes a target out when requests to it fail: no connection, no answer in
// time, a connection that ends before an answer, an answer that is none, and the statuses that
// retries name. A request at a time tries it when FailTimeout is over; health checks that had
// found it unhealthy as well, and find it healthy again, take it back. A group's only target
// stays, and when the last of several would go all are taken back. nginx's max_fails and
// fail_timeout.
type PassiveHealth struct {
	// MaxFails is how many requests must fail, none later than FailTimeout after the one
	// before: 1 to 1000, or 0 for off. Default 0.
	MaxFails int `yaml:"max_fails"`
	// FailTimeout is the time in which failures count, and for which the target is out then:
	// 1s to 1h.
	FailTimeout time.Duration `yaml:"fail_timeout"`
}

func (p *PassiveHealth) absent() bool { return *p == PassiveHealth{} }

func (p *PassiveHealth) limits() limits {
	return limits{"max_fails": between(1, MaxFails), "fail_timeout": between(time.Second, MaxFailTimeout)}
}

// Values of Retries.On.
const (
	RetryConnectError = "connect_error"
	RetryTimeout      = "timeout"
	RetryReset        = "reset"
	RetryHTTP502      = "http_502"
	RetryHTTP503      = "http_503"
	RetryHTTP504      = "http_504"
)

// Retries sends a failed request to a target that it was not sent to before, and that has
// room. It must not have been sent yet, or its method is idempotent (RFC 9110 section 9.2.2)
// and it has no body, or one that came whole with the head and is smaller than 64 KiB. Nothing
// is sent again once the client has seen anything of an answer. Each attempt has the group's
// timeouts anew. A stickiness cookie follows.
type Retries struct {
	// Attempts is how many further targets are tried: 1 to 10, or 0 for off. Default 0.
	Attempts int `yaml:"attempts"`
	// On says after what: connect_error (no connection or TLS session came about, in time or at
	// all), timeout (no answer in time), reset (the connection ended before an answer), http_502,
	// http_503, http_504. Only connect_error is retried for requests that are not idempotent.
	On []string `yaml:"on"`
	// Budget is the most that retries may add to the requests of the group in the last 10
	// seconds: 1% to 100%. 10 retries in that time are always allowed.
	Budget Percent `yaml:"budget"`
}

func (r *Retries) absent() bool { return r.Attempts == 0 && len(r.On) == 0 && r.Budget == 0 }

func (r *Retries) limits() limits {
	return limits{
		"attempts": between(1, MaxRetryAttempts),
		"on":       required(each(oneOf(RetryConnectError, RetryTimeout, RetryReset, RetryHTTP502, RetryHTTP503, RetryHTTP504))),
		"budget":   between(Percent(1), Percent(100)),
	}
}

// Discovery finds targets by DNS. An answer that names others than before registers and
// deregisters targets, whose requests in flight finish within the deregistration_delay; no
// answer, and one that there is nothing, leave the targets as they are.
type Discovery struct {
	// DNS is a name whose addresses, A and AAAA, are targets; in full, as no domain is searched.
	// A name such as _http._tcp.web.internal is that of a service: its SRV records bring
	// ports, weights (in proportion, 1 to 256), and backups: all that have not the lowest
	// priority. At most 1000 targets. nginx: server … resolve; HAProxy: server-template.
	// Default: off.
	DNS string `yaml:"dns"`
	// Port of the targets: 1 to 65535; not for a service. Default 0, the group's.
	Port int `yaml:"port"`
	// Interval between look-ups: 1s to 1h. Default 0s, as long as the records live.
	Interval time.Duration `yaml:"interval"`
	// Resolvers are DNS servers to ask, in this order, each an address and a port; at most 3.
	// Default: those of /etc/resolv.conf.
	Resolvers []string `yaml:"resolvers"`
}

// Limits of Discovery.
const (
	// MaxResolvers is how many servers resolv.conf(5) has, too.
	MaxResolvers = 3
	// maxDNSName is as long as a name can be, written out (RFC 1035, 2.3.4).
	maxDNSName = 253
)

// SRV reports whether DNS is the name of a service.
func (d *Discovery) SRV() bool { return serviceShape.MatchString(d.DNS) }

func (d *Discovery) absent() bool {
	return d.DNS == "" && d.Port == 0 && d.Interval == 0 && len(d.Resolvers) == 0
}

func (d *Discovery) limits() limits {
	return limits{
		"dns":       required(both(like(dnsNameShape, "a name such as web.internal"), length(maxDNSName))),
		"port":      zeroOr("the group's", between(1, 65535)),
		"interval":  zeroOr("as long as the records live", between(time.Second, time.Hour)),
		"resolvers": both(atMost(MaxResolvers), each(that("an address and a port such as 10.0.0.2:53", isServerAddress))),
	}
}

// isServerAddress tells whether s is an address and a port to connect to.
func isServerAddress(s string) bool {
	a, err := netip.ParseAddrPort(s)
	return err == nil && a.Port() != 0 && !a.Addr().IsUnspecified()
}

func (d *Discovery) check(c *checker, path string) {
	if d.SRV() && d.Port != 0 {
		c.refuse(field(path, "port"), "is what the records of a service bring", strconv.Itoa(d.Port), "no such key")
	}
}

// TargetProxyOnly holds the per-target settings that no ALB has.
type TargetProxyOnly struct {
	// Weight is the target's share beside its peers, 1-256. Default 1.
	Weight int `yaml:"weight"`
	// Backup targets serve only when every other target is out: unhealthy, or out by passive
	// health. Those that have no room are not out, see queue. Default false.
	Backup bool `yaml:"backup"`
	// MaxConnections bounds concurrent requests to the target: 1 to 100000, or 0 for no bound.
	// Others take what is beyond; when all have as much as they may, the request waits in the
	// queue, or is answered with 503. Default 0. nginx: max_conns; HAProxy: maxconn.
	MaxConnections int `yaml:"max_connections"`
}

func (p *TargetProxyOnly) setDefaults() { p.Weight = 1 }

func (p *TargetProxyOnly) limits() limits {
	return limits{
		"weight":          between(1, MaxTargetWeight),
		"max_connections": zeroOr("no bound", between(1, MaxTargetConnections)),
	}
}

// NotServed returns the paths of settings in effect that this version's container accepts
// and does not act on, in the order of the file format.
func (e *Environment) NotServed() []string {
	var paths []string
	add := func(path string, inEffect bool) {
		if inEffect {
			paths = append(paths, path)
		}
	}
	for i := range e.TargetGroups {
		group := element("target_groups", i)
		add(field(group, "cross_zone"), e.TargetGroups[i].CrossZone == CrossZoneOff)
	}
	for i, group := range e.WAF.Managed {
		add(element("waf.managed", i), OnlyOnAWS(group))
	}
	add(geoMatchPath, !e.WAF.GeoMatch.absent() && e.Proxy.GeoDatabase == "")
	return paths
}

const geoMatchPath = "waf.geo_match"

// WarnOfNotServed is the Inspection that warns of what NotServed lists.
func WarnOfNotServed(env *Environment, report Report) {
	for _, path := range env.NotServed() {
		want := ""
		if path == geoMatchPath {
			want = "a database of countries in proxy.geo_database"
		}
		report.Warn(path, fmt.Sprintf("is accepted, but the container does not act on %s", path[strings.LastIndex(path, ".")+1:]), "", want)
	}
}
