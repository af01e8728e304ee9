package haproxy

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/spec"
)

// literal is one test of a condition, or its opposite.
type literal struct {
	not   bool
	words []string // the sample, its flags and values
	acl   string   // the name, if it has one
}

// terms reads `if A B or !C`: a list of alternatives, each a list of tests that must all hold.
// Without a condition there is one alternative, which always holds.
//
// https://docs.haproxy.org/3.0/configuration.html#7.2
func terms(args []string) (rest []string, list [][]literal, ok bool) {
	i := slices.IndexFunc(args, func(s string) bool { return s == "if" || s == "unless" })
	if i < 0 {
		return args, [][]literal{nil}, true
	}
	rest = args[:i]
	var term []literal
	for j := i + 1; j < len(args); j++ {
		word := args[j]
		if word == "or" || word == "||" {
			list, term = append(list, term), nil
			continue
		}
		if word == "and" || word == "&&" {
			continue
		}
		l := literal{}
		for strings.HasPrefix(word, "!") {
			l.not = !l.not
			word = word[1:]
		}
		if word == "" && j+1 < len(args) {
			j++
			word = args[j]
		}
		if word == "{" {
			end := slices.Index(args[j:], "}")
			if end < 2 {
				return rest, nil, false
			}
			l.words = args[j+1 : j+end]
			j += end
		} else {
			l.acl = word
		}
		term = append(term, l)
	}
	list = append(list, term)
	if args[i] == "if" {
		return rest, list, true
	}
	// unless (A and B) or C is (not A or not B) and not C.
	all := [][]literal{nil}
	for _, t := range list {
		var next [][]literal
		for _, l := range t {
			l.not = !l.not
			for _, before := range all {
				next = append(next, append(slices.Clone(before), l))
			}
		}
		if all = next; len(all) > maxTerms {
			return rest, nil, false
		}
	}
	return rest, all, true
}

// maxTerms bounds what conditions are multiplied out to, and maxRules what is made of them.
const (
	maxTerms = 32
	maxRules = 400
)

// test is what a literal is here: always true or false, or conditions of which one holds.
type test struct {
	constant *bool
	any      []spec.Condition
}

// read turns a literal into a test on a listener.
func (s *section) read(l literal, on *spec.Listener) (test, bool) {
	if l.acl == "" {
		return sample(l.words, on)
	}
	switch l.acl {
	case "TRUE":
		return constant(true), true
	case "FALSE":
		return constant(false), true
	case "METH_GET":
		return test{any: []spec.Condition{{HTTPRequestMethod: []string{"GET", "HEAD"}}}}, true
	case "METH_POST", "METH_OPTIONS", "METH_DELETE", "METH_PUT", "METH_HEAD", "METH_TRACE", "METH_CONNECT":
		return test{any: []spec.Condition{{HTTPRequestMethod: []string{l.acl[len("METH_"):]}}}}, true
	case "LOCALHOST":
		return test{any: []spec.Condition{{SourceIP: []string{"127.0.0.0/8"}}}}, true
	}
	var all test
	acls := s.acls[l.acl]
	if len(acls) == 0 {
		return all, false
	}
	holds := false
	for _, d := range acls {
		t, ok := sample(d.Args[1:], on)
		if !ok {
			d.NotMapped("is no condition that a rule has: host, path, header, method, query and source address")
			return all, false
		}
		d.Maps("load_balancer.listeners[].rules[].conditions[]")
		if t.constant != nil {
			holds = holds || *t.constant
			if *t.constant {
				return constant(true), true
			}
			continue
		}
		all.any = append(all.any, t.any...)
	}
	if len(all.any) == 0 {
		return constant(holds), true
	}
	return all, true
}

func constant(b bool) test { return test{constant: &b} }

// matcher is how a sample is compared to values.
type matcher int

const (
	same matcher = iota
	begins
	ends
	contains
	domain
	directory
	expression
)

var fetch = regexp.MustCompile(`^([a-z0-9_.]+?)(?:\(([^)]*)\))?((?:,[a-z0-9_.]+(?:\([^)]*\))?)*)$`)

// sample reads a sample with its flags and values: path_beg -i /api /v2.
func sample(words []string, on *spec.Listener) (test, bool) {
	if len(words) == 0 {
		return test{}, false
	}
	m := fetch.FindStringSubmatch(words[0])
	if m == nil {
		return test{}, false
	}
	name, argument, converters := m[1], m[2], m[3]
	anyCase := strings.Contains(converters, ",lower")
	for conv := range strings.SplitSeq(strings.TrimPrefix(converters, ","), ",") {
		if conv != "" && conv != "lower" && !strings.HasPrefix(conv, "field(1,:)") && conv != "host_only" && conv != "1" {
			return test{}, false
		}
	}
	how := same
	var values []string
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "-i":
			anyCase = true
			continue
		case "-n", "-u", "-M", "--":
			continue
		case "-f":
			return test{}, false // values of a file
		case "-m":
			i++
			if i == len(words) {
				return test{}, false
			}
			found, ok := map[string]matcher{"str": same, "beg": begins, "end": ends, "sub": contains, "reg": expression, "dom": domain, "dir": directory, "ip": same, "found": same}[words[i]]
			if !ok || words[i] == "found" {
				return test{}, false
			}
			how = found
			continue
		}
		values = append(values, words[i])
	}
	for suffix, found := range map[string]matcher{"_beg": begins, "_end": ends, "_sub": contains, "_reg": expression, "_dom": domain, "_dir": directory} {
		if short, ok := strings.CutSuffix(name, suffix); ok {
			name, how = short, found
		}
	}
	return compare(name, argument, how, anyCase, values, on)
}

// compare is a test of a sample against values.
func compare(name, argument string, how matcher, anyCase bool, values []string, on *spec.Listener) (test, bool) {
	switch name {
	case "always_true":
		return constant(true), true
	case "always_false":
		return constant(false), true
	case "ssl_fc":
		return constant(on.Protocol == spec.ProtocolHTTPS), true
	case "dst_port":
		return constant(slices.Contains(values, strconv.Itoa(on.Port))), len(values) > 0
	case "method":
		return chunked(values, spec.MaxValuesPerCondition, func(part []string) (spec.Condition, bool) {
			return spec.Condition{HTTPRequestMethod: part}, true
		})
	case "src":
		var blocks []string
		for _, v := range values {
			block, ok := cidr(v)
			if !ok {
				return test{}, false
			}
			blocks = append(blocks, block)
		}
		return chunked(blocks, spec.MaxValuesPerCondition, func(part []string) (spec.Condition, bool) {
			return spec.Condition{SourceIP: part}, true
		})
	case "path", "base", "url", "capture.req.uri":
		if name != "path" {
			return test{}, false
		}
		return chunked(values, 1, func(part []string) (spec.Condition, bool) {
			p, ok := pattern(part[0], how, anyCase, pathShape)
			return spec.Condition{PathPattern: p}, ok
		})
	case "hdr", "req.hdr", "req.fhdr":
		return header(argument, how, anyCase, values)
	case "url_param", "urlp", "req.cook", "cook":
		if name == "req.cook" || name == "cook" || how != same {
			return test{}, false
		}
		return chunked(values, spec.MaxValuesPerCondition, func(part []string) (spec.Condition, bool) {
			var c spec.Condition
			for _, v := range part {
				c.QueryString = append(c.QueryString, spec.QueryStringKey{Key: argument, Value: v})
			}
			return c, argument != "" && !slices.ContainsFunc(part, func(s string) bool { return !plainShape.MatchString(s) })
		})
	}
	return test{}, false
}

var (
	pathShape  = regexp.MustCompile(`^[A-Za-z0-9_.$/~"'@:+&-]+$`)
	hostShape  = regexp.MustCompile(`^[A-Za-z0-9._-]*\.[A-Za-z]+$`)
	plainShape = regexp.MustCompile(`^[A-Za-z0-9_./:=;,@-]+$`)
)

// header is a test of a request header; the host has a condition of its own, without port
// and in any case.
func header(name string, how matcher, anyCase bool, values []string) (test, bool) {
	name, _, _ = strings.Cut(name, ",")
	if strings.EqualFold(name, "host") {
		return chunked(values, 1, func(part []string) (spec.Condition, bool) {
			p, ok := pattern(part[0], how, true, hostShape)
			return spec.Condition{HostHeader: p}, ok
		})
	}
	if name == "" || len(name) > spec.MaxHTTPHeaderName {
		return test{}, false
	}
	return chunked(values, 1, func(part []string) (spec.Condition, bool) {
		p, ok := pattern(part[0], how, true, plainShape)
		if !anyCase && len(p.Values) > 0 {
			p = spec.Patterns{}
			var fine bool
			p.RegexValues, fine = asExpression(part[0], how, false)
			ok = ok && fine
		}
		return spec.Condition{HTTPHeader: spec.HTTPHeader{Name: name, Values: p.Values, RegexValues: p.RegexValues}}, ok
	})
}

// pattern is a value as a wildcard pattern where that says the same, else as an expression.
// Host patterns match in any case, path patterns in theirs.
func pattern(value string, how matcher, anyCase bool, plain *regexp.Regexp) (spec.Patterns, bool) {
	isHost := plain == hostShape
	if plain.MatchString(value) && (!anyCase || isHost || plain == plainShape) {
		switch how {
		case same:
			return spec.Patterns{Values: []string{value}}, true
		case begins:
			if !isHost {
				return spec.Patterns{Values: []string{value + "*"}}, true
			}
		case ends:
			return spec.Patterns{Values: []string{"*" + value}}, true
		case contains:
			if !isHost {
				return spec.Patterns{Values: []string{"*" + value + "*"}}, true
			}
		case domain, directory, expression: // are expressions
		}
	}
	list, ok := asExpression(value, how, anyCase)
	return spec.Patterns{RegexValues: list}, ok
}

// asExpression is a value as a regular expression that RE2 and an ALB take.
func asExpression(value string, how matcher, anyCase bool) ([]string, bool) {
	q := regexp.QuoteMeta(value)
	switch how {
	case same:
		q = "^" + q + "$"
	case begins:
		q = "^" + q
	case ends:
		q += "$"
	case domain:
		q = `(^|\.)` + q + `(\.|$)`
	case directory:
		q = "(^|/)" + regexp.QuoteMeta(strings.Trim(value, "/")) + "(/|$)"
	case expression:
		q = value
	case contains: // anywhere
	}
	if anyCase {
		q = "(?i)" + q
	}
	_, err := regexp.Compile(q)
	return []string{q}, err == nil && len(q) <= spec.MaxConditionValue && !strings.Contains(q, `\p`) && !strings.Contains(q, `\P`)
}

// chunked makes conditions of at most so many values each.
func chunked(values []string, most int, condition func(part []string) (spec.Condition, bool)) (test, bool) {
	var t test
	for part := range slices.Chunk(values, most) {
		c, ok := condition(part)
		if !ok {
			return t, false
		}
		t.any = append(t.any, c)
	}
	return t, len(values) > 0
}

// cidr is an address or a block as a block.
func cidr(s string) (string, bool) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()).String(), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return "", false
	}
	return p.Masked().String(), true
}
