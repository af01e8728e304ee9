package nginx

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

// Defaults of nginx that hold where a configuration says nothing.
//
// https://nginx.org/en/docs/http/ngx_http_upstream_module.html
const (
	defaultMaxFails    = 1
	defaultFailTimeout = 10 * time.Second
	defaultTimeout     = 60 * time.Second
)

const (
	keyTargets   = "target_groups[].targets[]"
	keyAlgorithm = "target_groups[].proxy_only.algorithm"
	keyPlain     = "target_groups[].algorithm"
	keyPassive   = "target_groups[].proxy_only.passive_health"
	keyIdle      = "target_groups[].proxy_only.idle_connections"
	keyDiscovery = "target_groups[].proxy_only.discovery"
	keyCookie    = "target_groups[].proxy_only.cookie"
)

// members adds what an upstream block says to a group.
func (c *converter) members(g *importer.Group, pool *scope) {
	pool.Maps("target_groups[]")
	importer.Comment(g.Notes, "", pool.directive)
	passive := false
	for _, d := range pool.list {
		switch d.Name {
		case "server":
			passive = c.member(g, d, passive) || passive
		case "keepalive_timeout":
			d.NotNeeded("connections to targets are kept as long as idle_timeout, and no request is lost when one ends")
		case "keepalive":
			c.keepalive(g, d)
		case "least_conn":
			g.Algorithm = spec.LeastOutstandingRequests
			importer.Comment(g.Notes, "algorithm", d)
			d.Maps(keyPlain)
		case "ip_hash":
			g.ProxyOnly.Algorithm = spec.SourceIPHash
			importer.Comment(g.Notes, "proxy_only.algorithm", d)
			d.MapsBy(keyAlgorithm, "with nginx's own mapping: a client stays on the target that it has")
		case "hash":
			hash(g, d)
		case "random":
			random(g, d)
		case "least_time":
			g.ProxyOnly.Algorithm = spec.LeastTime
			importer.Comment(g.Notes, "proxy_only.algorithm", d)
			d.Maps(keyAlgorithm)
		case "queue":
			n, err := strconv.Atoi(d.Arg(0))
			if err == nil && n >= 1 && n <= spec.MaxQueueDepth {
				g.ProxyOnly.Queue = spec.Queue{Depth: n, Timeout: defaultTimeout}
				if t, ok := duration(strings.TrimPrefix(d.Arg(1), "timeout=")); ok && t > 0 {
					g.ProxyOnly.Queue.Timeout = min(t, spec.MaxQueueTimeout)
				}
				importer.Comment(g.Notes, "proxy_only.queue", d)
				d.Maps("target_groups[].proxy_only.queue")
			}
		case "sticky":
			stickyCookie(g, d)
		}
	}
	importer.CheckSlowStart(g)
	if !passive {
		passiveHealth(g, defaultMaxFails, defaultFailTimeout)
	}
	if len(g.Targets) == 1 && g.ProxyOnly.Discovery.DNS == "" {
		// nginx never gives up on the only server that it has.
		g.ProxyOnly.PassiveHealth = spec.PassiveHealth{}
		delete(g.Notes, "proxy_only.passive_health")
	}
}

// member adds a server to a group and tells whether it decided on the passive checks.
//
// https://nginx.org/en/docs/http/ngx_http_upstream_module.html#server
func (c *converter) member(g *importer.Group, d *directive, passive bool) bool {
	t := spec.Default[spec.Target]()
	fails, timeout := defaultMaxFails, defaultFailTimeout
	said, down := false, false
	keys := []string{keyTargets}
	for _, p := range d.Args[min(1, len(d.Args)):] {
		name, value, _ := strings.Cut(p, "=")
		n, err := strconv.Atoi(value)
		switch name {
		case "weight":
			if err == nil && n > spec.MaxTargetWeight {
				d.Differs(keyTargets+".proxy_only.weight", fmt.Sprintf("the most is %d", spec.MaxTargetWeight))
			}
			if err == nil && n > 0 {
				t.ProxyOnly.Weight = min(n, spec.MaxTargetWeight)
				keys = append(keys, keyTargets+".proxy_only.weight")
			}
		case "max_conns":
			if err == nil && n >= 0 {
				t.ProxyOnly.MaxConnections = min(n, spec.MaxTargetConnections)
				if n > 0 {
					d.Differs(keyTargets+".proxy_only.max_connections", "when every target has as many, the answer is 503, not 502")
				}
			}
		case "max_fails":
			if err == nil {
				fails, said = n, true
			}
		case "fail_timeout":
			if v, ok := duration(value); ok {
				timeout, said = v, true
			}
		case "backup":
			t.ProxyOnly.Backup = true
			keys = append(keys, keyTargets+".proxy_only.backup")
		case "down":
			down = true
		case "slow_start":
			if v, ok := duration(value); ok {
				importer.SlowStart(g, v, d)
			}
		case "resolve", "service":
		default:
			d.Differs(keyTargets, "the parameter "+name+" has no equivalent")
		}
	}
	if down {
		d.Differs(keyTargets, "is down and left out; add it when it is up, the container reloads the file")
		return false
	}
	if !c.address(g, &t, d.Arg(0), d) {
		return false
	}
	importer.Comment(g.Notes, fmt.Sprintf("targets[%d]", len(g.Targets)-1), d)
	d.Maps(strings.Join(keys, ", "))
	if !said {
		return false
	}
	have := g.ProxyOnly.PassiveHealth
	if passive && (have.MaxFails != fails || have.MaxFails > 0 && have.FailTimeout != importer.WholeSeconds(timeout, time.Second, spec.MaxFailTimeout)) {
		d.Differs(keyPassive, "max_fails and fail_timeout are those of the group's first server: a group has one of each")
		return true
	}
	if passive {
		d.Maps(keyPassive)
		return true
	}
	passiveHealth(g, fails, timeout)
	importer.Comment(g.Notes, "proxy_only.passive_health", d)
	d.Maps(keyPassive)
	return true
}

func passiveHealth(g *importer.Group, fails int, timeout time.Duration) {
	if fails <= 0 {
		g.ProxyOnly.PassiveHealth = spec.PassiveHealth{}
		return
	}
	g.ProxyOnly.PassiveHealth = spec.PassiveHealth{MaxFails: min(fails, spec.MaxFails), FailTimeout: importer.WholeSeconds(timeout, time.Second, spec.MaxFailTimeout)}
}

// address adds a target of the address to the group, or its name for discovery.
func (c *converter) address(g *importer.Group, t *spec.Target, address string, d *directive) bool {
	if strings.HasPrefix(address, "unix:") {
		d.NotMapped("targets have an address and a port: let the application listen on a port of 127.0.0.1")
		return false
	}
	defaultPort := 80
	if g.Protocol == spec.ProtocolHTTPS {
		defaultPort = 443
	}
	host, number := address, defaultPort
	if h, p, err := net.SplitHostPort(address); err == nil {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 || n > spec.MaxPort {
			d.NotMapped("has no port from 1 to 65535")
			return false
		}
		host, number = h, n
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if g.Port == 0 {
		g.Port = number
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return c.discover(g, host, number, d)
	}
	t.ID = fmt.Sprintf("%s-%d", importer.Name(g.Name), len(g.Targets)+1)
	t.Address = a.String()
	if number != g.Port {
		t.Port = number
	}
	g.Targets = append(g.Targets, *t)
	return true
}

// discover makes a name one that the container looks up again and again; nginx does so once,
// or with resolve.
func (c *converter) discover(g *importer.Group, host string, port int, d *directive) bool {
	for _, p := range d.Args {
		if service, ok := strings.CutPrefix(p, "service="); ok && d.Name == "server" {
			if strings.Contains(service, ".") { // https://nginx.org/en/docs/http/ngx_http_upstream_module.html#service
				host = service + "." + host
			} else {
				host = "_" + service + "._tcp." + host
			}
		}
	}
	if !importer.Discover(g, host, port, d) {
		return false
	}
	d.MapsBy(keyDiscovery, "looked up as long as the container runs, not only when it starts; every address is a target of its own")
	return true
}

// resolver is where names are looked up.
//
// https://nginx.org/en/docs/http/ngx_http_core_module.html#resolver
func (c *converter) resolver(g *importer.Group, o *location) {
	d := o.last("resolver")
	if d == nil || g.ProxyOnly.Discovery.DNS == "" {
		return
	}
	var servers []string
	var valid time.Duration
	for _, p := range d.Args {
		name, value, isParameter := strings.Cut(p, "=")
		switch {
		case !isParameter:
			servers = append(servers, p)
		case name == "valid":
			valid, _ = duration(value)
		}
	}
	importer.Resolve(g, servers, valid, d)
}

func (c *converter) keepalive(g *importer.Group, d *directive) {
	n, err := strconv.Atoi(d.Arg(0))
	if err != nil {
		return
	}
	g.ProxyOnly.IdleConnections = min(n, spec.MaxIdleConnections)
	importer.Comment(g.Notes, "proxy_only.idle_connections", d)
	d.Differs(keyIdle, "counts the idle connections to each target, not those of a worker to all servers")
}

// hash makes a hash of one variable a consistent hash.
func hash(g *importer.Group, d *directive) {
	key, ok := hashKey(d.Arg(0))
	if !ok {
		d.NotMapped("hashes what is no key of consistent_hash (source_ip, host, path, uri, header, cookie, query): choose one")
		return
	}
	g.ProxyOnly.Algorithm = spec.ConsistentHashing
	g.ProxyOnly.ConsistentHash.Key = key
	importer.Comment(g.Notes, "proxy_only.algorithm", d)
	importer.Comment(g.Notes, "proxy_only.consistent_hash.key", d)
	keys := keyAlgorithm + ", target_groups[].proxy_only.consistent_hash.key"
	if d.Arg(1) == "consistent" {
		d.Differs(keys, "a key goes to one target as with nginx, but not to the same one: the hash is another; a request without it takes its turn")
	} else {
		d.Differs(keys, "is consistent as well: fewer keys move when targets come and go; the hash is another; a request without a key takes its turn")
	}
}

// hashKey is the key of consistent_hash that means the variable.
func hashKey(s string) (string, bool) {
	switch s = strings.NewReplacer("${", "$", "}", "").Replace(s); s {
	case "$remote_addr", "$binary_remote_addr":
		return "source_ip", true
	case "$request_uri":
		return "uri", true
	case "$uri", "$document_uri":
		return "path", true
	case "$host", "$http_host":
		return "host", true
	}
	for before, kind := range map[string]string{"$http_": "header:", "$cookie_": "cookie:", "$arg_": "query:"} {
		if rest, ok := strings.CutPrefix(s, before); ok && wordShape.MatchString(rest) {
			if kind == "header:" {
				rest = strings.ReplaceAll(rest, "_", "-")
			}
			return kind + rest, true
		}
	}
	return "", false
}

func random(g *importer.Group, d *directive) {
	if d.Arg(0) != "two" {
		g.Algorithm = spec.WeightedRandom
		importer.Comment(g.Notes, "algorithm", d)
		d.Maps(keyPlain)
		return
	}
	g.ProxyOnly.Algorithm = spec.PowerOfTwoChoices
	importer.Comment(g.Notes, "proxy_only.algorithm", d)
	if m := d.Arg(1); m != "" && m != "least_conn" {
		d.Differs(keyAlgorithm, "of the two, the one with fewer requests is taken, not by "+m)
		return
	}
	d.Maps(keyAlgorithm)
}

// stickyCookie is nginx Plus's cookie.
//
// https://nginx.org/en/docs/http/ngx_http_upstream_module.html#sticky
func stickyCookie(g *importer.Group, d *directive) {
	name := d.Arg(1)
	if d.Arg(0) != "cookie" || !wordShape.MatchString(name) || strings.HasPrefix(strings.ToUpper(name), "AWSALB") {
		d.NotMapped("targets do not say whom they keep: use proxy_only.cookie, or stickiness of type app_cookie for a cookie of the application")
		return
	}
	p := &g.ProxyOnly.Cookie
	p.Name, p.Nocache = name, true
	importer.Comment(g.Notes, "proxy_only.cookie", d)
	d.Differs(keyCookie, "the value is the target's id, not a hash of its address: clients choose a target anew once")
	for _, arg := range d.Args[2:] {
		switch key, value, _ := strings.Cut(arg, "="); key {
		case "expires":
			if t, ok := duration(value); ok && t > 0 {
				p.MaxLife = importer.WholeSeconds(t, time.Second, spec.MaxCookieLife)
			}
			d.Differs(keyCookie, "the cookie counts for as long, and ends with the browser if that is earlier")
		case "httponly":
			p.HTTPOnly = true
		case "secure":
			p.Secure = true
		case "domain":
			if dnsShape.MatchString(strings.TrimPrefix(value, ".")) && !strings.Contains(value, "_") {
				p.Domain = value
			} else {
				d.Differs(keyCookie, "has no domain, as what is said is none, or a variable")
			}
		case "samesite":
			p.SameSite = map[string]string{"strict": "Strict", "lax": "Lax", "none": "None"}[strings.ToLower(value)]
		case "path":
			if value != "/" {
				d.Differs(keyCookie, "the path is /")
			}
		}
	}
	if p.SameSite == "None" && !p.Secure {
		p.SameSite = ""
		d.Differs(keyCookie, "has no SameSite=None, which browsers drop without secure")
	}
}
