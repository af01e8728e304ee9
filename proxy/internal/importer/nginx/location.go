package nginx

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

// kind is how a location matches.
//
// https://nginx.org/en/docs/http/ngx_http_core_module.html#location
type kind int

const (
	prefix   kind = iota // /path
	exactly              // = /path
	noRegex              // ^~ /path
	matching             // ~ or ~* expression
	named                // @name
)

// location is a location block, or the server block where no location matches.
type location struct {
	*scope
	kind   kind
	path   string // prefix or exact path
	regex  string // as RE2 takes it
	under  string // the prefix of the location around it
	server bool
}

// locations reads the location blocks of a server with those inside of them.
func (c *converter) locations(s *scope) []*location {
	var list []*location
	for _, d := range s.own("location") {
		o := &location{scope: s.in(d)}
		modifier, arg := "", d.Arg(0)
		if len(d.Args) == 2 {
			modifier, arg = d.Arg(0), d.Arg(1)
		} else {
			for _, m := range []string{"^~", "~*", "~", "="} { // nginx takes =/path as well
				if rest, ok := strings.CutPrefix(arg, m); ok {
					modifier, arg = m, rest
					break
				}
			}
		}
		switch modifier {
		case "=":
			o.kind, o.path = exactly, arg
		case "^~":
			o.kind, o.path = noRegex, arg
		case "~", "~*":
			o.kind = matching
			re, ok := regularExpression(arg, modifier == "~*")
			if s.Name == "location" {
				if at := s.Arg(len(s.Args) - 1); strings.HasPrefix(at, "/") && !strings.HasPrefix(arg, "^") {
					o.under = at
					re, ok = regularExpression("^"+quoteMeta(at)+".*(?:"+arg+")", modifier == "~*")
				}
			}
			if !ok {
				d.NotMapped("is no expression that a rule takes (at most 128 characters, RE2, no look-around): write path_pattern conditions")
				continue
			}
			o.regex = re
		default:
			o.kind, o.path = prefix, arg
			if strings.HasPrefix(arg, "@") {
				o.kind = named
			}
		}
		if o.kind == named {
			d.NotNeeded("is reached by try_files and error_page only; see there")
			continue
		}
		d.Maps("load_balancer.listeners[].rules[].conditions[].path_pattern")
		list = append(list, o)
		list = append(list, c.locations(o.scope)...)
	}
	return list
}

// order brings locations into the order in which the first match is nginx's choice: exact
// paths; the longest prefixes with ^~, and those below them; expressions, inner ones first;
// the other prefixes, the longest first.
func order(list []*location) []*location {
	rank := func(o *location) int {
		switch {
		case o.kind == exactly:
			return 0
		case o.kind == matching && o.under != "":
			return 1
		case o.kind == noRegex || o.kind == prefix && slices.ContainsFunc(list, func(p *location) bool {
			return p.kind == noRegex && strings.HasPrefix(o.path, p.path)
		}):
			return 2
		case o.kind == matching:
			return 3
		}
		return 4
	}
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b *location) int {
		if d := rank(a) - rank(b); d != 0 || a.kind == matching {
			return d
		}
		return len(b.path) - len(a.path)
	})
	if slices.ContainsFunc(list, func(o *location) bool { return o.kind == matching && o.under == "" }) {
		for _, o := range sorted {
			if rank(o) == 2 && o.kind == prefix {
				o.Differs("load_balancer.listeners[].rules[].priority", "expressions are not tried below it, as its rule stands before that of the location with ^~ around it")
			}
		}
	}
	return sorted
}

// condition is what a location matches; nil: everything.
func (o *location) condition() []spec.Condition {
	switch {
	case o.server, o.kind != matching && o.kind != exactly && o.path == "/":
		return nil
	case o.kind == matching:
		return []spec.Condition{pathRegex(o.regex)}
	case !pathShape.MatchString(o.path):
		// What path_pattern cannot say, or takes for wildcards.
		re := "^" + quoteMeta(o.path)
		if o.kind == exactly {
			re += "$"
		}
		return []spec.Condition{pathRegex(re)}
	case o.kind == exactly:
		return []spec.Condition{pathValues(o.path)}
	}
	return []spec.Condition{pathValues(o.path + "*")}
}

// edgePath is the location as a path of the edge, or empty if it has none.
func (o *location) edgePath() string {
	switch {
	case o.server:
		return "/*"
	case o.kind == matching || !pathShape.MatchString(o.path):
		return ""
	case o.kind == exactly:
		return o.path
	}
	return o.path + "*"
}

// title is a name for the location's rule.
func (o *location) title() string {
	switch {
	case o.server || o.path == "/":
		return "all"
	case o.kind == matching:
		return strings.Trim(o.Arg(len(o.Args)-1), `\.()$^`)
	}
	return strings.Trim(o.path, "/")
}

// location is the rules of a location: what it rewrites, whom it lets in, and its content.
func (c *converter) location(o *location, l *importer.Listener) []piece {
	var list []piece
	if !o.server {
		var done bool
		if list, done = c.rewrites(o.scope, o, l); done {
			return list
		}
	}
	content := c.content(o)
	if content == nil {
		return list
	}
	content.conditions = o.condition()
	content.name, content.from = o.title(), o.directive
	list = append(list, exceptMethods(o, content, c.access(o, content))...)
	if slash := strings.TrimSuffix(o.path, "/"); o.kind != exactly && !o.server && slash != o.path && slash != "" && len(content.action.Forward) > 0 && pathShape.MatchString(slash) {
		// https://nginx.org/en/docs/http/ngx_http_core_module.html#location: a path that lacks
		// but the slash is redirected to it.
		list = append([]piece{{
			name: o.title() + "-slash", conditions: []spec.Condition{pathValues(slash)}, from: o.directive,
			action: spec.Action{Redirect: &spec.Redirect{Path: o.path, StatusCode: spec.RedirectPermanent}},
		}}, list...)
	}
	return list
}

var (
	pathShape  = regexp.MustCompile(`^[A-Za-z0-9_.$/~"'@:+&-]+$`)
	lookAround = regexp.MustCompile(`\(\?(P?<[^>=!]+>|'[^']+')`)
)

// regularExpression is an expression of PCRE as RE2 and an ALB take it, if they do.
func regularExpression(s string, anyCase bool) (string, bool) {
	s = lookAround.ReplaceAllString(s, "(")
	s = strings.ReplaceAll(s, `\/`, "/")
	if anyCase {
		s = "(?i)" + s
	}
	if len(s) > spec.MaxConditionValue || strings.Contains(s, `\p`) || strings.Contains(s, `\P`) {
		return "", false
	}
	_, err := regexp.Compile(s)
	return s, err == nil
}

func quoteMeta(s string) string { return regexp.QuoteMeta(s) }

// accessControl is what one of nginx's allow and deny says of addresses.
func (c *converter) access(o *location, content *piece) []piece {
	rules := o.all("allow", "deny")
	if len(rules) == 0 || content.open {
		return []piece{*content}
	}
	key := "load_balancer.listeners[].rules[].conditions[].source_ip"
	var list []piece
	for i, d := range rules {
		action, transforms := content.action, content.transforms
		if d.Name == "deny" {
			action, transforms = fixed(403, ""), spec.Transforms{}
		}
		if ofEdge(action) {
			d.NotMapped("the edge answers here before rules are asked: keep it off this path, or use waf.ip_sets")
			continue
		}
		p := piece{name: fmt.Sprintf("%s-%s-%d", o.title(), d.Name, i+1), action: action, transforms: transforms, from: d, conditions: slices.Clone(content.conditions)}
		if d.Arg(0) == "all" {
			d.Maps(key)
			p.name = o.title()
			return append(list, p)
		}
		block, ok := cidr(d.Arg(0))
		if !ok {
			d.NotMapped("is no block of addresses: rules match the address of a TCP connection")
			continue
		}
		d.Maps(key)
		p.conditions = append(p.conditions, spec.Condition{SourceIP: []string{block}})
		list = append(list, p)
	}
	return append(list, *content)
}

// ofEdge reports whether an action is none: the edge answers.
func ofEdge(a spec.Action) bool {
	return len(a.Forward) == 0 && a.Redirect == nil && a.FixedResponse == nil
}
