package nginx

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

// cidr is an address or a block as a block.
func cidr(s string) (string, bool) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()).String(), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return "", false
	}
	return p.Masked().String(), true
}

// zoneName is the name of a limit_req_zone, from zone=NAME:SIZE.
func zoneName(d *directive) string {
	for _, p := range d.Args {
		if rest, ok := strings.CutPrefix(p, "zone="); ok {
			name, _, _ := strings.Cut(rest, ":")
			return name
		}
	}
	return ""
}

// rateWindow is the window over which rates are counted: a web ACL has none that is shorter.
const rateWindow = 60 * time.Second

// rateLimits are what limit_req says in a server and its locations.
//
// https://nginx.org/en/docs/http/ngx_http_limit_req_module.html
func (c *converter) rateLimits(v *server) {
	for _, s := range append([]*scope{v.scope}, c.locationScopes(v.scope)...) {
		limits := s.own("limit_req")
		if s == v.scope {
			limits = v.all("limit_req")
		}
		for _, d := range limits {
			c.rateLimit(s, s == v.scope, d)
		}
	}
}

func (c *converter) rateLimit(s *scope, everywhere bool, d *directive) {
	key := "waf.rate_limits[]"
	zone := c.zones[zoneName(d)]
	if zone == nil {
		d.NotMapped("names a zone that no limit_req_zone makes")
		return
	}
	r := spec.Default[spec.RateLimit]()
	r.Window, r.Status = rateWindow, 503
	if t := s.last("limit_req_status"); t != nil {
		if n, err := strconv.Atoi(t.Arg(0)); err == nil && n >= 400 && n <= 599 {
			r.Status = n
			t.Maps(key + ".status")
		}
	}
	r.Key = rateKey(zone.Arg(0))
	if r.Key == "" {
		zone.NotMapped("counts by what is no key of a rate limit: ip, forwarded_ip, header, cookie or query_argument")
		d.NotMapped("its zone counts by what is no key of a rate limit")
		return
	}
	if !everywhere {
		r.Path = s.Arg(len(s.Args) - 1)
		if len(s.Args) == 2 && strings.HasPrefix(s.Arg(0), "~") || !pathShape.MatchString(r.Path) {
			d.NotMapped("a rate limit has the beginning of a path, no expression: write one for each")
			return
		}
	}
	perMinute := 0
	for _, p := range zone.Args {
		rate, ok := strings.CutPrefix(p, "rate=")
		n, err := strconv.Atoi(strings.TrimRight(rate, "r/sm"))
		if !ok || err != nil || n > spec.MaxRateLimit/60 {
			continue
		}
		perMinute = n
		if strings.HasSuffix(rate, "r/s") {
			perMinute = n * 60
		}
	}
	r.Limit = perMinute
	if perMinute < spec.MinRateLimit {
		r.Limit, r.Window = perMinute*10, 10*rateWindow
	}
	if r.Limit < spec.MinRateLimit {
		zone.NotMapped("is a lower rate than a rate limit has: 10 requests in 600s at least")
		d.NotMapped("its zone has a lower rate than a rate limit has")
		return
	}
	r.Name = importer.Name(zoneName(d), strings.Trim(r.Path, "/"))
	all := &c.draft.Env.WAF.RateLimits
	if !slices.Contains(*all, r) {
		if len(*all) >= spec.MaxRateLimits {
			d.NotMapped("a web ACL has ten rate limits at most")
			return
		}
		for base, i := r.Name, 2; slices.ContainsFunc(*all, func(o spec.RateLimit) bool { return o.Name == r.Name }); i++ {
			r.Name = fmt.Sprintf("%s-%d", base, i)
		}
		at := fmt.Sprintf("waf.rate_limits[%d]", len(*all))
		c.draft.Note(at, zone)
		c.draft.Note(at, d)
		*all = append(*all, r)
	}
	zone.Differs(key+".limit, "+key+".window, "+key+".key", "is counted over "+r.Window.String()+", not from request to request")
	d.Differs(key, "nothing is delayed, and a burst is what the window allows")
}

// rateKey is what tells senders apart, by the variable that nginx counts by.
func rateKey(s string) string {
	switch s = strings.NewReplacer("${", "$", "}", "").Replace(s); s {
	case "$binary_remote_addr", "$remote_addr":
		return "ip"
	case "$server_name", "$host":
		return ""
	}
	for before, kind := range map[string]string{"$http_": "header:", "$cookie_": "cookie:", "$arg_": "query_argument:"} {
		if rest, ok := strings.CutPrefix(s, before); ok && wordShape.MatchString(rest) && len(rest) <= 64 {
			if kind == "header:" {
				rest = strings.ReplaceAll(rest, "_", "-")
			}
			return kind + rest
		}
	}
	return ""
}

// realIP is whom nginx believes who the client is.
//
// https://nginx.org/en/docs/http/ngx_http_realip_module.html
func (c *converter) realIP(s *scope) {
	key := "proxy.trusted_proxies"
	all := s.all("set_real_ip_from")
	for _, d := range all {
		block, ok := cidr(d.Arg(0))
		if !ok {
			d.NotMapped("is no address or block of addresses")
			continue
		}
		if list := &c.draft.Env.Proxy.TrustedProxies; !slices.Contains(*list, block) {
			*list = append(*list, block)
		}
		c.draft.Note(key, d)
		d.Maps(key)
	}
	if len(all) == 0 {
		return
	}
	header := s.last("real_ip_header")
	if header == nil {
		for _, d := range all { // nginx's default, which nobody else's proxy sends
			d.Differs(key, "the client is told by X-Forwarded-For, not X-Real-IP: let the proxy before this one send it")
		}
	}
	if header != nil {
		switch strings.ToLower(header.Arg(0)) {
		case "x-forwarded-for":
			header.Maps(key)
		case "proxy_protocol":
			c.realIPByProtocol(header)
		default:
			header.NotMapped("the client is told by X-Forwarded-For: let the proxy before this one send it")
		}
	}
	recursive := s.last("real_ip_recursive")
	switch {
	case recursive != nil && recursive.Arg(0) == "on":
		recursive.Maps(key)
	case recursive != nil:
		recursive.Differs(key, "trusted addresses are passed over in X-Forwarded-For, as if it were on")
	case header != nil && header.Outcome() == importer.Mapped:
		header.Differs(key, "trusted addresses are passed over in X-Forwarded-For, as with real_ip_recursive on")
	}
}
