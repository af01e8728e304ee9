package sticky_test

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
)

func TestMemoReusesTheTokenOfThisSecond(t *testing.T) {
	s, other := sealer(t), sealer(t)
	var m sticky.Memo
	first := m.Append(nil, s, sticky.LBCookie, scope, address, start)
	same := m.Append([]byte("before"), s, sticky.LBCookie, scope, address, start.Truncate(time.Second))
	if !bytes.Equal(same, append([]byte("before"), first...)) {
		t.Errorf("got %q after %q", same, first)
	}
	for _, c := range []struct {
		name   string
		sealer *sticky.Sealer
		kind   sticky.Kind
		scope  string
		value  string
		now    time.Time
	}{
		{"next second", s, sticky.LBCookie, scope, address, start.Add(time.Second)},
		{"second before", s, sticky.LBCookie, scope, address, start.Add(-time.Second)},
		{"other sealer", other, sticky.LBCookie, scope, address, start},
		{"other kind", s, sticky.AppCookie, scope, address, start},
		{"other scope", s, sticky.LBCookie, "api", address, start},
		{"other value", s, sticky.LBCookie, scope, "10.0.1.2:8000", start},
	} {
		m.Append(nil, s, sticky.LBCookie, scope, address, start)
		text := m.Append(nil, c.sealer, c.kind, c.scope, c.value, c.now)
		got, err := c.sealer.Open(nil, c.kind, c.scope, text, c.now, 0)
		if err != nil || string(got) != c.value {
			t.Errorf("%s: got %q, %v", c.name, got, err)
		}
	}
}

// TestMemoIsSafe has workers that ask one memo for different tokens, and for the same.
func TestMemoIsSafe(t *testing.T) {
	s := sealer(t)
	var m sticky.Memo
	var wg sync.WaitGroup
	for w := range 8 {
		value := []string{"10.0.1.1:8000", "10.0.1.2:8000"}[w%2]
		wg.Go(func() {
			var text, scratch []byte
			scratch = make([]byte, 0, 512)
			for i := range 500 {
				now := start.Add(time.Duration(i) * 100 * time.Millisecond)
				text = m.Append(text[:0], s, sticky.LBCookie, scope, value, now)
				got, err := s.Open(scratch, sticky.LBCookie, scope, text, now, 0)
				if err != nil || string(got) != value {
					t.Errorf("got %q, %v, want %q", got, err, value)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestMemoAllocatesNothing(t *testing.T) {
	s := sealer(t)
	var m sticky.Memo
	dst := make([]byte, 0, 128)
	if n := testing.AllocsPerRun(100, func() { m.Append(dst, s, sticky.LBCookie, scope, address, start) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
