package edge

import (
	"unicode/utf8"
)

// fileName returns the name of the file that the rest of a canonical path asks for, as S3
// has it for a key: with slashes, and its escapes decoded. Names are as they are in the
// folder: there is one path for a file and no other. So it is not ok
//
//   - without a name: a folder has no listing, and no index;
//   - with an empty part, which a file system would take for none;
//   - with a part that begins with a dot, which is hidden, or is the folder above;
//   - with an escaped slash or a backslash, which others take for a slash;
//   - with a control character or what is not UTF-8, which no key of S3 has.
func fileName(rest []byte) (name string, ok bool) {
	decoded := make([]byte, 0, len(rest))
	begins := true // a part of the name does
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		switch {
		case c == '/':
			if begins {
				return "", false
			}
			begins = true
			decoded = append(decoded, c)
			continue
		case c == '%':
			var valid bool
			if c, valid = unescape(rest[i:]); !valid || c == '/' {
				return "", false
			}
			i += 2
		}
		if c < ' ' || c == 0x7f || c == '\\' || begins && c == '.' {
			return "", false
		}
		begins = false
		decoded = append(decoded, c)
	}
	if begins || !utf8.Valid(decoded) {
		return "", false
	}
	return string(decoded), true
}

// unescape decodes the escape that b begins with.
func unescape(b []byte) (byte, bool) {
	if len(b) < 3 {
		return 0, false
	}
	high, ok1 := hexDigit(b[1])
	low, ok2 := hexDigit(b[2])
	return high<<4 | low, ok1 && ok2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
