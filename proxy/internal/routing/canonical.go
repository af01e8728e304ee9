package routing

import (
	"bytes"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// Canonicalize fills r.Host, r.Port, r.Path, r.Query and r.HasQuery from the request
// target, the authority and the Host field, and r.Scheme and r.Authority from a target in
// absolute form. What is canonical already is not copied; the rest goes into a. The error
// is an *[Error].
//
// The path: escapes of unreserved characters (letters, digits, - . _ ~) are decoded, all
// others keep their escape with upper-case digits, and dot segments, escaped ones too, are
// resolved; one that climbs above the root is refused, and so is one that only some would
// take for a dot segment: with a parameter (..;x), or with a backslash, an escaped slash or
// an escaped backslash for a slash (..%2Fx). Other repeated and escaped slashes and
// parameters are left alone. Space, control characters and DEL, which desync
// mitigation may let through, are escaped; bytes above 0x7f stay as they are. The query
// keeps its escapes, whatever they are. A fragment, CR, LF or NUL is refused in both, a
// malformed escape and %00 in the path.
//
// The asterisk is for OPTIONS only. CONNECT and TRACE are refused with 405.
//
// https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2
func Canonicalize(r *exchange.Request, a *exchange.Arena) error {
	switch string(r.Method) {
	case "CONNECT", "TRACE":
		return errMethod
	}
	target := r.Target
	if len(target) == 0 {
		return errTarget
	}
	if target[0] != '/' && r.Version != exchange.HTTP2 && !isAsterisk(target) {
		var ok bool
		if target, ok = splitAbsolute(r); !ok {
			return errTarget
		}
	}
	if err := canonicalizeHost(r, a); err != nil {
		return err
	}
	if isAsterisk(target) {
		if string(r.Method) != "OPTIONS" {
			return errAsterisk
		}
		r.Path, r.Query, r.HasQuery = target, nil, false
		return nil
	}
	var err *Error
	if r.Path, r.Query, r.HasQuery, err = canonicalTarget(target, a); err != nil {
		return err
	}
	return nil
}

func isAsterisk(target []byte) bool { return len(target) == 1 && target[0] == '*' }

var (
	root     = []byte("/")
	asterisk = []byte("*")
)

// CanonicalPath returns a path in the form that requests have it in.
func CanonicalPath(path string) (string, error) {
	var a exchange.Arena
	canonical, _, _, err := canonicalTarget([]byte(path), &a)
	if err != nil {
		return "", err
	}
	return string(canonical), nil
}

// splitAbsolute sets scheme and authority from a target in absolute form and returns the
// rest of it. Without a path that is the root, or for OPTIONS the asterisk (RFC 9112, 3.2.4).
func splitAbsolute(r *exchange.Request) ([]byte, bool) {
	var scheme int
	switch t := r.Target; {
	case len(t) > 7 && exchange.EqualFold(t[:7], "http://"):
		scheme = 4
	case len(t) > 8 && exchange.EqualFold(t[:8], "https://"):
		scheme = 5
	default:
		return nil, false
	}
	rest := r.Target[scheme+len("://"):]
	end := len(rest)
	for i, c := range rest {
		if c == '/' || c == '?' || c == '#' {
			end = i
			break
		}
	}
	if end == 0 {
		return nil, false
	}
	r.Scheme, r.Authority = r.Target[:scheme], rest[:end]
	switch rest = rest[end:]; {
	case len(rest) > 0:
		return rest, true
	case string(r.Method) == "OPTIONS":
		return asterisk, true
	default:
		return root, true
	}
}

// What a byte of a request target asks for.
const (
	bytePlain  = iota
	byteSlash  // ends a segment
	byteMark   // the question mark
	bytePct    // begins an escape
	byteBack   // a backslash, which some take for a slash
	byteEncode // has to be escaped
	byteRefuse
)

var byteClass = func() (t [256]uint8) {
	for c := range 0x21 {
		t[c] = byteEncode
	}
	t[0x7f] = byteEncode
	for _, c := range "\x00\r\n#" {
		t[c] = byteRefuse
	}
	t['/'], t['?'], t['%'], t['\\'] = byteSlash, byteMark, bytePct, byteBack
	return t
}()

// canonicalTarget returns path and query of a target that is a path, perhaps with a query.
// An empty path is the root.
func canonicalTarget(target []byte, a *exchange.Arena) (path, query []byte, hasQuery bool, err *Error) {
	path = target
	clean := true
scan:
	for i, c := range target {
		switch byteClass[c] {
		case byteSlash:
			// Any segment that begins with a dot is looked at closely.
			if i+1 < len(target) && target[i+1] == '.' {
				clean = false
			}
		case byteMark:
			path, query, hasQuery = target[:i], target[i+1:], true
			break scan
		case byteBack:
			// It matters beside a dot only.
			if i > 0 && target[i-1] == '.' || i+1 < len(target) && target[i+1] == '.' {
				clean = false
			}
		case bytePct, byteEncode:
			clean = false
		case byteRefuse:
			return nil, nil, false, errByte
		}
	}
	switch {
	case len(path) == 0:
		path = root
	case path[0] != '/':
		return nil, nil, false, errTarget
	case !clean:
		b, err := appendPath(a.Begin(), path)
		if err != nil {
			return nil, nil, false, err
		}
		path = a.End(b)
	}
	if hasQuery {
		query, err = canonicalQuery(query, a)
	}
	return path, query, hasQuery, err
}

func canonicalQuery(query []byte, a *exchange.Arena) ([]byte, *Error) {
	clean := true
	for _, c := range query {
		switch byteClass[c] {
		case byteEncode:
			clean = false
		case byteRefuse:
			return nil, errByte
		}
	}
	if clean {
		return query, nil
	}
	b := a.Begin()
	for _, c := range query {
		if byteClass[c] == byteEncode {
			b = appendEscaped(b, c)
		} else {
			b = append(b, c)
		}
	}
	return a.End(b), nil
}

// appendPath appends the canonical form of raw, which begins with a slash.
func appendPath(dst, raw []byte) ([]byte, *Error) {
	first := len(dst)
	dst = append(dst, '/')
	segment := len(dst) // where the current segment begins; a slash is before it
	raw = raw[1:]
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch byteClass[c] {
		case byteSlash:
			var err *Error
			if dst, err = endSegment(dst, first, segment, true); err != nil {
				return nil, err
			}
			segment = len(dst)
		case bytePct:
			if i+2 >= len(raw) {
				return nil, errEscape
			}
			high, low := hexValue[raw[i+1]], hexValue[raw[i+2]]
			if high < 0 || low < 0 {
				return nil, errEscape
			}
			i += 2
			switch v := byte(high)<<4 | byte(low); {
			case v == 0:
				return nil, errEscapedNUL
			case unreserved[v]:
				dst = append(dst, v)
			default:
				dst = appendEscaped(dst, v)
			}
		case byteEncode:
			dst = appendEscaped(dst, c)
		default:
			dst = append(dst, c)
		}
	}
	return endSegment(dst, first, segment, false)
}

// endSegment resolves the segment that dst ends with when it is a dot segment, and adds
// the slash that followed it when it is not.
func endSegment(dst []byte, first, segment int, slash bool) ([]byte, *Error) {
	switch string(dst[segment:]) {
	case ".":
		return dst[:segment], nil
	case "..":
		parent := dst[first : segment-1] // without the slash before the segment
		if len(parent) == 0 {
			return nil, errAboveRoot
		}
		return dst[:first+bytes.LastIndexByte(parent, '/')+1], nil
	}
	if hidesParent(dst[segment:]) {
		return nil, errHidden
	}
	if slash {
		dst = append(dst, '/')
	}
	return dst, nil
}

// hidesParent tells whether a segment, which is none that climbs by itself, would climb for
// an application that cuts parameters off before it resolves dot segments, or that takes
// backslashes and escaped slashes for slashes.
func hidesParent(segment []byte) bool {
	for from := 0; ; from++ {
		i := bytes.Index(segment[from:], parent)
		if i < 0 {
			return false
		}
		from += i
		if endsPart(segment[:from]) && beginsPart(segment[from+len(parent):]) {
			return true
		}
	}
}

var parent = []byte("..")

// endsPart tells whether what follows before begins a part of a segment.
func endsPart(before []byte) bool {
	n := len(before)
	return n == 0 || before[n-1] == '\\' || n >= 3 && isEscapedSlash(before[n-3:])
}

// beginsPart tells whether after begins behind a part of a segment.
func beginsPart(after []byte) bool {
	return len(after) == 0 || after[0] == '\\' || after[0] == ';' ||
		len(after) >= 3 && (isEscapedSlash(after[:3]) || string(after[:3]) == "%3B")
}

func isEscapedSlash(b []byte) bool { return string(b) == "%2F" || string(b) == "%5C" }

func appendEscaped(dst []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(dst, '%', digits[c>>4], digits[c&15])
}

var hexValue = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i := range 10 {
		t['0'+i] = int8(i)
	}
	for i := range 6 {
		t['a'+i], t['A'+i] = int8(10+i), int8(10+i)
	}
	return t
}()

// unreserved characters mean the same with and without an escape (RFC 3986, 2.3).
var unreserved = func() (t [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~" {
		t[c] = true
	}
	return t
}()
