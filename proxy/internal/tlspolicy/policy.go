// Package tlspolicy knows the security policies of Application Load Balancers by name and
// says what of each crypto/tls can offer. A policy never becomes weaker than its name:
// what Go lacks is left out and reported, nothing is put in its place.
package tlspolicy

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// Policy is a security policy as crypto/tls can offer it.
type Policy struct {
	// Name is AWS's, e.g. ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09.
	Name string
	// MinVersion and MaxVersion are tls.VersionTLS10 to tls.VersionTLS13. MaxVersion is lower
	// than AWS's where Go could not keep TLS 1.3 as strong as the policy asks; then Missing
	// has the TLS 1.3 suites.
	MinVersion, MaxVersion uint16
	// CipherSuites are for TLS 1.0 to 1.2; crypto/tls does not let the suites of TLS 1.3 be
	// chosen. Empty for a policy of TLS 1.3 alone.
	CipherSuites []uint16
	// Curves are the groups for key exchange.
	Curves []tls.CurveID
	// Missing are suites of the policy that are not offered, in OpenSSL's spelling: clients
	// that have nothing else cannot connect, as they could to an ALB.
	Missing []string
	// Extra are TLS 1.3 suites that the policy does not have and that crypto/tls offers all
	// the same. None is weaker than those that the policy has; ChaCha20-Poly1305 is not
	// approved by FIPS 140.
	Extra []string
}

// Lookup returns the policy of that name. It is false for a name that AWS does not have
// and for a policy of which crypto/tls can offer nothing; Known tells the two apart and
// Nearest says what to use instead.
func Lookup(name string) (Policy, bool) {
	for i := range policies {
		if policies[i].name == name {
			p := policies[i].offer()
			return p, p.MaxVersion != 0
		}
	}
	return Policy{}, false
}

// Known reports whether AWS has a policy of that name.
func Known(name string) bool {
	return slices.ContainsFunc(policies, func(n named) bool { return n.name == name })
}

// Names returns every policy name that AWS has, those included that Lookup refuses.
func Names() []string {
	names := make([]string, len(policies))
	for i := range policies {
		names[i] = policies[i].name
	}
	slices.Sort(names)
	return names
}

// Configure sets what the policy says on c: versions, suites and groups. Certificates and
// ALPN stay with the caller.
func (p *Policy) Configure(c *tls.Config) {
	c.MinVersion, c.MaxVersion = p.MinVersion, p.MaxVersion
	c.CipherSuites = p.CipherSuites
	c.CurvePreferences = p.Curves
}

// offer works out what crypto/tls can do of a policy. MaxVersion 0 means nothing.
func (n *named) offer() Policy {
	p := Policy{Name: n.name, MinVersion: n.min, MaxVersion: n.max, Curves: slices.Concat(n.groups...)}
	var has13 []string
	for _, name := range slices.Concat(n.suites...) {
		id, ok := suiteIDs[name]
		switch {
		case !ok:
			p.Missing = append(p.Missing, name)
		case strings.HasPrefix(name, "TLS_"):
			has13 = append(has13, name)
		default:
			p.CipherSuites = append(p.CipherSuites, id)
		}
	}
	if n.max == tls.VersionTLS13 {
		p.limit13(has13)
	}
	return p
}

// limit13 settles TLS 1.3, whose three suites crypto/tls offers all or none of. With 128
// bits among them a policy of 256 bits would be weaker than named, so TLS 1.3 is given up.
func (p *Policy) limit13(has []string) {
	if slices.Contains(has, "TLS_AES_128_GCM_SHA256") {
		for _, name := range tls13 {
			if !slices.Contains(has, name) {
				p.Extra = append(p.Extra, name)
			}
		}
		return
	}
	p.Missing = append(p.Missing, has...)
	p.MaxVersion = 0
	if len(p.CipherSuites) > 0 {
		p.MaxVersion = tls.VersionTLS12
	}
}

// Nearest returns the usable policy closest to name: the one with the most name parts in
// common, and none that allows older versions or weaker suites where name is known but
// refused. It is never empty.
func Nearest(name string) string {
	const fallback = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
	var floor uint16
	for i := range policies {
		if policies[i].name == name {
			floor = policies[i].min
		}
	}
	if floor > tls.VersionTLS12 {
		// A policy that is refused has nothing but TLS 1.3 to give up; the strict ones of
		// TLS 1.2 keep its strength.
		floor = tls.VersionTLS12
	}
	want := strings.Split(strings.TrimPrefix(strings.ToUpper(name), "ELBSECURITYPOLICY-"), "-")
	best, bestScore := fallback, 0
	for i := range policies {
		n := &policies[i]
		if n.name == name || n.min < floor {
			continue
		}
		if p := n.offer(); p.MaxVersion == 0 {
			continue
		}
		if s := score(want, strings.Split(strings.TrimPrefix(strings.ToUpper(n.name), "ELBSECURITYPOLICY-"), "-")); s > bestScore {
			best, bestScore = n.name, s
		}
	}
	return best
}

// score counts the parts that two names share and takes off those they do not.
func score(a, b []string) int {
	shared := 0
	rest := slices.Clone(b)
	for _, part := range a {
		if i := slices.Index(rest, part); i >= 0 {
			shared++
			rest = slices.Delete(rest, i, i+1)
		}
	}
	return 3*shared - len(rest) - (len(a) - shared)
}

// SuiteName returns the OpenSSL spelling of a suite, as ALB logs have it, e.g.
// ECDHE-RSA-AES128-GCM-SHA256; 0x and four digits for a suite that no policy has.
func SuiteName(id uint16) string {
	if name, ok := suiteNames[id]; ok {
		return name
	}
	return fmt.Sprintf("0x%04x", id)
}

// VersionName returns the spelling of ALB logs, e.g. TLSv1.2; "-" for an unknown version.
func VersionName(version uint16) string {
	switch version {
	case tls.VersionTLS10:
		return "TLSv1"
	case tls.VersionTLS11:
		return "TLSv1.1"
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS13:
		return "TLSv1.3"
	}
	return "-"
}

// suiteIDs has what crypto/tls implements of the suites in policies, except DES-CBC3-SHA:
// Sweet32 (CVE-2016-2183) broke it, and only the policy of 2015-04 has it.
var suiteIDs = map[string]uint16{
	"TLS_AES_128_GCM_SHA256":        tls.TLS_AES_128_GCM_SHA256,
	"TLS_AES_256_GCM_SHA384":        tls.TLS_AES_256_GCM_SHA384,
	"TLS_CHACHA20_POLY1305_SHA256":  tls.TLS_CHACHA20_POLY1305_SHA256,
	"ECDHE-ECDSA-AES128-GCM-SHA256": tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-RSA-AES128-GCM-SHA256":   tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-ECDSA-AES256-GCM-SHA384": tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-RSA-AES256-GCM-SHA384":   tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-ECDSA-AES128-SHA256":     tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
	"ECDHE-RSA-AES128-SHA256":       tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
	"ECDHE-ECDSA-AES128-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
	"ECDHE-RSA-AES128-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	"ECDHE-ECDSA-AES256-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
	"ECDHE-RSA-AES256-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	"AES128-GCM-SHA256":             tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
	"AES256-GCM-SHA384":             tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
	"AES128-SHA256":                 tls.TLS_RSA_WITH_AES_128_CBC_SHA256,
	"AES128-SHA":                    tls.TLS_RSA_WITH_AES_128_CBC_SHA,
	"AES256-SHA":                    tls.TLS_RSA_WITH_AES_256_CBC_SHA,
}

var suiteNames = func() map[uint16]string {
	m := make(map[uint16]string, len(suiteIDs))
	for name, id := range suiteIDs {
		m[id] = name
	}
	return m
}()
