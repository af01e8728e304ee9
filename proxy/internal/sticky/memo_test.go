package sticky_test

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
)

// token is what a Set-Cookie field gives the cookie of that name.
func token(t testing.TB, field []byte, name string) []byte {
	t.Helper()
	pair, _, _ := bytes.Cut(field, []byte(";"))
	value, ok := sticky.Find(pair, name)
	if !ok {
		t.Fatalf("%q sets no %s", field, name)
	}
	return value
}

func TestMemoReusesTheTokenOfThisSecond(t *testing.T) {
	s, other := sealer(t), sealer(t)
	var m sticky.Memo
	first := m.SetCookie(s, sticky.LBCookie, scope, address, start)
	if same := m.SetCookie(s, sticky.LBCookie, scope, address, start.Truncate(time.Second)); same != first {
		t.Errorf("got %q after %q", same.Plain, first.Plain)
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
		m.SetCookie(s, sticky.LBCookie, scope, address, start)
		name := map[sticky.Kind]string{sticky.LBCookie: sticky.NameLB, sticky.AppCookie: sticky.NameApp}[c.kind]
		text := token(t, m.SetCookie(c.sealer, c.kind, c.scope, c.value, c.now).Plain, name)
		got, err := c.sealer.Open(nil, c.kind, c.scope, text, c.now, 0)
		if err != nil || string(got) != c.value {
			t.Errorf("%s: got %q, %v", c.name, got, err)
		}
	}
}

// TestMemoNamesCookies: all forms of a cookie have the same token.
func TestMemoNamesCookies(t *testing.T) {
	s := sealer(t)
	for kind, names := range map[sticky.Kind][2]string{
		sticky.LBCookie:    {sticky.NameLB, sticky.NameLBCORS},
		sticky.TargetGroup: {sticky.NameTG, sticky.NameTGCORS},
		sticky.AppCookie:   {sticky.NameApp, sticky.NameApp},
	} {
		c := new(sticky.Memo).SetCookie(s, kind, scope, address, start)
		text := token(t, c.Plain, names[0])
		for _, form := range []struct {
			got               []byte
			name              string
			crossSite, secure bool
		}{{c.Plain, names[0], false, false}, {c.CrossSite, names[1], true, false}, {c.CrossSiteSecure, names[1], true, true}} {
			if want := sticky.AppendCookie(nil, form.name, text, start, form.crossSite, form.secure); !bytes.Equal(form.got, want) {
				t.Errorf("got %q, want %q", form.got, want)
			}
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
			scratch := make([]byte, 0, 512)
			for i := range 500 {
				now := start.Add(time.Duration(i) * 100 * time.Millisecond)
				text := token(t, m.SetCookie(s, sticky.LBCookie, scope, value, now).Plain, sticky.NameLB)
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
	if n := testing.AllocsPerRun(100, func() { m.SetCookie(s, sticky.LBCookie, scope, address, start) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
