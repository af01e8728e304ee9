package haproxy

import (
	"regexp"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

// checks is how targets are checked.
func (c *converter) checks(g *importer.Group, s *section, v server, checked bool) {
	h := &g.HealthCheck
	h.Matcher = "200-399"
	bounded := func(n int) int { return min(max(n, spec.MinHealthCheckThreshold), spec.MaxHealthCheckThreshold) }
	if checked {
		h.Interval = importer.WholeSeconds(v.inter, spec.MinHealthCheckInterval, spec.MaxHealthCheckInterval)
		h.HealthyThreshold, h.UnhealthyThreshold = bounded(v.rise), bounded(v.fall)
		if h.Interval != v.inter || h.HealthyThreshold != v.rise || h.UnhealthyThreshold != v.fall {
			for _, d := range s.own("server", "server-template") {
				d.Differs(keyCheck, "targets are checked every 5s to 300s, with thresholds of 2 to 10, as by an ALB")
			}
		}
		if v.port != "" {
			h.Port = v.port
		}
	} else {
		s.Differs(keyCheck, "targets are checked all the same, at / every 30s: name the path and the codes that tell a healthy target")
		h.Matcher = "200-499"
	}
	h.Timeout = min(h.Timeout, h.Interval-time.Second)
	if d := s.last("timeout check"); d != nil {
		if t, ok := duration(d.Arg(0)); ok {
			h.Timeout = importer.WholeSeconds(t, spec.MinHealthCheckTimeout, min(spec.MaxHealthCheckTimeout, h.Interval-time.Second))
			importer.Comment(g.Notes, "health_check.timeout", d)
			d.Maps(keyCheck + ".timeout")
			if h.Timeout != t {
				d.Differs(keyCheck+".timeout", "2s to 120s, and less than the interval")
			}
		}
	}
	d := s.last("option httpchk")
	if d == nil {
		if checked {
			s.Differs(keyCheck, "a check is a request for / that is answered with 200 to 499, not a connection only")
			h.Matcher = "200-499"
		}
		return
	}
	importer.Comment(g.Notes, "health_check.path", d)
	h.Path = "/"
	switch len(d.Args) {
	case 0:
	case 1:
		h.Path = d.Arg(0)
	default:
		h.Path = d.Arg(1)
	}
	method := "OPTIONS"
	if len(d.Args) > 1 {
		method = d.Arg(0)
	}
	for _, send := range s.all("http-check send") {
		for i, word := range send.Args {
			switch word {
			case "meth":
				method = send.Arg(i + 1)
			case "uri":
				h.Path = send.Arg(i + 1)
				importer.Comment(g.Notes, "health_check.path", send)
			case "hdr", "body":
				send.Differs(keyCheck, "a check sends no headers and no body of its own")
			}
		}
		send.Maps(keyCheck + ".path")
	}
	if len(d.Args) > 2 && strings.Contains(d.Args[2], "Host") {
		d.Differs(keyCheck, "a check sends the target's address as Host")
	}
	if method == "GET" {
		d.Maps(keyCheck + ".path")
	} else {
		d.Differs(keyCheck+".path", "a check is a GET, not "+method)
	}
	if !strings.HasPrefix(h.Path, "/") || len(h.Path) > spec.MaxHealthCheckPath {
		h.Path = "/"
	}
	for _, expect := range s.all("http-check expect") {
		c.expect(h, expect)
		importer.Comment(g.Notes, "health_check.matcher", expect)
	}
	if d := s.last("http-check disable-on-404"); d != nil {
		d.Differs(keyCheck+".matcher", "a target that answers 404 is unhealthy, or healthy if matcher says so: deregister it to drain it")
	}
}

var statusList = regexp.MustCompile(`^[2-4]\d\d(-[2-4]\d\d)?(,[2-4]\d\d(-[2-4]\d\d)?)*$`)

// expect is what tells a healthy target.
func (c *converter) expect(h *spec.HealthCheck, d *directive) {
	args := d.Args
	for len(args) > 0 && (args[0] == "min-recv" || args[0] == "comment" || strings.HasSuffix(args[0], "-status") || args[0] == "on-success" || args[0] == "on-error") {
		args = args[min(2, len(args)):]
	}
	kind, value := argument(args, 0), argument(args, 1)
	key := keyCheck + ".matcher"
	known := map[string]string{"^2": "200-299", "^2..": "200-299", "^2[0-9]{2}": "200-299", "^[23]": "200-399", "(2|3)[0-9][0-9]": "200-399", "^(2|3)": "200-399", "^[23]..": "200-399"}
	switch {
	case kind == "status" && statusList.MatchString(value):
		h.Matcher = value
		d.Maps(key)
	case kind == "rstatus" && known[value] != "":
		h.Matcher = known[value]
		d.Maps(key)
	case kind == "!" && value == "rstatus" && strings.HasPrefix(argument(args, 2), "^5"), kind == "!" && value == "status" && strings.HasPrefix(argument(args, 2), "5"):
		h.Matcher = "200-499"
		d.Maps(key)
	default:
		h.Matcher = "200-399"
		d.Differs(key, "a check is judged by its status alone")
	}
}
