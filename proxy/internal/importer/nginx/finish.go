package nginx

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

// process reads what holds for the whole process.
func (c *converter) process(root *scope) {
	if events := root.lastOwn("events"); events != nil {
		events.NotNeeded("one process uses every core, and has as many connections as descriptors")
	}
	for _, d := range root.list {
		if d.Name == "include" || d.Name == "http" || d.Name == "events" {
			continue
		}
		if d.Name == "stream" || d.Name == "mail" {
			importer.Walk(d.Block, func(in *directive) { in.NotMapped("stands in " + d.Name) })
			d.NotMapped("only HTTP is balanced: keep a TCP balancer for it")
		}
	}
}

// finish reads what holds for all of a server, and is one value for all servers here.
func (c *converter) finish(servers []*server) {
	for i, v := range servers {
		c.errorPages(v)
		c.cache(v)
		c.rateLimits(v)
		c.realIP(v.scope)
		c.compression(v.scope)
		c.accessLog(v.scope, i)
		c.keepAlive(v.scope)
	}
	c.keep()
	c.proxyProtocol()
	if len(servers) == 0 {
		c.compression(c.http)
	}
}

// keepAlive is how long a client's connection may be idle.
func (c *converter) keepAlive(s *scope) {
	d := s.last("keepalive_timeout")
	if d == nil {
		return
	}
	key := "load_balancer.attributes.idle_timeout"
	t, ok := duration(d.Arg(0))
	switch {
	case !ok:
	case t == 0:
		d.NotMapped("connections of clients are kept open: idle_timeout is 1s at least")
	default:
		c.draft.Env.LoadBalancer.Attributes.IdleTimeout = importer.WholeSeconds(t, spec.MinIdleTimeout, spec.MaxIdleTimeout)
		c.draft.Note(key, d)
		d.MapsBy(key, "also for a client that is slow in a request; target groups have timeouts of their own")
	}
}

// accessLog is where requests are written down.
func (c *converter) accessLog(s *scope, i int) {
	all := s.all("access_log")
	key := "proxy.access_log"
	for _, d := range all {
		if d.Arg(0) == "off" {
			c.draft.Env.Proxy.AccessLog.Path = spec.LogOff
			c.draft.Note(key+".path", d)
			d.Maps(key + ".path")
			continue
		}
		if strings.HasPrefix(d.Arg(0), "syslog:") || strings.Contains(d.Arg(0), "$") {
			d.NotMapped("logs are files: write to /dev/stdout, and let the system send it on")
			continue
		}
		log := spec.LogFile{Path: d.Arg(0), Format: spec.LogFormatCombined}
		format := c.format(d.Arg(1))
		if format != nil && strings.Contains(strings.Join(format.Args, " "), "escape=json") {
			log.Format = spec.LogFormatJSON
		}
		if i > 0 && c.draft.Env.Proxy.AccessLog != log {
			d.Differs(key, "there is one log for all servers, "+c.draft.Env.Proxy.AccessLog.Path)
			continue
		}
		c.draft.Env.Proxy.AccessLog = log
		c.draft.Note(key+".path", d)
		if len(d.Args) > 2 {
			d.Differs(key, "lines are gathered and written out by themselves; parameters have no equivalent")
		} else {
			d.Maps(key + ".path, " + key + ".format")
		}
		if format != nil {
			format.Differs(key+".format", "is "+log.Format+", with fields of its own; alb is the richest")
		}
	}
	for _, l := range c.locationScopes(s) {
		for _, d := range l.own("access_log") {
			d.Differs(key, "there is one log for all paths")
		}
	}
	if len(all) == 0 && i == 0 {
		c.draft.Env.Proxy.AccessLog = spec.LogFile{Path: "/dev/stdout", Format: spec.LogFormatCombined}
	}
}

// format is the log_format of a name; nil for combined.
func (c *converter) format(name string) *directive {
	for _, d := range c.http.own("log_format") {
		if d.Arg(0) == name {
			return d
		}
	}
	return nil
}

// stubStatus is a location that counts connections: the admin listener has it.
//
// https://nginx.org/en/docs/http/ngx_http_stub_status_module.html
func (c *converter) stubStatus(o *location, d *directive) *piece {
	admin := &c.draft.Env.Proxy.Admin
	how := "/nginx_status of the admin listener, " + admin.Listen + " by default"
	d.MapsBy("proxy.admin.listen", how)
	o.MapsBy("proxy.admin.listen", how+"; here its path is answered with 403")
	if path := strings.TrimSuffix(o.path, "/"); path != "/nginx_status" && path != "" {
		o.Differs("proxy.admin.listen", "the path is /nginx_status")
	}
	c.statusAccess(o.all("allow", "deny"), d)
	return &piece{action: fixed(403, ""), open: true}
}

// statusAccess is who may ask for the counters: of nginx's list, in which the first match
// decides, what may before anything may not.
func (c *converter) statusAccess(list []*directive, from *directive) {
	const key = "proxy.admin.nginx_status_allow"
	allow := []string{}
	closed := false
	for _, d := range list {
		block, ok := cidr(d.Arg(0))
		all := d.Arg(0) == "all"
		switch {
		case !ok && !all:
			d.NotMapped("is no block of addresses")
			continue
		case closed:
			d.NotNeeded("stands behind a line that decides on everybody")
			continue
		case d.Name == "deny" && !all:
			d.Differs(key, "only who may ask is listed: what is denied within a block that is allowed later may ask here")
			continue
		case d.Name == "deny":
			d.Maps(key)
		case all:
			allow = append(allow, "0.0.0.0/0", "::/0")
			d.Maps(key)
		default:
			allow = append(allow, block)
			d.Maps(key)
			if a := netip.MustParsePrefix(block); !a.Addr().IsLoopback() {
				d.MapsBy(key, "give proxy.admin.listen, which is "+spec.DefaultAdminListen+", an address that they reach")
			}
		}
		c.draft.Note(key, d)
		closed = all
	}
	if !closed {
		allow = append(allow, "0.0.0.0/0", "::/0") // nginx lets in whom no line names
	}
	if len(list) == 0 {
		from.MapsBy(key, "anybody may ask who reaches it")
	}
	have := &c.draft.Env.Proxy.Admin.NginxStatusAllow
	if before := spec.Default[spec.Admin]().NginxStatusAllow; !slices.Equal(*have, before) && !slices.Equal(*have, allow) {
		from.Differs(key, "the first location with counters says who may ask")
		return
	}
	*have = allow
}

// realIPByProtocol is the client's address from the PROXY protocol.
func (c *converter) realIPByProtocol(d *directive) {
	if len(c.proxyHeaders) == 0 {
		d.NotNeeded("no listen directive says proxy_protocol")
		return
	}
	d.Maps("proxy.proxy_protocol")
}

// proxyProtocol has listeners read the PROXY protocol's header, which is taken from trusted
// proxies only.
func (c *converter) proxyProtocol() {
	for _, h := range c.proxyHeaders {
		if len(c.draft.Env.Proxy.TrustedProxies) == 0 {
			h.from.NotMapped("a PROXY header is taken from proxy.trusted_proxies only, which nobody names (set_real_ip_from): name the balancer before this one there, and say required in proxy.proxy_protocol." + h.listener)
			continue
		}
		if c.draft.Env.Proxy.ProxyProtocol == nil {
			c.draft.Env.Proxy.ProxyProtocol = map[string]string{}
		}
		c.draft.Env.Proxy.ProxyProtocol[h.listener] = spec.ProxyProtocolRequired
		c.draft.Note("proxy.proxy_protocol."+h.listener, h.from)
		h.from.MapsBy("proxy.proxy_protocol", "from trusted_proxies only")
	}
}
