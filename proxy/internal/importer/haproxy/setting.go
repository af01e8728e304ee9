package haproxy

import (
	"slices"
	"strconv"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

// settings are the timeouts, retries and queue of a backend.
func (c *converter) settings(g *importer.Group, s *section, limited bool, v server) {
	p := &g.ProxyOnly
	if d := s.last("timeout connect"); d != nil {
		if t, ok := duration(d.Arg(0)); ok && t > 0 {
			p.ConnectTimeout = min(max(t, time.Millisecond), spec.MaxConnectTimeout)
			importer.Comment(g.Notes, "proxy_only.connect_timeout", d)
			d.Maps("target_groups[].proxy_only.connect_timeout")
		}
	}
	if d := s.last("timeout server"); d != nil {
		if t, ok := duration(d.Arg(0)); ok && t > 0 {
			p.ReadTimeout = min(max(t, time.Millisecond), spec.MaxIdleTimeout)
			p.SendTimeout = p.ReadTimeout
			importer.Comment(g.Notes, "proxy_only.read_timeout", d)
			importer.Comment(g.Notes, "proxy_only.send_timeout", d)
			d.Maps("target_groups[].proxy_only.read_timeout, target_groups[].proxy_only.send_timeout")
		}
	}
	if d := s.last("timeout tunnel"); d != nil {
		c.tunnel(g, d)
	}
	c.retries(g, s)
	queue := s.last("timeout queue")
	if limited {
		// HAProxy holds what is beyond maxconn as long as this, or as long as a connection may take.
		p.Queue = spec.Queue{Depth: spec.MaxQueueDepth, Timeout: p.ConnectTimeout}
		if v.maxqueue > 0 {
			p.Queue.Depth = min(v.maxqueue*max(1, len(g.Targets)), spec.MaxQueueDepth)
		}
		importer.Comment(g.Notes, "proxy_only.queue", s.directive)
	}
	if queue != nil {
		if t, ok := duration(queue.Arg(0)); ok && t > 0 && limited {
			p.Queue.Timeout = min(max(t, time.Millisecond), spec.MaxQueueTimeout)
			importer.Comment(g.Notes, "proxy_only.queue", queue)
			queue.Maps(keyQueue + ".timeout")
		}
	}
}

// retries is how often a request that failed is sent again, and after what.
func (c *converter) retries(g *importer.Group, s *section) {
	attempts := defaultRetries
	d := s.last("retries")
	if d != nil {
		if n, err := strconv.Atoi(d.Arg(0)); err == nil {
			attempts = n
		}
		d.MapsBy(keyRetries+".attempts", "each goes to another target")
		importer.Comment(g.Notes, "proxy_only.retries", d)
	}
	on := []string{"connect_error"}
	if d := s.last("retry-on"); d != nil {
		on = nil
		key := keyRetries + ".on"
		d.Maps(key)
		if slices.ContainsFunc(d.Args, func(word string) bool { return word != "none" && word != "conn-failure" }) {
			d.Differs(key, "a request that is not idempotent is sent again only if nothing of it was sent")
		}
		importer.Comment(g.Notes, "proxy_only.retries", d)
		for _, word := range d.Args {
			switch word {
			case "none":
			case "conn-failure":
				on = append(on, "connect_error")
			case "empty-response", "junk-response":
				on = append(on, "reset")
			case "response-timeout":
				on = append(on, "timeout")
			case "502", "503", "504":
				on = append(on, "http_"+word)
			case "all-retryable-errors":
				on = append(on, "connect_error", "reset", "timeout", "http_502", "http_503", "http_504")
			default:
				d.Differs(key, word+" is passed to the client")
			}
		}
	}
	if d := s.last("option redispatch"); d != nil {
		d.MapsBy(keyRetries, "a retry always goes to another target, also of a client with a cookie")
		importer.Comment(g.Notes, "proxy_only.retries", d)
	}
	targets := len(g.Targets)
	if g.ProxyOnly.Discovery.DNS != "" {
		targets = max(targets, defaultRetries+1)
	}
	attempts = min(attempts, targets-1)
	if attempts < 1 || len(on) == 0 {
		return
	}
	slices.Sort(on)
	g.ProxyOnly.Retries = spec.Retries{Attempts: min(attempts, spec.MaxRetryAttempts), On: slices.Compact(on), Budget: 100}
}

// tunnel is how long a WebSocket may be idle.
func (c *converter) tunnel(g *importer.Group, d *directive) {
	const key = "target_groups[].proxy_only.tunnel_timeout"
	t, ok := duration(d.Arg(0))
	if !ok || t <= 0 {
		d.NotMapped("is no time")
		return
	}
	g.ProxyOnly.TunnelTimeout = min(max(t, time.Millisecond), spec.MaxTunnelTimeout)
	importer.Comment(g.Notes, "proxy_only.tunnel_timeout", d)
	d.Maps(key)
	if g.ProxyOnly.TunnelTimeout != t {
		d.Differs(key, "the most is "+spec.MaxTunnelTimeout.String())
	}
}

// sticky keeps clients with their targets.
//
// https://docs.haproxy.org/3.0/configuration.html#4.2-cookie
func (c *converter) sticky(g *importer.Group, s *section) {
	if d := s.last("cookie"); d != nil {
		c.cookie(g, d)
	}
	for _, d := range s.own("stick on") {
		if d.Arg(0) != "src" {
			d.NotMapped("targets are remembered by cookies: use stickiness, or consistent_hash of the header, cookie or query")
			continue
		}
		if g.ProxyOnly.Algorithm == "" {
			g.ProxyOnly.Algorithm, g.ProxyOnly.ConsistentHash.Key = spec.ConsistentHashing, "source_ip"
			importer.Comment(g.Notes, "proxy_only.algorithm", d)
		}
		d.Differs(keyAlgorithm, "a client's address is hashed, not remembered: it may move when targets come and go")
		if table := c.tables[s.Arg(0)]; table != nil {
			table.Differs(keyAlgorithm, "nothing has to be remembered")
		}
	}
}
