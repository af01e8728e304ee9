package haproxy

import (
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/spec"
)

// item is a line that decides on a request, with its condition.
type item struct {
	from   *directive
	terms  [][]literal
	action spec.Action
}

// rule is what becomes of requests for which all conditions hold.
type rule struct {
	conditions []spec.Condition
	action     spec.Action
	from       *directive
}

// compile turns lines into rules, of which the first that matches decides. Rules have no
// "not"; `X if A !B` is said as: what comes later, for A and B; X for A; what comes later.
func (s *section) compile(items []item, on *spec.Listener) []rule {
	if len(items) == 0 {
		return nil
	}
	rest := s.compile(items[1:], on)
	it := items[0]
	var list []rule
	for _, term := range it.terms {
		made, ok := s.term(it, term, rest, on)
		if !ok {
			it.from.NotMapped("has a condition that rules cannot say: host, path, header, method, query and source address, at most five values in all")
			return rest
		}
		list = append(list, made...)
	}
	if len(list) > 0 && len(list[len(list)-1].conditions) == 0 {
		return list // it always holds: nothing comes after it
	}
	if len(list)+len(rest) > maxRules {
		it.from.NotMapped("makes too many rules together with what comes after it: write them by hand")
		return rest
	}
	return append(list, rest...)
}

// term is the rules of one alternative.
func (s *section) term(it item, term []literal, rest []rule, on *spec.Listener) ([]rule, bool) {
	holds := [][]spec.Condition{nil}
	var not []spec.Condition
	for _, l := range term {
		t, ok := s.read(l, on)
		if !ok {
			return nil, false
		}
		if t.constant != nil {
			if *t.constant == l.not {
				return nil, true // never holds here
			}
			continue
		}
		if l.not {
			not = append(not, t.any...)
			continue
		}
		var next [][]spec.Condition
		for _, before := range holds {
			for _, c := range t.any {
				merged, possible, ok := merge(before, []spec.Condition{c})
				if !ok {
					return nil, false
				}
				if possible {
					next = append(next, merged)
				}
			}
		}
		if holds = next; len(holds) > maxTerms {
			return nil, false
		}
	}
	var list []rule
	for _, conditions := range holds {
		for _, n := range not {
			except, possible, ok := merge(conditions, []spec.Condition{n})
			if !ok {
				return nil, false
			}
			if !possible {
				continue
			}
			for _, r := range rest {
				merged, possible, ok := merge(except, r.conditions)
				if !ok {
					return nil, false
				}
				if possible {
					list = append(list, rule{merged, r.action, it.from})
				}
				if len(list) > maxRules {
					return nil, false
				}
			}
		}
		list = append(list, rule{conditions, it.action, it.from})
	}
	return list, true
}

// merge is what holds when both lists hold; possible is false when they never do, ok when
// it cannot be said.
func merge(a, b []spec.Condition) (merged []spec.Condition, possible, ok bool) {
	merged = slices.Clone(a)
	for _, c := range b {
		i := slices.IndexFunc(merged, func(o spec.Condition) bool {
			return kind(o) == kind(c) && kind(c) != "http_header" && kind(c) != "query_string"
		})
		if i < 0 {
			merged = append(merged, c)
			continue
		}
		both, possible, ok := intersect(merged[i], c)
		if !ok || !possible {
			return nil, possible, ok
		}
		merged[i] = both
	}
	values, wildcards := count(merged)
	return merged, true, values <= spec.MaxValuesPerRule && wildcards <= spec.MaxWildcardsPerRule
}

func kind(c spec.Condition) string {
	switch {
	case len(c.HostHeader.Values)+len(c.HostHeader.RegexValues) > 0:
		return "host_header"
	case len(c.PathPattern.Values)+len(c.PathPattern.RegexValues) > 0:
		return "path_pattern"
	case c.HTTPHeader.Name != "":
		return "http_header"
	case len(c.HTTPRequestMethod) > 0:
		return "http_request_method"
	case len(c.QueryString) > 0:
		return "query_string"
	}
	return "source_ip"
}

// intersect is the narrower of two conditions of a kind, where one is.
func intersect(a, b spec.Condition) (c spec.Condition, possible, ok bool) {
	switch kind(a) {
	case "host_header":
		v, possible, ok := narrower(a.HostHeader, b.HostHeader)
		return spec.Condition{HostHeader: v}, possible, ok
	case "path_pattern":
		v, possible, ok := narrower(a.PathPattern, b.PathPattern)
		return spec.Condition{PathPattern: v}, possible, ok
	case "http_request_method":
		both := common(a.HTTPRequestMethod, b.HTTPRequestMethod)
		return spec.Condition{HTTPRequestMethod: both}, len(both) > 0, true
	case "source_ip":
		if slices.Equal(a.SourceIP, b.SourceIP) {
			return a, true, true
		}
	}
	return c, true, false
}

func common(a, b []string) []string {
	var both []string
	for _, s := range a {
		if slices.Contains(b, s) {
			both = append(both, s)
		}
	}
	return both
}

// narrower is the intersection of two patterns, if it is one of them or empty.
func narrower(a, b spec.Patterns) (p spec.Patterns, possible, ok bool) {
	if slices.Equal(a.Values, b.Values) && slices.Equal(a.RegexValues, b.RegexValues) {
		return a, true, true
	}
	if len(a.Values) != 1 || len(b.Values) != 1 {
		return p, true, false
	}
	x, y := a.Values[0], b.Values[0]
	xBegin, xOpen := strings.CutSuffix(x, "*")
	yBegin, yOpen := strings.CutSuffix(y, "*")
	if strings.ContainsAny(xBegin+yBegin, "*?") {
		return p, true, false
	}
	switch {
	case yOpen && strings.HasPrefix(xBegin, yBegin):
		return a, true, true
	case xOpen && strings.HasPrefix(yBegin, xBegin):
		return b, true, true
	}
	return p, false, true
}

// count is how many values and wildcards conditions have.
func count(list []spec.Condition) (values, wildcards int) {
	for _, c := range list {
		for _, v := range slices.Concat(c.HostHeader.Values, c.PathPattern.Values, c.HTTPHeader.Values) {
			wildcards += strings.Count(v, "*") + strings.Count(v, "?")
		}
		values += len(c.HostHeader.Values) + len(c.HostHeader.RegexValues) + len(c.PathPattern.Values) + len(c.PathPattern.RegexValues) +
			len(c.HTTPHeader.Values) + len(c.HTTPHeader.RegexValues) + len(c.HTTPRequestMethod) + len(c.QueryString) + len(c.SourceIP)
	}
	return values, wildcards
}
