package http1

import (
	"encoding/binary"
	"slices"
)

// What a byte may be part of.
const (
	octetToken   uint8 = 1 << iota // tchar: a field name or method (RFC 9110, 5.6.2)
	octetName                      // a field name that an ALB calls valid: [-A-Za-z0-9]
	octetAlias                     // octetName, and what is a hyphen to some: _ and .
	octetVisible                   // 0x21-0x7e
	octetText                      // a field value: HT, 0x20-0x7e, 0x80-0xff (RFC 9110, 5.5)
)

var octets = func() (t [256]uint8) {
	for c := range t {
		if c == '\t' || c >= ' ' && c != 0x7f {
			t[c] |= octetText
		}
		if c > ' ' && c < 0x7f {
			t[c] |= octetVisible
		}
	}
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" {
		t[c] |= octetToken | octetName | octetAlias
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] |= octetToken
	}
	t['-'] |= octetName | octetAlias
	t['_'] |= octetAlias
	t['.'] |= octetAlias
	return t
}()

// all reports whether every byte of b is of the class.
func all(b []byte, class uint8) bool {
	for _, c := range b {
		if octets[c]&class == 0 {
			return false
		}
	}
	return true
}

// isText is all(b, octetText), eight bytes at a time: values are most of a head.
func isText(b []byte) bool {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	for len(b) >= 8 {
		v := binary.LittleEndian.Uint64(b)
		del := v ^ 0x7f*ones
		// A high bit is set in the first term by a byte below 0x20, in the second by a DEL. A
		// borrow may set more of them, which the table then sorts out.
		if ((v-0x20*ones)&^v|(del-ones)&^del)&highs != 0 && !all(b[:8], octetText) {
			return false
		}
		b = b[8:]
	}
	return all(b, octetText)
}

// trim takes optional whitespace, SP and HT and nothing else, off both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return slices.Clip(b)
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// nextElement cuts the first element off a comma-separated list (RFC 9110, 5.6.1).
func nextElement(list []byte) (element, rest []byte, more bool) {
	for i, c := range list {
		if c == ',' {
			return trim(list[:i]), list[i+1:], true
		}
	}
	return trim(list), nil, false
}
