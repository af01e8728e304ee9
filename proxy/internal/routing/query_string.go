package routing

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// queryString matches key/value pairs of the query without regard to case. Pairs are
// separated by & and split at the first =. They are compared as the client sent them:
// escapes are not decoded, because the target receives the query as it is and ALB's
// documentation knows no decoding.
type queryString []pair

// pair matches one key and its value.
type pair struct {
	key   Pattern
	value Pattern
	// anyKey says that only the value counts. A pair without = then counts as a value.
	anyKey bool
}

func newQueryString(keys []spec.QueryStringKey) (condition, error) {
	var (
		c    queryString
		errs []error
	)
	for i, k := range keys {
		p := pair{anyKey: k.Key == ""}
		var err, keyErr error
		if p.anyKey && k.Value == "" {
			err = errEmptyPattern
		} else {
			p.key, keyErr = CompilePattern(k.Key, FoldCase|Escapes)
			p.value, err = CompilePattern(k.Value, FoldCase|Escapes)
		}
		if err := errors.Join(keyErr, err); err != nil {
			errs = append(errs, fmt.Errorf("[%d]: %w", i, err))
		}
		c = append(c, p)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return c, nil
}

func (c queryString) holds(r *exchange.Request, _ netip.Addr) bool {
	rest := r.Query
	for len(rest) > 0 {
		text := rest
		if n := bytes.IndexByte(rest, '&'); n >= 0 {
			text, rest = rest[:n], rest[n+1:]
		} else {
			rest = nil
		}
		if len(text) > 0 && c.match(text) {
			return true
		}
	}
	return false
}

// match reports whether any of the condition's pairs matches one pair of the query.
func (c queryString) match(text []byte) bool {
	key, value := text, []byte(nil)
	bare := true
	if before, after, ok := bytes.Cut(text, []byte{'='}); ok {
		key, value, bare = before, after, false
	}
	for i := range c {
		p := &c[i]
		switch {
		case p.anyKey && bare:
			if p.value.Match(key) {
				return true
			}
		case (p.anyKey || p.key.Match(key)) && p.value.Match(value):
			return true
		}
	}
	return false
}
