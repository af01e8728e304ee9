package elbv2api

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// What AWS's shapes and the environment file have for the same, and from one to the other.

// Types of actions.
const (
	actionForward       = "forward"
	actionRedirect      = "redirect"
	actionFixedResponse = "fixed-response"
)

// Fields of conditions.
const (
	fieldHostHeader        = "host-header"
	fieldPathPattern       = "path-pattern"
	fieldHTTPHeader        = "http-header"
	fieldHTTPRequestMethod = "http-request-method"
	fieldQueryString       = "query-string"
	fieldSourceIP          = "source-ip"
)

// Types of transforms.
const (
	transformHost = "host-header-rewrite"
	transformURL  = "url-rewrite"
)

// readActions makes the one action of those that a request has.
func (v *view) readActions(list []action) (spec.Action, error) {
	var out spec.Action
	for _, a := range list {
		switch a.Type {
		case actionForward, actionRedirect, actionFixedResponse:
		default:
			return out, fail(codeInvalidLoadBalancerAction, "Actions of type '%s' are not offered", a.Type)
		}
	}
	switch len(list) {
	case 0:
		return out, fail(codeValidationError, "An action must be specified")
	case 1:
	default:
		return out, fail(codeTooManyActions, "One action of the types forward, redirect and fixed-response must be specified, not %d", len(list))
	}
	a := &list[0]
	switch a.Type {
	case actionForward:
		return v.readForward(a)
	case actionRedirect:
		r := a.RedirectConfig
		if r == nil {
			return out, fail(codeValidationError, "A redirect configuration must be specified")
		}
		out.Redirect = &spec.Redirect{
			Protocol: r.Protocol, Host: r.Host, Port: r.Port, Path: r.Path, Query: strings.TrimPrefix(r.Query, "?"), StatusCode: r.StatusCode,
		}
	case actionFixedResponse:
		f := a.FixedResponseConfig
		if f == nil {
			return out, fail(codeValidationError, "A fixed response configuration must be specified")
		}
		code, err := strconv.Atoi(f.StatusCode)
		if err != nil || len(f.StatusCode) != 3 {
			return out, fail(codeInvalidLoadBalancerAction, "The fixed-response status code '%s' must be 2XX, 4XX or 5XX", excerpt(f.StatusCode))
		}
		fixed := spec.Default[spec.FixedResponse]()
		fixed.StatusCode, fixed.MessageBody, fixed.ContentType = code, f.MessageBody, cmp.Or(f.ContentType, fixed.ContentType)
		out.FixedResponse = &fixed
	}
	return out, nil
}

// readForward makes a forward action. A group can be named alone or among others.
func (v *view) readForward(a *action) (spec.Action, error) {
	var out spec.Action
	config := a.ForwardConfig
	if config == nil {
		config = &forwardActionConfig{TargetGroups: members[targetGroupTuple]{{TargetGroupArn: a.TargetGroupArn}}}
	}
	groups := config.TargetGroups
	switch {
	case len(groups) == 0:
		return out, fail(codeValidationError, "A target group must be specified")
	case len(groups) > spec.MaxForwardGroups:
		return out, fail(codeTooManyTargetGroups, "An action forwards to at most %d target groups", spec.MaxForwardGroups)
	case a.TargetGroupArn != "" && (len(groups) > 1 || groups[0].TargetGroupArn != a.TargetGroupArn):
		return out, fail(codeValidationError, "If both a target group ARN and a forward configuration are specified, they must have the same one target group")
	}
	for _, tuple := range groups {
		g, refusal := v.targetGroup(tuple.TargetGroupArn)
		if refusal != nil {
			return out, refusal
		}
		w := spec.WeightedTargetGroup{TargetGroup: g.Name, Weight: 1}
		setInt(&w.Weight, tuple.Weight)
		if w.Weight < 0 || w.Weight > spec.MaxWeight {
			return out, fail(codeValidationError, "Weight must be between 0 and %d", spec.MaxWeight)
		}
		out.Forward = append(out.Forward, w)
	}
	if s := config.TargetGroupStickinessConfig; s != nil && s.Enabled != nil && *s.Enabled {
		if s.DurationSeconds == nil || *s.DurationSeconds < 1 || *s.DurationSeconds > secondsIn(spec.MaxStickiness) {
			return out, fail(codeValidationError, "Target group stickiness duration must be between 1 and %d seconds", secondsIn(spec.MaxStickiness))
		}
		out.TargetGroupStickiness.Duration = time.Duration(*s.DurationSeconds) * time.Second
	}
	return out, nil
}

// showActions is the list of one action.
func (v *view) showActions(a *spec.Action) members[action] {
	out := action{Order: new(1)}
	switch {
	case a.Redirect != nil:
		r := a.Redirect
		out.Type = actionRedirect
		out.RedirectConfig = &redirectActionConfig{
			Protocol: cmp.Or(r.Protocol, "#{protocol}"), Port: cmp.Or(r.Port, "#{port}"), Host: cmp.Or(r.Host, "#{host}"),
			Path: cmp.Or(r.Path, "/#{path}"), Query: cmp.Or(r.Query, "#{query}"), StatusCode: r.StatusCode,
		}
	case a.FixedResponse != nil:
		f := a.FixedResponse
		out.Type = actionFixedResponse
		out.FixedResponseConfig = &fixedResponseActionConfig{f.MessageBody, strconv.Itoa(f.StatusCode), f.ContentType}
	default:
		out.Type = actionForward
		config := &forwardActionConfig{TargetGroupStickinessConfig: &targetGroupStickinessConfig{Enabled: new(false)}}
		for _, w := range a.Forward {
			config.TargetGroups = append(config.TargetGroups, targetGroupTuple{v.env.TargetGroupARN(w.TargetGroup), new(w.Weight)})
		}
		if len(config.TargetGroups) == 1 {
			out.TargetGroupArn = config.TargetGroups[0].TargetGroupArn
		}
		if d := a.TargetGroupStickiness.Duration; d > 0 {
			config.TargetGroupStickinessConfig = &targetGroupStickinessConfig{new(true), new(secondsIn(d))}
		}
		out.ForwardConfig = config
	}
	return members[action]{out}
}

// readConditions makes the conditions that a request has.
func readConditions(list []ruleCondition) ([]spec.Condition, error) {
	if len(list) == 0 {
		return nil, fail(codeValidationError, "A condition must be specified")
	}
	out := make([]spec.Condition, len(list))
	for i := range list {
		var err error
		if out[i], err = readCondition(&list[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// readCondition makes one condition. Values stand beside Field or in the configuration.
func readCondition(in *ruleCondition) (spec.Condition, error) {
	var out spec.Condition
	configs := map[string]bool{
		fieldHostHeader: in.HostHeaderConfig != nil, fieldPathPattern: in.PathPatternConfig != nil, fieldHTTPHeader: in.HttpHeaderConfig != nil,
		fieldQueryString: in.QueryStringConfig != nil, fieldHTTPRequestMethod: in.HttpRequestMethodConfig != nil, fieldSourceIP: in.SourceIpConfig != nil,
	}
	has, known := configs[in.Field]
	if !known {
		return out, fail(codeValidationError, "Condition field '%s' must be one of '[path-pattern, host-header, http-header, query-string, http-request-method, source-ip]'", excerpt(in.Field))
	}
	for field, other := range configs {
		if other && field != in.Field {
			return out, fail(codeValidationError, "A condition of the field '%s' has a configuration for '%s'", in.Field, field)
		}
	}
	plain := len(in.Values) > 0 || len(in.RegexValues) > 0
	if plain && has {
		return out, fail(codeValidationError, "A condition has its values beside the field '%s' or in its configuration, not in both", in.Field)
	}
	switch in.Field {
	case fieldHostHeader:
		out.HostHeader = patternsOf(in, in.HostHeaderConfig)
	case fieldPathPattern:
		out.PathPattern = patternsOf(in, in.PathPatternConfig)
	default:
		if !has {
			return out, fail(codeValidationError, "A condition of the field '%s' must have a configuration", in.Field)
		}
	}
	if c := in.HttpHeaderConfig; c != nil {
		out.HTTPHeader = spec.HTTPHeader{Name: c.HttpHeaderName, Values: c.Values, RegexValues: c.RegexValues}
	}
	if c := in.HttpRequestMethodConfig; c != nil {
		out.HTTPRequestMethod = c.Values
	}
	if c := in.SourceIpConfig; c != nil {
		out.SourceIP = c.Values
	}
	if c := in.QueryStringConfig; c != nil {
		for _, pair := range c.Values {
			out.QueryString = append(out.QueryString, spec.QueryStringKey{Key: pair.Key, Value: pair.Value})
		}
	}
	return out, checkSourceIPs(out.SourceIP)
}

// checkSourceIPs has AWS's words for what the file's rules refuse in theirs.
func checkSourceIPs(list []string) error {
	for _, s := range list {
		if _, err := netip.ParsePrefix(s); err != nil {
			return fail(codeValidationError, "The value '%s' for source-ip must be in CIDR format", excerpt(s))
		}
	}
	return nil
}

func patternsOf(in *ruleCondition, config *patternConfig) spec.Patterns {
	if config != nil {
		return spec.Patterns{Values: config.Values, RegexValues: config.RegexValues}
	}
	return spec.Patterns{Values: in.Values, RegexValues: in.RegexValues}
}

// showConditions are the conditions as AWS shows them.
func showConditions(list []spec.Condition) members[ruleCondition] {
	var out members[ruleCondition]
	for i := range list {
		c := &list[i]
		switch {
		case len(c.HostHeader.Values)+len(c.HostHeader.RegexValues) > 0:
			p := patternConfig{c.HostHeader.Values, c.HostHeader.RegexValues}
			out = append(out, ruleCondition{Field: fieldHostHeader, Values: p.Values, RegexValues: p.RegexValues, HostHeaderConfig: &p})
		case len(c.PathPattern.Values)+len(c.PathPattern.RegexValues) > 0:
			p := patternConfig{c.PathPattern.Values, c.PathPattern.RegexValues}
			out = append(out, ruleCondition{Field: fieldPathPattern, Values: p.Values, RegexValues: p.RegexValues, PathPatternConfig: &p})
		case c.HTTPHeader.Name != "":
			out = append(out, ruleCondition{Field: fieldHTTPHeader, HttpHeaderConfig: &httpHeaderConfig{c.HTTPHeader.Name, c.HTTPHeader.Values, c.HTTPHeader.RegexValues}})
		case len(c.HTTPRequestMethod) > 0:
			out = append(out, ruleCondition{Field: fieldHTTPRequestMethod, HttpRequestMethodConfig: &valuesConfig{c.HTTPRequestMethod}})
		case len(c.QueryString) > 0:
			config := &queryStringConfig{}
			for _, q := range c.QueryString {
				config.Values = append(config.Values, queryStringKeyValuePair{q.Key, q.Value})
			}
			out = append(out, ruleCondition{Field: fieldQueryString, QueryStringConfig: config})
		case len(c.SourceIP) > 0:
			out = append(out, ruleCondition{Field: fieldSourceIP, SourceIpConfig: &valuesConfig{c.SourceIP}})
		}
	}
	return out
}

// readTransforms makes the transforms that a request has.
func readTransforms(list []ruleTransform) (spec.Transforms, error) {
	var out spec.Transforms
	for _, t := range list {
		config, to := t.HostHeaderRewriteConfig, &out.HostHeaderRewrite
		if t.Type == transformURL {
			config, to = t.UrlRewriteConfig, &out.URLRewrite
		}
		switch {
		case config == nil || len(config.Rewrites) != 1:
			return out, fail(codeValidationError, "A transform of the type '%s' must have one rewrite", t.Type)
		case *to != spec.Rewrite{}:
			return out, fail(codeValidationError, "A rule has one transform of the type '%s' at most", t.Type)
		}
		*to = spec.Rewrite(config.Rewrites[0])
	}
	return out, nil
}

// showTransforms are the transforms as AWS shows them.
func showTransforms(t *spec.Transforms) members[ruleTransform] {
	var out members[ruleTransform]
	if w := t.HostHeaderRewrite; w != (spec.Rewrite{}) {
		out = append(out, ruleTransform{Type: transformHost, HostHeaderRewriteConfig: &rewriteConfigObject{members[rewriteConfig]{rewriteConfig(w)}}})
	}
	if w := t.URLRewrite; w != (spec.Rewrite{}) {
		out = append(out, ruleTransform{Type: transformURL, UrlRewriteConfig: &rewriteConfigObject{members[rewriteConfig]{rewriteConfig(w)}}})
	}
	return out
}

// certificateName finds the file's entry for the ARN of a certificate.
func (v *view) certificateName(arn string) (string, *Error) {
	for name, c := range v.env.Certificates {
		if c.ACM.ARN == arn && arn != "" {
			return name, nil
		}
	}
	parts := strings.Split(arn, "/")
	last := parts[len(parts)-1]
	if _, ok := v.env.Certificates[last]; ok && strings.HasPrefix(arn, "arn:") && len(parts) > 1 {
		return last, nil
	}
	return "", fail(codeCertificateNotFound, "Certificate ARN '%s' not found: no entry of the environment file's certificates has it, or its last part as its name", excerpt(arn))
}

// certificateARN is the ARN under which the file's entry is shown on a listener: the one
// that it was named by.
func (v *view) certificateARN(listener, name string) string {
	if made := v.model.listener(listener); made != nil && made.CertificateARNs[name] != "" {
		return made.CertificateARNs[name]
	}
	if arn := v.env.Certificates[name].ACM.ARN; arn != "" {
		return arn
	}
	region, account := "local", "000000000000"
	if parts := strings.Split(v.env.LoadBalancerARN(), ":"); len(parts) > 4 {
		region, account = parts[3], parts[4]
	}
	return "arn:aws:acm:" + region + ":" + account + ":certificate/" + name
}

// certificateARNs is what certificates were named by so far and now.
func (v *view) certificateARNs(said map[string]string, list []certificate) map[string]string {
	all := maps.Clone(said)
	for _, c := range list {
		if name, refusal := v.certificateName(c.CertificateArn); refusal == nil {
			if all == nil {
				all = map[string]string{}
			}
			all[name] = c.CertificateArn
		}
	}
	return all
}

// certificateNames are the entries for the ARNs of a request's certificates.
func (v *view) certificateNames(list []certificate) ([]string, error) {
	var names []string
	for _, c := range list {
		name, refusal := v.certificateName(c.CertificateArn)
		if refusal != nil {
			return nil, refusal
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}
