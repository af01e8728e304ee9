package nginx

import (
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

var (
	wordShape = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
	dnsShape  = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*$`)
	textShape = regexp.MustCompile(`^([!-~]([ -~]*[!-~])?)?$`)
)

const (
	keyHeaders  = "target_groups[].proxy_only.headers"
	keyForwards = "load_balancer.attributes.xff_header_processing_mode"
	keyHost     = "load_balancer.attributes.preserve_host_header"
)

// requestHeaders are what proxy_set_header says.
func (c *converter) requestHeaders(g *importer.Group, o *location) {
	for _, d := range o.all("proxy_set_header") {
		name, value := d.Arg(0), d.Arg(1)
		switch strings.ToLower(name) {
		case "host":
			continue // hostHeader reads it
		case "connection", "upgrade":
			d.NotNeeded("connections to targets are kept, and WebSockets upgraded, without being told")
			continue
		case "x-forwarded-for":
			if value == "$proxy_add_x_forwarded_for" {
				d.Maps(keyForwards)
				continue
			}
		case "x-forwarded-proto", "x-forwarded-port":
			if value == "$scheme" || value == "$server_port" {
				d.MapsBy("", "every request carries it")
				continue
			}
		case "authorization", "proxy-authorization", "cookie":
			if !strings.Contains(value, "$") && value != "" {
				d.Shown = d.Name + " " + name + " ***"
				d.NotMapped("is a secret, which is not copied: let the application know it by other means")
				continue
			}
		}
		if value == "" {
			importer.RemoveHeader(g, name, d)
			continue
		}
		text, ok := headerValue(value)
		if !ok || !importer.SetHeader(g, name, text, d) {
			d.NotMapped("has variables or characters that the value of a header cannot have: let the application take it from what requests carry")
		}
	}
}

// variables are those of nginx that have a placeholder.
//
// https://nginx.org/en/docs/http/ngx_http_core_module.html#variables
var variables = map[string]string{
	"remote_addr": "client_ip", "remote_port": "client_port", "proxy_add_x_forwarded_for": "forwarded_for",
	"host": "host", "http_host": "host", "scheme": "scheme", "server_port": "port", "request_method": "method",
	"request_uri": "uri", "uri": "path", "document_uri": "path", "args": "query", "query_string": "query",
	"request_id": "request_id", "ssl_protocol": "tls_version", "ssl_cipher": "tls_cipher", "ssl_server_name": "tls_server_name",
}

var inText = regexp.MustCompile(`\$(?:\{(\w+)\}|(\w+))|[{$]`)

// headerValue is nginx's text as the value of a header, with placeholders for variables.
func headerValue(s string) (text string, ok bool) {
	ok = true
	text = inText.ReplaceAllStringFunc(s, func(match string) string {
		m := inText.FindStringSubmatch(match)
		switch name := m[1] + m[2]; {
		case match == "{":
			return "{{"
		case variables[name] != "":
			return "{" + variables[name] + "}"
		case strings.HasPrefix(name, "http_"):
			return "{header:" + strings.ReplaceAll(name[len("http_"):], "_", "-") + "}"
		case strings.HasPrefix(name, "cookie_"):
			return "{cookie:" + name[len("cookie_"):] + "}"
		}
		ok = false
		return match
	})
	return text, ok
}

// hostHeader sees to the Host that targets get: by nginx that of proxy_pass, unless told
// otherwise.
func (c *converter) hostHeader(o *location, pass *directive) {
	for _, d := range o.all("proxy_set_header") {
		if !strings.EqualFold(d.Arg(0), "host") {
			continue
		}
		switch value := d.Arg(1); value {
		case "$host", "$http_host", "$server_name":
			c.draft.Env.LoadBalancer.Attributes.PreserveHostHeader = true
			c.draft.Note(keyHost, d)
			switch value {
			case "$http_host":
				d.Maps(keyHost)
			case "$host":
				d.MapsBy(keyHost, "with the port, where the client sent one")
			default:
				d.Differs(keyHost, "is as the client sent it")
			}
		default:
			d.Differs(keyHost, "is as the client sent it; transforms.host_header_rewrite of a rule writes another")
		}
		return
	}
	pass.Differs(keyHost, "Host is as the client sent it; nginx would send that of proxy_pass")
}

// responseHeaders are what add_header says for a whole server. The ten that a listener can
// set are its own, others the edge's.
func (c *converter) responseHeaders(p *port, l *importer.Listener) {
	seen := map[string]string{}
	for _, v := range p.servers {
		for _, d := range v.all("add_header") {
			c.addHeader(d, l, seen)
		}
		for _, s := range c.locationScopes(v.scope) {
			for _, d := range s.own("add_header") {
				if strings.EqualFold(d.Arg(0), "cache-control") && isFiles(s) {
					continue // files reads it
				}
				if strings.HasPrefix(d.Arg(1), "$upstream_cache_status") {
					d.MapsBy("edge.cache", "every answer of the cache carries X-Cache-Status")
					continue
				}
				if importer.IsListenerHeader(d.Arg(0)) && (seen[strings.ToLower(d.Arg(0))] == "" || seen[strings.ToLower(d.Arg(0))] == d.Arg(1)) {
					c.addHeader(d, l, seen)
					d.Differs(importer.ResponseHeaderKey(d.Arg(0)), "is on every answer of the listener")
					continue
				}
				d.NotMapped("headers are set for a whole listener: let the application set it on these answers")
			}
		}
	}
}

// locationScopes are the locations of a server, inner ones too.
func (c *converter) locationScopes(s *scope) []*scope {
	var list []*scope
	for _, d := range s.own("location") {
		in := s.in(d)
		list = append(append(list, in), c.locationScopes(in)...)
	}
	return list
}

// everywhere tells whether every server block sets the header.
func (c *converter) everywhere(d *directive) bool {
	return !slices.ContainsFunc(c.servers, func(v *server) bool {
		return !slices.ContainsFunc(v.all("add_header"), func(o *directive) bool {
			return strings.EqualFold(o.Arg(0), d.Arg(0)) && o.Arg(1) == d.Arg(1)
		})
	})
}

func (c *converter) addHeader(d *directive, l *importer.Listener, seen map[string]string) {
	name, value := strings.ToLower(d.Arg(0)), d.Arg(1)
	if strings.Contains(value, "$") {
		if strings.HasPrefix(value, "$upstream_cache_status") {
			d.MapsBy("edge.cache", "every answer of the cache carries X-Cache-Status")
		} else {
			d.NotMapped("has variables: let the application set it")
		}
		return
	}
	if value == "" || !textShape.MatchString(value) || len(value) > spec.MaxResponseHeader {
		d.NotMapped("has a value that no header can have here (visible ASCII, at most 1024 bytes)")
		return
	}
	if before := seen[name]; before != "" && before != value {
		d.NotMapped("headers are set for a whole listener, and another server block of it has another value: let the application set it")
		return
	}
	seen[name] = value
	always := d.Arg(2) == "always"
	key, valid := importer.ResponseHeader(l, name, value)
	switch {
	case key != "" && !valid:
		d.NotMapped("has a value that an ALB's header cannot have")
		return
	case key != "":
		importer.Comment(l.Notes, strings.TrimPrefix(key, "load_balancer.listeners[]."), d)
	case !importer.SetEdgeHeader(c.draft, name, value, d):
		d.NotMapped("is a header that whoever writes an answer decides on: let the application set it")
		return
	default:
		key = "edge.response_headers"
		if !c.everywhere(d) {
			d.Differs(key, "is on the answers of every listener and host")
		}
	}
	if always {
		d.MapsBy(key, "in place of the target's, where it sends one")
	} else {
		d.Differs(key, "is on answers of every status, as if it said always; in place of the target's, where it sends one")
	}
}
