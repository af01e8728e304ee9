package spec

import (
	"maps"
	"slices"
	"strings"
)

// RequestHeaders changes the headers of requests to targets. They are removed first, then
// set, then added. Values may have placeholders: {client_ip}, {client_port}, {forwarded_for}
// (X-Forwarded-For as it is sent), {host}, {scheme}, {port} (the listener's), {method}, {uri}
// (path and query), {path}, {query}, {request_id} (32 hexadecimal digits, those of the trace
// id), {tls_version}, {tls_cipher}, {tls_server_name}, {header:NAME} and {cookie:NAME} (the
// client's). Write {{ for a brace. A header whose value comes out empty is not sent.
type RequestHeaders struct {
	// Set replaces headers, by name: at most 32. Default: none. nginx: proxy_set_header;
	// HAProxy: http-request set-header.
	Set map[string]string `yaml:"set"`
	// Add adds a header beside those of that name: at most 32. Default: none. HAProxy:
	// http-request add-header.
	Add map[string]string `yaml:"add"`
	// Remove lists headers that targets do not get: at most 32. Default: none. HAProxy:
	// http-request del-header; nginx: proxy_set_header with an empty value.
	Remove []string `yaml:"remove"`
}

// MaxRequestHeaders bounds each part of RequestHeaders.
const MaxRequestHeaders = 32

func (h *RequestHeaders) absent() bool { return len(h.Set)+len(h.Add)+len(h.Remove) == 0 }

func (h *RequestHeaders) limits() limits {
	values := both(atMost(MaxRequestHeaders), each(both(like(setValueShape, "visible ASCII and spaces inside"), length(MaxHeaderTemplate))))
	return limits{"set": values, "add": values, "remove": both(atMost(MaxRequestHeaders), each(like(headerShape, "the name of a header")))}
}

// unsettable are headers that the proxy itself has to write, or that concern one connection.
// They are compared without what is no letter, as targets may do.
var unsettable = []string{
	"connection", "contentlength", "expect", "host", "http2settings", "keepalive", "proxyconnection",
	"te", "trailer", "transferencoding", "upgrade",
}

func settable(name string) bool {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(name))
	return headerShape.MatchString(name) && !slices.Contains(unsettable, plain)
}

func (h *RequestHeaders) check(c *checker, path string) {
	changed := map[string]string{}
	for _, part := range []struct {
		key    string
		values map[string]string
	}{{"set", h.Set}, {"add", h.Add}} {
		for _, name := range slices.Sorted(maps.Keys(part.values)) {
			at := field(path, part.key+"."+name)
			if !settable(name) {
				c.refuse(at, "is no header that can be set", quote(name), "another name")
			}
			if _, wrong := ParseHeaderValue(part.values[name]); wrong != "" {
				c.refuse(at, "has a placeholder that does not exist", quote(wrong), anyOf(headerPlaceholderWords())+", or {{ for a brace")
			}
			if part.key == "set" {
				c.unique(changed, strings.ToLower(name), at)
			}
		}
	}
	for i, name := range h.Remove {
		at := element(field(path, "remove"), i)
		if !settable(name) {
			c.refuse(at, "is no header that can be removed", quote(name), "another name")
		}
		c.unique(changed, strings.ToLower(name), at)
	}
}
