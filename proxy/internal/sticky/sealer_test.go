package sticky_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
)

const (
	scope   = "web"
	address = "10.0.1.1:8000"
	day     = 24 * time.Hour
)

// start is not a whole second.
var start = time.Date(2026, 5, 4, 3, 2, 1, 900_000_000, time.UTC)

func secret(c byte) []byte { return bytes.Repeat([]byte{c}, 32) }

func sealer(t testing.TB, secrets ...[]byte) *sticky.Sealer {
	t.Helper()
	s, err := sticky.NewSealer(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTokensOpen(t *testing.T) {
	s := sealer(t, secret('a'))
	for _, value := range []string{
		"", address, "[2001:db8:1234:5678:9abc:def0:1234:5678]:65535", "\x80", "a\x80\x00\x00", "\x00",
		strings.Repeat("v", 58), strings.Repeat("v", 59), strings.Repeat("v", 60), strings.Repeat("v", 3035),
	} {
		for _, kind := range []sticky.Kind{sticky.LBCookie, sticky.AppCookie, sticky.TargetGroup} {
			text := s.Append([]byte("before"), kind, scope, value, start)
			text, ok := bytes.CutPrefix(text, []byte("before"))
			if !ok {
				t.Fatalf("%q does not begin with what there was", text)
			}
			got, err := s.Open(nil, kind, scope, text, start, day)
			if err != nil || string(got) != value {
				t.Errorf("kind %d, %q: got %q, %v", kind, value, got, err)
			}
		}
	}
}

// TestTokensLookLikeThoseOfAnALB checks alphabet and length: the latter is the same for all
// usual values.
func TestTokensLookLikeThoseOfAnALB(t *testing.T) {
	s := sealer(t)
	for length, want := range map[int]int{0: 128, 9: 128, 21: 128, 59: 128, 60: 256, 155: 256, 156: 384} {
		text := s.Append(nil, sticky.LBCookie, scope, strings.Repeat("v", length), start)
		if len(text) != want {
			t.Errorf("value of %d: %d characters, want %d", length, len(text), want)
		}
		if _, err := base64.StdEncoding.Strict().DecodeString(string(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestTokensDiffer(t *testing.T) {
	s := sealer(t)
	seen := map[string]bool{}
	for range 1000 {
		text := string(s.Append(nil, sticky.LBCookie, scope, address, start))
		if seen[text] {
			t.Fatalf("%s came twice", text)
		}
		seen[text] = true
	}
}

func TestTokensAreForOneKindAndScope(t *testing.T) {
	s := sealer(t)
	text := s.Append(nil, sticky.LBCookie, scope, address, start)
	for _, kind := range []sticky.Kind{0, sticky.AppCookie, sticky.TargetGroup} {
		if _, err := s.Open(nil, kind, scope, text, start, day); !errors.Is(err, sticky.ErrInvalid) {
			t.Errorf("kind %d: %v", kind, err)
		}
	}
	for _, other := range []string{"", "we", "web2", "WEB"} {
		if _, err := s.Open(nil, sticky.LBCookie, other, text, start, day); !errors.Is(err, sticky.ErrInvalid) {
			t.Errorf("scope %q: %v", other, err)
		}
	}
}

func TestTokensExpire(t *testing.T) {
	s := sealer(t)
	text := s.Append(nil, sticky.LBCookie, scope, address, start)
	for _, c := range []struct {
		after, maxAge time.Duration
		want          error
	}{
		{0, time.Second, nil},
		{time.Second, time.Second, nil},
		{2 * time.Second, time.Second, sticky.ErrExpired},
		{day, day, nil},
		{day + time.Second, day, sticky.ErrExpired},
		{10 * 365 * day, 7 * day, sticky.ErrExpired},
		{-time.Minute, day, nil},
		{-time.Minute - time.Second, day, sticky.ErrInvalid},
	} {
		got, err := s.Open(nil, sticky.LBCookie, scope, text, start.Add(c.after), c.maxAge)
		if !errors.Is(err, c.want) || (err == nil) != (string(got) == address) {
			t.Errorf("%s after, of at most %s: got %q, %v, want %v", c.after, c.maxAge, got, err, c.want)
		}
	}
}

// TestNoneExpiresEarly looks at all tenths of a second: a token lives as long as it may, and
// less than a second more.
func TestNoneExpiresEarly(t *testing.T) {
	s := sealer(t)
	const maxAge = 2 * time.Second
	for tenth := range 10 {
		issued := start.Truncate(time.Second).Add(time.Duration(tenth) * 100 * time.Millisecond)
		text := s.Append(nil, sticky.LBCookie, scope, address, issued)
		if _, err := s.Open(nil, sticky.LBCookie, scope, text, issued.Add(maxAge), maxAge); err != nil {
			t.Errorf("issued at .%d: %v", tenth, err)
		}
		if _, err := s.Open(nil, sticky.LBCookie, scope, text, issued.Add(maxAge+time.Second), maxAge); !errors.Is(err, sticky.ErrExpired) {
			t.Errorf("issued at .%d: %v", tenth, err)
		}
	}
}

func TestSecretsRotate(t *testing.T) {
	old, both, fresh := sealer(t, secret('a')), sealer(t, secret('b'), secret('a')), sealer(t, secret('b'))
	for _, c := range []struct {
		name     string
		from, to *sticky.Sealer
		want     error
	}{
		{"old by both", old, both, nil},
		{"both by both", both, both, nil},
		{"both by fresh", both, fresh, nil},
		{"both by old", both, old, sticky.ErrInvalid},
		{"same secret, another process", old, sealer(t, secret('a')), nil},
		{"random keys", sealer(t), sealer(t), sticky.ErrInvalid},
	} {
		text := c.from.Append(nil, sticky.LBCookie, scope, address, start)
		got, err := c.to.Open(nil, sticky.LBCookie, scope, text, start, day)
		if !errors.Is(err, c.want) || (err == nil) != (string(got) == address) {
			t.Errorf("%s: got %q, %v, want %v", c.name, got, err, c.want)
		}
	}
}

func TestSecretsAreLong(t *testing.T) {
	for n, ok := range map[int]bool{0: false, 31: false, 32: true, 100: true} {
		_, err := sticky.NewSealer(secret('a'), make([]byte, n))
		switch {
		case (err == nil) != ok:
			t.Errorf("%d bytes: %v", n, err)
		case err != nil && !strings.Contains(err.Error(), fmt.Sprintf("secret 1 is too short (got %d bytes, want at least 32)", n)):
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestSecretsAreNotKept(t *testing.T) {
	key := secret('a')
	s := sealer(t, key)
	clear(key)
	text := s.Append(nil, sticky.LBCookie, scope, address, start)
	if _, err := sealer(t, secret('a')).Open(nil, sticky.LBCookie, scope, text, start, day); err != nil {
		t.Error(err)
	}
}

func TestForeignTextIsInvalid(t *testing.T) {
	s := sealer(t, secret('a'), secret('b'))
	text := string(s.Append(nil, sticky.LBCookie, scope, address, start))
	long := string(s.Append(nil, sticky.LBCookie, scope, strings.Repeat("v", 3036), start))
	for name, foreign := range map[string]string{
		"nothing":          "",
		"a word":           "hello",
		"a prefix":         text[:124],
		"twice":            text + text,
		"URL-encoded":      strings.ReplaceAll(text, text[:1], "%41"),
		"quoted":           `"` + text + `"`,
		"blank":            text[:127] + " ",
		"line breaks":      text[:64] + "\n" + text[64:],
		"line breaks only": strings.Repeat("\r\n", 64),
		"zeros":            strings.Repeat("A", 128),
		"padding only":     strings.Repeat("=", 128),
		"an ALB's own":     strings.Repeat("q83v+/Yz", 16),
		"too long":         long,
		"far too long":     strings.Repeat("A", 1<<20),
	} {
		if _, err := s.Open(nil, sticky.LBCookie, scope, []byte(foreign), start, day); !errors.Is(err, sticky.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEveryBitCounts flips each bit of a token's text.
func TestEveryBitCounts(t *testing.T) {
	s := sealer(t)
	text := s.Append(nil, sticky.LBCookie, scope, address, start)
	for bit := range 8 * len(text) {
		text[bit/8] ^= 1 << (bit % 8)
		if got, err := s.Open(nil, sticky.LBCookie, scope, text, start, day); !errors.Is(err, sticky.ErrInvalid) {
			t.Errorf("bit %d: got %q, %v", bit, got, err)
		}
		text[bit/8] ^= 1 << (bit % 8)
	}
}

func TestOpenKeepsToScratch(t *testing.T) {
	s := sealer(t, secret('b'), secret('a'))
	text := sealer(t, secret('a')).Append(nil, sticky.LBCookie, scope, address, start)
	before := slices.Clone(text)
	scratch := make([]byte, 3, 512)
	got, err := s.Open(scratch, sticky.LBCookie, scope, text, start, day)
	if err != nil || string(got) != address {
		t.Fatalf("got %q, %v", got, err)
	}
	if !bytes.Equal(text, before) {
		t.Error("the text has changed")
	}
	if !bytes.Contains(scratch[:cap(scratch)], got) {
		t.Error("the value is not in scratch")
	}
	clear(scratch[:cap(scratch)])
	if string(got) == address {
		t.Error("the value is a copy")
	}
	if n := len(got); cap(got) != n {
		t.Errorf("appending to the value writes on: capacity %d, length %d", cap(got), n)
	}
}

func TestOpenAllocatesNothing(t *testing.T) {
	s := sealer(t, secret('b'), secret('a'))
	text := sealer(t, secret('a')).Append(nil, sticky.LBCookie, scope, address, start)
	foreign := bytes.Repeat([]byte("A"), len(text))
	scratch := make([]byte, 0, len(scope)+len(text)*3/2+1)
	for name, text := range map[string][]byte{"ours": text, "foreign": foreign, "malformed": []byte("x")} {
		if n := testing.AllocsPerRun(100, func() { s.Open(scratch, sticky.LBCookie, scope, text, start, day) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
