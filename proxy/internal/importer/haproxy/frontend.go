package haproxy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

const (
	keyForward  = "load_balancer.listeners[].rules[].action.forward"
	keyRedirect = "load_balancer.listeners[].rules[].action.redirect"
	keyFixed    = "load_balancer.listeners[].rules[].action.fixed_response"
	keyRewrite  = "load_balancer.listeners[].rules[].transforms.url_rewrite"
	keyRates    = "waf.rate_limits[]"
)

// frontend makes listeners of a frontend or listen section.
func (c *converter) frontend(s *section) {
	s.Maps("load_balancer.listeners[]")
	c.statsLines(s)
	if s.Name == "listen" && len(s.own("server", "server-template")) > 0 {
		c.group(s)
	}
	c.attributes(s)
	for _, d := range s.own("bind") {
		for _, b := range c.binds(d) {
			if slices.ContainsFunc(c.draft.Listeners, func(l *importer.Listener) bool { return l.Port == b.port }) {
				d.NotMapped("another frontend has the port: a listener has all rules of its port")
				continue
			}
			l := c.listener(b)
			c.rules(s, l)
			c.draft.Listeners = append(c.draft.Listeners, l)
		}
	}
	if len(s.own("bind")) == 0 && s.Name == "frontend" {
		s.Differs("load_balancer.listeners[]", "binds nothing")
	}
	for _, d := range s.own("acl") {
		if d.Outcome() == importer.Unseen {
			d.NotNeeded("no line that became a rule asks for it")
		}
	}
}

// rules are what the lines of a frontend make on a listener, in HAProxy's order: http-request,
// redirect, use_backend, default_backend.
func (c *converter) rules(s *section, l *importer.Listener) {
	var items []item
	for _, d := range s.all("monitor-uri") {
		d.Maps(keyFixed)
		items = append(items, item{d, [][]literal{{{words: []string{"path", d.Arg(0)}}}}, fixed(200, "")})
	}
	for _, d := range s.Block {
		if strings.HasPrefix(d.Name, "http-request ") {
			items = append(items, c.request(s, d)...)
		}
		if strings.HasPrefix(d.Name, "http-response ") {
			c.response(d, l)
		}
	}
	for _, d := range s.own("redirect") {
		items = append(items, c.redirect(d, d.Args, l)...)
	}
	for i := range items { // redirects among http-request lines wait for the listener
		if items[i].from.Name == "http-request redirect" {
			if made := c.redirect(items[i].from, items[i].from.Args, l); len(made) == 1 {
				items[i] = made[0]
			} else {
				items[i].terms = nil
			}
		}
	}
	for _, d := range s.own("use_backend") {
		if it, ok := c.use(d); ok {
			items = append(items, it)
		}
	}
	items = append(items, c.fallback(s))
	transforms := c.rewrite(s)
	names := map[string]int{}
	for _, r := range s.compile(items, &l.Listener) {
		made := &importer.Rule{Note: ""}
		if r.from != nil {
			made.Note = r.from.At()
		}
		made.Action, made.Conditions = r.action, r.conditions
		if len(r.action.Forward) > 0 {
			made.Transforms.URLRewrite = transforms
		}
		made.Name = title(r)
		names[made.Name]++
		if len(made.Conditions) == 0 && made.Transforms == (spec.Transforms{}) {
			l.DefaultAction = made.Action
			if made.Note != "" {
				l.Notes["default_action"] = made.Note
			}
			break
		}
		if len(made.Conditions) == 0 {
			made.Conditions = []spec.Condition{{PathPattern: spec.Patterns{Values: []string{"/*"}}}}
			l.DefaultAction = fixed(503, "")
		}
		l.Rules = append(l.Rules, made)
	}
	if len(l.DefaultAction.Forward) == 0 && l.DefaultAction.Redirect == nil && l.DefaultAction.FixedResponse == nil {
		l.DefaultAction = fixed(503, "")
	}
}

// title names a rule after what it does.
func title(r rule) string {
	switch {
	case len(r.action.Forward) > 0:
		return importer.Name(r.action.Forward[0].TargetGroup)
	case r.action.Redirect != nil:
		return "redirect"
	}
	return fmt.Sprintf("answer-%d", r.action.FixedResponse.StatusCode)
}

func fixed(status int, body string) spec.Action {
	f := spec.Default[spec.FixedResponse]()
	f.StatusCode, f.MessageBody = status, body
	return spec.Action{FixedResponse: &f}
}

func forward(g *importer.Group) spec.Action {
	return spec.Action{Forward: []spec.WeightedTargetGroup{{TargetGroup: g.Name, Weight: 1}}}
}

// use is a use_backend line.
func (c *converter) use(d *directive) (item, bool) {
	rest, list, ok := terms(d.Args)
	if !ok || len(rest) != 1 || strings.Contains(rest[0], "%[") {
		d.NotMapped("chooses by what is known only with a request, or has a condition that cannot be read: write a rule for each group")
		return item{}, false
	}
	g := c.groups[rest[0]]
	if g == nil {
		d.NotMapped("there is no backend " + rest[0] + " that became a target group")
		return item{}, false
	}
	d.Maps(keyForward)
	return item{d, list, forward(g)}, true
}

// fallback is default_backend, a listen section's own servers, or HAProxy's 503.
func (c *converter) fallback(s *section) item {
	d := s.last("default_backend")
	if d != nil {
		if g := c.groups[d.Arg(0)]; g != nil {
			d.Maps("load_balancer.listeners[].default_action")
			return item{d, [][]literal{nil}, forward(g)}
		}
		d.NotMapped("there is no backend " + d.Arg(0) + " that became a target group")
	}
	if g := c.groups["\x00"+s.Arg(0)]; s.Name == "listen" && g != nil {
		return item{s.directive, [][]literal{nil}, forward(g)}
	}
	return item{nil, [][]literal{nil}, fixed(503, "")}
}

// request is an http-request line that decides, if it does.
//
// https://docs.haproxy.org/3.0/configuration.html#4.4
func (c *converter) request(s *section, d *directive) []item {
	rest, list, ok := terms(d.Args)
	action := strings.TrimPrefix(d.Name, "http-request ")
	if !ok && action != "set-header" {
		d.NotMapped("has a condition that cannot be read")
		return nil
	}
	switch action {
	case "redirect":
		return []item{{from: d}}
	case "deny", "tarpit", "reject", "silent-drop":
		if rate, ok := c.rateLimit(s, d, list, rest); ok {
			return rate
		}
		status := map[string]int{"deny": 403, "tarpit": 500, "reject": 400, "silent-drop": 400}[action]
		for i, word := range rest {
			if n, err := strconv.Atoi(argument(rest, i+1)); (word == "deny_status" || word == "status") && err == nil {
				status = n
			}
		}
		if status/100 != 2 && status/100 != 4 && status/100 != 5 {
			d.NotMapped("has a status that no fixed response has: 2XX, 4XX or 5XX")
			return nil
		}
		switch action {
		case "deny":
			d.Maps(keyFixed)
		case "tarpit":
			d.Differs(keyFixed, "is answered at once")
		default:
			d.Differs(keyFixed, "is answered with 400, not closed without a word")
		}
		return []item{{d, list, fixed(status, "")}}
	case "return":
		return c.returned(d, rest, list)
	case "use-service":
		if strings.HasPrefix(argument(rest, 0), "prometheus-exporter") {
			d.MapsBy("proxy.admin.listen", "/metrics of the admin listener; not on this port")
		} else {
			d.NotMapped("there are no services but those of the admin listener")
		}
	case "set-header", "add-header", "del-header":
		c.requestHeader(s, d, rest, list)
	case "track-sc0", "track-sc1", "track-sc2":
		d.MapsBy(keyRates, "by the line that denies")
	case "replace-path", "replace-uri", "set-path", "replace-pathq":
		// rewrite reads them
	case "allow":
		d.NotMapped("ends what is asked of a request: bring the lines into an order that needs it not")
	case "auth":
		d.NotMapped("requests are not authenticated: let the application do it")
	case "set-src":
		d.Differs("proxy.trusted_proxies", "name the proxies whose X-Forwarded-For is believed")
	case "capture", "set-log-level", "set-tos", "set-mark", "set-nice", "set-priority-class", "set-priority-offset":
		d.NotNeeded("logs have fields of their own, and requests one priority")
	}
	return nil
}

func argument(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// returned is http-request return.
func (c *converter) returned(d *directive, rest []string, list [][]literal) []item {
	status, body, kind := 200, "", "text/plain"
	for i := 0; i+1 < len(rest); i++ {
		switch rest[i] {
		case "status":
			status, _ = strconv.Atoi(rest[i+1])
		case "content-type":
			kind = rest[i+1]
		case "string", "lf-string":
			body = rest[i+1]
		case "file", "lf-file", "errorfile":
			d.NotMapped("answers with a file: edge.static serves files")
			return nil
		}
	}
	kind, _, _ = strings.Cut(kind, ";")
	if status/100 != 2 && status/100 != 4 && status/100 != 5 || len(body) > spec.MaxMessageBody {
		d.NotMapped("has a status or more text than a fixed response has")
		return nil
	}
	a := fixed(status, body)
	if slices.Contains([]string{"text/plain", "text/css", "text/html", "application/javascript", "application/json"}, kind) {
		a.FixedResponse.ContentType = kind
		d.Maps(keyFixed)
	} else {
		d.Differs(keyFixed, "the type is text/plain")
	}
	return []item{{d, list, a}}
}

// rewrite is the one change of the path that a rule can have.
func (c *converter) rewrite(s *section) (w spec.Rewrite) {
	found := false
	for _, d := range s.own("http-request replace-path", "http-request replace-pathq", "http-request replace-uri", "http-request set-path") {
		rest, list, ok := terms(d.Args)
		re, to := argument(rest, 0), strings.NewReplacer("%[path]", `\1`, `\0`, "${0}").Replace(argument(rest, 1))
		if d.Name == "http-request set-path" {
			if m := regsub.FindStringSubmatch(argument(rest, 0)); m != nil {
				re, to = m[1], m[2]
			} else if before, ok := strings.CutSuffix(argument(rest, 0), "%[path]"); ok && !strings.Contains(before, "%") {
				re, to = "^(.*)$", before+`\1`
			} else {
				re = ""
			}
		}
		_, err := regexp.Compile(re)
		if !ok || found || re == "" || err != nil || len(re) > spec.MaxRewrite || strings.Contains(to, "%[") {
			d.NotMapped("is no transform of every request: a rule has one expression and its replacement")
			continue
		}
		found = true
		if !strings.HasPrefix(re, "^") {
			re = "^.*?" + re
		}
		w = spec.Rewrite{Regex: strings.TrimSuffix(re, "$"), Replace: backReference.ReplaceAllString(strings.ReplaceAll(to, "$", "$$"), "$$$1")}
		if len(list) > 1 || len(list[0]) > 0 {
			d.Differs(keyRewrite, "changes every path that the expression matches, under its condition or not")
		} else {
			d.Maps(keyRewrite)
		}
		if asksAfter(s, d) {
			d.Differs(keyRewrite, "is done when a rule has matched: conditions of lines below see the path as it came")
		}
	}
	return w
}

// asksAfter reports whether lines with a condition come after d, which HAProxy asks of what d
// left.
func asksAfter(s *section, d *directive) bool {
	below := s.Block[slices.Index(s.Block, d)+1:]
	return slices.ContainsFunc(below, func(o *directive) bool {
		decides := o.Name == "use_backend" || o.Name == "redirect" || strings.HasPrefix(o.Name, "http-request ")
		_, list, ok := terms(o.Args)
		return decides && (!ok || len(list) > 1 || len(list) == 1 && len(list[0]) > 0)
	})
}

var (
	regsub        = regexp.MustCompile(`^%\[path,regsub\(([^,]+),([^,)]*)\)\]$`)
	backReference = regexp.MustCompile(`\\(\d)`)
)

// groupsOf are the groups that a frontend's lines lead to.
func (c *converter) groupsOf(s *section) []*importer.Group {
	var list []*importer.Group
	add := func(g *importer.Group) {
		if g != nil && !slices.Contains(list, g) {
			list = append(list, g)
		}
	}
	if s.Name == "backend" {
		add(c.groups[s.Arg(0)])
	}
	for _, d := range s.own("use_backend") {
		add(c.groups[d.Arg(0)])
	}
	if d := s.last("default_backend"); d != nil {
		add(c.groups[d.Arg(0)])
	}
	add(c.groups["\x00"+s.Arg(0)])
	return list
}
