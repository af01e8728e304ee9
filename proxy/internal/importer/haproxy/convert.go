// Package haproxy reads configurations of HAProxy and says them in the words of an
// environment file. Each port that a frontend binds is a listener, its rules in HAProxy's
// order of evaluation, and each backend a target group.
package haproxy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

// converter turns a configuration into a draft.
type converter struct {
	draft    *importer.Draft
	global   *section
	sections []*section
	groups   map[string]*importer.Group
	tables   map[string]*directive // stick-table lines by section
	// resolvers are sections of DNS servers by name.
	resolvers map[string]*directive
}

// section is a block of lines with the defaults that hold for it.
type section struct {
	*directive
	defaults *section
	acls     map[string][]*directive
}

// Convert turns what Parse read into a draft, in which every directive has its outcome.
func Convert(list []*directive) *importer.Draft {
	c := &converter{draft: importer.NewDraft(), groups: map[string]*importer.Group{}, tables: map[string]*directive{}, resolvers: map[string]*directive{}, global: &section{directive: &directive{Name: "global"}}}
	c.draft.Directives = list
	c.draft.Env.App = "imported"
	c.draft.Env.LoadBalancer.Attributes.PreserveHostHeader = true
	c.draft.Notes["load_balancer.attributes.preserve_host_header"] = "HAProxy sends Host as it came"
	c.read(list)
	c.process()
	for _, s := range c.sections {
		switch {
		case s.mode() == "tcp":
			s.NotMapped("only HTTP is balanced: keep a TCP balancer for it")
			for _, d := range s.Block {
				d.NotMapped("stands in a section of mode tcp")
			}
		case s.isStats():
			c.stats(s)
		case s.Name == "backend":
			c.group(s)
		}
	}
	for _, s := range c.sections {
		if (s.Name == "frontend" || s.Name == "listen") && s.mode() != "tcp" && !s.isStats() {
			c.frontend(s)
		}
	}
	c.unused()
	Table().Settle(list, lookUp)
	return c.draft
}

// read finds the sections, and which defaults hold for which.
func (c *converter) read(list []*directive) {
	var latest *section
	named := map[string]*section{}
	for _, d := range list {
		s := &section{directive: d, acls: map[string][]*directive{}}
		s.defaults = latest
		if i := slices.Index(d.Args, "from"); i >= 0 && i+1 < len(d.Args) {
			s.defaults = named[d.Args[i+1]]
		}
		for _, in := range d.Block {
			switch in.Name {
			case "acl":
				s.acls[in.Arg(0)] = append(s.acls[in.Arg(0)], in)
			case "stick-table":
				c.tables[d.Arg(0)] = in
			}
		}
		switch d.Name {
		case "global":
			c.global = s
			d.NotNeeded("its lines are told below")
		case "defaults":
			d.NotNeeded("its lines are told below")
			if name := d.Arg(0); name != "" && name != "from" {
				named[name] = s
			}
			if !slices.Contains(d.Args, "from") {
				s.defaults = nil
			}
			latest = s
		case "resolvers":
			c.resolvers[d.Arg(0)] = d
		case "frontend", "backend", "listen":
			c.sections = append(c.sections, s)
		}
	}
}

// own are the lines of these names in the section itself.
func (s *section) own(names ...string) []*directive {
	var found []*directive
	for _, d := range s.Block {
		if slices.Contains(names, d.Name) {
			found = append(found, d)
		}
	}
	return found
}

// last is the line of that name that holds, the section's own or its defaults'; nil if it
// is not there or turned off.
func (s *section) last(name string) *directive {
	for at := s; at != nil; at = at.defaults {
		if found := at.own(name, "no "+name); len(found) > 0 {
			d := found[len(found)-1]
			if d.Name == "no "+name {
				d.NotNeeded("turns off what the defaults turn on, which is not said then")
				return nil
			}
			return d
		}
	}
	return nil
}

// all are the lines of that name in the section, or else in its defaults.
func (s *section) all(name string) []*directive {
	for at := s; at != nil; at = at.defaults {
		if found := at.own(name); len(found) > 0 {
			return found
		}
	}
	return nil
}

func (s *section) mode() string {
	if d := s.last("mode"); d != nil {
		if d.Arg(0) == "http" {
			d.NotNeeded("HTTP is what is balanced")
		} else if d.Arg(0) == "tcp" {
			d.NotMapped("only HTTP is balanced: keep a TCP balancer for it")
		}
		return d.Arg(0)
	}
	return "tcp"
}

// isStats tells whether a section is the statistics page and nothing else.
func (s *section) isStats() bool {
	return len(s.own("stats enable", "stats uri")) > 0 && len(s.own("server", "server-template", "default_backend", "use_backend")) == 0
}

// process reads the global section.
func (c *converter) process() {
	if d := c.global.last("maxconn"); d != nil {
		if n, err := strconv.Atoi(d.Arg(0)); err == nil && n > 0 {
			c.draft.Env.Proxy.MaxConnections = min(n, spec.MaxMaxConnections)
			c.draft.Note("proxy.max_connections", d)
			d.Maps("proxy.max_connections")
		}
	}
}

// stats makes the statistics page that of the admin listener.
func (c *converter) stats(s *section) {
	key := "proxy.admin"
	s.MapsBy(key, "/stats of the admin listener")
	c.statsLines(s)
	for _, d := range s.own("bind") {
		list := c.binds(d)
		if len(list) == 0 {
			continue
		}
		b := list[0]
		host := b.host
		if host == "" {
			host = "0.0.0.0"
		}
		if b.tls {
			d.Differs(key+".listen", "the admin listener speaks plain HTTP: put it on an address that only operators reach")
		} else {
			d.Maps(key + ".listen")
		}
		c.draft.Env.Proxy.Admin.Listen = joinHostPort(host, b.port)
		c.draft.Note(key+".listen", d)
	}
}

// statsLines are the stats lines of a section.
func (c *converter) statsLines(s *section) {
	key := "proxy.admin"
	for _, d := range s.Block {
		switch d.Name {
		case "stats enable":
			d.MapsBy(key, "/stats of the admin listener, live")
		case "stats uri":
			if d.Arg(0) == "/stats" {
				d.Maps(key)
			} else {
				d.Differs(key, "the path is /stats")
			}
		case "stats auth":
			name, _, _ := strings.Cut(d.Arg(0), ":")
			d.Shown = "stats auth " + name + ":***"
			if c.draft.Env.Proxy.Admin.Users == nil {
				c.draft.Env.Proxy.Admin.Users = map[string]spec.Secret{}
			}
			c.draft.Env.Proxy.Admin.Users[name] = spec.Secret("env:" + hashVariable(name))
			c.draft.Note(key+".users."+name, d)
			d.Differs(key+".users", "the password is not copied: make its hash, `evenkeel hash-password`, and give it by the variable "+hashVariable(name))
		case "stats admin":
			d.Differs(key+".users", "every user may act, and without users nobody")
		case "stats refresh":
			d.NotNeeded("the page is live")
		}
	}
}

// hashVariable is the variable of the process that has a user's bcrypt hash.
func hashVariable(user string) string {
	return "EVENKEEL_USER_" + strings.ToUpper(strings.ReplaceAll(importer.Name(user), "-", "_"))
}

// unused removes groups that no rule leads to, and says so.
func (c *converter) unused() {
	used := map[string]bool{}
	see := func(a *spec.Action) {
		for _, f := range a.Forward {
			used[f.TargetGroup] = true
		}
	}
	for _, l := range c.draft.Listeners {
		for _, r := range l.Rules {
			see(&r.Action)
		}
		see(&l.DefaultAction)
	}
	for _, s := range c.sections {
		if g := c.groups[s.Arg(0)]; g != nil && s.Name == "backend" && !used[g.Name] {
			s.Differs("target_groups[]", "no rule leads to it")
		}
	}
}
