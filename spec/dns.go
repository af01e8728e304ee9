package spec

import "strings"

// DNS is the zone that gets the record of the domain: Route 53 on AWS.
type DNS struct {
	// Zone is a domain that Environment.Domain is, or is below. Default: no record.
	Zone string `yaml:"zone"`
}

func (d *DNS) limits() limits {
	return limits{"zone": like(hostShape, "a domain such as example.com")}
}

func (d *DNS) check(c *checker, path string) {
	if d.Zone == "" {
		return
	}
	if domain := c.env.Domain; domain != d.Zone && !strings.HasSuffix(domain, "."+d.Zone) {
		c.refuse(field(path, "zone"), "does not hold the domain", quote(d.Zone), "a domain that "+quote(domain)+" is below")
	}
}
