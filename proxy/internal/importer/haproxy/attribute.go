package haproxy

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

// duration reads HAProxy's times: milliseconds, or with a unit.
//
// https://docs.haproxy.org/3.0/configuration.html#2.5
func duration(s string) (time.Duration, bool) {
	digits := strings.TrimRight(s, "usmhd")
	n, err := strconv.Atoi(digits)
	unit, known := map[string]time.Duration{"us": time.Microsecond, "ms": time.Millisecond, "": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}[s[len(digits):]]
	if err != nil || !known || n < 0 || time.Duration(n) > (1<<62)/unit {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

// attributes are what a frontend says that is one value for all listeners here.
func (c *converter) attributes(s *section) {
	env := &c.draft.Env
	if d := s.last("timeout client"); d != nil {
		key := "load_balancer.attributes.idle_timeout"
		if t, ok := duration(d.Arg(0)); ok && t > 0 {
			env.LoadBalancer.Attributes.IdleTimeout = importer.WholeSeconds(t, spec.MinIdleTimeout, spec.MaxIdleTimeout)
			c.draft.Note(key, d)
			d.Maps(key)
		}
	}
	if d := s.last("timeout http-keep-alive"); d != nil {
		d.Differs("load_balancer.attributes.idle_timeout", "connections without a request are kept as long as others")
	}
	if d := s.last("option forwardfor"); d != nil {
		key := "load_balancer.attributes.xff_header_processing_mode"
		d.Maps(key)
		for i, word := range d.Args {
			switch word {
			case "except":
				d.Differs(key, "is added for every client")
			case "header":
				d.Differs(key, "is called X-Forwarded-For, not "+d.Arg(i+1))
			case "if-none":
				d.Differs(key, "the client's address is added behind what the client sent")
			}
		}
	}
	c.log(s)
	c.compression(s)
	if d := s.last("maxconn"); d != nil {
		d.Differs("proxy.max_connections", "bounds the connections of all listeners together")
	}
	for at := s; at != nil; at = at.defaults {
		for _, d := range at.own("errorfile") {
			c.errorFile(d)
		}
	}
}

// log is where requests are written down.
func (c *converter) log(s *section) {
	key := "proxy.access_log"
	for _, at := range []*section{s, s.defaults, c.global} {
		if at == nil {
			continue
		}
		for _, d := range at.own("log") {
			if d.Arg(0) == "global" {
				d.Maps(key)
				continue
			}
			d.Differs(key+".path", "logs go to standard output: let the system send them on")
		}
	}
	for _, name := range []string{"option httplog", "option httpslog", "log-format", "option tcplog"} {
		if d := s.last(name); d != nil {
			d.Differs(key+".format", "alb, with the fields and the order of an ALB's log")
		}
	}
	if d := s.last("option log-health-checks"); d != nil {
		c.draft.Env.Proxy.HealthCheckLog.Path = "/dev/stdout"
		c.draft.Note("proxy.health_check_log.path", d)
		d.MapsBy("proxy.health_check_log", "with every check, not only changes")
	}
}

// compression is what answers are compressed.
func (c *converter) compression(s *section) {
	p := &c.draft.Env.Edge.Compression
	if d := s.last("compression algo"); d != nil && d.Arg(0) != "identity" {
		p.Enabled = true
		p.MinimumSize = 0
		c.draft.Note("edge.compression.enabled", d)
		d.MapsBy("edge.compression.enabled", "by Brotli or Zstandard for clients that take them")
	}
	if d := s.last("compression type"); d != nil {
		p.Types = nil
		for _, t := range d.Args {
			if !mediaShape.MatchString(t) {
				d.Differs("edge.compression.types", t+" is no whole media type")
			} else if !slices.Contains(p.Types, t) {
				p.Types = append(p.Types, t)
			}
		}
		if len(p.Types) == 0 {
			p.Types = spec.Default[spec.Compression]().Types
		}
		c.draft.Note("edge.compression.types", d)
		d.Maps("edge.compression.types")
	}
	if d := s.last("compression offload"); d != nil {
		d.Differs("edge.compression", "targets see Accept-Encoding, and what they compress themselves stays as it is")
	}
}

var mediaShape = regexp.MustCompile(`^[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+$`)

// errorFile is an answer of HAProxy's own in a file, which has a head.
func (c *converter) errorFile(d *directive) {
	key := "edge.error_pages"
	status, file := d.Arg(0), d.Arg(1)
	if !slices.Contains([]string{"400", "403", "404", "405", "414", "416", "500", "501", "502", "503", "504"}, status) || file == "" {
		d.NotMapped("has a status that has no page of its own")
		return
	}
	page := strings.TrimSuffix(strings.TrimSuffix(file, ".http"), ".html") + ".html"
	if c.draft.Env.Edge.ErrorPages == nil {
		c.draft.Env.Edge.ErrorPages = map[string]string{}
	}
	if have, ok := c.draft.Env.Edge.ErrorPages[status]; ok && have != page {
		d.Differs(key, "a status has one page for all of the site, "+have)
		return
	}
	c.draft.Env.Edge.ErrorPages[status] = page
	c.draft.Note(key+"."+status, d)
	if status == "503" {
		d.Differs(key, "a target that takes no connection is a 502, not a 503")
	}
	d.Differs(key, "is a page without a head, which also stands for what targets say with the status: sed '1,/^\\r*$/d' "+file+" > "+page)
}
