package routing

import (
	"errors"
	"net/netip"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// sourceIP matches the client's address: the TCP peer, or whom a trusted proxy names.
type sourceIP []netip.Prefix

func newSourceIP(blocks []string) (condition, error) {
	var (
		c    sourceIP
		errs []error
	)
	for _, block := range blocks {
		prefix, err := netip.ParsePrefix(block)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		c = append(c, prefix.Masked())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return c, nil
}

func (c sourceIP) holds(_ *exchange.Request, peer netip.Addr) bool {
	for _, prefix := range c {
		if prefix.Contains(peer) {
			return true
		}
	}
	return false
}
