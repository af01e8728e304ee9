package routing_test

import (
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/routing"
)

const fold = routing.FoldCase

func mustPattern(t testing.TB, text string, options routing.PatternOption) *routing.Pattern {
	t.Helper()
	p, err := routing.CompilePattern(text, options)
	if err != nil {
		t.Fatal(err)
	}
	return &p
}

func TestPattern(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		options routing.PatternOption
		yes, no []string
	}{
		{"", 0, []string{""}, []string{"a"}},
		{"*", 0, []string{"", "a", "/a/b.c"}, nil},
		{"**", 0, []string{"", "a"}, nil},
		{"?", 0, []string{"a", "/", "*"}, []string{"", "ab"}},
		{"??", 0, []string{"ab"}, []string{"a", "abc"}},
		{"?*", 0, []string{"a", "ab"}, []string{""}},
		{"*?", 0, []string{"a", "ab"}, []string{""}},
		{"*?*", 0, []string{"a", "abc"}, []string{""}},
		{"a", 0, []string{"a"}, []string{"", "A", "aa", "b"}},
		{"/img/*", 0, []string{"/img/", "/img/a/b.png"}, []string{"/img", "/IMG/a", "x/img/"}},
		{"/img/*/pics", 0, []string{"/img/a/b/pics", "/img//pics", "/img/pics/pics"}, []string{"/img/pics", "/img/a/pics/"}},
		{"/a?c", 0, []string{"/abc", "/a/c", "/a?c"}, []string{"/ac", "/abbc"}},
		{"*.jpg", 0, []string{"/x/y.jpg", ".jpg", "a.jpg.jpg"}, []string{"/x.JPG", "a.jpg.png", "jpg"}},
		{"*.example.com", fold, []string{"TEST.example.com", "a.b.Example.com"}, []string{"example.com", "a.example.com.evil"}},
		{"*.Example.COM", fold, []string{"a.example.com"}, nil},
		{"*a*b*c*", 0, []string{"abc", "xaxbxcx", "aabbcc", "cabc"}, []string{"acb", "bca", "ab"}},
		{"a*a", 0, []string{"aa", "aba", "aaa"}, []string{"a", "ab"}},
		{"ab*ba", 0, []string{"abba", "abxba"}, []string{"aba"}},
		{"a*?b", 0, []string{"axb", "axxb"}, []string{"ab"}},
		{"*ab?d*", 0, []string{"abcd", "xxabxdyy", "ababcd"}, []string{"abd", "abcx"}},
		{"*aab", 0, []string{"aaab", "aab", "xaab"}, []string{"ab"}},
		{"*aab*", fold, []string{"AAAB", "xaAaBy"}, []string{"abab"}},
		{`\*`, 0, []string{`\`, `\x`}, []string{"*"}},
		{`\*`, routing.Escapes, []string{"*"}, []string{"", "a", `\*`}},
		{`\?`, routing.Escapes, []string{"?"}, []string{"a"}},
		{`a\*b*`, routing.Escapes | fold, []string{"A*bc"}, []string{"axbc"}},
		{`\\*`, routing.Escapes, []string{`\*`}, []string{`\`, `\\a`}},
		{`\a\`, routing.Escapes, []string{`\a\`}, []string{"a"}},
		{"é*", fold, []string{"éa"}, []string{"Éa"}},
		{"K", fold, []string{"k"}, []string{"\u212a"}},
		{"*", fold, []string{"\xff\xfe"}, nil},
	} {
		p := mustPattern(t, tt.pattern, tt.options)
		for _, text := range tt.yes {
			if !p.Match([]byte(text)) {
				t.Errorf("%q does not match %q", tt.pattern, text)
			}
		}
		for _, text := range tt.no {
			if p.Match([]byte(text)) {
				t.Errorf("%q matches %q", tt.pattern, text)
			}
		}
	}
	var empty routing.Pattern
	if !empty.Match(nil) || empty.Match([]byte("a")) {
		t.Error("the zero pattern matches the empty text, and no other")
	}
	if _, err := routing.CompilePattern("a\x00", 0); err == nil {
		t.Error("a pattern with a NUL compiles")
	}
}

// wildcard is the plainest way to say what a pattern means.
func wildcard(pattern, text string) bool {
	reach := make([]bool, len(text)+1) // which beginnings of text the pattern so far matches
	reach[0] = true
	for _, c := range []byte(pattern) {
		next := make([]bool, len(text)+1)
		seen := false
		for i := range next {
			switch {
			case c == '*':
				seen = seen || reach[i]
				next[i] = seen
			case i > 0:
				next[i] = reach[i-1] && (c == '?' || c == text[i-1])
			}
		}
		reach = next
	}
	return reach[len(text)]
}

func FuzzPattern(f *testing.F) {
	f.Add("/img/*", "/img/a")
	f.Add("*a*b?c*", "aabbcc")
	f.Add("ab*ba", "aba")
	f.Add("*?ab*", "xab")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		p, err := routing.CompilePattern(pattern, 0)
		if err != nil {
			return
		}
		if len(pattern) > 128 || len(text) > 1024 {
			return
		}
		if got, want := p.Match([]byte(text)), wildcard(pattern, text); got != want {
			t.Errorf("%q on %q: %v, want %v", pattern, text, got, want)
		}
		folded := mustPattern(t, pattern, fold)
		if lower := func(s string) string { return strings.Map(lowerASCII, s) }; isASCII(pattern + text) {
			if got, want := folded.Match([]byte(text)), wildcard(lower(pattern), lower(text)); got != want {
				t.Errorf("%q folded on %q: %v, want %v", pattern, text, got, want)
			}
		}
	})
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

func lowerASCII(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

// BenchmarkPatternWorst is what makes backtracking matchers explode; ns/op stays within a
// few times of the linear case beside it.
func BenchmarkPatternWorst(b *testing.B) {
	text := []byte(strings.Repeat("a", 4096))
	for _, pattern := range []string{"*a*b", "*a*a*a*a*a*b", "*aaaaaaaa?aaaaaaab*"} {
		p := mustPattern(b, pattern, fold)
		b.Run(pattern, func(b *testing.B) {
			for b.Loop() {
				if p.Match(text) {
					b.Fatal("matches")
				}
			}
		})
	}
}
