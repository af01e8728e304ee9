package nginx

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

const keyStatic = "edge.static[]"

// isFiles tells whether files answer in a location.
func isFiles(s *scope) bool {
	for _, d := range s.list {
		if strings.HasSuffix(d.Name, "_pass") || d.Name == "return" || d.Name == "stub_status" {
			return false
		}
	}
	return s.last("root") != nil || s.lastOwn("alias") != nil
}

// files makes a location that serves files a part of the edge, which answers what a rule
// forwards.
//
// https://nginx.org/en/docs/http/ngx_http_core_module.html#root
func (c *converter) files(o *location) *piece {
	from, directory := o.lastOwn("alias"), ""
	if from == nil {
		from = o.last("root")
	}
	if from != nil && !o.server && o.kind != exactly && o.kind != matching && !strings.HasSuffix(o.path, "/") {
		// What the edge serves of /static* begins with a slash, which is no name.
		o.path += "/"
		from.Differs(keyStatic+".path, "+keyStatic+".directory", "paths below "+o.path+" are served, not those that only begin alike")
	}
	if from != nil && from.Name == "alias" {
		directory = from.Arg(0)
		if o.kind == exactly {
			// One path is the file of its name, whose folder the edge wants.
			if path.Base(directory) != path.Base(o.path) {
				from.NotMapped("the file of a path has its name: rename one or the other")
				return &piece{action: fixed(404, "")}
			}
			directory = path.Dir(directory)
		}
	} else if from != nil {
		directory = path.Join(from.Arg(0), path.Dir(o.path+"x"))
	}
	none := &piece{action: fixed(404, "")}
	if from == nil {
		if !o.server {
			o.Differs("load_balancer.listeners[].default_action", "is answered with 404: nothing is said of its content, and nginx would serve the files of its installation")
		}
		return none
	}
	if o.server && hasAll(o.scope) {
		from.NotNeeded("every location has a content of its own")
		return none
	}
	patterns := []string{o.edgePath()}
	if o.kind == matching {
		patterns = endings(o.Arg(len(o.Args) - 1))
		directory = from.Arg(0)
	}
	if len(patterns) == 0 || patterns[0] == "" || strings.Contains(directory, "$") {
		from.NotMapped("edge.static takes a path with wildcards and a folder without variables: write one entry for each")
		return none
	}
	if inner := c.proxiedBelow(o); inner != nil {
		from.NotMapped("edge.static would take the paths below it as well that " + inner.At() + " forwards: give files a prefix of their own, such as /static/")
		return none
	}
	for _, p := range patterns {
		c.static(o, p, directory, from)
	}
	p := &piece{action: forward(c.filesGroup(o))}
	if len(o.all("allow", "deny")) == 0 && c.fallback(o) != nil {
		return nil // the rule for everything else forwards it too
	}
	return p
}

// hasAll tells whether there is a location for everything.
func hasAll(s *scope) bool {
	return slices.ContainsFunc(s.own("location"), func(d *directive) bool { return len(d.Args) == 1 && d.Arg(0) == "/" })
}

// proxiedBelow is a location that is forwarded and lies below one of files, in any server: the
// edge is that of all.
func (c *converter) proxiedBelow(o *location) *directive {
	if o.kind == matching || o.kind == exactly {
		return nil
	}
	at := o.path
	if o.server {
		at = "/"
	}
	for _, d := range c.proxiedLocations {
		if d != o.directive && strings.HasPrefix(d.Arg(len(d.Args)-1), at) {
			return d
		}
	}
	return nil
}

// fallback is the proxy_pass of the location for everything in the server of a location, or nil.
func (c *converter) fallback(o *location) *scope {
	for at := o.scope; at != nil; at = at.parent {
		if at.Name != "server" {
			continue
		}
		for _, d := range at.own("location") {
			if s := at.in(d); len(d.Args) == 1 && d.Arg(0) == "/" && s.lastOwn("proxy_pass") != nil && len(s.all("allow", "deny")) == 0 {
				return s
			}
		}
	}
	return nil
}

// filesGroup is a target group that a rule for files forwards to: that of the site, or one
// without targets, as the edge answers before a target is chosen.
func (c *converter) filesGroup(o *location) string {
	if s := c.fallback(o); s != nil {
		if p := c.proxied(&location{scope: s, kind: prefix, path: "/"}, s.lastOwn("proxy_pass")); len(p.action.Forward) > 0 {
			return p.action.Forward[0].TargetGroup
		}
	}
	g := importer.NewGroup()
	g.Name, g.Port = "files", 80
	g.Notes[""] = "has no targets: the edge answers"
	return c.draft.AddGroup(g, "").Name
}

// static adds a folder to the edge.
func (c *converter) static(o *location, pattern, directory string, from *directive) {
	s := spec.Static{Path: pattern, Directory: strings.TrimSuffix(directory, "/")}
	if s.Directory == "" {
		s.Directory = "/"
	}
	key := keyStatic + ".path, " + keyStatic + ".directory"
	edge := &c.draft.Env.Edge
	c.lifetime(o, &s)
	for i, have := range edge.Static {
		if have.Path != s.Path {
			continue
		}
		if have != s {
			from.NotMapped("the edge serves " + s.Path + " of every host from one folder, here " + edge.Static[i].Directory)
			return
		}
		from.Maps(key)
		return
	}
	at := fmt.Sprintf("edge.static[%d]", len(edge.Static))
	edge.Static = append(edge.Static, s)
	c.draft.Note(at, from)
	if c.sites > 1 {
		from.Differs(key, "is served for every host")
	}
	from.Maps(key)
	if d := o.last("try_files"); d != nil {
		last := d.Arg(len(d.Args) - 1)
		switch {
		case last == "=404":
			d.MapsBy(keyStatic, "a file that is not there is answered with 404")
		default:
			d.NotMapped("a file that is not there is answered with 404: give the paths of files a prefix of their own, such as /static/")
		}
	}
}

// lifetime is what expires and add_header Cache-Control say of a location's files.
func (c *converter) lifetime(o *location, s *spec.Static) {
	key := keyStatic + ".expires"
	age := ""
	if d := o.last("expires"); d != nil {
		arg := d.Arg(len(d.Args) - 1)
		t, ok := duration(arg)
		d.Maps(key)
		switch {
		case arg == "off":
		case arg == "max":
			s.Expires = spec.MaxExpires
		case arg == "epoch" || strings.HasPrefix(arg, "-"):
			s.CacheControl = "no-cache"
			d.Differs(keyStatic+".cache_control", "says so in Cache-Control alone")
		case ok && d.Arg(0) != "modified" && t >= time.Second:
			s.Expires = importer.WholeSeconds(t, time.Second, spec.MaxExpires)
		default:
			d.NotMapped("depends on the file or the request: write edge.static[].cache_control")
		}
		if s.Expires > 0 {
			age = fmt.Sprintf("max-age=%d", int64(s.Expires/time.Second))
		}
	}
	for _, d := range o.all("add_header") {
		if !strings.EqualFold(d.Arg(0), "cache-control") || strings.Contains(d.Arg(1), "$") {
			continue
		}
		s.CacheControl = d.Arg(1)
		d.Maps(keyStatic + ".cache_control")
		if age != "" && !strings.Contains(d.Arg(1), "max-age") {
			s.CacheControl += ", " + age
			d.MapsBy(keyStatic+".cache_control", "in one field with what expires says")
		}
	}
}

var ending = regexp.MustCompile(`^\\\.\((?:\?:)?([A-Za-z0-9]+\??(?:\|[A-Za-z0-9]+\??)*)\)\$$`)

// endings are the path patterns of an expression for endings of files: \.(css|js)$.
func endings(expression string) []string {
	m := ending.FindStringSubmatch(expression)
	if m == nil {
		return nil
	}
	var list []string
	for word := range strings.SplitSeq(m[1], "|") {
		if short, optional := strings.CutSuffix(word, "?"); optional {
			list = append(list, "/*."+short[:len(short)-1], "/*."+short)
			continue
		}
		list = append(list, "/*."+word)
	}
	return list
}

// compression is what gzip and its like say for all servers.
func (c *converter) compression(s *scope) {
	d := s.last("gzip")
	if d == nil || d.Arg(0) != "on" {
		if d != nil {
			d.Maps("edge.compression.enabled")
		}
		return
	}
	p := &c.draft.Env.Edge.Compression
	p.Enabled = true
	p.Types = []string{"text/html"}
	p.MinimumSize, p.Level = 20, 1
	c.draft.Note("edge.compression.enabled", d)
	d.MapsBy("edge.compression.enabled", "by Brotli or Zstandard for clients that take them")
	if t := s.last("gzip_types"); t != nil {
		c.draft.Note("edge.compression.types", t)
		t.Maps("edge.compression.types")
		for _, arg := range t.Args {
			switch {
			case arg == "*":
				p.Types = spec.Default[spec.Compression]().Types
				t.Differs("edge.compression.types", "of every type the usual ones")
			case mediaShape.MatchString(arg) && !slices.Contains(p.Types, arg):
				p.Types = append(p.Types, arg)
			case !mediaShape.MatchString(arg):
				t.Differs("edge.compression.types", arg+" is no media type")
			}
		}
	}
	if t := s.last("gzip_min_length"); t != nil {
		if n, ok := size(t.Arg(0)); ok {
			p.MinimumSize = min(n, spec.MaxCompressionSize)
			c.draft.Note("edge.compression.minimum_size", t)
			t.Maps("edge.compression.minimum_size")
		}
	}
	if t := s.last("gzip_comp_level"); t != nil {
		if n, err := strconv.Atoi(t.Arg(0)); err == nil && n >= 1 && n <= 9 {
			p.Level = n
			c.draft.Note("edge.compression.level", t)
			t.Maps("edge.compression.level")
		}
	}
}

var mediaShape = regexp.MustCompile(`^[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+$`)

// errorPages are the files that error_page names, of servers and of what they inherit.
func (c *converter) errorPages(v *server) {
	for _, d := range v.all("error_page") {
		c.errorPage(v.scope, d)
	}
	for _, s := range c.locationScopes(v.scope) {
		for _, d := range s.own("error_page") {
			c.errorPage(s, d)
		}
	}
}

func (c *converter) errorPage(s *scope, d *directive) {
	if len(d.Args) < 2 {
		return
	}
	key := "edge.error_pages"
	uri := d.Args[len(d.Args)-1]
	codes := d.Args[:len(d.Args)-1]
	if !strings.HasPrefix(uri, "/") || strings.Contains(uri, "$") {
		d.NotMapped("leads to a location or another site: name a file in edge.error_pages")
		return
	}
	if t := s.last("proxy_intercept_errors"); t != nil && t.Arg(0) == "on" {
		t.Maps(key)
	} else {
		d.Differs(key, "also stands for what a target says with the status, as with proxy_intercept_errors")
	}
	file := c.fileOf(s, uri)
	if file == "" {
		d.NotMapped("the file is in no folder that the configuration names: name it in edge.error_pages")
		return
	}
	for _, code := range codes {
		if strings.HasPrefix(code, "=") {
			d.Differs(key, "the status stays what it is")
			continue
		}
		if !slices.Contains([]string{"400", "403", "404", "405", "414", "416", "500", "501", "502", "503", "504"}, code) {
			d.Differs(key, code+" has no page of its own")
			continue
		}
		pages := c.draft.Env.Edge.ErrorPages
		if pages == nil {
			pages = map[string]string{}
			c.draft.Env.Edge.ErrorPages = pages
		}
		if have, ok := pages[code]; ok && have != file {
			d.Differs(key, "a status has one page for all of the site, "+have+" for "+code)
			continue
		}
		pages[code] = file
		c.draft.Note(key+"."+code, d)
		d.Maps(key)
	}
}

// fileOf is the file that a path of the site is, by its location's or the server's folder.
func (c *converter) fileOf(s *scope, uri string) string {
	for at := s; at != nil; at = at.parent {
		for _, d := range at.own("location") {
			if p := d.Arg(len(d.Args) - 1); p == uri || strings.HasPrefix(uri, p) && p != "/" {
				in := at.in(d)
				if a := in.lastOwn("alias"); a != nil {
					return path.Join(a.Arg(0), strings.TrimPrefix(uri, p))
				}
				if r := in.last("root"); r != nil {
					r.MapsBy("edge.error_pages", "")
					d.NotNeeded("is the place of error pages, which edge.error_pages names")
					return path.Join(r.Arg(0), uri)
				}
			}
		}
	}
	if r := s.last("root"); r != nil {
		r.MapsBy("edge.error_pages", "")
		return path.Join(r.Arg(0), uri)
	}
	return ""
}
