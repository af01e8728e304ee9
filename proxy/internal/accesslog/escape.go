package accesslog

import "unicode/utf8"

// text is what a field's value comes as.
type text interface{ ~string | ~[]byte }

const (
	upperHex = "0123456789ABCDEF"
	lowerHex = "0123456789abcdef"
)

// plain tells the bytes that appendEscaped leaves as they are: printable ASCII without
// quote and backslash. That is nginx's `escape=default`, which ALB's \x22 agrees with. solid are
// those of them that do not end an unquoted field.
var plain, solid = func() (p, s [256]bool) {
	for c := 0x20; c < 0x7f; c++ {
		p[c] = c != '"' && c != '\\'
		s[c] = p[c] && c != ' '
	}
	return p, s
}()

// appendKept appends s with every byte that is not in kept as \xNN.
func appendKept[T text](b []byte, s T, kept *[256]bool) []byte {
	start := 0
	for i := range len(s) {
		c := s[i]
		if kept[c] {
			continue
		}
		b = append(b, s[start:i]...)
		b = append(b, '\\', 'x', upperHex[c>>4], upperHex[c&15])
		start = i + 1
	}
	return append(b, s[start:]...)
}

// appendEscaped appends s with every byte that is not plain as \xNN.
func appendEscaped[T text](b []byte, s T) []byte { return appendKept(b, s, &plain) }

// appendQuoted appends a quoted field and the space after it; `"-"` when s is empty.
func appendQuoted[T text](b []byte, s T) []byte {
	b = append(b, '"')
	if len(s) == 0 {
		b = append(b, '-')
	} else {
		b = appendEscaped(b, s)
	}
	return append(b, '"', ' ')
}

// appendToken appends an unquoted field and the space after it; `-` when s is empty. What
// would end the field is escaped.
func appendToken[T text](b []byte, s T) []byte {
	if len(s) == 0 {
		return append(b, '-', ' ')
	}
	return append(appendKept(b, s, &solid), ' ')
}

// appendJSONText appends s as the inside of a JSON string (RFC 8259 section 7). Bytes that
// are no UTF-8 become U+FFFD. Characters that some readers take for the end of a line or
// for a terminal's commands (C1, U+2028, U+2029) are escaped as well.
func appendJSONText[T text](b []byte, s T) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if plain[c] {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			if c == '"' || c == '\\' {
				b = append(b, '\\', c)
			} else {
				b = append(b, '\\', 'u', '0', '0', lowerHex[c>>4], lowerHex[c&15])
			}
			i++
			start = i
			continue
		}
		// The conversion of a few bytes stays on the stack.
		r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, s[start:i]...)
			b = append(b, `\ufffd`...)
			start = i + size
		case r < 0xa0 || r == 0x2028 || r == 0x2029:
			b = append(b, s[start:i]...)
			b = append(b, '\\', 'u', lowerHex[r>>12&15], lowerHex[r>>8&15], lowerHex[r>>4&15], lowerHex[r&15])
			start = i + size
		}
		i += size
	}
	return append(b, s[start:]...)
}
