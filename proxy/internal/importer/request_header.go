package importer

import (
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/spec"
)

const keyHeaders = "target_groups[].proxy_only.headers"

var (
	headerName  = regexp.MustCompile("^[A-Za-z0-9!#$&'*+.^_`|~-]+$")
	headerValue = regexp.MustCompile(`^[!-~]([ -~]*[!-~])?$`)
	// connections are of one connection, or what frames a message.
	connections = []string{"connection", "content-length", "expect", "host", "http2-settings", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)

// canChange tells whether a header of requests is one that can be set or removed.
func canChange(name string) bool {
	return headerName.MatchString(name) && !slices.Contains(connections, strings.ToLower(name))
}

// SetHeader sets a header of requests to a group's targets, if it is one that can be set.
func SetHeader(g *Group, name, value string, from *Directive) bool {
	if _, wrong := spec.ParseHeaderValue(value); wrong != "" || !canChange(name) || !headerValue.MatchString(value) || len(g.ProxyOnly.Headers.Set) >= spec.MaxRequestHeaders {
		return false
	}
	for before := range g.ProxyOnly.Headers.Set {
		if strings.EqualFold(before, name) {
			delete(g.ProxyOnly.Headers.Set, before)
		}
	}
	put(&g.ProxyOnly.Headers.Set, name, value)
	Comment(g.Notes, "proxy_only.headers.set."+name, from)
	from.Maps(keyHeaders + ".set")
	return true
}

// AddHeader adds a header of requests beside those of that name.
func AddHeader(g *Group, name, value string, from *Directive) bool {
	if _, wrong := spec.ParseHeaderValue(value); wrong != "" || !canChange(name) || !headerValue.MatchString(value) || len(g.ProxyOnly.Headers.Add) >= spec.MaxRequestHeaders {
		return false
	}
	put(&g.ProxyOnly.Headers.Add, name, value)
	Comment(g.Notes, "proxy_only.headers.add."+name, from)
	from.Maps(keyHeaders + ".add")
	return true
}

// RemoveHeader keeps a header of requests from a group's targets.
func RemoveHeader(g *Group, name string, from *Directive) bool {
	list := &g.ProxyOnly.Headers.Remove
	if !canChange(name) || len(*list) >= spec.MaxRequestHeaders {
		return false
	}
	if !slices.ContainsFunc(*list, func(s string) bool { return strings.EqualFold(s, name) }) {
		*list = append(*list, name)
	}
	Comment(g.Notes, "proxy_only.headers.remove", from)
	from.Maps(keyHeaders + ".remove")
	return true
}

func put(to *map[string]string, name, value string) {
	if *to == nil {
		*to = map[string]string{}
	}
	(*to)[name] = value
}
