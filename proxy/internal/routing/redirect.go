package routing

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// maxLocation bounds a Location: 8 KB.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
const maxLocation = 8 << 10

// ErrLocationTooLong says that a redirect's Location would exceed 8 KB; ALB answers 507.
var ErrLocationTooLong = errors.New("redirect location is longer than 8 KB")

// Redirect sends the client to another URL.
type Redirect struct {
	// Status is 301 or 302.
	Status int

	protocol, host, port, path, query template
}

// template is a component of a Location: literals and placeholders in turn.
type template []templatePart

type templatePart struct {
	placeholder placeholder
	literal     string
}

type placeholder uint8

const (
	noPlaceholder placeholder = iota
	protocolPlaceholder
	hostPlaceholder
	portPlaceholder
	pathPlaceholder
	queryPlaceholder
)

var placeholders = map[string]placeholder{
	"protocol": protocolPlaceholder,
	"host":     hostPlaceholder,
	"port":     portPlaceholder,
	"path":     pathPlaceholder,
	"query":    queryPlaceholder,
}

func compileRedirect(r *spec.Redirect) (*Redirect, error) {
	out := &Redirect{}
	var errs []error
	switch r.StatusCode {
	case spec.RedirectPermanent:
		out.Status = 301
	case spec.RedirectFound:
		out.Status = 302
	default:
		errs = append(errs, fmt.Errorf("status_code is not %s or %s (got %q)", spec.RedirectPermanent, spec.RedirectFound, r.StatusCode))
	}
	protocol := r.Protocol
	switch protocol {
	case spec.ProtocolHTTP, spec.ProtocolHTTPS:
		protocol = strings.ToLower(protocol)
	case "", "#{protocol}":
	default:
		errs = append(errs, fmt.Errorf("protocol is not HTTP, HTTPS or #{protocol} (got %q)", protocol))
	}
	if port := r.Port; port != "" && port != "#{port}" && !isPort([]byte(port)) {
		errs = append(errs, fmt.Errorf("port is not 1-65535 or #{port} (got %q)", port))
	}
	if path := r.Path; path != "" && path[0] != '/' {
		errs = append(errs, fmt.Errorf("path does not begin with / (got %q)", path))
	}
	for _, c := range []struct {
		into            *template
		name, text, def string
		allowed         []placeholder
	}{
		{&out.protocol, "protocol", protocol, "#{protocol}", []placeholder{protocolPlaceholder}},
		{&out.host, "host", r.Host, "#{host}", []placeholder{hostPlaceholder}},
		{&out.port, "port", r.Port, "#{port}", []placeholder{portPlaceholder}},
		{&out.path, "path", r.Path, "/#{path}", []placeholder{hostPlaceholder, portPlaceholder, pathPlaceholder}},
		{&out.query, "query", r.Query, "#{query}", []placeholder{protocolPlaceholder, hostPlaceholder, portPlaceholder, pathPlaceholder, queryPlaceholder}},
	} {
		text := c.text
		if text == "" {
			text = c.def
		}
		var err error
		if *c.into, err = parseTemplate(text, c.allowed); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.name, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return out, nil
}

func parseTemplate(text string, allowed []placeholder) (template, error) {
	var t template
	for text != "" {
		before, rest, found := strings.Cut(text, "#{")
		if before != "" {
			for _, c := range []byte(before) {
				if c <= 0x20 || c == 0x7f || c == '#' {
					return nil, fmt.Errorf("character %q cannot stand in a URL", c)
				}
			}
			t = append(t, templatePart{literal: before})
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		p := placeholders[name]
		if !closed || !contains(allowed, p) {
			return nil, fmt.Errorf("placeholder #{%s} cannot stand here", name)
		}
		t = append(t, templatePart{placeholder: p})
		text = after
	}
	return t, nil
}

func contains(list []placeholder, p placeholder) bool {
	return slices.Contains(list, p)
}

// AppendLocation appends the value of Location for q, a canonical request that came in by
// scheme, http or https, on the listener's port. The port is always spelled out, and an
// empty query brings no question mark. Placeholders are not percent-encoded: the canonical
// request has nothing that could end the header field. The error is ErrLocationTooLong, with
// dst as it was.
func (r *Redirect) AppendLocation(dst []byte, q *exchange.Request, scheme string, port int) ([]byte, error) {
	w := locationWriter{b: dst, start: len(dst), q: q, scheme: scheme, port: port}
	w.template(r.protocol)
	w.b = append(w.b, "://"...)
	w.template(r.host)
	w.b = append(w.b, ':')
	w.template(r.port)
	w.template(r.path)
	mark := len(w.b)
	w.b = append(w.b, '?')
	w.template(r.query)
	if len(w.b) == mark+1 {
		w.b = w.b[:mark]
	}
	if w.tooLong() {
		return dst, ErrLocationTooLong
	}
	return w.b, nil
}

// locationWriter fills in templates.
type locationWriter struct {
	b      []byte
	start  int
	q      *exchange.Request
	scheme string
	port   int
}

func (w *locationWriter) tooLong() bool { return len(w.b)-w.start > maxLocation }

// template appends t, and stops early when the whole is too long.
func (w *locationWriter) template(t template) {
	for i := range t {
		if w.tooLong() {
			return
		}
		switch t[i].placeholder {
		case noPlaceholder:
			w.b = append(w.b, t[i].literal...)
		case protocolPlaceholder:
			w.b = append(w.b, w.scheme...)
		case hostPlaceholder:
			w.b = append(w.b, w.q.Host...)
		case portPlaceholder:
			w.b = strconv.AppendInt(w.b, int64(w.port), 10)
		case pathPlaceholder:
			if len(w.q.Path) > 0 { // without its slash; the asterisk is no path
				w.b = append(w.b, w.q.Path[1:]...)
			}
		case queryPlaceholder:
			w.b = append(w.b, w.q.Query...)
		}
	}
}
