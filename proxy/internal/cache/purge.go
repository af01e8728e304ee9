package cache

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/routing"
	"github.com/evenkeel/evenkeel/spec"
)

// MaxPurgePath bounds the path of a purge, in characters: CloudFront's limit.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-objects.html
const MaxPurgePath = 4000

// Scope is the paths that a purge is for.
type Scope struct {
	path string
	// prefix says that path is what they begin with.
	prefix bool
}

// ParseScope reads a path as CloudFront's invalidations have it: one path, or with an asterisk
// at its end all that begin so. It is canonical afterwards, as those of requests are.
func ParseScope(text string) (Scope, error) {
	var s Scope
	refuse := func(what string) error {
		return fmt.Errorf("path %s: want a slash first, then at most %d characters, with * only at the end", what, MaxPurgePath-1)
	}
	s.path, s.prefix = strings.CutSuffix(text, "*")
	switch {
	case !strings.HasPrefix(text, "/"):
		return s, refuse("does not begin with a slash (got " + strconv.Quote(shorten(text)) + ")")
	case len(text) > MaxPurgePath:
		return s, refuse("is too long (got " + strconv.Itoa(len(text)) + " characters)")
	case strings.Contains(s.path, "*"):
		return s, refuse("has a * inside (got " + strconv.Quote(shorten(text)) + ")")
	case strings.Contains(s.path, "?"):
		return s, fmt.Errorf("path has a query (got %s): what is kept for a path goes for all queries at once", strconv.Quote(shorten(text)))
	}
	canonical, err := routing.CanonicalPath(s.path + mark)
	if err != nil {
		return s, fmt.Errorf("%w (got %s)", err, strconv.Quote(shorten(text)))
	}
	s.path = strings.TrimSuffix(canonical, mark)
	return s, nil
}

// mark keeps a path's last segment what it is: a prefix may end in a dot.
const mark = "x"

// shorten keeps messages short.
func shorten(text string) string {
	const most = 100
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

func (s *Scope) has(path string) bool {
	if s.prefix {
		return strings.HasPrefix(path, s.path)
	}
	return path == s.path
}

// Purge drops what is kept for the paths of a scope, of every host, query and variant, and
// keeps nothing of what is on its way in, for whatever path. It returns how many answers it
// dropped.
func (c *Cache) Purge(scope Scope) int {
	c.purges.Add(1)
	dropped := 0
	for i := range c.shards {
		dropped += c.shards[i].drop(func(sl *slot) bool { return scope.has(sl.path) })
	}
	return dropped
}

// Retain drops what is kept for behaviours that are not among list, or had another path or key.
func (c *Cache) Retain(list []spec.CacheBehavior) {
	identities := make([]string, len(list))
	for i := range list {
		identities[i] = string(NewBehavior(&list[i]).identity)
	}
	c.purges.Add(1)
	for i := range c.shards {
		c.shards[i].drop(func(sl *slot) bool {
			return !slices.ContainsFunc(identities, func(identity string) bool { return strings.HasPrefix(sl.key, identity) })
		})
	}
}

// drop removes the slots for which is holds, and returns how many answers they had.
func (s *shard) drop(is func(*slot) bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	dropped := 0
	for _, sl := range s.slots {
		if is(sl) {
			dropped += len(sl.entries)
			s.remove(sl)
		}
	}
	return dropped
}
