package spec

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// Rule is one listener rule: conditions that must all hold, then one action.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html
type Rule struct {
	// Name of the rule, for logs and people; unique in its listener.
	Name string `yaml:"name"`
	// Priority is 1 to 50000, unique in its listener; lower is tried first.
	Priority int `yaml:"priority"`
	// Conditions must all hold; at least one, with at most five values and five wildcards in
	// all.
	Conditions []Condition `yaml:"conditions"`
	// Transforms rewrite what is forwarded. Default: none.
	Transforms Transforms `yaml:"transforms"`
	// Action is what happens to requests that match.
	Action Action `yaml:"action"`
}

// Limits of a rule.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
const (
	MaxPriority           = 50000
	MaxValuesPerRule      = 5
	MaxWildcardsPerRule   = 5
	MaxValuesPerCondition = 3
	MaxSourceIPs          = 5
	MaxConditionValue     = 128
	MaxHTTPHeaderName     = 40
	MaxHTTPRequestMethod  = 40
)

func (r *Rule) limits() limits {
	return limits{
		"name":       required(like(nameShape, nameWords)),
		"priority":   between(1, MaxPriority),
		"conditions": required(anything()),
	}
}

func (r *Rule) check(c *checker, path string) {
	values, wildcards := 0, 0
	seen := map[string]string{}
	for i := range r.Conditions {
		cond := &r.Conditions[i]
		at := element(field(path, "conditions"), i)
		for _, kind := range cond.kinds() {
			if kind == "http_header" || kind == "query_string" {
				continue // as many of these as one likes
			}
			if before, twice := seen[kind]; twice {
				c.refuse(field(at, kind), "stands twice in one rule", "also in "+before, "one condition with all values")
			}
			seen[kind] = at
		}
		v, w := cond.count()
		values, wildcards = values+v, wildcards+w
	}
	if values > MaxValuesPerRule {
		c.refuse(field(path, "conditions"), "have too many values", strconv.Itoa(values), fmt.Sprintf("at most %d in one rule", MaxValuesPerRule))
	}
	if wildcards > MaxWildcardsPerRule {
		c.refuse(field(path, "conditions"), "have too many wildcards", strconv.Itoa(wildcards), fmt.Sprintf("at most %d in one rule", MaxWildcardsPerRule))
	}
}

// Condition is exactly one of its fields.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
type Condition struct {
	// HostHeader matches the host, in any case: `*.example.com`. At most three.
	HostHeader Patterns `yaml:"host_header"`
	// PathPattern matches the path, not the query, in its case: `/img/*`. At most three.
	PathPattern Patterns `yaml:"path_pattern"`
	// HTTPHeader matches a request header.
	HTTPHeader HTTPHeader `yaml:"http_header"`
	// HTTPRequestMethod matches the method, in its case. At most three, 40 characters each
	// of A-Z, hyphen and underscore.
	HTTPRequestMethod []string `yaml:"http_request_method"`
	// QueryString matches pairs of the query, in any case. At most three.
	QueryString []QueryStringKey `yaml:"query_string"`
	// SourceIP matches the address that the connection comes from, never X-Forwarded-For,
	// unless proxy.trusted_proxies has that address. At most five blocks.
	SourceIP []string `yaml:"source_ip"`
}

func (cond *Condition) limits() limits {
	return limits{
		"http_request_method": both(atMost(MaxValuesPerCondition), each(like(methodShape, "1 to 40 of A-Z, hyphen and underscore"))),
		"query_string":        atMost(MaxValuesPerCondition),
		"source_ip": both(atMost(MaxSourceIPs), each(that("a block such as 10.0.0.0/8 or 2001:db8::/32", func(s string) bool {
			_, err := netip.ParsePrefix(s)
			return err == nil && s != "255.255.255.255/32"
		}))),
	}
}

// kinds are the fields that say something.
func (cond *Condition) kinds() []string {
	var list []string
	add := func(name string, set bool) {
		if set {
			list = append(list, name)
		}
	}
	add("host_header", !cond.HostHeader.absent())
	add("path_pattern", !cond.PathPattern.absent())
	add("http_header", !cond.HTTPHeader.absent())
	add("http_request_method", len(cond.HTTPRequestMethod) > 0)
	add("query_string", len(cond.QueryString) > 0)
	add("source_ip", len(cond.SourceIP) > 0)
	return list
}

// count is how many values and wildcards the condition has.
func (cond *Condition) count() (values, wildcards int) {
	for _, list := range [][]string{cond.HostHeader.Values, cond.PathPattern.Values, cond.HTTPHeader.Values} {
		values += len(list)
		for _, s := range list {
			wildcards += strings.Count(s, "*") + strings.Count(s, "?")
		}
	}
	for _, q := range cond.QueryString {
		values++
		for _, s := range []string{q.Key, q.Value} {
			s = queryEscapes.Replace(s)
			wildcards += strings.Count(s, "*") + strings.Count(s, "?")
		}
	}
	values += len(cond.HostHeader.RegexValues) + len(cond.PathPattern.RegexValues) + len(cond.HTTPHeader.RegexValues)
	return values + len(cond.HTTPRequestMethod) + len(cond.SourceIP), wildcards
}

// queryEscapes removes escaped characters, which are no wildcards.
var queryEscapes = strings.NewReplacer(`\*`, "", `\?`, "", `\\`, "")

var (
	methodShape = regexp.MustCompile(`^[A-Z_-]{1,40}$`)
	// hostPatternShape: at least one dot, and only letters after the last.
	hostPatternShape = regexp.MustCompile(`^[A-Za-z0-9.*?_-]*\.[A-Za-z]+$`)
	pathPatternShape = regexp.MustCompile(`^[A-Za-z0-9_.$/~"'@:+&*?-]+$`)
	headerValueShape = regexp.MustCompile(`^[ -~]+$`)
)

func (cond *Condition) check(c *checker, path string) {
	switch kinds := cond.kinds(); {
	case len(kinds) == 0:
		c.refuse(path, "is no condition", "", "exactly one of "+strings.Join(keysOf(typeOf(cond)), ", "))
	case len(kinds) > 1:
		c.refuse(path, "is several conditions", strings.Join(kinds, " and "), "one; each stands in a list entry of its own")
	}
	values(c, field(path, "host_header"), cond.HostHeader.Values, hostPatternShape,
		"letters, digits and . - _ * ? with a dot and only letters after the last dot")
	values(c, field(path, "path_pattern"), cond.PathPattern.Values, pathPatternShape,
		`letters, digits and _ - . $ / ~ " ' @ : + & * ?`)
	values(c, field(path, "http_header"), cond.HTTPHeader.Values, headerValueShape, "visible ASCII and spaces")
}

// values checks wildcard values, which a kind of condition allows certain characters in.
func values(c *checker, path string, list []string, allowed *regexp.Regexp, words string) {
	for i, v := range list {
		at := element(field(path, "values"), i)
		switch {
		case !allowed.MatchString(v):
			c.refuse(at, "has characters or a form that is not allowed", quote(v), words)
		case len(v) > MaxConditionValue:
			c.refuse(at, "is too long", fmt.Sprintf("%d characters", len(v)), fmt.Sprintf("at most %d", MaxConditionValue))
		}
	}
}

// Patterns holds wildcard values or regular expressions, never both. In the file a plain
// list is short for `values`.
type Patterns struct {
	// Values may have the wildcards * (any characters) and ? (one character). At most 128
	// characters each.
	Values []string `yaml:"values"`
	// RegexValues are regular expressions, at most 128 characters each, without lookaround,
	// back-references, possessive quantifiers and \p classes.
	RegexValues []string `yaml:"regex_values"`
}

func (p *Patterns) shorthand() (string, kind) { return "values", list }

func (p *Patterns) absent() bool { return len(p.Values) == 0 && len(p.RegexValues) == 0 }

func (p *Patterns) limits() limits {
	return limits{"values": atMost(MaxValuesPerCondition), "regex_values": atMost(MaxValuesPerCondition)}
}

func (p *Patterns) check(c *checker, path string) { patterns(c, path, p.Values, p.RegexValues) }

// patterns checks what Patterns and HTTPHeader have in common.
func patterns(c *checker, path string, values, expressions []string) {
	if len(values) > 0 && len(expressions) > 0 {
		c.refuse(field(path, "regex_values"), "stand beside values", "", "values or regex_values")
	}
	for i, s := range expressions {
		c.expression(s, MaxConditionValue, element(field(path, "regex_values"), i))
	}
}

// unicodeClass is what RE2 has and ALB has not.
var unicodeClass = regexp.MustCompile(`(^|[^\\])(\\\\)*\\[pP]`)

// expression checks a regular expression and returns it compiled, or nil.
func (c *checker) expression(s string, most int, path string) *regexp.Regexp {
	re, err := regexp.Compile(s)
	switch {
	case s == "":
		c.refuse(path, "is empty", "", "a regular expression")
	case len(s) > most:
		c.refuse(path, "is too long", fmt.Sprintf("%d characters", len(s)), fmt.Sprintf("at most %d", most))
	case err != nil:
		c.refuse(path, "is not a regular expression that ALB takes", quote(s), "RE2: "+strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	case unicodeClass.MatchString(s):
		c.refuse(path, `has a \p class, which ALB refuses`, quote(s), "a class such as [A-Za-z]")
	default:
		return re
	}
	return nil
}

// HTTPHeader matches one request header by name; a header that stands several times
// matches when one of them does.
type HTTPHeader struct {
	// Name of the header, in any case; at most 40 characters, no wildcards, and not Host.
	Name string `yaml:"name"`
	// Values may have wildcards and match in any case; at most three of 128 characters.
	Values []string `yaml:"values"`
	// RegexValues are regular expressions, as in Patterns.
	RegexValues []string `yaml:"regex_values"`
}

func (h *HTTPHeader) absent() bool {
	return h.Name == "" && len(h.Values) == 0 && len(h.RegexValues) == 0
}

func (h *HTTPHeader) limits() limits {
	return limits{
		"name":         required(both(like(headerShape, "the name of a header"), length(MaxHTTPHeaderName))),
		"values":       atMost(MaxValuesPerCondition),
		"regex_values": atMost(MaxValuesPerCondition),
	}
}

func (h *HTTPHeader) check(c *checker, path string) {
	switch {
	case strings.EqualFold(h.Name, "host"):
		c.refuse(field(path, "name"), "is matched by another condition", quote(h.Name), "host_header")
	case strings.ContainsAny(h.Name, "*"):
		c.refuse(field(path, "name"), "has a wildcard", quote(h.Name), "the whole name")
	case len(h.Values) == 0 && len(h.RegexValues) == 0:
		c.refuse(path, "has nothing to match", "", "values or regex_values")
	}
	patterns(c, path, h.Values, h.RegexValues)
}

// QueryStringKey matches a key/value pair of the query string; without a key, the value of any pair.
type QueryStringKey struct {
	// Key of the pair; wildcards allowed. Default: any.
	Key string `yaml:"key"`
	// Value of the pair; wildcards allowed, `\*` and `\?` are the characters. At most 128
	// characters.
	Value string `yaml:"value"`
}

func (q *QueryStringKey) limits() limits {
	text := both(that("visible ASCII", isVisible), length(MaxConditionValue))
	return limits{"key": text, "value": required(text)}
}

// Transforms rewrite a matched request before it is forwarded. They never change which rule
// or target group serves it.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-transforms.html
type Transforms struct {
	// HostHeaderRewrite changes Host.
	HostHeaderRewrite Rewrite `yaml:"host_header_rewrite"`
	// URLRewrite changes path and query.
	URLRewrite Rewrite `yaml:"url_rewrite"`
}

// Rewrite replaces the first match of Regex by Replace, in which $1, $2 … are groups.
type Rewrite struct {
	// Regex is a regular expression of at most 1024 characters; what it does not match is
	// left alone.
	Regex string `yaml:"regex"`
	// Replace is at most 1024 characters.
	Replace string `yaml:"replace"`
}

// MaxRewrite bounds both parts of a Rewrite, in characters.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RewriteConfig.html
const MaxRewrite = 1024

func (w *Rewrite) absent() bool { return *w == Rewrite{} }

func (w *Rewrite) limits() limits {
	return limits{"regex": required(anything()), "replace": both(like(headerValueShape, "visible ASCII"), length(MaxRewrite))}
}

var groupReference = regexp.MustCompile(`\$(\d+|\{\d+\})`)

func (w *Rewrite) check(c *checker, path string) {
	if w.Regex == "" {
		return
	}
	re := c.expression(w.Regex, MaxRewrite, field(path, "regex"))
	if re == nil {
		return
	}
	for _, m := range groupReference.FindAllStringSubmatch(w.Replace, -1) {
		if n, err := strconv.Atoi(strings.Trim(m[1], "{}")); err != nil || n > re.NumSubexp() {
			c.refuse(field(path, "replace"), "names a group that the regex does not have", m[0], fmt.Sprintf("at most $%d", re.NumSubexp()))
		}
	}
}
