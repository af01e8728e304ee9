package routing

import (
	"net/netip"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// httpRequestMethod matches the method exactly; GET does not include HEAD.
type httpRequestMethod []string

func newHTTPRequestMethod(methods []string) (condition, error) {
	for _, method := range methods {
		if method == "" {
			return nil, errEmptyPattern
		}
	}
	return httpRequestMethod(methods), nil
}

func (c httpRequestMethod) holds(r *exchange.Request, _ netip.Addr) bool {
	for _, method := range c {
		if string(r.Method) == method {
			return true
		}
	}
	return false
}
