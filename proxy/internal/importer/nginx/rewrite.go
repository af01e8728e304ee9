package nginx

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

const (
	keyRedirect = "load_balancer.listeners[].rules[].action.redirect"
	keyFixed    = "load_balancer.listeners[].rules[].action.fixed_response"
	keyRewrite  = "load_balancer.listeners[].rules[].transforms.url_rewrite"
)

// rewrites are the rules that return, rewrite and if make of a server or location, and
// whether nothing is left for what comes after them.
//
// https://nginx.org/en/docs/http/ngx_http_rewrite_module.html
func (c *converter) rewrites(s *scope, o *location, l *importer.Listener) (list []piece, done bool) {
	var at []spec.Condition
	title := "server"
	if o != nil {
		at, title = o.condition(), o.title()
	}
	for _, d := range s.list {
		switch d.Name {
		case "return":
			action, ok := c.returned(d, s, l)
			if !ok {
				continue
			}
			return append(list, piece{name: title, conditions: at, action: action, from: d}), true
		case "if":
			list = append(list, c.conditional(d, s, at, l)...)
		case "rewrite":
			p, all := c.rewritten(d, at, l)
			if p == nil {
				continue
			}
			p.name, p.from = title, d
			list = append(list, *p)
			if all {
				return list, true
			}
		case "set":
			d.NotMapped("there are no variables: see what uses it")
		case "break":
			d.NotNeeded("rules do not go on after one that matches")
		}
	}
	return list, false
}

// conditional is an if with a return inside.
func (c *converter) conditional(d *directive, s *scope, at []spec.Condition, l *importer.Listener) []piece {
	condition, constant, ok := ifCondition(d, l)
	var action *spec.Action
	for _, in := range d.Block {
		switch in.Name {
		case "return":
			if a, can := c.returned(in, s, l); can {
				action = &a
			}
		case "rewrite":
			if p, all := c.rewritten(in, nil, l); p != nil && all {
				action = &p.action
			} else if p != nil {
				in.NotMapped("rewrites under a condition: write a rule with the condition and a transform")
			}
		default:
			in.NotMapped("stands in an if: write a rule with the condition")
		}
	}
	switch {
	case constant != nil && !*constant:
		d.NotNeeded("never holds on the listeners that its server block has")
		return nil
	case !ok || action == nil || len(at) > 0 && isPath(condition):
		d.NotMapped("is no condition that a rule has: host, path, header, method, query and source address, without a not")
		return nil
	}
	key := "load_balancer.listeners[].rules[].conditions[]"
	d.Maps(key)
	var conditions []spec.Condition
	conditions = append(conditions, at...)
	if constant == nil {
		conditions = append(conditions, condition)
	}
	return []piece{{name: "if", conditions: conditions, action: *action, from: d}}
}

func isPath(c spec.Condition) bool {
	return len(c.PathPattern.Values)+len(c.PathPattern.RegexValues) > 0
}

// ifCondition reads the condition of an if. One on the scheme is always or never true.
func ifCondition(d *directive, l *importer.Listener) (c spec.Condition, constant *bool, ok bool) {
	if len(d.Args) != 3 {
		return c, nil, false
	}
	variable, operator, value := d.Args[0], d.Args[1], d.Args[2]
	regex := operator == "~" || operator == "~*"
	if regex {
		var fine bool
		if value, fine = regularExpression(value, operator == "~*"); !fine {
			return c, nil, false
		}
	}
	if variable == "$scheme" && (operator == "=" || operator == "!=") {
		holds := strings.EqualFold(value, l.Protocol) == (operator == "=")
		return c, &holds, true
	}
	if operator != "=" && !regex || value == "" {
		return c, nil, false
	}
	patterns := spec.Patterns{Values: []string{value}}
	if regex {
		patterns = spec.Patterns{RegexValues: []string{value}}
	}
	switch {
	case variable == "$host" || variable == "$http_host":
		if !regex {
			n := plainName(value, exact, d)
			c = hosts{exact, []name{n}}.condition()
		} else {
			c.HostHeader = patterns
		}
	case variable == "$uri" || variable == "$document_uri":
		if !regex && !pathShape.MatchString(value) {
			return c, nil, false
		}
		c.PathPattern = patterns
	case variable == "$request_method":
		methods, can := methodsOf(value, regex)
		if !can {
			return c, nil, false
		}
		c.HTTPRequestMethod = methods
	case strings.HasPrefix(variable, "$http_") && len(variable)-len("$http_") <= spec.MaxHTTPHeaderName:
		c.HTTPHeader = spec.HTTPHeader{Name: strings.ReplaceAll(variable[len("$http_"):], "_", "-"), Values: patterns.Values, RegexValues: patterns.RegexValues}
		if !regex && (!textShape.MatchString(value) || strings.ContainsAny(value, "*?")) {
			return c, nil, false
		}
	case strings.HasPrefix(variable, "$arg_") && !regex && textShape.MatchString(value) && !strings.ContainsAny(value, `*?\ `):
		c.QueryString = []spec.QueryStringKey{{Key: variable[len("$arg_"):], Value: value}}
	case variable == "$remote_addr" && !regex:
		block, can := cidr(value)
		if !can {
			return c, nil, false
		}
		c.SourceIP = []string{block}
	default:
		return c, nil, false
	}
	return c, nil, true
}

var methodList = regexp.MustCompile(`^(\(\?i\))?\^?\(?([A-Z]+(\|[A-Z]+)*)\)?\$?$`)

func methodsOf(value string, regex bool) ([]string, bool) {
	if !regex {
		return []string{value}, methodList.MatchString(value)
	}
	m := methodList.FindStringSubmatch(value)
	if m == nil {
		return nil, false
	}
	list := strings.Split(m[2], "|")
	return list, len(list) <= spec.MaxValuesPerCondition
}

// returned is the action of a return.
func (c *converter) returned(d *directive, s *scope, l *importer.Listener) (spec.Action, bool) {
	status, err := strconv.Atoi(d.Arg(0))
	text := d.Arg(1)
	if err != nil { // return URL
		status, text = 302, d.Arg(0)
	}
	switch status {
	case 301, 302, 303, 307, 308:
		r, difference, ok := redirectTo(text, s, l)
		if !ok {
			d.NotMapped("leads to a place that no redirect can name (protocol, host, port, path and query, with those of the request)")
			return spec.Action{}, false
		}
		r.StatusCode = spec.RedirectFound
		if status == 301 || status == 308 {
			r.StatusCode = spec.RedirectPermanent
		}
		if status == 303 || status == 307 || status == 308 {
			difference = append(difference, "an ALB redirects by 301 and 302 only, so "+strconv.Itoa(status)+" is "+strings.TrimPrefix(r.StatusCode, "HTTP_"))
		}
		if len(difference) > 0 {
			d.Differs(keyRedirect, strings.Join(difference, "; "))
		} else {
			d.MapsBy(keyRedirect, "Location names the port")
		}
		return spec.Action{Redirect: r}, true
	case 444:
		d.Differs(keyFixed, "is answered with 400; nginx would close the connection without a word")
		return fixed(400, ""), true
	}
	if status/100 != 2 && status/100 != 4 && status/100 != 5 {
		d.NotMapped("has a status that no fixed response has: 2XX, 4XX or 5XX")
		return spec.Action{}, false
	}
	if strings.Contains(text, "$") {
		d.Differs(keyFixed, "variables in the text are not replaced")
	}
	if len(text) > spec.MaxMessageBody {
		d.NotMapped("has more than 1024 bytes of text: let the edge serve a file")
		return spec.Action{}, false
	}
	a := fixed(status, text)
	if t := s.last("default_type"); t != nil && text != "" {
		switch t.Arg(0) {
		case "text/plain", "text/css", "text/html", "application/javascript", "application/json":
			a.FixedResponse.ContentType = t.Arg(0)
			t.MapsBy(keyFixed+".content_type", "")
		}
	}
	d.Maps(keyFixed)
	return a, true
}

// rewritten is a rewrite that redirects; all tells whether it always does.
func (c *converter) rewritten(d *directive, at []spec.Condition, l *importer.Listener) (p *piece, all bool) {
	flag := d.Arg(2)
	isURL := strings.HasPrefix(d.Arg(1), "http://") || strings.HasPrefix(d.Arg(1), "https://") || strings.HasPrefix(d.Arg(1), "$scheme")
	if flag != "redirect" && flag != "permanent" && !isURL {
		if flag == "" || flag == "last" {
			d.NotMapped("goes through the locations again with the new path: write the rules for the new path, with transforms.url_rewrite")
		} // breakRewrite reads break
		return nil, false
	}
	re, to := d.Arg(0), d.Arg(1)
	whole := re == "^" || re == "^/" || re == "^(.*)$" || re == "^/(.*)$" || re == "^.*$" || re == "(.*)" || re == "^.+$"
	switch re {
	case "^(.*)$", "(.*)":
		to = strings.Replace(to, "$1", "$uri", 1)
	case "^/(.*)$":
		to = strings.Replace(to, "/$1", "$uri", 1)
	}
	query := strings.HasSuffix(to, "?")
	to = strings.TrimSuffix(to, "?")
	if !query && !strings.Contains(to, "$request_uri") {
		to += "$is_args$args"
	}
	r, difference, ok := redirectTo(to, nil, l)
	if !ok {
		d.NotMapped("has parts of the path that a redirect cannot carry: it has those of the request only as a whole")
		return nil, false
	}
	r.StatusCode = spec.RedirectFound
	if flag == "permanent" {
		r.StatusCode = spec.RedirectPermanent
	}
	conditions := at
	if !whole {
		if len(at) > 0 {
			conditions = nil // the expression is the narrower one
		}
		expression, ok := regularExpression(re, false)
		if !ok {
			d.NotMapped("is no expression that a rule takes (at most 128 characters, RE2, no look-around)")
			return nil, false
		}
		conditions = append(conditions, pathRegex(expression))
	}
	if len(difference) > 0 {
		d.Differs(keyRedirect, strings.Join(difference, "; "))
	} else {
		d.MapsBy(keyRedirect, "Location names the port")
	}
	return &piece{conditions: conditions, action: spec.Action{Redirect: r}}, whole
}

// breakRewrite is the transform that a rewrite with break makes before proxy_pass.
func (c *converter) breakRewrite(o *location) *spec.Rewrite {
	for _, d := range o.own("rewrite") {
		if d.Arg(2) != "break" {
			continue
		}
		re, err := regexp.Compile(d.Arg(0))
		replace := d.Arg(1)
		if err != nil || len(d.Arg(0)) > spec.MaxRewrite || variable.MatchString(replace) || strings.ContainsAny(replace, "?") || re.NumSubexp() > 9 {
			d.NotMapped("is no transform: an expression (RE2) and a path with $1 to $9")
			continue
		}
		d.Maps(keyRewrite)
		// nginx replaces the whole path by the replacement, whatever of it matched.
		expression := d.Arg(0)
		if !strings.HasPrefix(expression, "^") {
			expression = "^.*?" + expression
		}
		if !strings.HasSuffix(expression, "$") {
			expression += "[^?]*"
		} else {
			expression = strings.TrimSuffix(expression, "$")
			d.Differs(keyRewrite, "the expression is applied to path and query")
		}
		return &spec.Rewrite{Regex: expression, Replace: replace}
	}
	return nil
}

var variable = regexp.MustCompile(`\$[A-Za-z_{]`)

var target = regexp.MustCompile(`^(?:(https?|\$scheme)://([^/$:?#]+|\$host|\$http_host|\$server_name)(?::(\d+|\$server_port))?)?(/[^?$]*)?(\$request_uri|\$uri|\$document_uri)?(\?[^$]*|\$is_args\$args|\?\$args)?$`)

// redirectTo reads where a redirect leads, and tells what is different.
func redirectTo(s string, scope *scope, l *importer.Listener) (r *spec.Redirect, difference []string, ok bool) {
	m := target.FindStringSubmatch(strings.NewReplacer("${", "$", "}", "").Replace(s))
	if m == nil || s == "" {
		return nil, nil, false
	}
	scheme, host, number, path, rest, query := m[1], m[2], m[3], m[4], m[5], m[6]
	r = &spec.Redirect{}
	switch scheme {
	case "http", "https":
		r.Protocol = strings.ToUpper(scheme)
		r.Port = "80"
		if scheme == "https" {
			r.Port = "443"
		}
	}
	if r.Protocol == spec.ProtocolHTTP && l.Protocol == spec.ProtocolHTTPS {
		return nil, nil, false
	}
	switch host {
	case "", "$host", "$http_host":
	case "$server_name":
		if scope != nil {
			for _, d := range scope.own("server_name") {
				if name := d.Arg(0); dnsShape.MatchString(name) && name != "_" {
					r.Host = name
				}
			}
		}
	default:
		r.Host = host
	}
	if number != "" && number != "$server_port" {
		r.Port = number
	}
	switch {
	case rest == "" && path != "":
		r.Path = path
	case rest == "" && host != "":
		r.Path = "/"
	case path != "":
		r.Path = strings.TrimSuffix(path, "/") + "/#{path}"
	}
	switch {
	case strings.HasPrefix(query, "?") && !strings.Contains(query, "$"):
		if r.Query = query[1:]; r.Query == "" {
			difference = append(difference, "the query of the request is kept")
		}
	case rest != "$request_uri" && query == "":
		difference = append(difference, "the query of the request is kept")
	}
	for _, part := range []string{r.Host, r.Path, r.Query} {
		if len(part) > spec.MaxRedirectComponent {
			return nil, nil, false
		}
	}
	if r.Protocol == "" && r.Host == "" && r.Port == "" && (r.Path == "" || r.Path == "/#{path}") {
		return nil, nil, false
	}
	return r, difference, true
}
