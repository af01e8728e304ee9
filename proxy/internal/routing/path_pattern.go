package routing

import (
	"net/netip"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// pathPattern matches the canonical path, case-sensitively; the query takes no part.
type pathPattern struct{ matcher }

func newPathPattern(p spec.Patterns) (condition, error) {
	m, err := newMatcher(p, 0)
	if err != nil {
		return nil, err
	}
	return &pathPattern{m}, nil
}

func (c *pathPattern) holds(r *exchange.Request, _ netip.Addr) bool { return c.match(r.Path) }
