package edge

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/spec"
)

// Check tells what of the environment's edge CloudFront does not take, although the
// container does; all of it at once. It makes no constructs.
func Check(env *spec.Environment) error {
	edge := &env.Edge
	var problems []error
	if env.Domain == "" {
		problems = append(problems, errors.New("domain: is missing (got none, want the host name that the edge answers to)"))
	}
	if n := len(edge.Static) + len(edge.Cache); n > spec.MaxCacheBehaviors {
		problems = append(problems, fmt.Errorf("edge: static and cache have more paths than a distribution (got %d, want at most %d)", n, spec.MaxCacheBehaviors))
	}
	for i := range edge.Cache {
		if n := len(keyHeaders(&edge.Cache[i].Key)); n > spec.MaxCacheKey {
			problems = append(problems, fmt.Errorf("edge.cache[%d].key.headers: are more than CloudFront tells answers apart by (got %d with Host, want at most %d)", i, n, spec.MaxCacheKey))
		}
	}
	var values []string
	for _, s := range edge.Static {
		values = append(values, s.CacheControl)
	}
	problems = append(problems, checkHeaders(edge.ResponseHeaders, values)...)
	problems = append(problems, checkErrorPages(edge)...)
	return errors.Join(problems...)
}

// keyHeaders are the headers of a cache key: the file's and Host. Accept-Encoding is in
// every key by a switch of its own, beside which CloudFront refuses it here.
func keyHeaders(key *spec.CacheKey) []string {
	headers := slices.DeleteFunc(slices.Clone(key.Headers), func(h string) bool {
		return strings.EqualFold(h, "Host") || strings.EqualFold(h, "Accept-Encoding")
	})
	return append([]string{"Host"}, headers...)
}
