package discovery

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/evenkeel/evenkeel/spec"
)

// Target is a target that was found.
type Target struct {
	Address netip.AddrPort
	// Weight is 1 to spec.MaxTargetWeight.
	Weight int
	// Backup says that others have priority.
	Backup bool
}

// atPort makes targets of a name's addresses.
func atPort(addresses []netip.Addr, port uint16) []Target {
	list := make([]Target, 0, len(addresses))
	for _, a := range addresses {
		list = append(list, Target{Address: netip.AddrPortFrom(a, port), Weight: 1})
	}
	return settle(list)
}

// ofServices makes targets of SRV records and the addresses of their hosts. Those of the
// lowest priority serve; all others are backups, as a group has two ranks and not many.
// Weights keep their proportions as far as 1 to 256 has them; 0 is the least there is.
func ofServices(services []Service, addresses func(host string) []netip.Addr) []Target {
	if len(services) == 0 {
		return nil
	}
	first, heaviest := services[0].Priority, services[0].Weight
	for _, s := range services {
		first, heaviest = min(first, s.Priority), max(heaviest, s.Weight)
	}
	var list []Target
	for _, s := range services {
		weight := int(s.Weight)
		if heaviest > spec.MaxTargetWeight {
			weight = weight * spec.MaxTargetWeight / int(heaviest)
		}
		for _, a := range addresses(s.Host) {
			list = append(list, Target{Address: netip.AddrPortFrom(a, s.Port), Weight: max(1, weight), Backup: s.Priority != first})
		}
	}
	return settle(list)
}

// settle brings targets into the one order in which the same ones are the same list, so that
// an answer in another order changes nothing. An address that is there twice is what serves
// more of the two.
func settle(list []Target) []Target {
	slices.SortFunc(list, func(a, b Target) int {
		return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(rank(a), rank(b)), cmp.Compare(b.Weight, a.Weight))
	})
	list = slices.CompactFunc(list, func(a, b Target) bool { return a.Address == b.Address })
	if len(list) > maxRecords {
		// Those that serve stay, before backups.
		slices.SortStableFunc(list, func(a, b Target) int { return cmp.Compare(rank(a), rank(b)) })
		list = list[:maxRecords]
		slices.SortFunc(list, func(a, b Target) int { return a.Address.Compare(b.Address) })
	}
	return list
}

func rank(t Target) int {
	if t.Backup {
		return 1
	}
	return 0
}
