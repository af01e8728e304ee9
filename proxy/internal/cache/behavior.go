package cache

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// Behavior is a compiled spec.CacheBehavior.
type Behavior struct {
	minTTL, defaultTTL, maxTTL         time.Duration
	staleWhileRevalidate, staleIfError time.Duration
	heedRequests                       bool

	// headers, cookies and query tell answers apart; the all of them stand for any.
	headers              []string
	cookies, query       []string
	allCookies, allQuery bool
	// identity is the first part of every key: answers of a behaviour with another key are
	// others.
	identity []byte
}

// NewBehavior compiles c.
func NewBehavior(c *spec.CacheBehavior) *Behavior {
	b := &Behavior{
		minTTL: c.MinTTL, defaultTTL: c.DefaultTTL, maxTTL: c.MaxTTL,
		staleWhileRevalidate: c.ProxyOnly.StaleWhileRevalidate,
		staleIfError:         c.ProxyOnly.StaleIfError,
		heedRequests:         c.ProxyOnly.BypassOnCacheControl,
		allCookies:           slices.Contains(c.Key.Cookies, spec.CacheKeyAll),
		allQuery:             slices.Contains(c.Key.Query, spec.CacheKeyAll),
	}
	if !b.allCookies {
		b.cookies = c.Key.Cookies
	}
	if !b.allQuery {
		b.query = c.Key.Query
	}
	for _, name := range c.Key.Headers {
		// They are in every key, in a form of their own.
		if !strings.EqualFold(name, "Host") && !strings.EqualFold(name, "Accept-Encoding") {
			b.headers = append(b.headers, name)
		}
	}
	for _, list := range [][]string{{c.Path}, b.headers, c.Key.Cookies, c.Key.Query} {
		b.identity = binary.AppendUvarint(b.identity, uint64(len(list)))
		for _, s := range list {
			b.identity = appendPart(b.identity, s)
		}
	}
	return b
}

// keyed reports whether a header is part of the key.
func (b *Behavior) keyed(name []byte) bool {
	for _, h := range b.headers {
		if is(name, h) {
			return true
		}
	}
	return false
}

// appendPart appends a part of a key with its length, so that no two lists of parts make the
// same key.
func appendPart[T ~[]byte | ~string](b []byte, part T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}
