package spec

import (
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
)

// Proxy says how the container binds and logs; the CDK app ignores it.
type Proxy struct {
	// Bind maps a listener's name to the address it listens on. Default 0.0.0.0:<port>
	// (or [::]:<port> unless ip_address_type is ipv4). Listeners that the control API makes
	// are called by protocol and port: http-80, https-443.
	Bind map[string]string `yaml:"bind"`
	// Admin is the operator's listener.
	Admin Admin `yaml:"admin"`
	// ELBv2API is the control API.
	ELBv2API ELBv2API `yaml:"elbv2_api"`
	// ServerName is what `Server` says on answers the load balancer makes. Default awselb/2.0.
	ServerName string `yaml:"server_name"`
	// StickinessKeys encrypt stickiness cookies, and hide addresses in those of
	// proxy_only.cookie: the first seals, all open. Each is a secret of at least 32 bytes, or
	// file:PATH or env:NAME. Empty: a random key per process.
	StickinessKeys []Secret `yaml:"stickiness_keys"`
	// AccessLog has a line for each request. Default: alb to /dev/stdout.
	AccessLog LogFile `yaml:"access_log"`
	// ConnectionLog has a line for each connection of HTTPS listeners. Default: off.
	ConnectionLog LogFile `yaml:"connection_log"`
	// HealthCheckLog has a line for each check of a target. Default: off.
	HealthCheckLog LogFile `yaml:"health_check_log"`
	// WAFLog has a line for each request that a rule of the firewall blocked or counted, in the
	// JSON format of AWS WAF's log. Default: off.
	WAFLog WAFLog `yaml:"waf_log"`
	// GeoDatabase is a MaxMind DB file (.mmdb) of countries by address, such as GeoLite2-Country,
	// which waf.geo_match and the firewall's log go by: country.iso_code, or country_code, of its
	// records. It is read at each load and watched; at most 512 MiB. Default: none, with which
	// geo_match does nothing in the container.
	GeoDatabase string `yaml:"geo_database"`
	// SharedRates has several proxies count for waf.rate_limits together. Default: each for itself.
	SharedRates SharedRates `yaml:"shared_rates"`
	// TrustedProxies are blocks of addresses of proxies before this one, whose word is taken
	// for who the client is: the last address of X-Forwarded-For that is in none of them. Rules
	// (source_ip), logs and metrics go by it. What these proxies say in X-Forwarded-Proto and
	// X-Forwarded-Port is passed on; anyone else's is replaced. At most 1000. nginx:
	// set_real_ip_from with real_ip_recursive. Default: none.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// ProxyProtocol says, by listener, whether connections begin with a header of the PROXY
	// protocol, version 1 or 2, that names the client: off, optional or required. A header is
	// taken from trusted_proxies only; one from elsewhere, one that is malformed or not of TCP,
	// and none where it is required, close the connection and are counted. nginx: listen …
	// proxy_protocol; HAProxy: accept-proxy, which is required. Default: off.
	ProxyProtocol map[string]string `yaml:"proxy_protocol"`
	// MaxConnections bounds open client connections: 1 to 10000000; more are refused and
	// counted. Default 65536.
	MaxConnections int `yaml:"max_connections"`
	// CacheMemory bounds what edge.cache keeps, in bytes: 0 to 1099511627776 (1 TiB). It counts
	// answers with heads and keys, and those on their way in. An answer that would take more
	// than an eighth of it is not kept; with 0 none is. Default 67108864 (64 MiB).
	CacheMemory int `yaml:"cache_memory"`
	// HandoverSocket is a Unix socket over which a process started with the same file takes
	// the listening sockets from the one that runs, so that replacing a process loses no
	// connection. Default: none.
	HandoverSocket string `yaml:"handover_socket"`
}

// ListenAddress is where the container listens for l: host:port.
func (e *Environment) ListenAddress(l *Listener) string {
	if address, ok := e.Proxy.Bind[l.Name]; ok {
		return address
	}
	host := "0.0.0.0"
	if e.LoadBalancer.IPAddressType != IPAddressTypeIPv4 {
		host = "::"
	}
	return net.JoinHostPort(host, strconv.Itoa(l.Port))
}

// Values of Proxy.ProxyProtocol.
const (
	ProxyProtocolOff      = "off"
	ProxyProtocolOptional = "optional"
	ProxyProtocolRequired = "required"
)

// Limits and defaults of Proxy.
const (
	DefaultAdminListen    = "127.0.0.1:8404"
	DefaultServerName     = "awselb/2.0"
	DefaultMaxConnections = 65536
	MaxMaxConnections     = 10_000_000
	DefaultCacheMemory    = 64 << 20
	MaxCacheMemory        = 1 << 40
	// MaxTrustedProxies has room for the blocks of any network of proxies that publishes them.
	MaxTrustedProxies = 1000
	// MinStickinessKey is how many bytes a key has at least: as many as the cipher's.
	MinStickinessKey = 32
)

func (p *Proxy) setDefaults() {
	p.ServerName = DefaultServerName
	p.AccessLog = LogFile{Path: "/dev/stdout", Format: LogFormatALB}
	p.ConnectionLog = LogFile{Path: LogOff, Format: LogFormatALB}
	p.HealthCheckLog = LogFile{Path: LogOff, Format: LogFormatALB}
	p.WAFLog.Path = LogOff
	p.MaxConnections = DefaultMaxConnections
	p.CacheMemory = DefaultCacheMemory
}

func (p *Proxy) limits() limits {
	return limits{
		"bind":            each(that("an address and a port such as 0.0.0.0:80 or [::]:80", isListenAddress)),
		"server_name":     like(optionalValueShape, "visible ASCII and spaces inside"),
		"stickiness_keys": each(that(fmt.Sprintf("file:PATH, env:NAME or at least %d bytes", MinStickinessKey), isStickinessKey)),
		"trusted_proxies": both(atMost(MaxTrustedProxies), each(that("a block such as 10.0.0.0/8", isCIDR))),
		"proxy_protocol":  each(oneOf(ProxyProtocolOff, ProxyProtocolOptional, ProxyProtocolRequired)),
		"max_connections": between(1, MaxMaxConnections),
		"cache_memory":    between(0, MaxCacheMemory),
	}
}

func isStickinessKey(s string) bool { return isReference(s) || len(s) >= MinStickinessKey }

func (p *Proxy) check(c *checker, path string) {
	listens := map[string]string{}
	c.unique(listens, p.Admin.Listen, field(path, "admin.listen"))
	c.unique(listens, p.ELBv2API.Listen, field(path, "elbv2_api.listen"))
	for _, name := range slices.Sorted(maps.Keys(p.Bind)) {
		at := field(path, "bind."+name)
		c.unique(listens, p.Bind[name], at)
		p.checkListener(c, name, at)
	}
	for _, name := range slices.Sorted(maps.Keys(p.ProxyProtocol)) {
		at := field(path, "proxy_protocol."+name)
		p.checkListener(c, name, at)
		if mode := p.ProxyProtocol[name]; mode != ProxyProtocolOff && len(p.TrustedProxies) == 0 && !c.isUnread(field(path, "trusted_proxies")) {
			c.refuse(at, "needs trusted_proxies, from which a header is taken", quote(mode), "blocks there, or off")
		}
	}
	for i, key := range p.StickinessKeys {
		if !isReference(string(key)) {
			c.warn(element(field(path, "stickiness_keys"), i), "is a secret in the open", "", "file:PATH or env:NAME")
		}
	}
	for _, log := range []struct {
		key  string
		file LogFile
	}{{"connection_log", p.ConnectionLog}, {"health_check_log", p.HealthCheckLog}} {
		if log.file.Format == LogFormatCombined {
			c.refuse(field(path, log.key+".format"), "is for access_log", quote(log.file.Format), "alb or json")
		}
	}
}

// checkListener refuses the name of a listener that there is not, and that the control API
// cannot make.
func (p *Proxy) checkListener(c *checker, name, at string) {
	if p.ELBv2API.Served() && apiListenerShape.MatchString(name) || c.isUnread("load_balancer.listeners") {
		return
	}
	if !slices.ContainsFunc(c.env.LoadBalancer.Listeners, func(l Listener) bool { return l.Name == name }) {
		c.refuse(at, "no listener has that name", quote(name), "the name of a listener")
	}
}

// Admin is the operator's listener: metrics, status, health, reload.
type Admin struct {
	// Listen is host:port. Default 127.0.0.1:8404.
	Listen string `yaml:"listen"`
	// Users are those of the admin page, at most 64 bytes each without a colon, with the bcrypt
	// hashes of their passwords, of a cost up to 15; evenkeel hash-password makes one. With users the page wants a sign-in and
	// lets them drain targets; without, it shows and changes nothing. Default: none.
	Users map[string]Secret `yaml:"users"`
	// NginxStatusAllow are blocks of addresses that may ask for /nginx_status, nginx's
	// stub_status. Default 127.0.0.0/8 and ::1/128.
	NginxStatusAllow []string `yaml:"nginx_status_allow"`
}

func (a *Admin) setDefaults() {
	a.Listen = DefaultAdminListen
	a.NginxStatusAllow = []string{"127.0.0.0/8", "::1/128"}
}

// adminUserShape leaves out what HTTP's basic authentication cannot have.
var adminUserShape = regexp.MustCompile(`^[!-9;-~]{1,64}$`)

var bcryptShape = regexp.MustCompile(`^\$2[aby]\$(0[4-9]|1[0-5])\$[./A-Za-z0-9]{53}$`)

func (a *Admin) limits() limits {
	return limits{
		"listen":             required(that("an address and a port such as 127.0.0.1:8404", isListenAddress)),
		"nginx_status_allow": each(that("a block such as 10.0.0.0/8", isCIDR)),
		"users": each(that("a bcrypt hash of a cost up to 15, file:PATH or env:NAME", func(s string) bool {
			return isReference(s) || bcryptShape.MatchString(s)
		})),
	}
}

func (a *Admin) check(c *checker, path string) {
	for _, name := range slices.Sorted(maps.Keys(a.Users)) {
		if !adminUserShape.MatchString(name) {
			c.refuse(field(path, "users."+name), "is no name of a user", quote(name), "1 to 64 visible ASCII characters without a colon")
		}
	}
}

// LogFile says where a log goes.
type LogFile struct {
	// Path of the file, or `off`.
	Path string `yaml:"path"`
	// Format is alb, json or combined (access log only). Default alb.
	Format string `yaml:"format"`
}

// Values of LogFile.
const (
	LogOff            = "off"
	LogFormatALB      = "alb"
	LogFormatJSON     = "json"
	LogFormatCombined = "combined"
)

func (f *LogFile) limits() limits {
	return limits{
		"path":   required(anything()),
		"format": required(oneOf(LogFormatALB, LogFormatJSON, LogFormatCombined)),
	}
}
