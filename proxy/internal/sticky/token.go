package sticky

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

// Kind says what a token is for; one of a kind never opens as another.
type Kind byte

// The kinds of tokens.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#sticky-sessions
const (
	// LBCookie names a target, for stickiness of type lb_cookie.
	LBCookie Kind = iota + 1
	// AppCookie names a target, for stickiness of type app_cookie.
	AppCookie
	// TargetGroup names a target group that a forward action chose.
	TargetGroup
	// alias is of no token, but of [Sealer.Aliases].
	alias
)

var (
	// ErrInvalid says that a token is none of ours: malformed, changed, made by another
	// load balancer, of another kind or scope, or from the future.
	ErrInvalid = errors.New("stickiness token is not valid")
	// ErrExpired says that a token is one of ours, and too old.
	ErrExpired = errors.New("stickiness token has expired")
)

// A token is, in base64, what AES-256-GCM makes of a plaintext: 12 bytes of nonce, the
// plaintext encrypted, 16 bytes of tag. The plaintext is the second of issue (8 bytes, big
// endian, since 1970), the value, 0x80, and zeros up to the token's size. Kind and scope are
// authenticated with it and not stored.
const (
	overhead  = 12 + 16
	issuedLen = 8
	valueEnd  = 0x80

	// sizeClass is what a token's length is a multiple of, so that it tells little of the
	// value: 96 bytes are 128 characters, as on an ALB, and hold a value of 59 bytes, which
	// is any IP address with its port and any target group.
	sizeClass = 96
	textClass = sizeClass / 3 * 4
	// maxText bounds the work of opening: a browser keeps no cookie of more than 4096 bytes.
	//
	// https://www.rfc-editor.org/rfc/rfc6265#section-6.1
	maxText = 4096

	// maxSkew is how far in the future a token may have been issued: by another process that
	// shares the secret, and whose clock is ahead.
	maxSkew = time.Minute
)

// encoding is strict so that there is one text for each token.
var encoding = base64.StdEncoding.Strict()

// plaintext appends what is encrypted for a token.
func plaintext(dst []byte, value string, issued time.Time) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint64(dst, uint64(issued.Unix()))
	dst = append(dst, value...)
	dst = append(dst, valueEnd)
	size := len(dst) - start + overhead
	padding := (sizeClass - size%sizeClass) % sizeClass
	dst = slices.Grow(dst, padding)
	dst = dst[:len(dst)+padding]
	clear(dst[len(dst)-padding:])
	return dst
}

// parse returns the second of issue and the value, which is part of plain.
func parse(plain []byte) (issued int64, value []byte, ok bool) {
	if len(plain) < issuedLen {
		return 0, nil, false
	}
	issued = int64(binary.BigEndian.Uint64(plain))
	value = bytes.TrimRight(plain[issuedLen:], "\x00")
	end := len(value) - 1
	if end < 0 || value[end] != valueEnd {
		return 0, nil, false
	}
	return issued, value[:end:end], true
}

// binding appends what a token is authenticated with and does not contain.
func binding(dst []byte, kind Kind, scope string) []byte {
	dst = append(dst, byte(kind))
	return append(dst, scope...)
}

// timely checks when a token was issued, in whole seconds, so that none expires early.
func timely(issued int64, now time.Time, maxAge time.Duration) error {
	switch age := now.Unix() - issued; {
	case age < -int64(maxSkew/time.Second):
		return ErrInvalid
	case age > int64(maxAge/time.Second):
		return ErrExpired
	default:
		return nil
	}
}
