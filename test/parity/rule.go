package parity

import (
	"fmt"

	"github.com/evenkeel/evenkeel/infra/template"
	"github.com/evenkeel/evenkeel/spec"
)

func (r *reader) rule(res *template.Resource) spec.Rule {
	rule := spec.Rule{
		Name:     value(res, "Tags", "Name"),
		Priority: int(res.Number("Priority")),
		Action:   r.action(res, "Actions[0]"),
	}
	for i := range res.List("Conditions") {
		rule.Conditions = append(rule.Conditions, condition(res, fmt.Sprintf("Conditions[%d]", i)))
	}
	for i := range res.List("Transforms") {
		at := fmt.Sprintf("Transforms[%d].", i)
		switch res.String(at + "Type") {
		case "host-header-rewrite":
			rule.Transforms.HostHeaderRewrite = rewrite(res, at+"HostHeaderRewriteConfig.Rewrites[0].")
		case "url-rewrite":
			rule.Transforms.URLRewrite = rewrite(res, at+"UrlRewriteConfig.Rewrites[0].")
		}
	}
	return rule
}

func rewrite(res *template.Resource, at string) spec.Rewrite {
	return spec.Rewrite{Regex: res.String(at + "Regex"), Replace: res.String(at + "Replace")}
}

func condition(res *template.Resource, at string) spec.Condition {
	var c spec.Condition
	switch res.String(at + ".Field") {
	case "host-header":
		c.HostHeader = patterns(res, at+".HostHeaderConfig")
	case "path-pattern":
		c.PathPattern = patterns(res, at+".PathPatternConfig")
	case "http-header":
		p := patterns(res, at+".HttpHeaderConfig")
		c.HTTPHeader = spec.HTTPHeader{Name: res.String(at + ".HttpHeaderConfig.HttpHeaderName"), Values: p.Values, RegexValues: p.RegexValues}
	case "http-request-method":
		c.HTTPRequestMethod = texts(res, at+".HttpRequestMethodConfig.Values")
	case "query-string":
		for i := range res.List(at + ".QueryStringConfig.Values") {
			pair := fmt.Sprintf("%s.QueryStringConfig.Values[%d].", at, i)
			c.QueryString = append(c.QueryString, spec.QueryStringKey{Key: res.String(pair + "Key"), Value: res.String(pair + "Value")})
		}
	case "source-ip":
		c.SourceIP = texts(res, at+".SourceIpConfig.Values")
	}
	return c
}

func patterns(res *template.Resource, at string) spec.Patterns {
	return spec.Patterns{Values: texts(res, at+".Values"), RegexValues: texts(res, at+".RegexValues")}
}

func texts(res *template.Resource, at string) []string {
	var list []string
	for i := range res.List(at) {
		list = append(list, res.String(fmt.Sprintf("%s[%d]", at, i)))
	}
	return list
}

func (r *reader) action(res *template.Resource, at string) spec.Action {
	var a spec.Action
	switch res.String(at + ".Type") {
	case "redirect":
		c := at + ".RedirectConfig."
		a.Redirect = &spec.Redirect{
			Protocol: unless(res.String(c+"Protocol"), "#{protocol}"), Host: unless(res.String(c+"Host"), "#{host}"),
			Port: unless(res.String(c+"Port"), "#{port}"), Path: unless(res.String(c+"Path"), "/#{path}"),
			Query: unless(res.String(c+"Query"), "#{query}"), StatusCode: res.String(c + "StatusCode"),
		}
	case "fixed-response":
		c := at + ".FixedResponseConfig."
		a.FixedResponse = &spec.FixedResponse{
			StatusCode: int(res.Number(c + "StatusCode")), ContentType: res.String(c + "ContentType"), MessageBody: res.String(c + "MessageBody"),
		}
	case "forward":
		c := at + ".ForwardConfig."
		for i := range res.List(c + "TargetGroups") {
			share := fmt.Sprintf("%sTargetGroups[%d].", c, i)
			group, _, _ := r.assembly.Target(res.Stack, res.Get(share+"TargetGroupArn"))
			a.Forward = append(a.Forward, spec.WeightedTargetGroup{TargetGroup: r.groups[group], Weight: int(res.Number(share + "Weight"))})
		}
		if res.Bool(c + "TargetGroupStickinessConfig.Enabled") {
			a.TargetGroupStickiness.Duration = duration(res.String(c + "TargetGroupStickinessConfig.DurationSeconds"))
		}
	}
	return a
}

// unless is what a redirect says beyond keeping what the client sent.
func unless(value, own string) string {
	if value == own {
		return ""
	}
	return value
}
