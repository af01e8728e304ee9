package routing

import (
	"net/netip"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// hostHeader matches the canonical host, without port and without regard to case.
// Regular expressions disregard case too.
type hostHeader struct{ matcher }

func newHostHeader(p spec.Patterns) (condition, error) {
	m, err := newMatcher(p, FoldCase)
	if err != nil {
		return nil, err
	}
	// The canonical host is in lower case as the folded patterns are: bytes can be compared.
	for i := range m.patterns {
		m.patterns[i].fold = false
	}
	return &hostHeader{m}, nil
}

func (c *hostHeader) holds(r *exchange.Request, _ netip.Addr) bool { return c.match(r.Host) }
