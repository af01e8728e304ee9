package waf

import (
	"net/netip"

	"github.com/gaissmai/bart"
)

// ipSet matches clients in any of its blocks of addresses.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-ipset-match.html
type ipSet struct {
	blocks bart.Lite
}

// newIPSet takes blocks that spec has checked.
func newIPSet(addresses []string) *ipSet {
	s := new(ipSet)
	for _, a := range addresses {
		s.blocks.Insert(netip.MustParsePrefix(a))
	}
	return s
}

func (s *ipSet) match(q *query) (bool, error) { return s.blocks.Contains(q.client), nil }
