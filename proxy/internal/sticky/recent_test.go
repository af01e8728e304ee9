package sticky_test

import (
	"errors"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
)

// TestOpenAgain: that a token was opened before changes nothing of what it is good for.
func TestOpenAgain(t *testing.T) {
	s := sealer(t)
	text := s.Append(nil, sticky.LBCookie, scope, address, start)
	changed := append([]byte(nil), text...)
	changed[len(changed)-1] ^= 1
	for range 2 {
		for _, c := range []struct {
			name  string
			kind  sticky.Kind
			scope string
			text  []byte
			after time.Duration
			want  error
		}{
			{"now", sticky.LBCookie, scope, text, 0, nil},
			{"at the end of its time", sticky.LBCookie, scope, text, day, nil},
			{"after its time", sticky.LBCookie, scope, text, day + time.Second, sticky.ErrExpired},
			{"from the future", sticky.LBCookie, scope, text, -time.Hour, sticky.ErrInvalid},
			{"of another kind", sticky.AppCookie, scope, text, 0, sticky.ErrInvalid},
			{"of another scope", sticky.LBCookie, "api", text, 0, sticky.ErrInvalid},
			{"changed", sticky.LBCookie, scope, changed, 0, sticky.ErrInvalid},
		} {
			value, err := s.Open(nil, c.kind, c.scope, c.text, start.Add(c.after), day)
			if !errors.Is(err, c.want) || err == nil && string(value) != address {
				t.Errorf("%s: got %q, %v, want %v", c.name, value, err, c.want)
			}
		}
	}
	if _, err := sealer(t).Open(nil, sticky.LBCookie, scope, text, start, day); !errors.Is(err, sticky.ErrInvalid) {
		t.Errorf("by another sealer: %v", err)
	}
}
