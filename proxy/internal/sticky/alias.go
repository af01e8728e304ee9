package sticky

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

const (
	// aliasInfo tells the keys of aliases from those that tokens are sealed with.
	aliasInfo = "evenkeel stickiness 1 alias HMAC-SHA256"
	// aliasLen is how many bytes of the MAC an alias shows. Two of a group's 1000 targets have
	// the same one with odds of 2^-45.
	aliasLen = 8
)

// Aliases returns what stands for value where clients see it, for each secret in turn: the
// first is to be given out, and all are to be understood. An alias is the same in all processes
// that have the secret. There are so few addresses that a plain hash of one could be undone by
// trying them all; without the secret this one cannot. scope is as for [Sealer.Append].
func (s *Sealer) Aliases(scope, value string) []string {
	list := make([]string, len(s.aliasKeys))
	for i, key := range s.aliasKeys {
		mac := hmac.New(sha256.New, key)
		mac.Write(binding(nil, alias, scope)) // a scope has no zero byte
		mac.Write([]byte{0})
		mac.Write([]byte(value))
		list[i] = hex.EncodeToString(mac.Sum(nil)[:aliasLen])
	}
	return list
}
