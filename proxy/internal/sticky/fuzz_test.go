package sticky_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
)

// FuzzOpen: what was not sealed never opens; what was does, and not with one bit changed.
func FuzzOpen(f *testing.F) {
	s := sealer(f, secret('a'), secret('b'))
	theirs := sealer(f)
	f.Add(theirs.Append(nil, sticky.LBCookie, scope, address, start), address, uint16(0))
	f.Add(bytes.Repeat([]byte("A"), 128), "", uint16(1023))
	f.Add([]byte("\n\r"), strings.Repeat("\x80\x00", 40), uint16(77))
	scratch := make([]byte, 0, 1024)
	f.Fuzz(func(t *testing.T, text []byte, value string, bit uint16) {
		for _, kind := range []sticky.Kind{sticky.LBCookie, sticky.AppCookie, sticky.TargetGroup} {
			if got, err := s.Open(scratch, kind, scope, text, start, 100*365*day); err == nil {
				t.Fatalf("%q opens as %q", text, got)
			}
		}
		sealed := s.Append(nil, sticky.LBCookie, value, value, start)
		got, err := s.Open(scratch, sticky.LBCookie, value, sealed, start, time.Second)
		if len(value) <= 3035 && (err != nil || string(got) != value) {
			t.Fatalf("sealed %q, got %q, %v", value, got, err)
		}
		at := int(bit) % (8 * len(sealed))
		sealed[at/8] ^= 1 << (at % 8)
		if got, err := s.Open(scratch, sticky.LBCookie, value, sealed, start, time.Second); err == nil {
			t.Fatalf("bit %d: %q opens as %q", at, sealed, got)
		}
	})
}

// FuzzFind compares Find with net/http, which wants more of names and values than we do: it
// refuses characters that RFC 6265 has no place for, and takes a cookie without "=". Where
// net/http takes the field, both must agree, but for blanks before a value.
func FuzzFind(f *testing.F) {
	for _, seed := range []string{
		"AWSALB=abc", "a=1; AWSALB=ab+/c==; b=2", "AWSALBCORS=x;AWSALB=y", "AWSALB=1; AWSALB=2", "\t AWSALB=x ; ", ";", "AWSALB =x", `AWSALB="x"`,
	} {
		f.Add(seed, "AWSALB")
	}
	f.Fuzz(func(t *testing.T, cookie, name string) {
		got, found := sticky.Find([]byte(cookie), name)
		if found && !strings.Contains(cookie, name) {
			t.Fatalf("%q: found %q", cookie, name)
		}
		if found && !sticky.Sets([]byte(name+"="+string(got)), name) && simple(name) {
			t.Fatalf("%q: does not set %q", got, name)
		}
		parsed, err := http.ParseCookie(cookie)
		if err != nil || !simple(name) || strings.ContainsAny(cookie, "\"\r\n\v\f") {
			return
		}
		for pair := range strings.SplitSeq(cookie, ";") {
			if !strings.Contains(pair, "=") {
				return
			}
		}
		for _, c := range parsed {
			if c.Name != name {
				continue
			}
			if !found || string(got) != strings.TrimLeft(c.Value, " \t") {
				t.Fatalf("%q: got %q, %v, net/http got %q", cookie, got, found, c.Value)
			}
			return
		}
		if found {
			t.Fatalf("%q: got %q, net/http got nothing", cookie, got)
		}
	})
}

// simple reports whether name is of letters and digits.
func simple(name string) bool {
	return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}
