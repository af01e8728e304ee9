package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Action is exactly one of Forward, Redirect and FixedResponse.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html
type Action struct {
	// Forward sends requests to one of one to five target groups, by weight. It does not go
	// on to another group when the chosen one cannot serve.
	Forward []WeightedTargetGroup `yaml:"forward"`
	// TargetGroupStickiness binds a client to the group chosen by weight; only with Forward.
	TargetGroupStickiness TargetGroupStickiness `yaml:"target_group_stickiness"`
	// Redirect sends clients elsewhere.
	Redirect *Redirect `yaml:"redirect"`
	// FixedResponse answers without a target.
	FixedResponse *FixedResponse `yaml:"fixed_response"`
}

// Limits of actions.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Action.html
const (
	MaxForwardGroups     = 5
	MaxWeight            = 999
	MaxStickiness        = 7 * 24 * time.Hour
	MaxRedirectComponent = 128
	MaxMessageBody       = 1024
)

func (a *Action) limits() limits { return limits{"forward": atMost(MaxForwardGroups)} }

func (a *Action) check(c *checker, path string) {
	n := 0
	for _, set := range []bool{len(a.Forward) > 0, a.Redirect != nil, a.FixedResponse != nil} {
		if set {
			n++
		}
	}
	switch {
	case n == 0:
		c.refuse(path, "is missing", "", "one of forward, redirect and fixed_response")
	case n > 1:
		c.refuse(path, "is several actions", strconv.Itoa(n), "one of forward, redirect and fixed_response")
	}
	if a.TargetGroupStickiness.Duration > 0 && len(a.Forward) == 0 {
		c.refuse(field(path, "target_group_stickiness"), "is for forward actions", "", "no such key")
	}
	a.checkForward(c, path)
}

func (a *Action) checkForward(c *checker, path string) {
	seen := map[string]string{}
	sum, sticky := 0, false
	for i, f := range a.Forward {
		at := field(element(field(path, "forward"), i), "target_group")
		sum += f.Weight
		c.unique(seen, f.TargetGroup, at)
		g := c.env.TargetGroup(f.TargetGroup)
		if g == nil {
			if f.TargetGroup != "" && !c.isUnread("target_groups") {
				c.refuse(at, "no target group has that name", quote(f.TargetGroup), c.targetGroupNames(f.TargetGroup))
			}
			continue
		}
		sticky = sticky || g.Stickiness.Type != ""
		if len(a.Forward) > 1 && g.Stickiness.Type == StickinessAppCookie {
			c.refuse(at, "has app_cookie stickiness, which does not work with several groups", quote(f.TargetGroup), "lb_cookie, or one group")
		}
	}
	if len(a.Forward) > 0 && sum == 0 {
		c.warn(field(path, "forward"), "all weights are 0, so every request is answered with 503", "", "")
	}
	if len(a.Forward) > 1 && sticky && a.TargetGroupStickiness.Duration == 0 {
		c.refuse(field(path, "target_group_stickiness"), "is missing", "", "a duration, as a group in this action has stickiness of its own")
	}
}

// targetGroupNames says which names there are, or which was likely meant.
func (c *checker) targetGroupNames(name string) string {
	var names []string
	for i := range c.env.TargetGroups {
		names = append(names, c.env.TargetGroups[i].Name)
	}
	if near := nearest(name, names); near != "" {
		return near + ", did you mean that?"
	}
	return "one of target_groups"
}

// WeightedTargetGroup is one share of a forward action.
type WeightedTargetGroup struct {
	// TargetGroup is the name of a target group.
	TargetGroup string `yaml:"target_group"`
	// Weight is 0-999, default 1; the share is Weight over the sum of weights.
	Weight int `yaml:"weight"`
}

func (w *WeightedTargetGroup) setDefaults() { w.Weight = 1 }

func (w *WeightedTargetGroup) limits() limits {
	return limits{"target_group": required(anything()), "weight": between(0, MaxWeight)}
}

// TargetGroupStickiness is on when Duration is above zero.
type TargetGroupStickiness struct {
	// Duration is how long a client stays with its group: 1s to 7 days (168h). Default 0, off.
	Duration time.Duration `yaml:"duration"`
}

func (s *TargetGroupStickiness) limits() limits {
	return limits{"duration": zeroOr("off", seconds(time.Second, MaxStickiness))}
}

// Redirect answers with a Location; empty fields keep what the client sent. Fields may hold
// the placeholders #{protocol}, #{host}, #{port}, #{path} and #{query}.
type Redirect struct {
	// Protocol is HTTP, HTTPS or #{protocol}; never HTTP from an HTTPS listener. Default:
	// #{protocol}.
	Protocol string `yaml:"protocol"`
	// Host is at most 128 characters; #{host} is allowed in it. Default: #{host}.
	Host string `yaml:"host"`
	// Port is "1" to "65535" or #{port}. Default: #{port}.
	Port string `yaml:"port"`
	// Path begins with a slash and is at most 128 characters; #{host}, #{port} and #{path}
	// are allowed in it, the last without its leading slash. Default: /#{path}.
	Path string `yaml:"path"`
	// Query is at most 128 characters and has no leading question mark; all placeholders are
	// allowed in it. Default: #{query}.
	Query string `yaml:"query"`
	// StatusCode is HTTP_301 or HTTP_302.
	StatusCode string `yaml:"status_code"`
}

// Values of Redirect.StatusCode.
const (
	RedirectPermanent = "HTTP_301"
	RedirectFound     = "HTTP_302"
)

func (r *Redirect) limits() limits {
	part := both(that("visible ASCII", isVisible), length(MaxRedirectComponent))
	return limits{
		"protocol":    oneOf(ProtocolHTTP, ProtocolHTTPS, "#{protocol}"),
		"host":        part,
		"port":        that(`"1" to "65535" or #{port}`, isRedirectPort),
		"path":        both(part, like(regexp.MustCompile(`^/`), "a slash first")),
		"query":       both(part, like(regexp.MustCompile(`^[^?]`), "no question mark first")),
		"status_code": required(oneOf(RedirectPermanent, RedirectFound)),
	}
}

func isRedirectPort(s string) bool {
	n, err := strconv.Atoi(s)
	return s == "#{port}" || err == nil && n >= 1 && n <= MaxPort && strconv.Itoa(n) == s
}

var placeholder = regexp.MustCompile(`#\{[^}]*\}?`)

func (r *Redirect) check(c *checker, path string) {
	for _, part := range []struct {
		key, value string
		allowed    []string
	}{
		{"host", r.Host, []string{"#{host}"}},
		{"path", r.Path, []string{"#{host}", "#{port}", "#{path}"}},
		{"query", r.Query, []string{"#{protocol}", "#{host}", "#{port}", "#{path}", "#{query}"}},
	} {
		for _, p := range placeholder.FindAllString(part.value, -1) {
			if !slices.Contains(part.allowed, p) {
				c.refuse(field(path, part.key), "has a placeholder that is not allowed here", quote(p), anyOf(part.allowed))
			}
		}
	}
	if keeps(r.Protocol, "#{protocol}") && keeps(r.Host, "#{host}") && keeps(r.Port, "#{port}") && keeps(r.Path, "/#{path}") {
		c.refuse(path, "redirects to where the client already is", "", "another protocol, host, port or path")
	}
}

func keeps(value, own string) bool { return value == "" || value == own }

// checkOn checks the redirect on its listener.
func (r *Redirect) checkOn(c *checker, l *Listener, path string) {
	if l.Protocol == ProtocolHTTPS && r.Protocol == ProtocolHTTP {
		c.refuse(field(path, "protocol"), "leads from HTTPS to HTTP", quote(r.Protocol), "HTTPS or #{protocol}")
	}
	samePort := keeps(r.Port, "#{port}") || r.Port == strconv.Itoa(l.Port)
	sameProtocol := keeps(r.Protocol, "#{protocol}") || r.Protocol == l.Protocol
	if samePort && sameProtocol && keeps(r.Host, "#{host}") && keeps(r.Path, "/#{path}") &&
		(r.Protocol != "" || r.Port != "") {
		c.warn(path, "redirects to this very listener, so clients go in circles", fmt.Sprintf("listener %s, port %d", l.Protocol, l.Port), "")
	}
}

// FixedResponse answers without a target.
type FixedResponse struct {
	// StatusCode is 200-299 or 400-599.
	StatusCode int `yaml:"status_code"`
	// ContentType is text/plain, text/css, text/html, application/javascript or
	// application/json. Default text/plain.
	ContentType string `yaml:"content_type"`
	// MessageBody is at most 1024 bytes. Default: empty.
	MessageBody string `yaml:"message_body"`
}

func (f *FixedResponse) setDefaults() { f.ContentType = "text/plain" }

func (f *FixedResponse) limits() limits {
	return limits{
		"status_code":  between(200, 599),
		"content_type": required(oneOf("text/plain", "text/css", "text/html", "application/javascript", "application/json")),
		"message_body": length(MaxMessageBody),
	}
}

func (f *FixedResponse) check(c *checker, path string) {
	if f.StatusCode/100 == 3 {
		c.refuse(field(path, "status_code"), "is a redirect's", strconv.Itoa(f.StatusCode), "2XX, 4XX or 5XX")
	}
	if strings.ContainsRune(f.MessageBody, 0) {
		c.refuse(field(path, "message_body"), "has a NUL byte", "", "text")
	}
}
