package sticky

import (
	"sync/atomic"
	"time"
)

// Memo remembers the token of this second. A token names a target and no client, so that all
// who are sent there can have the same; sealing one for each of them would cost more than
// all else that stickiness does. It is safe for concurrent use, and the zero value is ready.
type Memo struct {
	last atomic.Pointer[memorized]
}

// memorized is a token and all that it depends on.
type memorized struct {
	sealer *Sealer
	kind   Kind
	scope  string
	value  string
	second int64
	text   []byte
}

// Append appends what [Sealer.Append] of s would, made earlier in the same second or now.
func (m *Memo) Append(dst []byte, s *Sealer, kind Kind, scope, value string, now time.Time) []byte {
	second := now.Unix()
	last := m.last.Load()
	if last == nil || last.second != second || last.sealer != s || last.kind != kind || last.value != value || last.scope != scope {
		last = &memorized{sealer: s, kind: kind, scope: scope, value: value, second: second}
		last.text = s.Append(nil, kind, scope, value, now)
		m.last.Store(last)
	}
	return append(dst, last.text...)
}
