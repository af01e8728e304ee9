package sticky

import "sync/atomic"

// recents remember what tokens say that were opened soon after they were made. With a [Memo]
// clients that are sent to one target in the same second have the same token, and a busy
// client comes back within it: most of the tokens that come have been opened before.
type recents [64]atomic.Pointer[recent]

// recent is a token and what it was opened for.
type recent struct {
	kind        Kind
	scope, text string
	issued      int64
	value       []byte
}

// recentAge is how old a token may be when it is remembered, in seconds. In each of them there is one
// for a target, so that no client can have much remembered. Another's takes its place in time.
const recentAge = 2

// slot is where a token would be, which begins with a random nonce.
func (r *recents) slot(text []byte) *atomic.Pointer[recent] {
	return &r[(uint(text[0])^uint(text[1])<<3)%uint(len(r))]
}

// find returns what opening text gave, nil if that is not known.
func (r *recents) find(kind Kind, scope string, text []byte) *recent {
	last := r.slot(text).Load()
	if last == nil || last.text != string(text) || last.kind != kind || last.scope != scope {
		return nil
	}
	return last
}

func (r *recents) add(kind Kind, scope string, text []byte, issued int64, value []byte) {
	r.slot(text).Store(&recent{kind: kind, scope: scope, text: string(text), issued: issued, value: append([]byte(nil), value...)})
}
