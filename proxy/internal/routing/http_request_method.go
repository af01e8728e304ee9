package routing

import (
	"net/netip"
	"slices"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// httpRequestMethod matches the method exactly; GET does not include HEAD.
type httpRequestMethod []string

func newHTTPRequestMethod(methods []string) (condition, error) {
	if slices.Contains(methods, "") {
		return nil, errEmptyPattern
	}
	return httpRequestMethod(methods), nil
}

func (c httpRequestMethod) holds(r *exchange.Request, _ netip.Addr) bool {
	return slices.Contains(c, string(r.Method))
}
