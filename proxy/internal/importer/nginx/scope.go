package nginx

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
)

type directive = importer.Directive

// scope is a block inside others, from which it inherits what it does not say itself.
type scope struct {
	*directive
	parent *scope
	list   []*directive
}

func (s *scope) in(d *directive) *scope { return &scope{directive: d, parent: s, list: d.Block} }

// own are the directives of these names in the block itself.
func (s *scope) own(names ...string) []*directive {
	var found []*directive
	for _, d := range s.list {
		if slices.Contains(names, d.Name) {
			found = append(found, d)
		}
	}
	return found
}

// all are the directives of these names in the nearest block that has one: what nginx
// inherits, it inherits as a whole.
func (s *scope) all(names ...string) []*directive {
	for at := s; at != nil; at = at.parent {
		if found := at.own(names...); len(found) > 0 {
			return found
		}
	}
	return nil
}

// last is the directive of that name that holds here, or nil.
func (s *scope) last(name string) *directive {
	if found := s.all(name); len(found) > 0 {
		return found[len(found)-1]
	}
	return nil
}

// lastOwn is the directive of that name in the block itself, or nil.
func (s *scope) lastOwn(name string) *directive {
	if found := s.own(name); len(found) > 0 {
		return found[len(found)-1]
	}
	return nil
}

// duration reads nginx's times: 30, 30s, 500ms, 1h 30m.
//
// https://nginx.org/en/docs/syntax.html
func duration(s string) (time.Duration, bool) {
	units := []struct {
		name string
		unit time.Duration
	}{{"ms", time.Millisecond}, {"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}, {"w", 7 * 24 * time.Hour}, {"M", 30 * 24 * time.Hour}, {"y", 365 * 24 * time.Hour}}
	var sum time.Duration
	s = strings.ReplaceAll(s, " ", "")
	if s == "" {
		return 0, false
	}
	for s != "" {
		digits := 0
		for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
			digits++
		}
		n, err := strconv.Atoi(s[:digits])
		if err != nil || n > 1<<31 {
			return 0, false
		}
		s = s[digits:]
		unit := time.Second
		for _, u := range units {
			if rest, ok := strings.CutPrefix(s, u.name); ok {
				unit, s = u.unit, rest
				break
			}
		}
		if time.Duration(n) > (1<<62)/unit {
			return 0, false
		}
		if sum += time.Duration(n) * unit; sum < 0 {
			return 0, false
		}
		if s != "" && (s[0] < '0' || s[0] > '9') {
			return 0, false
		}
	}
	return sum, true
}

// size reads nginx's sizes: 1024, 8k, 1m, 2g.
func size(s string) (int, bool) {
	factor := 1
	if s != "" {
		switch s[len(s)-1] {
		case 'k', 'K':
			factor = 1 << 10
		case 'm', 'M':
			factor = 1 << 20
		case 'g', 'G':
			factor = 1 << 30
		}
	}
	if factor > 1 {
		s = s[:len(s)-1]
	}
	n, err := strconv.Atoi(s)
	return n * factor, err == nil && n >= 0 && n < 1<<31
}
