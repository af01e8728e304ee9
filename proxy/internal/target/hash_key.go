package target

import (
	"strings"

	"github.com/evenkeel/evenkeel/spec"
)

// HashKind says what of a request the group's algorithm hashes.
type HashKind uint8

// What is hashed. HashNothing is for the algorithms that do not hash.
const (
	HashNothing HashKind = iota
	// HashNetwork is the client's address as source_ip_hash takes it, HashSourceIP the whole
	// of it.
	HashNetwork
	HashSourceIP
	HashHost
	HashPath
	HashURI
	HashHeader
	HashCookie
	HashQuery
)

// HashKey is what the group's algorithm hashes.
type HashKey struct {
	Kind HashKind
	// Name is that of the header, cookie or query parameter.
	Name string
}

// hashKeyOf is what p has hashed.
func hashKeyOf(p *spec.ProxyOnly) HashKey {
	switch p.Algorithm {
	case spec.SourceIPHash:
		return HashKey{Kind: HashNetwork}
	case spec.ConsistentHashing:
	default:
		return HashKey{}
	}
	kind, name, _ := strings.Cut(p.ConsistentHash.Key, ":")
	kinds := map[string]HashKind{
		"source_ip": HashSourceIP, "host": HashHost, "path": HashPath, "uri": HashURI,
		"header": HashHeader, "cookie": HashCookie, "query": HashQuery,
	}
	return HashKey{Kind: kinds[kind], Name: name}
}
