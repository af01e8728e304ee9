package edge

import (
	"maps"
	"net/textproto"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// header is a field of edge.response_headers.
type header struct {
	exchange.Field
	name string
}

// headersOf are the fields of edge.response_headers: X-Robots-Tag of x_robots_tag.
func headersOf(headers map[string]string) []header {
	var fields []header
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		h := header{name: textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(name, "_", "-"))}
		h.Name, h.Value = []byte(h.name), []byte(headers[name])
		h.ID = exchange.Identify(h.Name)
		fields = append(fields, h)
	}
	return fields
}

// setHeaders sets the edge's fields over those of the answer that have their names.
func (c *client) setHeaders(r *exchange.Response) {
	headers := c.site.headers
	if len(headers) > 0 {
		kept := r.Fields[:0]
		for i := range r.Fields {
			if !c.sets(&r.Fields[i]) {
				kept = append(kept, r.Fields[i])
			}
		}
		for i := range headers {
			if !c.leaves(&headers[i]) {
				kept = append(kept, headers[i].Field)
			}
		}
		r.Fields = kept
	}
	r.Fields = append(r.Fields, c.extra...)
}

// sets reports whether the edge sets a field of this name.
func (c *client) sets(f *exchange.Field) bool {
	for i := range c.site.headers {
		if h := &c.site.headers[i]; h.ID == f.ID && exchange.EqualFold(f.Name, h.name) {
			return !c.leaves(h)
		}
	}
	return false
}

// leaves reports whether the answer's own field is left as it is.
func (c *client) leaves(h *header) bool { return c.cacheControl && h.name == string(nameCacheControl) }
