package spec

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"time"
)

// WAF is the web application firewall: a WAFv2 web ACL on AWS.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/web-acl.html
type WAF struct {
	// DefaultAction is what happens to requests that nothing decides on: allow or block.
	// Default allow.
	DefaultAction string `yaml:"default_action"`
	// Managed are AWS's managed rule groups by short names: common, known_bad_inputs,
	// ip_reputation, anonymous_ip, admin_protection, sqli, linux, unix, windows, php, wordpress.
	// Elsewhere parts of the OWASP Core Rule Set stand for them, at its paranoia level 1, and
	// there are none for ip_reputation, anonymous_ip, admin_protection and wordpress. Default:
	// none.
	Managed []string `yaml:"managed"`
	// ManagedAction is block, as the groups' own rules do, or count, to see first what they
	// would block. Default block.
	ManagedAction string `yaml:"managed_action"`
	// RateLimits bound requests by who sends them; at most ten. Default: none.
	RateLimits []RateLimit `yaml:"rate_limits"`
	// IPSets allow, block or count blocks of addresses. Default: none.
	IPSets map[string]IPSet `yaml:"ip_sets"`
	// GeoMatch decides by the country that an address is in. The container needs
	// proxy.geo_database for it. Default: off.
	GeoMatch GeoMatch `yaml:"geo_match"`
}

// Values of the actions of WAF and its rules.
const (
	WAFAllow = "allow"
	WAFBlock = "block"
	WAFCount = "count"
)

// Names of rules that stand in no file.
const (
	// GeoMatchRule is the one of WAF.GeoMatch.
	GeoMatchRule = "geo_match"
	// DefaultActionRule is what logs and metrics call the decision that no rule has made.
	DefaultActionRule = "Default_Action"
)

// ManagedRuleGroups are the values of WAF.Managed and AWS's names of them.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
func ManagedRuleGroups() map[string]string {
	return map[string]string{
		"common":           "AWSManagedRulesCommonRuleSet",
		"known_bad_inputs": "AWSManagedRulesKnownBadInputsRuleSet",
		"ip_reputation":    "AWSManagedRulesAmazonIpReputationList",
		"anonymous_ip":     "AWSManagedRulesAnonymousIpList",
		"admin_protection": "AWSManagedRulesAdminProtectionRuleSet",
		"sqli":             "AWSManagedRulesSQLiRuleSet",
		"linux":            "AWSManagedRulesLinuxRuleSet",
		"unix":             "AWSManagedRulesUnixRuleSet",
		"windows":          "AWSManagedRulesWindowsRuleSet",
		"php":              "AWSManagedRulesPHPRuleSet",
		"wordpress":        "AWSManagedRulesWordPressRuleSet",
	}
}

// OnlyOnAWS reports whether a managed rule group has no counterpart in the container: it is
// a list of addresses that AWS keeps, or of an application's paths.
func OnlyOnAWS(group string) bool {
	switch group {
	case "ip_reputation", "anonymous_ip", "admin_protection", "wordpress":
		return true
	}
	return false
}

// Present tells whether the firewall does anything, so that AWS needs a web ACL for it.
func (w *WAF) Present() bool {
	return w.DefaultAction == WAFBlock || len(w.Managed) > 0 || len(w.RateLimits) > 0 || len(w.IPSets) > 0 || !w.GeoMatch.absent()
}

// Limits of a web ACL.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/limits.html
const (
	MaxRateLimits     = 10
	MinRateLimit      = 10
	MaxRateLimit      = 2_000_000_000
	MaxIPSetAddresses = 10000
)

func (w *WAF) setDefaults() { w.DefaultAction, w.ManagedAction = WAFAllow, WAFBlock }

func (w *WAF) limits() limits {
	return limits{
		"default_action": required(oneOf(WAFAllow, WAFBlock)),
		"managed":        each(oneOf(slices.Sorted(maps.Keys(ManagedRuleGroups()))...)),
		"managed_action": required(oneOf(WAFBlock, WAFCount)),
		"rate_limits":    atMost(MaxRateLimits),
	}
}

func (w *WAF) check(c *checker, path string) {
	seen := map[string]string{}
	for i, name := range w.Managed {
		c.unique(seen, name, element(field(path, "managed"), i))
	}
	names := map[string]string{GeoMatchRule: field(path, "geo_match"), DefaultActionRule: field(path, "default_action")}
	for short, name := range ManagedRuleGroups() {
		names[name] = field(path, "managed") + " " + short
	}
	for i, r := range w.RateLimits {
		c.unique(names, r.Name, field(element(field(path, "rate_limits"), i), "name"))
	}
	for _, name := range slices.Sorted(maps.Keys(w.IPSets)) {
		at := field(path, "ip_sets."+name)
		c.unique(names, name, at)
		if !wafNameShape.MatchString(name) {
			c.refuse(at, "is not a name", quote(name), wafNameWords)
		}
	}
}

// RateLimit blocks or counts the requests of who sends more than Limit requests in any Window.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based.html
type RateLimit struct {
	// Name of the rule; unique.
	Name string `yaml:"name"`
	// Limit is 10 to 2000000000 requests.
	Limit int `yaml:"limit"`
	// Window is 60s, 120s, 300s or 600s, looking back from now. Default 300s.
	Window time.Duration `yaml:"window"`
	// Key tells senders apart: ip, forwarded_ip (the first address of X-Forwarded-For),
	// header:NAME, cookie:NAME, query_argument:NAME, or all for no difference. Default ip.
	Key string `yaml:"key"`
	// Path limits the rule to requests whose path begins with it; needed with key all.
	// Default: every path.
	Path string `yaml:"path"`
	// Status is what refused requests are answered with: 400 to 599. Default 403.
	Status int `yaml:"status"`
	// Action is block or count: what becomes of requests over the limit. Default block.
	Action string `yaml:"action"`
}

var (
	wafNameShape  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	rateKeyShape  = regexp.MustCompile("^(ip|forwarded_ip|all|(header|cookie|query_argument):[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64})$")
	ratePathShape = regexp.MustCompile(`^/[!-~]{0,199}$`)
)

const wafNameWords = "1 to 128 letters, digits, underscores and hyphens"

func (r *RateLimit) setDefaults() {
	r.Window, r.Key, r.Status, r.Action = 300*time.Second, "ip", 403, WAFBlock
}

func (r *RateLimit) limits() limits {
	return limits{
		"name":   required(like(wafNameShape, wafNameWords)),
		"limit":  between(MinRateLimit, MaxRateLimit),
		"window": numbers(60*time.Second, 120*time.Second, 300*time.Second, 600*time.Second),
		"key":    required(like(rateKeyShape, "ip, forwarded_ip, header:NAME, cookie:NAME, query_argument:NAME or all")),
		"path":   like(ratePathShape, "the beginning of a path, at most 200 characters"),
		"status": between(400, 599),
		"action": required(oneOf(WAFBlock, WAFCount)),
	}
}

func (r *RateLimit) check(c *checker, path string) {
	if r.Key == "all" && r.Path == "" {
		c.refuse(field(path, "path"), "is missing", "", "the beginning of a path, as key is all")
	}
}

// GeoMatch decides by country, after IPSets.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-geo-match.html
type GeoMatch struct {
	// CountryCodes are ISO 3166 codes of two letters; at most 50.
	CountryCodes []string `yaml:"country_codes"`
	// Action is block or count. Default block.
	Action string `yaml:"action"`
}

// MaxCountryCodes bounds GeoMatch.CountryCodes.
const MaxCountryCodes = 50

var countryShape = regexp.MustCompile(`^[A-Z]{2}$`)

func (g *GeoMatch) setDefaults() { g.Action = WAFBlock }

func (g *GeoMatch) absent() bool { return len(g.CountryCodes) == 0 }

func (g *GeoMatch) limits() limits {
	return limits{
		"country_codes": both(atMost(MaxCountryCodes), each(like(countryShape, "two capital letters such as NL"))),
		"action":        required(oneOf(WAFBlock, WAFCount)),
	}
}

func (g *GeoMatch) check(c *checker, path string) {
	seen := map[string]string{}
	for i, code := range g.CountryCodes {
		c.unique(seen, code, element(field(path, "country_codes"), i))
	}
}

// IPSet decides on blocks of addresses before all other rules.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-ipset-match.html
type IPSet struct {
	// Addresses are blocks of IPv4 or IPv6 addresses, /0 excluded; at most 10000.
	Addresses []string `yaml:"addresses"`
	// Action is allow, block or count. Default block.
	Action string `yaml:"action"`
}

func (s *IPSet) setDefaults() { s.Action = WAFBlock }

func (s *IPSet) limits() limits {
	return limits{
		"addresses": required(both(atMost(MaxIPSetAddresses), each(that("a block such as 192.0.2.0/24, not /0", func(s string) bool {
			p, err := netip.ParsePrefix(s)
			return err == nil && p.Bits() > 0 && p.Masked() == p
		})))),
		"action": required(oneOf(WAFAllow, WAFBlock, WAFCount)),
	}
}

func (s *IPSet) check(c *checker, path string) {
	seen := map[string]string{}
	for i, a := range s.Addresses {
		if before, twice := seen[a]; twice {
			c.warn(element(field(path, "addresses"), i), fmt.Sprintf("stands twice, also at %s", before), quote(a), "")
		}
		seen[a] = element("addresses", i)
	}
}

// WAFLog says where the firewall's log goes.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/logging-fields.html
type WAFLog struct {
	// Path of the file, or `off`. Default off.
	Path string `yaml:"path"`
	// RedactHeaders are names of header fields whose values the log does not show, besides
	// Authorization and Cookie; at most 100. Default: none. AWS: RedactedFields.
	RedactHeaders []string `yaml:"redact_headers"`
}

// MaxRedactHeaders bounds WAFLog.RedactHeaders, as on AWS.
const MaxRedactHeaders = 100

// SecretHeaders are the header fields that no log of the firewall shows, in lower case.
func SecretHeaders() []string { return []string{"authorization", "cookie"} }

// Equal reports whether both are the same log.
func (l WAFLog) Equal(o WAFLog) bool {
	return l.Path == o.Path && slices.Equal(l.RedactHeaders, o.RedactHeaders)
}

func (l *WAFLog) limits() limits {
	return limits{
		"path":           required(anything()),
		"redact_headers": both(atMost(MaxRedactHeaders), each(like(headerShape, "the name of a header field"))),
	}
}

// SharedRates is where proxies share the counts of waf.rate_limits: those of the same app and
// environment, rule by rule, about twice a second. While the store is away each goes on by its
// own counts, and what was not shared is a metric.
type SharedRates struct {
	// Redis is the URL of a Redis or Valkey server, redis://USER:PASSWORD@HOST:PORT/DATABASE, or
	// rediss:// for TLS; or file:PATH or env:NAME of it. Default: none.
	Redis Secret `yaml:"redis"`
}

func (s *SharedRates) limits() limits {
	return limits{
		"redis": that("redis://HOST:PORT, rediss://HOST:PORT, file:PATH or env:NAME", func(s string) bool {
			if s == "" || isReference(s) {
				return true
			}
			u, err := url.Parse(s)
			return err == nil && (u.Scheme == "redis" || u.Scheme == "rediss") && u.Host != ""
		}),
	}
}
