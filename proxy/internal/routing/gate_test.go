package routing

import (
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/spec"
)

// FuzzGate: a gate is shut to no text that its matchers match, and never changes what matches.
func FuzzGate(f *testing.F) {
	for _, seed := range [][3]string{
		{"/a", "/a*", "/a"},
		{"/api/v1/users/*\n/api/v1/orders/*", "*", "/api/v1/users/7"},
		{"/service-1/*\n/other", "/service-?/*", "/service-1/"},
		{"*.example.com", "a?", "ab"},
		{"/0123456789abcdef*\n/0123456789abcdeg", "/0123456789abcde?", "/0123456789abcdeg"},
		{"?", "??", "a"},
		{"/\xff*", "*", "/\xff\xff"},
		{"0\n*012", "/012*", "/012"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, first, second, text string) {
		var matchers [2]matcher
		for i, patterns := range []string{first, second} {
			var err error
			if matchers[i], err = newMatcher(spec.Patterns{Values: strings.Split(patterns, "\n")}, 0); err != nil {
				return // no patterns
			}
		}
		opening := openingOf([]byte(text))
		one, other := matchers[0].match([]byte(text)), matchers[1].match([]byte(text))
		a, b := matchers[0].gate(), matchers[1].gate()
		if one && a.shut(opening, len(text)) {
			t.Errorf("%q is shut to %q", first, text)
		}
		if both := a.and(b); one && other && both.shut(opening, len(text)) {
			t.Errorf("%q and %q are shut to %q", first, second, text)
		}
		if either := a.or(b); (one || other) && either.shut(opening, len(text)) {
			t.Errorf("%q or %q is shut to %q", first, second, text)
		}
	})
}

// TestGateShuts texts that begin otherwise or are of another length.
func TestGateShuts(t *testing.T) {
	for _, c := range []struct {
		patterns string
		texts    []string
	}{
		{"/service-1/*", []string{"/", "/service-2/a", "/service-1", "/SERVICE-1/"}},
		{"/a\n/b?", []string{"/", "b/", "/abc"}},
		{"/api/v1/users/*\n/api/v1/orders/*", []string{"/api/v2/users/", "/api/v1/"}},
	} {
		m, err := newMatcher(spec.Patterns{Values: strings.Split(c.patterns, "\n")}, 0)
		if err != nil {
			t.Fatal(err)
		}
		g := m.gate()
		for _, text := range c.texts {
			if !g.shut(openingOf([]byte(text)), len(text)) {
				t.Errorf("%q lets %q in", c.patterns, text)
			}
		}
	}
}
