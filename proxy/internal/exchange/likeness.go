package exchange

// LikeFraming returns FieldContentLength or FieldTransferEncoding for a name with the same
// letters, the names themselves among them, and else FieldOther: Content_Length is one to a
// target that gets its fields as variables.
func LikeFraming(name []byte) FieldID {
	for _, c := range name {
		if !alphanumeric(c) {
			continue
		}
		switch Lower(c) {
		case 'c':
			if SameLetters(name, "contentlength") {
				return FieldContentLength
			}
		case 't':
			if SameLetters(name, "transferencoding") {
				return FieldTransferEncoding
			}
		}
		return FieldOther
	}
	return FieldOther
}

// SameLetters reports whether the letters and digits of name, in lower case, are want. It
// also counts the two characters whose upper case is an ASCII letter: U+017F is a long s
// and U+0131 an i without a dot.
func SameLetters(name []byte, want string) bool {
	j := 0
	for i := 0; i < len(name); i++ {
		c := Lower(name[i])
		switch {
		case alphanumeric(c):
		case c == 0xc5 && i+1 < len(name) && name[i+1] == 0xbf:
			c = 's'
			i++
		case c == 0xc4 && i+1 < len(name) && name[i+1] == 0xb1:
			c = 'i'
			i++
		default:
			continue
		}
		if j == len(want) || c != want[j] {
			return false
		}
		j++
	}
	return j == len(want)
}

func alphanumeric(c byte) bool {
	return c-'0' < 10 || (c|0x20)-'a' < 26
}
