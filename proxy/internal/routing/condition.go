package routing

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// condition is one condition of a rule. It holds when any of its values matches.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
type condition interface {
	holds(r *exchange.Request, peer netip.Addr) bool
}

var (
	errNoCondition  = errors.New("condition is empty")
	errTwoInOne     = errors.New("condition has several fields, each needs a condition of its own")
	errBothKinds    = errors.New("values and regex_values exclude each other")
	errEmptyPattern = errors.New("value is empty")
)

// compileCondition compiles a condition, of which exactly one field must be set.
func compileCondition(c *spec.Condition) (condition, error) {
	var (
		compiled condition
		err      error
		set      int
	)
	field := func(present bool, name string, compile func() (condition, error)) {
		if !present {
			return
		}
		set++
		var e error
		if compiled, e = compile(); e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", name, e))
		}
	}
	field(isSet(c.HostHeader), "host_header", func() (condition, error) { return newHostHeader(c.HostHeader) })
	field(isSet(c.PathPattern), "path_pattern", func() (condition, error) { return newPathPattern(c.PathPattern) })
	field(c.HTTPHeader.Name != "" || isSet(headerPatterns(&c.HTTPHeader)), "http_header",
		func() (condition, error) { return newHTTPHeader(&c.HTTPHeader) })
	field(len(c.HTTPRequestMethod) > 0, "http_request_method", func() (condition, error) { return newHTTPRequestMethod(c.HTTPRequestMethod) })
	field(len(c.QueryString) > 0, "query_string", func() (condition, error) { return newQueryString(c.QueryString) })
	field(len(c.SourceIP) > 0, "source_ip", func() (condition, error) { return newSourceIP(c.SourceIP) })
	switch {
	case err != nil:
		return nil, err
	case set == 0:
		return nil, errNoCondition
	case set > 1:
		return nil, errTwoInOne
	}
	return compiled, nil
}

func isSet(p spec.Patterns) bool { return len(p.Values) > 0 || len(p.RegexValues) > 0 }

// matcher holds the values of a condition: patterns or regular expressions.
//
// A regular expression is searched for in the text; to match the whole text it needs ^ and $.
// ALB allows a subset of RE2, which is what package regexp implements: the time of a match is
// linear in the text.
type matcher struct {
	patterns    []Pattern
	expressions []*regexp.Regexp
}

// newMatcher compiles values. FoldCase in options holds for both kinds.
func newMatcher(p spec.Patterns, options PatternOption) (matcher, error) {
	var m matcher
	if len(p.Values) > 0 && len(p.RegexValues) > 0 {
		return m, errBothKinds
	}
	var errs []error
	for _, value := range p.Values {
		pattern, err := CompilePattern(value, options)
		if err == nil && value == "" {
			err = errEmptyPattern
		}
		if err != nil {
			errs = append(errs, err)
		}
		m.patterns = append(m.patterns, pattern)
	}
	for _, value := range p.RegexValues {
		expression, err := compileRegexp(value, options&FoldCase != 0)
		if err != nil {
			errs = append(errs, err)
		}
		m.expressions = append(m.expressions, expression)
	}
	return m, errors.Join(errs...)
}

func compileRegexp(text string, fold bool) (*regexp.Regexp, error) {
	if text == "" {
		return nil, errEmptyPattern
	}
	expression, err := regexp.Compile(text)
	if err != nil || !fold {
		return expression, err
	}
	return regexp.Compile("(?i)" + text)
}

func (m *matcher) match(text []byte) bool {
	for i := range m.patterns {
		if m.patterns[i].Match(text) {
			return true
		}
	}
	for _, expression := range m.expressions {
		if expression.Match(text) {
			return true
		}
	}
	return false
}
