package conformance_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// variables are what ${name} stands for.
type variables map[string]string

var (
	variable = regexp.MustCompile(`\$\{([^}]*)\}`)
	escape   = regexp.MustCompile(`\\(x[0-9a-fA-F]{2}|.|$)`)
)

// expand puts values in the place of ${name} and repeats x n times for ${n*x}.
func (v variables) expand(s string) (string, error) {
	var bad error
	s = variable.ReplaceAllStringFunc(s, func(m string) string {
		name := m[2 : len(m)-1]
		if count, what, ok := strings.Cut(name, "*"); ok {
			if n, err := strconv.Atoi(count); err == nil {
				return strings.Repeat(what, n)
			}
		}
		value, ok := v[name]
		if !ok {
			bad = fmt.Errorf("nothing is called ${%s}", name)
		}
		return value
	})
	return s, bad
}

// unescape decodes \r, \n, \t, \0, \\ and \xHH.
func unescape(s string) (string, error) {
	var bad error
	s = escape.ReplaceAllStringFunc(s, func(m string) string {
		switch m[1:] {
		case "r":
			return "\r"
		case "n":
			return "\n"
		case "t":
			return "\t"
		case "0":
			return "\x00"
		case `\`:
			return `\`
		}
		if len(m) == 4 && m[1] == 'x' {
			n, _ := strconv.ParseUint(m[2:], 16, 8)
			return string([]byte{byte(n)})
		}
		bad = fmt.Errorf("%q is no escape", m)
		return m
	})
	return s, bad
}

// exact is text whose bytes are what it says.
func (v variables) exact(s string) (string, error) {
	s, err := v.expand(s)
	if err != nil {
		return "", err
	}
	return unescape(s)
}

// raw is text in which line ends are only for the reader.
func (v variables) raw(s string) (string, error) { return v.exact(strings.ReplaceAll(s, "\n", "")) }

// head is a head: every line ends in CRLF, and the last line is empty.
func (v variables) head(s string) (string, error) {
	s, err := v.expand(strings.TrimRight(s, "\n"))
	if err != nil {
		return "", err
	}
	return unescape(strings.ReplaceAll(s, "\n", `\r\n`) + `\r\n\r\n`)
}

// placeholders stand in expected text for what differs from run to run.
var placeholders = map[string]string{
	"any":    `[\s\S]*`,
	"text":   `[^ "]+`,
	"number": `[0-9]+`,
	"hex":    `[0-9a-f]+`,
	"date":   `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT`,
	"time":   `[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z`,
	"spent":  `[0-9]+\.[0-9]{3}`,
	"trace":  `1-[0-9a-f]{8}-[0-9a-f]{24}`,
	"tid":    `TID_[0-9a-f]{32}`,
	"cookie": `[A-Za-z0-9+/=_-]+`,
}

var placeholder = regexp.MustCompile(`<([a-z]+)>`)

// matches reports whether got is what the expected text says.
func (v variables) matches(want, got string) (bool, error) {
	want, err := v.exact(want)
	if err != nil {
		return false, err
	}
	return matchesBytes(want, got), nil
}

func matchesBytes(want, got string) bool {
	if !placeholder.MatchString(want) {
		return want == got
	}
	var pattern strings.Builder
	pattern.WriteString(`\A`)
	for {
		at := placeholder.FindStringSubmatchIndex(want)
		if at == nil {
			break
		}
		p, ok := placeholders[want[at[2]:at[3]]]
		if !ok {
			p = regexp.QuoteMeta(want[at[0]:at[1]])
		}
		pattern.WriteString(regexp.QuoteMeta(latin1(want[:at[0]])) + p)
		want = want[at[1]:]
	}
	pattern.WriteString(regexp.QuoteMeta(latin1(want)) + `\z`)
	return regexp.MustCompile(pattern.String()).MatchString(latin1(got))
}

// latin1 makes every byte a rune: regexp takes no text that is not UTF-8, and a compressed
// body seldom is.
func latin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}
