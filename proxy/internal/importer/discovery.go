package importer

import (
	"net"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

const keyDiscovery = "target_groups[].proxy_only.discovery"

var (
	dnsShape     = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*$`)
	serviceShape = regexp.MustCompile(`(?i)^_[a-z0-9]([a-z0-9-]*[a-z0-9])?\._tcp\.`)
)

// maxDNSName is as long as a name can be, written out (RFC 1035, 2.3.4).
const maxDNSName = 253

// Discover makes a name one whose addresses are targets, and tells whether it can. The port is
// that of the targets, unless the name is that of a service, whose records have them.
func Discover(g *Group, host string, port int, from *Directive) bool {
	p := &g.ProxyOnly.Discovery
	switch {
	case !dnsShape.MatchString(host) || len(host) > maxDNSName:
		from.NotMapped("is neither an address nor a name that DNS has: write the address")
		return false
	case p.DNS != "" && p.DNS != host:
		from.NotMapped("a target group looks up one name, here " + p.DNS + ": write this one's address as a target")
		return false
	}
	p.DNS = host
	if port != g.Port && !serviceShape.MatchString(host) {
		p.Port = port
	}
	Comment(g.Notes, "proxy_only.discovery", from)
	return true
}

// Resolve has a group ask these DNS servers, and so often; 0 for as long as the records live.
func Resolve(g *Group, servers []string, interval time.Duration, from *Directive) {
	p := &g.ProxyOnly.Discovery
	for _, s := range servers {
		if _, _, err := net.SplitHostPort(s); err != nil {
			s = net.JoinHostPort(s, "53")
		}
		a, err := netip.ParseAddrPort(s)
		switch {
		case err != nil || a.Port() == 0 || a.Addr().IsUnspecified():
			from.Differs(keyDiscovery+".resolvers", s+" is no address of a DNS server")
		case slices.Contains(p.Resolvers, a.String()):
		case len(p.Resolvers) == spec.MaxResolvers:
			from.Differs(keyDiscovery+".resolvers", "three are asked at most")
		default:
			p.Resolvers = append(p.Resolvers, a.String())
		}
	}
	if len(servers) > 0 && len(p.Resolvers) > 0 {
		Comment(g.Notes, "proxy_only.discovery.resolvers", from)
		from.Maps(keyDiscovery + ".resolvers")
	}
	if interval > 0 {
		p.Interval = WholeSeconds(interval, time.Second, time.Hour)
		Comment(g.Notes, "proxy_only.discovery.interval", from)
		from.Maps(keyDiscovery + ".interval")
	}
}
