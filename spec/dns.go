package spec

import (
	"regexp"
	"strings"
)

// DNS is the zone that gets the record of the domain: Route 53 on AWS.
type DNS struct {
	// Zone is a domain that Environment.Domain is, or is below. Default: no record.
	Zone string `yaml:"zone"`
	// ZoneID is the zone's id in Route 53, such as Z0123456789ABCDEFGHIJ; AWS only. Default:
	// none.
	ZoneID string `yaml:"zone_id"`
}

var zoneIDShape = regexp.MustCompile(`^Z[A-Z0-9]{5,31}$`)

func (d *DNS) limits() limits {
	return limits{
		"zone":    like(hostShape, "a domain such as example.com"),
		"zone_id": like(zoneIDShape, "the id of a hosted zone such as Z0123456789ABCDEFGHIJ"),
	}
}

func (d *DNS) check(c *checker, path string) {
	if d.Zone == "" {
		if d.ZoneID != "" {
			c.refuse(field(path, "zone_id"), "stands without zone", quote(d.ZoneID), "zone as well")
		}
		return
	}
	if domain := c.env.Domain; domain != d.Zone && !strings.HasSuffix(domain, "."+d.Zone) {
		c.refuse(field(path, "zone"), "does not hold the domain", quote(d.Zone), "a domain that "+quote(domain)+" is below")
	}
}
