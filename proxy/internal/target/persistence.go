package target

import (
	"net"
	"net/netip"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
)

// persistentNames are the addresses of targets by the values of the persistence cookie that
// name them.
type persistentNames map[string]string

// namePersistent names the targets of a group: by the id where that is one target's and gives
// no address away, else by an alias. Aliases of older secrets count, too. Which targets may get
// requests makes no difference.
func namePersistent(list []Registration, group string, sealer *sticky.Sealer) persistentNames {
	ids := make(map[string]int, len(list))
	for i := range list {
		ids[list[i].ID]++
	}
	names := make(persistentNames, len(list))
	for i := range list {
		r := &list[i]
		values := []string{r.ID}
		if ids[r.ID] > 1 || showsAddress(r.ID, r.Address) {
			values = sealer.Aliases(group, r.Address)
		}
		r.Persistent = values[0]
		for _, value := range values {
			names[value] = r.Address
		}
	}
	return names
}

// showsAddress reports whether id is an IP address, or has that of the target in it, in the
// way of ip-10-0-1-2 too.
func showsAddress(id, address string) bool {
	if _, err := netip.ParseAddr(id); err == nil {
		return true
	}
	if _, err := netip.ParseAddrPort(id); err == nil {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	return err != nil || strings.Contains(dotted(id), dotted(host))
}

// dotted is text in small letters with a dot for each character that is no letter or digit.
func dotted(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '.'
	}, strings.ToLower(text))
}

// HoldsPersistent returns the target that a persistence cookie of that value names, if it may
// get requests; else nil. It does not look whether the target has room.
func (s *Snapshot) HoldsPersistent(value []byte) *Target {
	t, _ := s.byAddressOf(s.persistent[string(value)])
	return t
}

// stickTo lets backups that stand by have the requests that a cookie brings, as HAProxy does.
func (s *Snapshot) stickTo(backups []*member) {
	for _, m := range backups {
		if s.stuck == nil {
			s.stuck = map[string]*Target{}
		}
		s.stuck[m.target.Address] = m.target
	}
}
