package sticky

import (
	"sync/atomic"
	"time"
)

// Memo remembers the cookie of this second. A token names a target and no client, so that all
// who are sent there can have the same; sealing one for each of them would cost more than
// all else that stickiness does. It is safe for concurrent use, and the zero value is ready.
type Memo struct {
	last atomic.Pointer[memorized]
}

// SetCookie are values of Set-Cookie fields with one token. Nobody may change them.
type SetCookie struct {
	// Plain is for requests from the same site. CrossSite is for those from others, and
	// CrossSiteSecure for those by HTTPS; see [AppendCookie].
	Plain, CrossSite, CrossSiteSecure []byte
}

// memorized is a cookie and all that it depends on.
type memorized struct {
	sealer *Sealer
	kind   Kind
	scope  string
	value  string
	second int64
	cookie SetCookie
}

// SetCookie has a token that [Sealer.Append] of s made earlier in the same second or makes now, under
// the names of that kind.
func (m *Memo) SetCookie(s *Sealer, kind Kind, scope, value string, now time.Time) *SetCookie {
	second := now.Unix()
	last := m.last.Load()
	if last == nil || last.second != second || last.sealer != s || last.kind != kind || last.value != value || last.scope != scope {
		last = &memorized{sealer: s, kind: kind, scope: scope, value: value, second: second}
		token := s.Append(nil, kind, scope, value, now)
		same, cross := kind.names()
		last.cookie = SetCookie{
			Plain:           AppendCookie(nil, same, token, now, false, false),
			CrossSite:       AppendCookie(nil, cross, token, now, true, false),
			CrossSiteSecure: AppendCookie(nil, cross, token, now, true, true),
		}
		m.last.Store(last)
	}
	return &last.cookie
}
