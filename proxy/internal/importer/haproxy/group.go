package haproxy

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

const (
	keyTargets   = "target_groups[].targets[]"
	keyAlgorithm = "target_groups[].proxy_only.algorithm"
	keyPlain     = "target_groups[].algorithm"
	keyCheck     = "target_groups[].health_check"
	keyPassive   = "target_groups[].proxy_only.passive_health"
	keyDiscovery = "target_groups[].proxy_only.discovery"
	keyQueue     = "target_groups[].proxy_only.queue"
	keyRetries   = "target_groups[].proxy_only.retries"
)

// Defaults of HAProxy that hold where a configuration says nothing.
//
// https://docs.haproxy.org/3.0/configuration.html#5.2
const (
	defaultInterval   = 2 * time.Second
	defaultRise       = 2
	defaultFall       = 3
	defaultRetries    = 3
	defaultErrorLimit = 10
)

// server is what a server line says, over default-server.
type server struct {
	weight, maxconn, maxqueue int
	check, backup, disabled   bool
	tls, observe, markDown    bool
	inter, slowstart          time.Duration
	rise, fall, errorLimit    int
	cookie, resolvers, port   string
}

// group makes a target group of a backend, or of the servers of a listen section.
func (c *converter) group(s *section) {
	g := importer.NewGroup()
	g.Name = importer.Name(s.Arg(0))
	s.Maps("target_groups[]")
	importer.Comment(g.Notes, "", s.directive)
	base := server{weight: 1, rise: defaultRise, fall: defaultFall, inter: defaultInterval, errorLimit: defaultErrorLimit}
	for at := s; at != nil; at = at.defaults {
		for _, d := range at.own("default-server") {
			if at == s || len(s.own("default-server")) == 0 {
				d.Maps(keyTargets)
				base = c.parameters(base, d.Args, d)
			}
		}
	}
	checked, limited := false, false
	first := server{}
	for _, d := range s.own("server", "server-template") {
		args := 2
		if d.Name == "server-template" {
			args = 3
		}
		if len(d.Args) < args {
			d.NotMapped("has no name and address")
			continue
		}
		v := c.parameters(base, d.Args[args:], d)
		if !c.member(g, s, d, v, d.Args[args-1]) {
			continue
		}
		checked, limited = checked || v.check, limited || v.maxconn > 0
		if first == (server{}) {
			first = v
		}
	}
	if g.Port == 0 {
		g.Port = 80
		if len(g.Targets) == 0 && g.ProxyOnly.Discovery.DNS == "" {
			s.Differs("target_groups[]", "has no server")
		}
	}
	c.balance(g, s)
	importer.CheckSlowStart(g)
	c.checks(g, s, first, checked)
	c.settings(g, s, limited, first)
	c.sticky(g, s)
	g = c.draft.AddGroup(g, "")
	if s.Name == "listen" {
		c.groups["\x00"+s.Arg(0)] = g
	} else {
		c.groups[s.Arg(0)] = g
		c.own(s)
	}
}

// own are the lines of a backend that decide on requests: they stand on listeners here.
func (c *converter) own(s *section) {
	for _, d := range s.Block {
		switch d.Name {
		case "http-request set-header", "http-request add-header", "http-request del-header":
			rest, list, _ := terms(d.Args)
			c.requestHeader(s, d, rest, list)
		case "errorfile":
			c.errorFile(d)
		case "acl":
			d.NotMapped("stands in a backend: write the rule on the listener")
		default:
			if strings.HasPrefix(d.Name, "http-request ") || strings.HasPrefix(d.Name, "http-response ") || d.Name == "redirect" || d.Name == "use-server" {
				d.NotMapped("stands in a backend: write the rule, or response_headers, on the listener")
			}
		}
	}
	c.compression(s)
}

// parameters reads what stands behind a server's address.
func (c *converter) parameters(v server, args []string, d *directive) server {
	for i := 0; i < len(args); i++ {
		word, value := args[i], argument(args, i+1)
		n, err := strconv.Atoi(value)
		t, isTime := duration(value)
		took := true
		switch word {
		case "weight":
			v.weight = n
		case "maxconn":
			v.maxconn = n
			d.Maps(keyTargets + ".proxy_only.max_connections")
		case "maxqueue":
			v.maxqueue = n
			d.Differs(keyQueue, "one queue is for all targets of the group")
		case "rise":
			v.rise = n
		case "fall":
			v.fall = n
		case "inter":
			if isTime {
				v.inter = t
			}
		case "fastinter", "downinter":
			d.Differs(keyCheck+".interval", word+" is none of its own: one interval holds in every state")
		case "slowstart":
			if isTime {
				v.slowstart = t
			}
		case "cookie":
			v.cookie = value
		case "error-limit":
			v.errorLimit = n
		case "observe":
			v.observe = true
			if value == "layer4" {
				d.Differs(keyPassive, "answers with 5XX count as failures too")
			}
		case "on-error":
			v.markDown = value != "fastinter"
			if value == "sudden-death" || value == "fail-check" {
				d.Differs(keyPassive, value+" takes the target out as mark-down does")
			}
		case "resolvers":
			v.resolvers = value
		case "init-addr", "resolve-prefer", "id", "on-marked-down", "on-marked-up", "pool-max-conn", "pool-purge-delay", "pool-low-conn", "max-reuse", "minconn", "tfo", "ws", "hash-key", "log-bufsize", "resolve-net", "resolve-opts", "track":
			switch word {
			case "minconn":
				d.Differs(keyTargets+".proxy_only.max_connections", "the bound does not move with the load")
			case "track":
				d.Differs(keyCheck, "is checked by itself")
			case "on-marked-down":
				d.Differs(keyCheck, "requests in progress go on when a target turns unhealthy")
			}
		case "port":
			v.port = value
		case "addr", "check-sni", "check-alpn", "check-proto", "sni", "alpn", "proto", "source", "ca-file", "crt", "ciphers", "ciphersuites", "ssl-min-ver", "ssl-max-ver", "verifyhost", "namespace", "redir", "agent-port", "agent-inter", "agent-addr", "agent-send", "socks4":
			d.Differs(keyTargets, word+" has no equivalent")
		case "verify":
			if value == "required" {
				d.Differs("target_groups[].protocol", "certificates of targets are not verified, as by any ALB")
			}
		default:
			took = false
		}
		if took {
			i++
			if err != nil && slices.Contains([]string{"weight", "maxconn", "rise", "fall", "error-limit", "maxqueue"}, word) {
				d.Differs(keyTargets, word+" has no number")
			}
			continue
		}
		switch word {
		case "check":
			v.check = true
		case "no-check":
			v.check = false
		case "backup":
			v.backup = true
		case "no-backup":
			v.backup = false
		case "disabled":
			v.disabled = true
		case "enabled":
			v.disabled = false
		case "ssl":
			v.tls = true
		case "check-ssl", "allow-0rtt", "no-ssl-reuse", "no-tls-tickets", "non-stick", "no-sslv3", "no-tlsv10", "no-tlsv11", "tls-tickets":
		case "send-proxy", "send-proxy-v2", "send-proxy-v2-ssl", "send-proxy-v2-ssl-cn", "check-send-proxy", "agent-check":
			d.Differs(keyTargets, word+" has no equivalent: targets learn of the client by X-Forwarded-For")
		default:
			d.Differs(keyTargets, "the parameter "+word+" is not known")
		}
	}
	return v
}

// member adds a server to the group, if it is one that serves.
func (c *converter) member(g *importer.Group, s *section, d *directive, v server, address string) bool {
	if v.disabled {
		d.Differs(keyTargets, "is disabled and left out; add it when it serves, the container reloads the file")
		return false
	}
	if strings.HasPrefix(address, "/") || strings.HasPrefix(address, "unix@") || strings.HasPrefix(address, "abns@") {
		d.NotMapped("targets have an address and a port: let the application listen on a port of 127.0.0.1")
		return false
	}
	host, number, err := net.SplitHostPort(strings.TrimPrefix(strings.TrimPrefix(address, "ipv4@"), "ipv6@"))
	port, bad := strconv.Atoi(number)
	if err != nil || bad != nil || port < 1 || port > spec.MaxPort {
		d.NotMapped("has no address with a port from 1 to 65535")
		return false
	}
	if v.tls {
		g.Protocol = spec.ProtocolHTTPS
		g.HealthCheck.Protocol = spec.ProtocolHTTPS
		d.Maps("target_groups[].protocol")
	}
	if g.Port == 0 {
		g.Port = port
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	a, err := netip.ParseAddr(host)
	if d.Name == "server-template" || err != nil && v.resolvers != "" || err != nil {
		return c.discover(g, d, host, port, v)
	}
	t := spec.Default[spec.Target]()
	t.ID = idOf(g, s, d, v)
	t.Address = a.String()
	if port != g.Port {
		t.Port = port
	}
	key := keyTargets
	switch {
	case v.weight == 0:
		d.Differs(keyTargets, "has weight 0 and is left out: to drain a target, `evenkeel target drain`")
		return false
	case v.weight > 1:
		t.ProxyOnly.Weight = min(v.weight, spec.MaxTargetWeight)
		key += ", " + keyTargets + ".proxy_only.weight"
	}
	t.ProxyOnly.MaxConnections = min(max(v.maxconn, 0), spec.MaxTargetConnections)
	t.ProxyOnly.Backup = v.backup
	if v.backup {
		key += ", " + keyTargets + ".proxy_only.backup"
		if s.last("option allbackups") == nil {
			d.MapsBy(key, "all backups serve when no other target does, as with option allbackups")
		}
	}
	importer.Comment(g.Notes, fmt.Sprintf("targets[%d]", len(g.Targets)), d)
	g.Targets = append(g.Targets, t)
	d.Maps(key)
	if v.slowstart > 0 {
		importer.SlowStart(g, v.slowstart, d)
	}
	if v.observe && v.markDown {
		g.ProxyOnly.PassiveHealth = spec.PassiveHealth{MaxFails: min(max(v.errorLimit, 1), spec.MaxFails), FailTimeout: importer.WholeSeconds(v.inter*time.Duration(max(v.rise, 1)), time.Second, spec.MaxFailTimeout)}
		importer.Comment(g.Notes, "proxy_only.passive_health", d)
		d.Differs(keyPassive, "failures count within fail_timeout, not only those in a row")
	}
	return true
}

// discover makes a name one that the container looks up again and again.
func (c *converter) discover(g *importer.Group, d *directive, host string, port int, v server) bool {
	if !importer.Discover(g, host, port, d) {
		return false
	}
	d.MapsBy(keyDiscovery, "every address is a target of its own")
	if v.weight > 1 || v.maxconn > 0 || v.backup {
		d.Differs(keyDiscovery, "targets that are found have no weight, maxconn or backup of their own")
	}
	if r := c.resolvers[v.resolvers]; r != nil {
		c.resolve(g, r)
	}
	return true
}

// resolve is where names are looked up, and how often.
//
// https://docs.haproxy.org/3.0/configuration.html#5.3.2
func (c *converter) resolve(g *importer.Group, section *directive) {
	section.Maps(keyDiscovery)
	for _, d := range section.Block {
		switch {
		case d.Name == "nameserver":
			importer.Resolve(g, []string{strings.TrimPrefix(strings.TrimPrefix(d.Arg(1), "udp@"), "tcp@")}, 0, d)
		case d.Name == "hold" && d.Arg(0) == "valid":
			if t, ok := duration(d.Arg(1)); ok {
				importer.Resolve(g, nil, t, d)
			}
		case d.Name == "parse-resolv-conf":
			d.MapsBy(keyDiscovery+".resolvers", "the default")
		}
	}
}

// balance is the algorithm.
//
// https://docs.haproxy.org/3.0/configuration.html#4.2-balance
func (c *converter) balance(g *importer.Group, s *section) {
	d := s.last("balance")
	if d == nil {
		return
	}
	p := &g.ProxyOnly
	name, argument, _ := strings.Cut(strings.TrimSuffix(d.Arg(0), ")"), "(")
	var key string
	switch name {
	case "roundrobin":
		d.Maps(keyPlain)
		return
	case "static-rr":
		d.MapsBy(keyPlain, "")
		return
	case "leastconn":
		g.Algorithm = spec.LeastOutstandingRequests
		importer.Comment(g.Notes, "algorithm", d)
		d.Maps(keyPlain)
		return
	case "source":
		key = "source_ip"
	case "random":
		if argument == "1" {
			g.Algorithm = spec.WeightedRandom
			importer.Comment(g.Notes, "algorithm", d)
			d.Maps(keyPlain)
			return
		}
		p.Algorithm = spec.PowerOfTwoChoices
		importer.Comment(g.Notes, "proxy_only.algorithm", d)
		if argument != "" && argument != "2" {
			d.Differs(keyAlgorithm, "two are drawn, not "+argument)
			return
		}
		d.Maps(keyAlgorithm)
		return
	case "uri":
		key = "path"
		if slices.Contains(d.Args, "whole") {
			key = "uri"
		}
		if slices.Contains(d.Args, "len") || slices.Contains(d.Args, "depth") {
			d.Differs(keyAlgorithm, "the whole path is hashed")
		}
	case "url_param":
		key = "query:" + d.Arg(1)
	case "hdr":
		key = "header:" + argument
	default:
		d.NotMapped("servers are not filled one after the other, nor by cookies of other protocols: use least_outstanding_requests, or stickiness")
		return
	}
	if !hashKey.MatchString(key) {
		d.NotMapped("hashes what is no key of consistent_hash: choose one")
		return
	}
	p.Algorithm, p.ConsistentHash.Key = spec.ConsistentHashing, key
	importer.Comment(g.Notes, "proxy_only.algorithm", d)
	d.Differs(keyAlgorithm+", target_groups[].proxy_only.consistent_hash.key", "a key goes to one target as with HAProxy, but not to the same one: the hash is another; a request without it takes its turn")
	c.hashType(g, s)
}

var hashKey = regexp.MustCompile("^(source_ip|path|uri|(header|query):[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128})$")

func (c *converter) hashType(g *importer.Group, s *section) {
	if d := s.last("hash-type"); d != nil {
		if d.Arg(0) == "consistent" {
			d.Maps(keyAlgorithm)
		} else {
			d.Differs(keyAlgorithm, "is consistent: fewer keys move when targets come and go")
		}
	}
	if d := s.last("hash-balance-factor"); d != nil && g.ProxyOnly.Algorithm == spec.ConsistentHashing {
		if n, err := strconv.Atoi(d.Arg(0)); err == nil && n > 0 {
			g.ProxyOnly.ConsistentHash.BoundedLoad = min(max(n, spec.MinBoundedLoad), spec.MaxBoundedLoad)
			importer.Comment(g.Notes, "proxy_only.consistent_hash.bounded_load", d)
		}
		d.Maps("target_groups[].proxy_only.consistent_hash.bounded_load")
	}
}
