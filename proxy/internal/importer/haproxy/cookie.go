package haproxy

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

const keyCookie = "target_groups[].proxy_only.cookie"

var (
	cookieName  = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$")
	domainShape = regexp.MustCompile(`^\.?[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*$`)
	idShape     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$`)
)

// cookie keeps clients with their targets by a cookie, HAProxy's own or the application's.
//
// https://docs.haproxy.org/3.0/configuration.html#4.2-cookie
func (c *converter) cookie(g *importer.Group, d *directive) {
	name := d.Arg(0)
	if !cookieName.MatchString(name) || strings.HasPrefix(strings.ToUpper(name), "AWSALB") {
		d.NotMapped("has a name that no cookie has here: one that does not begin with AWSALB")
		return
	}
	if !isInserted(d) { // rewrite, prefix
		g.Stickiness.Type, g.Stickiness.CookieName = spec.StickinessAppCookie, name
		importer.Comment(g.Notes, "stickiness", d)
		d.Differs("target_groups[].stickiness", "the application's cookie stays as it is; beside it goes AWSALBAPP, which names the target and lasts a day from the last request on")
		return
	}
	p := spec.PersistenceCookie{Name: name}
	importer.Comment(g.Notes, "proxy_only.cookie", d)
	for i := 1; i < len(d.Args); i++ {
		word, value := d.Args[i], d.Arg(i+1)
		switch word {
		case "insert":
		case "indirect":
			p.Indirect = true
		case "nocache":
			p.Nocache = true
		case "postonly":
			p.Postonly = true
		case "preserve":
			p.Preserve = true
		case "httponly":
			p.HTTPOnly = true
		case "secure":
			p.Secure = true
		case "dynamic":
			d.Differs(keyCookie, "the value is the target's id, not a hash of its address")
		case "maxidle", "maxlife":
			i++
			to, most := &p.MaxIdle, spec.MaxCookieIdle
			if word == "maxlife" {
				to, most = &p.MaxLife, spec.MaxCookieLife
			}
			if t, ok := seconds(value); ok {
				if *to = importer.WholeSeconds(t, time.Second, most); *to != t {
					d.Differs(keyCookie, word+" is 1s at least, and "+most.String()+" at most")
				}
			}
		case "domain":
			i++
			switch {
			case p.Domain != "":
				d.Differs(keyCookie, "has one domain, "+p.Domain)
			case len(value) <= 255 && domainShape.MatchString(value):
				p.Domain = value
			default:
				d.Differs(keyCookie, "has no domain, as what is said is none")
			}
		case "attr":
			i++
			attribute, what, _ := strings.Cut(value, "=")
			if same := []string{"Strict", "Lax", "None"}; strings.EqualFold(attribute, "SameSite") && slices.Contains(same, what) {
				p.SameSite = what
			} else {
				d.Differs(keyCookie, "the attribute "+attribute+" has no equivalent")
			}
		default:
			d.Differs(keyCookie, "the parameter "+word+" is not known")
		}
	}
	if p.SameSite == "None" && !p.Secure {
		p.SameSite = ""
		d.Differs(keyCookie, "has no SameSite=None, which browsers drop without secure")
	}
	g.ProxyOnly.Cookie = p
	d.Maps(keyCookie)
	if p.Nocache {
		d.MapsBy(keyCookie, "Cache-Control: private goes with the cookie even where nobody would keep the answer")
	}
}

// isInserted tells whether the cookie is one that HAProxy itself makes.
func isInserted(d *directive) bool { return slices.Contains(d.Args[min(1, len(d.Args)):], "insert") }

// seconds reads times whose unit is the second if none is named, as those of cookies are.
func seconds(s string) (time.Duration, bool) {
	if s != "" && strings.Trim(s, "0123456789") == "" {
		s += "s"
	}
	return duration(s)
}

// idOf is the id of a server's target: the value of its cookie, so that clients stay where they
// are, or its name.
func idOf(g *importer.Group, s *section, d *directive, v server) string {
	cookie := s.last("cookie")
	if cookie == nil || !isInserted(cookie) {
		return importer.Name(d.Arg(0))
	}
	taken := slices.ContainsFunc(g.Targets, func(t spec.Target) bool { return t.ID == v.cookie })
	switch {
	case v.cookie == "":
		d.Differs(keyCookie, "clients are kept here as well, without the parameter cookie")
	case taken || !idShape.MatchString(v.cookie):
		d.Differs(keyTargets+".id", "the value of the cookie is the target's id: clients choose a target anew once")
	default:
		return v.cookie
	}
	return importer.Name(d.Arg(0))
}
