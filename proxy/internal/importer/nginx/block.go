package nginx

import (
	"slices"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

// block is the rules of a server block for some of its names; without names, for every host.
type block struct {
	server *server
	hosts  *hosts
}

// blocks orders server blocks as nginx chooses them: by exact name, longest wildcard in
// front, longest wildcard behind, first expression, and the default server.
func (c *converter) blocks(p *port) []block {
	var list []block
	fallback := p.servers[len(p.servers)-1]
	if len(p.servers) > 1 {
		wild := false
		for _, v := range p.servers[:len(p.servers)-1] {
			wild = wild || slices.ContainsFunc(v.names, func(n name) bool { return n.class != exact })
		}
		for _, v := range p.servers {
			if v == fallback && !wild {
				continue // what is left is its own
			}
			for _, h := range chunks(v.names) {
				list = append(list, block{v, &h})
			}
			if v != fallback && len(chunks(v.names)) == 0 {
				v.NotNeeded("no request reaches it: it has no name, and another server block is the default of its port")
			}
		}
		slices.SortStableFunc(list, func(a, b block) int {
			if a.hosts.class != b.hosts.class {
				return int(a.hosts.class) - int(b.hosts.class)
			}
			if k := a.hosts.class; k == leadingWildcard || k == trailingWildcard {
				return len(b.hosts.names[0].text) - len(a.hosts.names[0].text)
			}
			return 0
		})
	}
	return append(list, block{fallback, nil})
}

// has tells whether all that the patterns match is among the names.
func (h hosts) has(p spec.Patterns) bool {
	c := h.condition().HostHeader
	for _, v := range p.Values {
		if !slices.Contains(c.Values, v) {
			return false
		}
	}
	for _, v := range p.RegexValues {
		if !slices.Contains(c.RegexValues, v) {
			return false
		}
	}
	return true
}

// piece is a rule before the host is known.
type piece struct {
	name       string
	conditions []spec.Condition
	transforms spec.Transforms
	action     spec.Action
	from       *directive
	// open: who may ask is no matter.
	open bool
}

// block appends the rules of a block to the listener. The last one matches all of its hosts.
func (c *converter) block(l *importer.Listener, b block) {
	for _, p := range c.pieces(b.server, l) {
		r := &importer.Rule{}
		r.Name, r.Transforms, r.Action = importer.Name(p.name), p.transforms, p.action
		if p.from != nil {
			r.Note = p.from.At()
		}
		own := slices.IndexFunc(p.conditions, func(o spec.Condition) bool { return len(o.HostHeader.Values)+len(o.HostHeader.RegexValues) > 0 })
		switch {
		case b.hosts == nil:
		case own < 0:
			r.Conditions = append(r.Conditions, b.hosts.condition())
		case !b.hosts.has(p.conditions[own].HostHeader):
			continue // an if on a host that is not among these
		}
		r.Conditions = append(r.Conditions, p.conditions...)
		if len(r.Conditions) == 0 && r.Transforms != (spec.Transforms{}) {
			// A default action has no transforms, a rule for every path has.
			r.Conditions = []spec.Condition{pathValues("/*")}
		}
		if n := len(l.Rules); n > 0 && len(l.Rules[n-1].Conditions) == 0 {
			continue // the rule before matches everything
		}
		l.Rules = append(l.Rules, r)
	}
}

// pieces are the rules of a server block, in the order in which nginx decides: what the
// server itself says, then its locations.
func (c *converter) pieces(v *server, l *importer.Listener) []piece {
	list, done := c.rewrites(v.scope, nil, l)
	if done {
		return list
	}
	locations := c.locations(v.scope)
	if root := slices.IndexFunc(locations, func(o *location) bool { return o.kind == prefix && o.path == "/" }); root >= 0 {
		c.content(locations[root]) // so that the group of / has the plain name
	}
	for _, o := range order(locations) {
		list = append(list, c.location(o, l)...)
	}
	if n := len(list); n == 0 || len(list[n-1].conditions) > 0 {
		list = append(list, c.noLocation(v, l)...)
	}
	return list
}

// noLocation is what becomes of requests that no location takes: files of the server's root.
func (c *converter) noLocation(v *server, l *importer.Listener) []piece {
	o := &location{scope: v.scope, kind: prefix, path: "/", server: true}
	return c.location(o, l)
}

func fixed(status int, body string) spec.Action {
	f := spec.Default[spec.FixedResponse]()
	f.StatusCode, f.MessageBody = status, body
	return spec.Action{FixedResponse: &f}
}

func forward(group string) spec.Action {
	return spec.Action{Forward: []spec.WeightedTargetGroup{{TargetGroup: group, Weight: 1}}}
}

func pathValues(values ...string) spec.Condition {
	return spec.Condition{PathPattern: spec.Patterns{Values: values}}
}

func pathRegex(expressions ...string) spec.Condition {
	return spec.Condition{PathPattern: spec.Patterns{RegexValues: expressions}}
}
