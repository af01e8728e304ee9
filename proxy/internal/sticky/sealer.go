// Package sticky makes and reads the cookies that keep a client with its target or target
// group. What an ALB's say is encrypted: a client learns no address from them, and cannot choose
// one. HAProxy's names a target in the open, by an alias where the name would give an address
// away.
package sticky

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"
)

const (
	// minSecret is the least length of a secret, in bytes: that of the key made of it.
	minSecret = keyLen
	keyLen    = 32
	// keyInfo tells these keys from others that may be made of the same secret, and from
	// those of tokens of another layout.
	keyInfo = "evenkeel stickiness 1 AES-256-GCM"
)

// Sealer makes tokens and opens them. It is safe for concurrent use.
//
// Each token has a random nonce of 96 bits. NIST asks for at most 2^32 under one key, when
// the odds that two have the same nonce are 2^-33. With a [Memo] there is one for each target
// and second: 10 targets get there in 13 years, 1000 in 50 days and then, in 30 years, to
// 2^40 tokens and odds of 2^-17. Whoever finds such a pair can make tokens, which is to choose
// targets for themselves. Changing secrets yearly keeps all but the largest within the bound.
//
// https://csrc.nist.gov/pubs/sp/800/38/d/final (section 8.3)
type Sealer struct {
	// keys open tokens; the first seals.
	keys []cipher.AEAD
	// aliasKeys make aliases, in the same order.
	aliasKeys [][]byte
	recents   recents
}

// NewSealer makes a sealer of secrets, each of at least 32 bytes and hard to guess. The first
// seals and all open, so that one can take the place of another while tokens of both are
// about. Processes with the same secrets open each other's tokens. Without secrets the key is
// random, and tokens end with the process.
func NewSealer(secrets ...[]byte) (*Sealer, error) {
	if len(secrets) == 0 {
		secret := make([]byte, minSecret)
		if _, err := rand.Read(secret); err != nil {
			return nil, err
		}
		secrets = [][]byte{secret}
	}
	s := &Sealer{}
	for i, secret := range secrets {
		if len(secret) < minSecret {
			return nil, fmt.Errorf("secret %d is too short (got %d bytes, want at least %d)", i, len(secret), minSecret)
		}
		key, err := newKey(secret)
		if err != nil {
			return nil, fmt.Errorf("secret %d: %w", i, err)
		}
		aliasKey, err := hkdf.Key(sha256.New, secret, nil, aliasInfo, keyLen)
		if err != nil {
			return nil, fmt.Errorf("secret %d: %w", i, err)
		}
		s.keys, s.aliasKeys = append(s.keys, key), append(s.aliasKeys, aliasKey)
	}
	return s, nil
}

func newKey(secret []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, keyInfo, keyLen)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Append appends a token that says value, such as a target's address or a target group's
// name. scope is what the value is for, such as the target group or the rule, and is needed
// to open the token. Tokens that say the same at the same time differ.
//
// Values of up to 59 bytes make tokens of 128 characters; longer ones, of the next multiple of
// 128. Those of more than 4096, for a value of 3035 bytes, do not open.
func (s *Sealer) Append(dst []byte, kind Kind, scope, value string, issued time.Time) []byte {
	aad := binding(make([]byte, 0, 1+len(scope)), kind, scope)
	plain := plaintext(make([]byte, 0, overhead+len(value)+sizeClass), value, issued)
	sealed := s.keys[0].Seal(make([]byte, 0, len(plain)+overhead), nil, plain, aad)
	return encoding.AppendEncode(dst, sealed)
}

// Open returns what the token text says, which nobody may change, if it was made with one of
// the secrets, for this kind and scope, at most maxAge before now. It fails with [ErrInvalid]
// or [ErrExpired]; the latter only when all else is right. Ages are counted in whole seconds.
//
// scratch may be overwritten from its start, and what is returned may stand there. It holds scope, and text one and a half times; if its
// capacity is less, Open allocates.
func (s *Sealer) Open(scratch []byte, kind Kind, scope string, text []byte, now time.Time, maxAge time.Duration) (value []byte, err error) {
	if len(text) == 0 || len(text) > maxText || len(text)%textClass != 0 {
		return nil, ErrInvalid
	}
	if r := s.recents.find(kind, scope, text); r != nil {
		if err := timely(r.issued, now, maxAge); err != nil {
			return nil, err
		}
		return r.value, nil
	}
	sealedLen := len(text) / 4 * 3
	aad := binding(slices.Grow(scratch[:0], 1+len(scope)+2*sealedLen), kind, scope)
	sealed := aad[len(aad) : len(aad)+sealedLen]
	if n, err := encoding.Decode(sealed, text); err != nil || n != sealedLen {
		return nil, ErrInvalid
	}
	room := aad[len(aad)+sealedLen : len(aad)+sealedLen]
	for _, key := range s.keys {
		plain, err := key.Open(room, nil, sealed, aad)
		if err != nil {
			continue
		}
		issued, value, ok := parse(plain)
		if !ok {
			return nil, ErrInvalid
		}
		if err := timely(issued, now, maxAge); err != nil {
			return nil, err
		}
		if now.Unix()-issued <= recentAge {
			s.recents.add(kind, scope, text, issued, value)
		}
		return value, nil
	}
	return nil, ErrInvalid
}
