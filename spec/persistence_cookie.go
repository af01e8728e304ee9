package spec

import (
	"regexp"
	"strings"
	"time"
)

// PersistenceCookie keeps a client with its target as HAProxy's "cookie NAME insert" does; in
// the container it takes the place of the group's stickiness. It is set when the client has
// none, or one of a target that is out; without an expiry, so that it lasts as long as the
// browser. It never shows an address: its value is the target's id, or, if targets share that or
// it has the address in it, 16 digits that are made of the address with proxy.stickiness_keys, so
// that nobody without these finds the address by trying. Clients can choose their target by it;
// with stickiness they cannot. A target that a cookie names gets the request even if it is a
// backup; one that is deregistered does not, as with an ALB. A cookie that says anything else is
// as good as none.
type PersistenceCookie struct {
	// Name of the cookie. Required.
	Name string `yaml:"name"`
	// Indirect hides the cookie from targets. Default false. HAProxy: indirect.
	Indirect bool `yaml:"indirect"`
	// Nocache adds Cache-Control: private to an answer to GET or HEAD that sets the cookie,
	// unless it says private or no-store already. Default false. HAProxy: nocache.
	Nocache bool `yaml:"nocache"`
	// Preserve lets a target set the cookie itself, and so end the persistence; otherwise its
	// own is taken out of the answer. Default false. HAProxy: preserve.
	Preserve bool `yaml:"preserve"`
	// Postonly sends the cookie only in answers to POST. Default false. HAProxy: postonly.
	Postonly bool `yaml:"postonly"`
	// MaxIdle is for how long after its last request a client's cookie counts: 1s to 30 days
	// (720h), in whole seconds and up to 3s longer, or 0s for ever. Default 0s. HAProxy: maxidle.
	MaxIdle time.Duration `yaml:"max_idle"`
	// MaxLife is for how long a client's cookie counts in all: 1s to 365 days (8760h), in whole
	// seconds and up to 3s longer, or 0s for ever. Default 0s. HAProxy: maxlife.
	MaxLife time.Duration `yaml:"max_life"`
	// HTTPOnly hides the cookie from scripts. Default false. HAProxy: httponly.
	HTTPOnly bool `yaml:"http_only"`
	// Secure keeps browsers from sending the cookie without TLS. Default false. HAProxy: secure.
	Secure bool `yaml:"secure"`
	// SameSite is Strict, Lax or None. Default: left out. HAProxy: attr "SameSite=…".
	SameSite string `yaml:"same_site"`
	// Domain is the domain for which browsers send the cookie. Default: the host alone.
	// HAProxy: domain.
	Domain string `yaml:"domain"`
}

// Limits of PersistenceCookie. HAProxy has none.
const (
	MaxCookieIdle = 30 * 24 * time.Hour
	MaxCookieLife = 365 * 24 * time.Hour
)

// maxDomain is how long the name of a host can be.
//
// https://www.rfc-editor.org/rfc/rfc1123#page-13
const maxDomain = 255

var cookieDomainShape = regexp.MustCompile(`^\.?[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*$`)

func (p *PersistenceCookie) absent() bool { return *p == PersistenceCookie{} }

func (p *PersistenceCookie) limits() limits {
	return limits{
		"name":      required(like(cookieShape, "the name of a cookie, at most 256 characters")),
		"max_idle":  zeroOr("for ever", seconds(time.Second, MaxCookieIdle)),
		"max_life":  zeroOr("for ever", seconds(time.Second, MaxCookieLife)),
		"same_site": oneOf("Strict", "Lax", "None"),
		"domain":    both(length(maxDomain), like(cookieDomainShape, "a domain such as example.com")),
	}
}

func (p *PersistenceCookie) check(c *checker, path string) {
	if reservedCookie.MatchString(p.Name) {
		c.refuse(field(path, "name"), "is a cookie of the load balancer", quote(p.Name), "one that does not begin with AWSALB")
	}
	// Browsers drop what breaks these rules, and clients would move with each request.
	//
	// https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-4.1.3
	host := hasPrefixFold(p.Name, "__Host-")
	if (host || hasPrefixFold(p.Name, "__Secure-")) && !p.Secure {
		c.refuse(field(path, "name"), "does not go without secure: browsers drop such a cookie", quote(p.Name), "secure, or another name")
	}
	if host && p.Domain != "" {
		c.refuse(field(path, "domain"), "does not go with a name that begins with __Host-: browsers drop such a cookie", quote(p.Domain), "no domain, or another name")
	}
	if p.SameSite == "None" && !p.Secure {
		c.refuse(field(path, "same_site"), "does not go without secure: browsers drop such a cookie", p.SameSite, "secure, or another value")
	}
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
