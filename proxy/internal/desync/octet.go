package desync

import "encoding/binary"

// octet is what a byte is where a token, a value or a URI is expected.
const (
	octetToken uint8 = 1 << iota // tchar
	octetText                    // HT, 0x20-0x7e, 0x80-0xff
	octetURI                     // above 0x20 and not DEL
	octetBreak                   // CR, LF and NUL: a mistake in parsing, or an attack
)

var octets = func() (t [256]uint8) {
	for c := range t {
		if c > ' ' && c != 0x7f {
			t[c] |= octetURI
		}
		if c == '\t' || c >= ' ' && c != 0x7f {
			t[c] |= octetText
		}
	}
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" {
		t[c] |= octetToken
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] |= octetToken
	}
	for _, c := range "\r\n\x00" {
		t[c] |= octetBreak
	}
	return t
}()

// unusual returns the first byte of b that is not of the class, and whether a later one is
// CR, LF or NUL. ok says that there is none.
func unusual(b []byte, class uint8) (bad, ok bool) {
	ok = true
	for _, c := range b {
		if o := octets[c]; o&class == 0 {
			if ok = false; o&octetBreak != 0 {
				return true, false
			}
		}
	}
	return false, ok
}

// unusualText is unusual for values, eight bytes at a time: they are most of a head.
func unusualText(b []byte) (bad, ok bool) {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	rest := b
	for len(rest) >= 8 {
		v := binary.LittleEndian.Uint64(rest)
		del := v ^ 0x7f*ones
		// The first term is about bytes below 0x20, the second about DEL. A borrow may raise a
		// false alarm, and HT does: the table decides.
		if ((v-0x20*ones)&^v|(del-ones)&^del)&highs != 0 {
			return unusual(b, octetText)
		}
		rest = rest[8:]
	}
	return unusual(rest, octetText)
}
