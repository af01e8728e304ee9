package haproxy

import (
	"regexp"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

// redirect is a redirect line on a listener.
func (c *converter) redirect(d *directive, args []string, l *importer.Listener) []item {
	rest, list, ok := terms(args)
	r := &spec.Redirect{StatusCode: spec.RedirectFound}
	if !ok {
		d.NotMapped("has a condition that cannot be read")
		return nil
	}
	differs := ""
	for i := 0; i < len(rest); i++ {
		value := argument(rest, i+1)
		switch rest[i] {
		case "scheme":
			r.Protocol = strings.ToUpper(value)
			r.Port = map[string]string{"HTTP": "80", "HTTPS": "443"}[r.Protocol]
			if r.Port == "" {
				ok = false
			}
			i++
		case "prefix", "location":
			m := place.FindStringSubmatch(value)
			if m == nil {
				ok = false
				break
			}
			if m[1] != "" {
				r.Protocol, r.Host = strings.ToUpper(m[1]), m[2]
				r.Port = map[string]string{"HTTP": "80", "HTTPS": "443"}[r.Protocol]
				if m[3] != "" {
					r.Port = m[3]
				}
			}
			path := strings.TrimSuffix(m[4], "/")
			switch {
			case rest[i] == "prefix" && path != "":
				r.Path = path + "/#{path}"
			case rest[i] == "location":
				if r.Path = m[4]; r.Path == "" {
					r.Path = "/"
				}
				differs = "the query of the request is kept"
			}
			i++
		case "code":
			switch value {
			case "301", "308":
				r.StatusCode = spec.RedirectPermanent
			}
			if value != "301" && value != "302" {
				differs = "an ALB redirects by 301 and 302 only, so " + value + " is " + strings.TrimPrefix(r.StatusCode, "HTTP_")
			}
			i++
		case "ignore-empty", "drop-query", "append-slash":
			differs = rest[i] + " has no equivalent"
		case "set-cookie", "clear-cookie":
			differs = "no cookie is set"
			i++
		default:
			ok = false
		}
	}
	if r.Protocol == "" && r.Host == "" && (r.Path == "" || r.Path == "/#{path}") || len(r.Path) > spec.MaxRedirectComponent || len(r.Host) > spec.MaxRedirectComponent {
		ok = false
	}
	if !ok {
		d.NotMapped("leads to a place that no redirect can name (protocol, host, port, path and query, with those of the request)")
		return nil
	}
	if differs != "" {
		d.Differs(keyRedirect, differs)
	} else {
		d.MapsBy(keyRedirect, "Location names the port")
	}
	if l.Protocol == spec.ProtocolHTTPS && r.Protocol == spec.ProtocolHTTP {
		return nil
	}
	return []item{{d, list, spec.Action{Redirect: r}}}
}

var place = regexp.MustCompile(`^(?:(https?)://([A-Za-z0-9._-]+)(?::(\d+))?)?(/[^?%]*)?$`)
