package nginx

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

const keyCache = "edge.cache[]"

// defaultInactive is for how long nginx keeps what nobody asks for.
//
// https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_cache_path
const defaultInactive = 10 * time.Minute

// cache is what answers of a server's locations are kept.
//
// https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_cache
func (c *converter) cache(v *server) {
	for _, s := range append([]*scope{v.scope}, c.locationScopes(v.scope)...) {
		if s.lastOwn("proxy_pass") == nil {
			continue
		}
		d := s.last("proxy_cache")
		if d == nil || d.Arg(0) == "off" {
			if d != nil {
				d.MapsBy("edge.cache", "paths that are not there are not kept")
			}
			continue
		}
		p := s.Arg(len(s.Args) - 1)
		if len(s.Args) == 2 && s.Arg(0) != "^~" && s.Arg(0) != "=" || !strings.HasPrefix(p, "/") || !pathShape.MatchString(p) {
			d.NotMapped("edge.cache takes a path with wildcards: write one for each path")
			continue
		}
		if other := c.uncached(v, s); other != nil {
			d.NotMapped("edge.cache would take paths as well that " + other.At() + " forwards, and keep the cookies of their requests from targets: write entries for the paths that are to be kept")
			continue
		}
		if s.Arg(0) != "=" {
			p += "*"
		}
		b := spec.Default[spec.CacheBehavior]()
		b.Path = p
		for _, t := range s.all("proxy_cache_valid") {
			c.valid(&b, t)
		}
		b.MaxTTL = max(b.DefaultTTL, 24*time.Hour)
		c.cacheKey(&b, s.last("proxy_cache_key"))
		c.stale(&b, s, d)
		if bypass := s.last("proxy_cache_bypass"); bypass != nil {
			c.bypass(&b, bypass)
		}
		if !slices.ContainsFunc(c.kept, func(o keptPath) bool { return o.Path == p }) {
			c.kept = append(c.kept, keptPath{b, d, s.last("proxy_cache_key")})
		}
		d.Differs(keyCache+".path", "targets get of a GET or HEAD only what is in edge.cache[].key, and Accept, Accept-Language, Origin and Authorization")
	}
}

// keptPath is an entry of edge.cache, with the lines that it and its key come from.
type keptPath struct {
	spec.CacheBehavior
	from, key *directive
}

// keep writes edge.cache, of which the first entry that matches decides: what nginx would choose
// stands first, the exact path and then the longest.
func (c *converter) keep() {
	slices.SortStableFunc(c.kept, func(a, b keptPath) int {
		if wild := strings.HasSuffix(a.Path, "*"); wild != strings.HasSuffix(b.Path, "*") {
			if wild {
				return 1
			}
			return -1
		}
		return len(b.Path) - len(a.Path)
	})
	for i, k := range c.kept {
		at := fmt.Sprintf("edge.cache[%d]", i)
		c.draft.Note(at, k.from)
		if k.key != nil {
			c.draft.Note(at+".key", k.key)
		}
		c.draft.Env.Edge.Cache = append(c.draft.Env.Edge.Cache, k.CacheBehavior)
	}
}

// uncached is a location that is forwarded past nginx's cache although an entry of edge.cache for
// the location s of the server v would take its paths, which are those of all hosts; or nil.
func (c *converter) uncached(v *server, s *scope) *directive {
	at, exact := s.Arg(len(s.Args)-1), s.Arg(0) == "="
	past := func(in *scope) bool {
		d := in.last("proxy_cache")
		return in.lastOwn("proxy_pass") != nil && (d == nil || d.Arg(0) == "off")
	}
	for _, o := range c.servers {
		var nearest *scope // what another server does with the path itself
		longest := -1
		for _, in := range c.locationScopes(o.scope) {
			text := in.Arg(len(in.Args) - 1)
			below := text == at || !exact && strings.HasPrefix(text, at)
			if len(in.Args) == 2 && strings.HasPrefix(in.Arg(0), "~") {
				before, anchored := strings.CutPrefix(text, "^")
				before = literal.FindString(before)
				below = !anchored || strings.HasPrefix(before, at) || strings.HasPrefix(at, before)
			} else if o != v && strings.HasPrefix(at, text) && len(text) > longest && (in.Arg(0) != "=" || exact) {
				nearest, longest = in, len(text)
			}
			if below && past(in) {
				return in.directive
			}
		}
		if nearest != nil && past(nearest) {
			return nearest.directive
		}
	}
	return nil
}

// literal is what an expression begins with that stands for itself.
var literal = regexp.MustCompile(`^[A-Za-z0-9/_-]*`)

// valid is for how long answers are kept that do not say it themselves.
func (c *converter) valid(b *spec.CacheBehavior, d *directive) {
	t, ok := duration(d.Arg(len(d.Args) - 1))
	if !ok {
		return
	}
	codes := d.Args[:len(d.Args)-1]
	if len(codes) > 0 && !slices.Contains(codes, "200") && !slices.Contains(codes, "any") {
		d.Differs(keyCache+".default_ttl", "one time holds for answers of every status that may be kept")
		return
	}
	b.DefaultTTL = importer.WholeSeconds(t, 0, spec.MaxCacheTTL)
	d.Maps(keyCache + ".default_ttl")
	if len(codes) > 0 {
		d.MapsBy(keyCache+".default_ttl", "what a target says itself goes before")
	}
}

// cacheKey is what tells answers apart; without d, as nginx has it by default, the whole of
// the URL.
func (c *converter) cacheKey(b *spec.CacheBehavior, d *directive) {
	if d == nil {
		b.Key.Query = []string{spec.CacheKeyAll}
		return
	}
	const key = keyCache + ".key"
	d.Maps(key)
	for _, m := range inText.FindAllStringSubmatch(strings.Join(d.Args, " "), -1) {
		name := m[1] + m[2]
		list, found := &b.Key.Headers, ""
		switch {
		case slices.Contains([]string{"scheme", "proxy_host", "host", "http_host", "server_name", "uri", "document_uri", "is_args", "request_method"}, name):
			continue
		case name == "request_uri" || name == "args" || name == "query_string":
			b.Key.Query = []string{spec.CacheKeyAll}
			continue
		case strings.HasPrefix(name, "http_"):
			found = strings.ReplaceAll(name[len("http_"):], "_", "-")
		case strings.HasPrefix(name, "cookie_"):
			list, found = &b.Key.Cookies, name[len("cookie_"):]
		case strings.HasPrefix(name, "arg_"):
			list, found = &b.Key.Query, name[len("arg_"):]
		}
		switch {
		case found == "":
			d.Differs(key, "$"+name+" tells nothing apart")
		case len(*list) >= spec.MaxCacheKey:
			d.Differs(key, fmt.Sprintf("%d headers, cookies and parameters each are the most", spec.MaxCacheKey))
		case !slices.Contains(*list, found) && !slices.Contains(*list, spec.CacheKeyAll):
			*list = append(*list, found)
		}
	}
}

// stale is for how long answers are used that are too old.
func (c *converter) stale(b *spec.CacheBehavior, s *scope, cache *directive) {
	d := s.last("proxy_cache_use_stale")
	if d == nil {
		return
	}
	inactive := defaultInactive
	for _, p := range c.http.own("proxy_cache_path") {
		zone := ""
		for _, arg := range p.Args {
			if rest, ok := strings.CutPrefix(arg, "keys_zone="); ok {
				zone, _, _ = strings.Cut(rest, ":")
			}
		}
		for _, arg := range p.Args {
			if rest, ok := strings.CutPrefix(arg, "inactive="); ok && zone == cache.Arg(0) {
				if t, ok := duration(rest); ok {
					inactive = t
				}
			}
		}
	}
	for _, word := range d.Args {
		switch word {
		case "off":
		case "updating":
			b.ProxyOnly.StaleWhileRevalidate = importer.WholeSeconds(inactive, 0, spec.MaxStaleWhileRevalidate)
			d.Maps(keyCache + ".proxy_only.stale_while_revalidate")
			if u := s.last("proxy_cache_background_update"); u != nil && u.Arg(0) == "on" {
				u.Maps(keyCache + ".proxy_only.stale_while_revalidate")
			}
		case "error", "timeout", "http_500", "http_502", "http_503", "http_504":
			b.ProxyOnly.StaleIfError = importer.WholeSeconds(inactive, 0, spec.MaxStaleIfError)
			d.Maps(keyCache + ".proxy_only.stale_if_error")
		default:
			d.Differs(keyCache+".proxy_only.stale_if_error", word+" is passed to the client")
		}
	}
	if b.ProxyOnly.StaleIfError > 0 || b.ProxyOnly.StaleWhileRevalidate > 0 {
		d.MapsBy(keyCache+".proxy_only", "for as long as inactive of proxy_cache_path, whatever the error")
	}
}

// bypass is which requests go past the cache.
func (c *converter) bypass(b *spec.CacheBehavior, d *directive) {
	for _, v := range d.Args {
		switch v {
		case "$http_cache_control", "$http_pragma":
			b.ProxyOnly.BypassOnCacheControl = true
			d.MapsBy(keyCache+".proxy_only.bypass_on_cache_control", "by what Cache-Control says, not by whether it is there")
		default:
			d.NotMapped(v + " does not decide: a request with Cache-Control: no-cache goes past the cache, and what is not to be kept says so itself")
		}
	}
}
