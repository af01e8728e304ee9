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
func (s *Site) setHeaders(r *exchange.Response) {
	if len(s.headers) == 0 {
		return
	}
	kept := r.Fields[:0]
	for i := range r.Fields {
		if !s.sets(&r.Fields[i]) {
			kept = append(kept, r.Fields[i])
		}
	}
	for i := range s.headers {
		kept = append(kept, s.headers[i].Field)
	}
	r.Fields = kept
}

// sets reports whether the edge sets a field of this name.
func (s *Site) sets(f *exchange.Field) bool {
	for i := range s.headers {
		if h := &s.headers[i]; h.ID == f.ID && exchange.EqualFold(f.Name, h.name) {
			return true
		}
	}
	return false
}
