package nginx

import (
	"fmt"
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
		if len(s.Args) == 2 && s.Arg(0) != "^~" && s.Arg(0) != "=" || !pathShape.MatchString(p) {
			d.NotMapped("edge.cache takes a path with wildcards: write one for each path")
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
		if have := slices.IndexFunc(c.draft.Env.Edge.Cache, func(o spec.CacheBehavior) bool { return o.Path == p }); have < 0 {
			c.draft.Note(fmt.Sprintf("edge.cache[%d]", len(c.draft.Env.Edge.Cache)), d)
			c.draft.Env.Edge.Cache = append(c.draft.Env.Edge.Cache, b)
		}
		d.Differs(keyCache+".path", "targets get of a GET or HEAD only what is in edge.cache[].key, and Accept, Accept-Language, Origin and Authorization")
	}
}

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
	c.draft.Note(fmt.Sprintf("edge.cache[%d].key", len(c.draft.Env.Edge.Cache)), d)
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
