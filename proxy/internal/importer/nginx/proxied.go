package nginx

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

// content is what answers a location; nil if the edge does, or nothing.
func (c *converter) content(o *location) *piece {
	if !o.server {
		if d := o.lastOwn("proxy_pass"); d != nil {
			return c.proxied(o, d)
		}
		if d := o.lastOwn("grpc_pass"); d != nil {
			return c.proxied(o, d)
		}
		for _, name := range []string{"fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass"} {
			if d := o.lastOwn(name); d != nil {
				d.NotMapped("targets are spoken to by HTTP only: let the application serve HTTP (uwsgi --http-socket, gunicorn), and forward to it")
				return &piece{action: fixed(503, "")}
			}
		}
		if d := o.lastOwn("stub_status"); d != nil {
			return c.stubStatus(o, d)
		}
		if d := o.lastOwn("internal"); d != nil {
			d.Maps("load_balancer.listeners[].rules[].action.fixed_response")
			return &piece{action: fixed(404, ""), open: true}
		}
	}
	return c.files(o)
}

// proxied is the forward action of a proxy_pass, with the group that it leads to.
//
// https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass
func (c *converter) proxied(o *location, d *directive) *piece {
	u, err := url.Parse(d.Arg(0))
	if err != nil || u.Host == "" || strings.Contains(d.Arg(0), "$") || strings.HasPrefix(d.Arg(0), "http://unix:") {
		d.NotMapped("leads to what is known only with a request, or to a Unix socket: name an address, or an upstream block")
		return &piece{action: fixed(503, "")}
	}
	g := importer.NewGroup()
	g.Name = importer.Name(u.Host)
	switch u.Scheme {
	case "http":
	case "https", "grpcs":
		g.Protocol, g.HealthCheck.Protocol = spec.ProtocolHTTPS, spec.ProtocolHTTPS
	}
	if d.Name == "grpc_pass" {
		g.ProtocolVersion = spec.ProtocolVersionGRPC
		d.Maps("target_groups[].protocol_version")
	}
	key := "load_balancer.listeners[].rules[].action.forward"
	if pool := c.pools[u.Host]; pool != nil {
		g.Name = importer.Name(u.Host)
		c.members(g, pool)
	} else {
		t := spec.Default[spec.Target]()
		if !c.address(g, &t, u.Host, d) {
			return &piece{action: fixed(503, "")}
		}
	}
	if len(g.Targets) == 0 && g.ProxyOnly.Discovery.DNS == "" {
		d.Differs(key, "the group has no target")
		g.Port = 80
	}
	importer.Comment(g.Notes, "", d)
	c.settings(g, o)
	c.checks(g, o, d)
	p := &piece{}
	if path := u.EscapedPath(); path != "" {
		p.transforms.URLRewrite = c.rewriteOf(o, path, d)
	}
	if rewrite := c.breakRewrite(o); rewrite != nil {
		p.transforms.URLRewrite = *rewrite
	}
	c.hostHeader(o, d)
	p.action = forward(c.draft.AddGroup(g, o.title()).Name)
	d.Maps(key)
	return p
}

// rewriteOf replaces the part of a path that the location matches by that of proxy_pass.
func (c *converter) rewriteOf(o *location, path string, d *directive) spec.Rewrite {
	if o.kind == matching {
		d.Differs("load_balancer.listeners[].rules[].transforms.url_rewrite", "a path in proxy_pass has no meaning in a location with an expression")
		return spec.Rewrite{}
	}
	if path == o.path {
		return spec.Rewrite{}
	}
	d.Maps("load_balancer.listeners[].rules[].transforms.url_rewrite")
	if o.kind == exactly {
		return spec.Rewrite{Regex: "^" + quoteMeta(o.path), Replace: strings.ReplaceAll(path, "$", "$$")}
	}
	return spec.Rewrite{Regex: "^" + quoteMeta(o.path) + "(.*)$", Replace: strings.ReplaceAll(path, "$", "$$") + "$1"}
}

// settings are those of a location that a group holds.
func (c *converter) settings(g *importer.Group, o *location) {
	p := &g.ProxyOnly
	c.timeout(g, o, "proxy_connect_timeout", "connect_timeout", &p.ConnectTimeout, spec.MaxConnectTimeout)
	c.timeout(g, o, "proxy_send_timeout", "send_timeout", &p.SendTimeout, spec.MaxIdleTimeout)
	c.timeout(g, o, "proxy_read_timeout", "read_timeout", &p.ReadTimeout, spec.MaxIdleTimeout)
	if p.SendTimeout == 0 {
		p.SendTimeout = defaultTimeout
	}
	if p.ReadTimeout == 0 {
		p.ReadTimeout = defaultTimeout
	}
	if o.last("proxy_connect_timeout") == nil {
		p.ConnectTimeout = defaultTimeout
	}
	for _, d := range o.all("proxy_set_header") {
		if strings.EqualFold(d.Arg(0), "upgrade") {
			p.TunnelTimeout = p.ReadTimeout // it holds for both directions of what was upgraded
			if read := o.last("proxy_read_timeout"); read != nil {
				importer.Comment(g.Notes, "proxy_only.tunnel_timeout", read)
				read.Maps("target_groups[].proxy_only.tunnel_timeout")
			}
		}
	}
	c.largestBody(g, o)
	c.resolver(g, o)
	c.retries(g, o)
	c.requestHeaders(g, o)
	if d := o.last("proxy_http_version"); d != nil {
		if d.Arg(0) == "1.0" {
			d.Differs("target_groups[].protocol_version", "targets are spoken to by HTTP/1.1")
		} else {
			d.MapsBy("target_groups[].protocol_version", "the default; WebSockets need nothing more")
		}
	}
}

// defaultBody is nginx's own bound.
//
// https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size
const defaultBody = 1 << 20

// largestBody is how large the body of a request may be.
func (c *converter) largestBody(g *importer.Group, o *location) {
	const key = "target_groups[].proxy_only.max_request_body"
	g.ProxyOnly.MaxRequestBody = defaultBody
	d := o.last("client_max_body_size")
	if d == nil {
		return
	}
	n, ok := size(d.Arg(0))
	if !ok || n > spec.MaxMaxRequestBody {
		d.NotMapped("is no size")
		return
	}
	g.ProxyOnly.MaxRequestBody = n
	importer.Comment(g.Notes, "proxy_only.max_request_body", d)
	d.Maps(key)
}

func (c *converter) timeout(g *importer.Group, o *location, name, key string, to *time.Duration, most time.Duration) {
	d := o.last(name)
	if d == nil {
		return
	}
	t, ok := duration(d.Arg(0))
	if !ok || t <= 0 {
		d.NotMapped("is no time")
		return
	}
	*to = min(t, most)
	importer.Comment(g.Notes, "proxy_only."+key, d)
	if t > most {
		d.Differs("target_groups[].proxy_only."+key, "the most is "+most.String())
		return
	}
	d.Maps("target_groups[].proxy_only." + key)
}

// retries is what proxy_next_upstream says, or what nginx does without it: another server
// after an error or a timeout, until all have been tried.
func (c *converter) retries(g *importer.Group, o *location) {
	key := "target_groups[].proxy_only.retries"
	attempts := len(g.Targets) - 1
	if g.ProxyOnly.Discovery.DNS != "" {
		attempts = max(attempts, 2)
	}
	if d := o.last("proxy_next_upstream_tries"); d != nil {
		d.Maps(key + ".attempts")
		if n, err := strconv.Atoi(d.Arg(0)); err == nil && n > 0 {
			attempts = min(attempts, n-1)
		}
	}
	if d := o.last("proxy_next_upstream_timeout"); d != nil {
		d.Differs(key, "attempts and budget bound retries, no time: the timeouts of the group hold for each")
	}
	on := []string{"connect_error", "reset", "timeout"}
	d := o.last("proxy_next_upstream")
	if d != nil {
		on = nil
		d.Maps(key + ".on")
		for _, word := range d.Args {
			switch word {
			case "error":
				on = append(on, "connect_error", "reset")
			case "timeout", "http_502", "http_503", "http_504":
				on = append(on, word)
			case "invalid_header":
				on = append(on, "http_502")
				d.MapsBy(key+".on", "an answer that cannot be read counts as http_502")
			case "off":
			case "non_idempotent":
				d.Differs(key+".on", "a request that is not idempotent is never sent twice, unless nothing of it was sent")
			default:
				d.Differs(key+".on", word+" is passed to the client: it is no failure of a target")
			}
		}
	}
	if attempts < 1 || len(on) == 0 {
		return
	}
	slices.Sort(on)
	g.ProxyOnly.Retries = spec.Retries{Attempts: min(attempts, spec.MaxRetryAttempts), On: slices.Compact(on), Budget: 100}
	importer.Comment(g.Notes, "proxy_only.retries", d)
}

// checks says how targets are checked, which nginx without Plus does not do at all.
func (c *converter) checks(g *importer.Group, o *location, from *directive) {
	h := &g.HealthCheck
	key := "target_groups[].health_check"
	if g.ProtocolVersion == spec.ProtocolVersionGRPC {
		from.Differs(key, "targets are checked by a call of AWS.ALB/healthcheck that they need not know, every 30s as well")
		return
	}
	h.Path, h.Matcher = "/", "200-499"
	if d := o.last("health_check"); d != nil {
		c.healthCheck(h, d)
		importer.Comment(g.Notes, "health_check", d)
		return
	}
	path := c.healthPath()
	if path != "" {
		h.Path = path
	}
	h.HealthyThreshold, h.UnhealthyThreshold = spec.MinHealthCheckThreshold, spec.MinHealthCheckThreshold
	pool := from
	if v, ok := url.Parse(from.Arg(0)); ok == nil && c.pools[v.Host] != nil {
		pool = c.pools[v.Host].directive
	}
	pool.Differs(key, "targets are checked at "+h.Path+" every 30s as well: name the path and the codes that tell a healthy target")
}

// healthPath is the path of a location that looks as if it were for health checks.
func (c *converter) healthPath() string {
	for _, d := range c.proxiedLocations {
		path := d.Arg(len(d.Args) - 1)
		if slices.Contains([]string{"/health", "/healthz", "/ping", "/status", "/up"}, strings.TrimSuffix(path, "/")) {
			return path
		}
	}
	return ""
}

// healthCheck reads nginx Plus's directive.
//
// https://nginx.org/en/docs/http/ngx_http_upstream_hc_module.html
func (c *converter) healthCheck(h *spec.HealthCheck, d *directive) {
	h.Interval, h.HealthyThreshold, h.UnhealthyThreshold, h.Matcher = spec.MinHealthCheckInterval, spec.MinHealthCheckThreshold, spec.MinHealthCheckThreshold, "200-399"
	d.Maps("target_groups[].health_check")
	for _, p := range d.Args {
		name, value, _ := strings.Cut(p, "=")
		n, _ := strconv.Atoi(value)
		threshold := min(max(n, spec.MinHealthCheckThreshold), spec.MaxHealthCheckThreshold)
		switch name {
		case "uri":
			h.Path = value
		case "interval":
			if t, ok := duration(value); ok {
				h.Interval = importer.WholeSeconds(t, spec.MinHealthCheckInterval, spec.MaxHealthCheckInterval)
				if h.Interval != t {
					d.Differs("target_groups[].health_check.interval", "5s to 300s are possible")
				}
			}
		case "fails":
			h.UnhealthyThreshold = threshold
		case "passes":
			h.HealthyThreshold = threshold
		case "port":
			h.Port = value
		default:
			d.Differs("target_groups[].health_check", "the parameter "+name+" has no equivalent: a check is judged by its status")
		}
	}
	h.Timeout = min(h.Timeout, h.Interval-time.Second)
}
