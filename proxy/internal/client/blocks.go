package client

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// Blocks is a set of addresses, given as blocks. A nil one is empty.
type Blocks struct {
	// prefixes are in the order of their addresses, and no two overlap.
	prefixes []netip.Prefix
}

// mappedBits is how many bits stand before the IPv4 address in one that is mapped to IPv6
// (RFC 4291, 2.5.5.2).
const mappedBits = 96

// NewBlocks returns the set of the blocks, such as 10.0.0.0/8; nil when there is none.
func NewBlocks(blocks []string) (*Blocks, error) {
	if len(blocks) == 0 {
		return nil, nil
	}
	prefixes := make([]netip.Prefix, 0, len(blocks))
	for _, block := range blocks {
		p, err := netip.ParsePrefix(block)
		if err != nil {
			return nil, fmt.Errorf("block %q: %w", block, err)
		}
		if p.Addr().Is4In6() && p.Bits() >= mappedBits {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mappedBits)
		}
		prefixes = append(prefixes, p.Masked())
	}
	// The wider of two that begin alike comes first and takes the other in.
	slices.SortFunc(prefixes, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	b := &Blocks{}
	for _, p := range prefixes {
		if n := len(b.prefixes); n == 0 || !b.prefixes[n-1].Overlaps(p) {
			b.prefixes = append(b.prefixes, p)
		}
	}
	return b, nil
}

// Contains reports whether a is in one of the blocks. An IPv4 address that is mapped to IPv6
// is that IPv4 address, and a zone is of no account.
func (b *Blocks) Contains(a netip.Addr) bool {
	if b == nil {
		return false
	}
	a = a.Unmap().WithZone("")
	at, found := slices.BinarySearchFunc(b.prefixes, a, func(p netip.Prefix, a netip.Addr) int { return p.Addr().Compare(a) })
	if found {
		return true
	}
	return at > 0 && b.prefixes[at-1].Contains(a)
}
