// Package nginx reads configurations of nginx and says them in the words of an environment
// file. Server blocks of a port become one listener, locations its rules in the order in
// which nginx would choose them, and each use of an upstream block with the settings that
// hold there a target group.
package nginx

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

// converter turns a configuration into a draft.
type converter struct {
	draft        *importer.Draft
	http         *scope
	pools        map[string]*scope // upstream blocks by name
	zones        map[string]*directive
	proxyHeaders []proxyHeader
	sites        int // server blocks with a content of their own
	// kept are the entries of edge.cache.
	kept []keptPath
	// proxiedLocations are those of all servers that are forwarded.
	proxiedLocations []*directive
	servers          []*server
}

// proxyHeader is a listener whose connections begin with a header of the PROXY protocol.
type proxyHeader struct {
	listener string
	from     *directive
}

// Convert turns what Parse read into a draft, in which every directive has its outcome.
func Convert(list []*directive) *importer.Draft {
	c := &converter{draft: importer.NewDraft(), pools: map[string]*scope{}, zones: map[string]*directive{}}
	c.draft.Directives = list
	root := &scope{directive: &directive{Name: "main"}, list: list}
	c.http = root
	if d := root.lastOwn("http"); d != nil {
		d.Maps("load_balancer")
		c.http = root.in(d)
	}
	c.process(root)
	importer.Walk(c.http.list, func(d *directive) {
		if d.Name == "location" && slices.ContainsFunc(d.Block, func(b *directive) bool { return b.Name == "proxy_pass" || b.Name == "grpc_pass" }) {
			c.proxiedLocations = append(c.proxiedLocations, d)
		}
	})
	var servers []*server
	for _, d := range c.http.list {
		switch d.Name {
		case "upstream":
			c.pools[d.Arg(0)] = c.http.in(d)
		case "map":
			if d.Arg(0) == "$http_upgrade" {
				d.NotNeeded("WebSockets are upgraded without being told")
			}
		case "limit_req_zone":
			c.zones[zoneName(d)] = d
		case "server":
			servers = append(servers, c.server(c.http.in(d)))
			if len(servers[len(servers)-1].own("location", "root")) > 0 {
				c.sites++
			}
		}
	}
	c.servers = servers
	c.site(servers)
	for _, l := range c.ports(servers) {
		c.listener(l)
	}
	c.finish(servers)
	Table().Settle(list, nil)
	return c.draft
}

// server is a server block.
type server struct {
	*scope
	names   []name
	sockets []socket
}

// socket is what a listen directive says.
type socket struct {
	from          *directive
	host          string // empty: every address
	port          int
	isDefault     bool
	tls, http2    bool
	proxyProtocol bool
}

func (c *converter) server(s *scope) *server {
	v := &server{scope: s}
	s.Maps("load_balancer.listeners[]")
	for _, d := range s.own("server_name") {
		for _, arg := range d.Args {
			v.names = append(v.names, readName(arg, d)...)
		}
	}
	for _, d := range s.own("listen") {
		if l, ok := listen(d); ok {
			v.sockets = append(v.sockets, l)
		}
	}
	if len(s.own("listen")) == 0 {
		v.sockets = append(v.sockets, socket{port: 80})
	}
	if d := s.lastOwn("http2"); d != nil {
		for i := range v.sockets {
			v.sockets[i].http2 = d.Arg(0) == "on"
		}
		d.Maps("load_balancer.attributes.http2")
	}
	if d := s.lastOwn("ssl"); d != nil {
		d.Maps("load_balancer.listeners[].protocol")
		for i := range v.sockets {
			v.sockets[i].tls = v.sockets[i].tls || d.Arg(0) == "on"
		}
	}
	return v
}

// port is the server blocks of one port, which are one listener.
type port struct {
	number  int
	tls     bool
	sockets []socket
	servers []*server // the default server last
}

// ports gathers the server blocks by port, in the order of the file.
func (c *converter) ports(servers []*server) []*port {
	var list []*port
	byNumber := map[int]*port{}
	fallback := map[int]*server{}
	for _, v := range servers {
		for _, l := range v.sockets {
			p := byNumber[l.port]
			if p == nil {
				p = &port{number: l.port}
				byNumber[l.port] = p
				list = append(list, p)
			}
			p.tls = p.tls || l.tls
			p.sockets = append(p.sockets, l)
			if !slices.Contains(p.servers, v) {
				p.servers = append(p.servers, v)
			}
			if fallback[l.port] == nil || l.isDefault {
				fallback[l.port] = v
			}
		}
	}
	for _, p := range list {
		i := slices.Index(p.servers, fallback[p.number])
		p.servers = append(slices.Delete(p.servers, i, i+1), fallback[p.number])
	}
	slices.SortStableFunc(list, func(a, b *port) int { return cmp.Compare(a.number, b.number) })
	return list
}

// listener makes the listener of a port.
func (c *converter) listener(p *port) {
	l := importer.NewListener()
	l.Port, l.Protocol = p.number, spec.ProtocolHTTP
	l.Name = "http"
	if p.tls {
		l.Protocol, l.Name = spec.ProtocolHTTPS, "https"
	}
	if slices.ContainsFunc(c.draft.Listeners, func(o *importer.Listener) bool { return o.Name == l.Name }) {
		l.Name = importer.Name(l.Name, portText(p.number))
	}
	c.bind(p, l)
	if p.tls {
		c.tls(p, l)
	}
	c.responseHeaders(p, l)
	for _, b := range c.blocks(p) {
		c.block(l, b)
	}
	c.defaultAction(l)
	c.draft.Listeners = append(c.draft.Listeners, l)
}

// bind says where the listener listens, and by which protocols.
func (c *converter) bind(p *port, l *importer.Listener) {
	hosts := map[string]bool{}
	bound := ""
	for _, s := range p.sockets {
		if s.from == nil {
			continue
		}
		importer.Comment(l.Notes, "", s.from)
		key := "load_balancer.listeners[].port"
		if s.tls {
			key += ", load_balancer.listeners[].protocol"
		}
		s.from.Maps(key)
		if s.isDefault {
			s.from.Maps("load_balancer.listeners[].default_action")
		}
		if s.http2 {
			s.from.Maps("load_balancer.attributes.http2")
		}
		if s.proxyProtocol {
			c.proxyHeaders = append(c.proxyHeaders, proxyHeader{l.Name, s.from})
		}
		host := s.host
		hosts[host] = true
		if host == "" {
			continue
		}
		if host == "::" {
			c.draft.Env.LoadBalancer.IPAddressType = spec.IPAddressTypeDualstack
			c.draft.Note("load_balancer.ip_address_type", s.from)
			s.from.Maps("load_balancer.ip_address_type")
			continue
		}
		address := netip.AddrPortFrom(netip.MustParseAddr(host), uint16(p.number)).String()
		switch {
		case bound == "":
			bound = address
			c.setBind(l.Name, address, s.from)
			s.from.Maps("proxy.bind")
		case bound != address:
			s.from.Differs("proxy.bind", "a listener has one address, "+bound+"; 0.0.0.0 would be all")
		}
		if hosts[""] {
			s.from.Differs("proxy.bind", "the listener listens on every address, as another server block of this port does")
			delete(c.draft.Env.Proxy.Bind, l.Name)
		}
	}
}

func (c *converter) setBind(listener, address string, from *directive) {
	if c.draft.Env.Proxy.Bind == nil {
		c.draft.Env.Proxy.Bind = map[string]string{}
	}
	c.draft.Env.Proxy.Bind[listener] = address
	c.draft.Note("proxy.bind."+listener, from)
}

// defaultAction makes the last rule, which matches everything, the listener's default.
func (c *converter) defaultAction(l *importer.Listener) {
	if n := len(l.Rules); n > 0 {
		last := l.Rules[n-1]
		if len(last.Conditions) == 0 && last.Transforms == (spec.Transforms{}) {
			l.DefaultAction = last.Action
			if last.Note != "" {
				l.Notes["default_action"] = last.Note
			}
			l.Rules = l.Rules[:n-1]
			return
		}
	}
	l.DefaultAction = fixed(404, "")
}

// site names the environment after the first name that a server has.
func (c *converter) site(servers []*server) {
	c.draft.Env.App = "imported"
	for _, v := range servers {
		for _, n := range v.names {
			if n.class == exact && strings.Contains(n.text, ".") && !isAddress(n.text) {
				c.draft.Env.Domain = n.text
				c.draft.Note("domain", n.from)
				label := strings.TrimPrefix(n.text, "www.")
				label, _, _ = strings.Cut(label, ".")
				if app := strings.ToLower(importer.Name(label)); app[0] >= 'a' && app[0] <= 'z' && len(app) <= spec.MaxAppLength {
					c.draft.Env.App = app
				}
				return
			}
		}
	}
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}
