package sticky_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
)

// haproxyTime is a moment, and haproxyDate what HAProxy 2.6.12 was seen to write then.
var haproxyTime, haproxyDate = time.Unix(1_795_608_540, 0), "awbP3"

func TestPersistence(t *testing.T) {
	for _, c := range []struct {
		text        string
		value       string
		last, first bool
	}{
		{"web-1", "web-1", false, false},
		{"web-1|aSRs4", "web-1", true, false},
		{"web-1|aSRs4|aSRs4", "web-1", true, true},
		{"web-1||aSRs4", "web-1", false, true},
		{"web-1|aSRs", "web-1", false, false},
		{"web-1|aSRs4x", "web-1", false, false},
		{"web-1|aSR-4", "web-1", false, false},
		{"web-1|aSRs4|aSRs4|x", "web-1", true, false},
		{"|aSRs4", "", true, false},
		{"", "", false, false},
	} {
		p := sticky.ParsePersistence([]byte(c.text))
		if string(p.Value) != c.value || (p.Last != 0) != c.last || (p.First != 0) != c.first {
			t.Errorf("%q: got %+v", c.text, p)
		}
	}
}

func TestPersistenceAges(t *testing.T) {
	const idle, life = time.Hour, 10 * time.Hour
	now := haproxyTime
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for _, c := range []struct {
		name         string
		p            sticky.Persistence
		idle, life   time.Duration
		holds, stale bool
	}{
		{"no dates wanted, none there", sticky.Persistence{}, 0, 0, true, false},
		{"no dates wanted, some there", sticky.Persistence{Last: at(-100 * time.Hour), First: 4}, 0, 0, true, true},
		{"no date", sticky.Persistence{}, idle, 0, true, true},
		{"of now", sticky.Persistence{Last: at(2 * time.Second)}, idle, 0, true, false},
		{"of before", sticky.Persistence{Last: at(-time.Second)}, idle, 0, true, true},
		{"just holds", sticky.Persistence{Last: at(-idle)}, idle, 0, true, true},
		{"too old", sticky.Persistence{Last: at(-idle - time.Second)}, idle, 0, false, true},
		{"of tomorrow", sticky.Persistence{Last: at(24 * time.Hour)}, idle, 0, true, false},
		{"of the day after", sticky.Persistence{Last: at(25 * time.Hour)}, idle, 0, false, false},
		{"lived", sticky.Persistence{Last: at(0), First: at(-life - time.Second)}, idle, life, false, false},
		{"lives", sticky.Persistence{Last: at(0), First: at(-life)}, idle, life, true, false},
		{"no first", sticky.Persistence{Last: at(0)}, idle, life, true, true},
		{"a first too many", sticky.Persistence{Last: at(0), First: at(0)}, idle, 0, true, true},
		{"life alone", sticky.Persistence{Last: at(0), First: at(-life)}, 0, life, true, false},
	} {
		if got := c.p.Holds(now, c.idle, c.life); got != c.holds {
			t.Errorf("%s: holds %v", c.name, got)
		}
		if got := c.p.Stale(now, c.idle, c.life); got != c.stale {
			t.Errorf("%s: stale %v", c.name, got)
		}
	}
}

func TestAppendPersistence(t *testing.T) {
	now := haproxyTime
	old := sticky.Persistence{First: now.Add(-time.Hour).Unix()}
	for _, c := range []struct {
		p          sticky.Persistence
		idle, life time.Duration
		want       string
	}{
		{sticky.Persistence{}, 0, 0, "web-1"},
		{sticky.Persistence{}, time.Hour, 0, "web-1|" + haproxyDate},
		{sticky.Persistence{}, 0, time.Hour, "web-1|" + haproxyDate + "|" + haproxyDate},
		{old, time.Hour, time.Hour, "web-1|" + haproxyDate + "|awbBz"},
	} {
		got := string(c.p.Append(nil, "web-1", now, c.idle, c.life))
		if got != c.want {
			t.Errorf("%v, %v: got %q, want %q", c.idle, c.life, got, c.want)
		}
	}
}

func TestWithout(t *testing.T) {
	for _, c := range []struct {
		cookie, want string
		found        bool
	}{
		{"S=1", "", true},
		{"a=1; S=1; b=2", "a=1; b=2", true},
		{"S=1; a=1", "a=1", true},
		{"S=1; S=2;a=1;S=3", "a=1", true},
		{"a=1; S =1", "a=1", true},
		{"a=1; b=2", "a=1; b=2", false},
		{"s=1; XS=1; S; a=S=1", "s=1; XS=1; S; a=S=1", false},
		{"", "", false},
		{";", ";", false},
	} {
		got, found := sticky.Without([]byte("before"), []byte(c.cookie), "S")
		if string(got) != "before"+c.want && c.found || found != c.found {
			t.Errorf("%q: got %q, %v", c.cookie, got, found)
		}
	}
}

// FuzzPersistence: whatever a client sends, what is written for it can be read back, holds no
// byte that ends a cookie or a line, and no cookie of ours is left in what targets get.
func FuzzPersistence(f *testing.F) {
	f.Add("web-1|aSRs4|aSRs4", "S=web-1; a=1", int64(1_763_985_600))
	f.Add("||", "; S=;S=;;", int64(0))
	f.Add(strings.Repeat("|", 100), "S", int64(1<<40))
	f.Fuzz(func(t *testing.T, text, cookie string, at int64) {
		now := time.Unix(at, 0)
		p := sticky.ParsePersistence([]byte(text))
		p.Holds(now, time.Hour, time.Hour)
		p.Stale(now, time.Hour, 0)
		out := p.Append(nil, "web-1", now, time.Hour, time.Hour)
		if len(out) != len("web-1|aSRs4|aSRs4") || bytes.ContainsAny(out, ";, \r\n") {
			t.Fatalf("%q becomes %q", text, out)
		}
		if back := sticky.ParsePersistence(out); string(back.Value) != "web-1" || p.First != 0 && back.First != p.First {
			t.Fatalf("%q becomes %q, which reads %+v", text, out, back)
		}
		kept, found := sticky.Without(nil, []byte(cookie), "S")
		if _, still := sticky.Find(kept, "S"); still || len(kept) > len(cookie) {
			t.Fatalf("%q becomes %q", cookie, kept)
		}
		if _, was := sticky.Find([]byte(cookie), "S"); was != found {
			t.Fatalf("%q: found %v", cookie, found)
		}
		for pair := range strings.SplitSeq(string(kept), ";") {
			if !strings.Contains(cookie, pair) {
				t.Fatalf("%q becomes %q", cookie, kept)
			}
		}
	})
}
