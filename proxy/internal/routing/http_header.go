package routing

import (
	"errors"
	"net/netip"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// httpHeader matches each occurrence of one header field by itself; name and value
// without regard to case, regular expressions included.
type httpHeader struct {
	name string
	id   exchange.FieldID
	matcher
}

var (
	errNoHeaderName = errors.New("name is missing")
	errHostByHeader = errors.New("host is matched by host_header")
)

func headerPatterns(h *spec.HTTPHeader) spec.Patterns {
	return spec.Patterns{Values: h.Values, RegexValues: h.RegexValues}
}

func newHTTPHeader(h *spec.HTTPHeader) (condition, error) {
	c := &httpHeader{name: h.Name, id: exchange.Identify([]byte(h.Name))}
	var err error
	c.matcher, err = newMatcher(headerPatterns(h), FoldCase)
	switch {
	case h.Name == "":
		err = errors.Join(errNoHeaderName, err)
	case c.id == exchange.FieldHost:
		err = errors.Join(errHostByHeader, err)
	case !isSet(headerPatterns(h)):
		err = errEmptyPattern
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (c *httpHeader) holds(r *exchange.Request, _ netip.Addr) bool {
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.ID == c.id && (c.id != exchange.FieldOther || exchange.EqualFold(f.Name, c.name)) && c.match(f.Value) && visible(f.Value) {
			return true
		}
	}
	return false
}

// visible reports whether value takes part in matching, which one with control characters
// does not. In host, path and query there are none.
func visible(value []byte) bool {
	for _, c := range value {
		if c < 0x20 || c == 0x7f {
			return false
		}
	}
	return true
}
