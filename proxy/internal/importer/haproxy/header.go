package haproxy

import (
	"regexp"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

// requestHeader is a header that targets get; each group of the frontend gets it.
func (c *converter) requestHeader(s *section, d *directive, rest []string, list [][]literal) {
	name, value := argument(rest, 0), argument(rest, 1)
	conditional := list == nil || len(list) > 1 || len(list[0]) > 0
	switch strings.ToLower(name) {
	case "x-forwarded-proto", "x-forwarded-port", "x-forwarded-for":
		d.MapsBy("load_balancer.attributes.xff_header_processing_mode", "every request carries it")
		for _, t := range list {
			for _, l := range t {
				_, _ = s.read(l, &spec.Listener{Protocol: spec.ProtocolHTTPS})
			}
		}
		return
	case "host", "connection", "upgrade", "transfer-encoding", "content-length", "te", "trailer", "keep-alive":
		d.NotMapped("is a header that the load balancer itself has to write; Host goes to targets as it came")
		return
	case "authorization", "proxy-authorization", "cookie":
		if value != "" {
			d.Shown = d.Name + " " + name + " ***"
			d.NotMapped("is a secret, which is not copied: let the application know it by other means")
			return
		}
	}
	if conditional {
		d.NotMapped("headers are set on all requests to a target group: make a group of its own for those that meet the condition")
		return
	}
	text, ok := headerValue(value)
	for _, g := range c.groupsOf(s) {
		switch d.Name {
		case "http-request del-header":
			ok = len(rest) == 1 && importer.RemoveHeader(g, name, d)
		case "http-request add-header":
			ok = ok && importer.AddHeader(g, name, text, d)
		default:
			ok = ok && importer.SetHeader(g, name, text, d)
		}
	}
	if !ok {
		d.NotMapped("has a sample or characters that the value of a header cannot have: let the application take it from what requests carry")
	}
}

// samples are those of HAProxy that have a placeholder.
//
// https://docs.haproxy.org/3.0/configuration.html#8.2.6
var samples = map[string]string{
	"src": "client_ip", "ci": "client_ip", "src_port": "client_port", "cp": "client_port", "dst_port": "port", "fp": "port",
	"method": "method", "HM": "method", "path": "path", "HP": "path", "query": "query", "pathq": "uri", "url": "uri", "HU": "uri",
	"unique-id": "request_id", "ID": "request_id", "ssl_fc_protocol": "tls_version", "sslv": "tls_version",
	"ssl_fc_cipher": "tls_cipher", "sslc": "tls_cipher", "ssl_fc_sni": "tls_server_name",
}

var inText = regexp.MustCompile(`%%|%\[([^\]]*)\]|%([A-Za-z]+)|[%{]`)

var named = regexp.MustCompile(`^(req\.hdr|req\.fhdr|hdr|req\.cook|cook)\(([A-Za-z0-9_.-]+)\)$`)

// headerValue is a log format as the value of a header, with placeholders for samples.
func headerValue(s string) (text string, ok bool) {
	ok = true
	text = inText.ReplaceAllStringFunc(s, func(match string) string {
		m := inText.FindStringSubmatch(match)
		sample := m[1] + m[2]
		of := named.FindStringSubmatch(sample)
		switch {
		case match == "%%":
			return "%"
		case match == "{":
			return "{{"
		case samples[sample] != "":
			return "{" + samples[sample] + "}"
		case of != nil && strings.Contains(of[1], "cook"):
			return "{cookie:" + of[2] + "}"
		case of != nil && strings.EqualFold(of[2], "host"):
			return "{host}"
		case of != nil:
			return "{header:" + of[2] + "}"
		}
		ok = false
		return match
	})
	return text, ok
}

// textShape is what a header of answers can have.
var textShape = regexp.MustCompile(`^[!-~]([ -~]*[!-~])?$`)

// response is a header of answers.
func (c *converter) response(d *directive, l *importer.Listener) {
	rest, list, ok := terms(d.Args)
	name, value := strings.ToLower(argument(rest, 0)), argument(rest, 1)
	if (d.Name != "http-response set-header" && d.Name != "http-response add-header") || name == "" {
		return
	}
	if !ok || len(list) > 1 || len(list[0]) > 0 && !allConstant(list[0]) {
		d.NotMapped("headers are set on every answer of a listener: let the application set it under its condition")
		return
	}
	for _, lit := range list[0] {
		if t, ok := sample(lit.words, &l.Listener); ok && t.constant != nil && *t.constant == lit.not {
			d.NotNeeded("never holds on this listener")
			return
		}
	}
	if strings.Contains(value, "%") || !textShape.MatchString(value) || len(value) > spec.MaxResponseHeader {
		d.NotMapped("has a value that is known only with an answer: let the application set it")
		return
	}
	how := d.MapsBy
	if d.Name == "http-response add-header" {
		how = d.Differs
	}
	set, valid := importer.ResponseHeader(l, name, value)
	switch {
	case set != "" && valid:
		importer.Comment(l.Notes, strings.TrimPrefix(set, "load_balancer.listeners[]."), d)
		how(set, "in place of the target's, where it sends one")
	case set != "":
		d.NotMapped("has a value that an ALB's header cannot have")
	case !importer.SetEdgeHeader(c.draft, name, value, d):
		d.NotMapped("is a header that whoever writes an answer decides on: let the application set it")
	default:
		how("edge.response_headers", "in place of the target's, where it sends one")
	}
}

// allConstant tells whether conditions are known with the listener.
func allConstant(list []literal) bool {
	for _, l := range list {
		if l.acl != "" || len(l.words) == 0 || l.words[0] != "ssl_fc" {
			return false
		}
	}
	return true
}
