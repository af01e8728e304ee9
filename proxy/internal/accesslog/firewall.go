package accesslog

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/waf"
	"github.com/evenkeel/evenkeel/spec"
)

// LogsFirewall reports whether there is a log of the firewall.
func (l *Logger) LogsFirewall() bool { return l != nil && l.firewall != nil }

// redacted stands in AWS's log for what it does not show.
const redacted = "REDACTED"

// Judged records a request that a rule of the firewall blocked or counted, in the format of
// AWS WAF's log as far as its fields have a meaning here.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/logging-fields.html
func (l *Logger) Judged(d *waf.Decision) {
	if !l.LogsFirewall() {
		return
	}
	sh := l.firewall.begin(d.Exchange.Conn.Shard)
	if sh == nil {
		return
	}
	sh.pending = l.appendDecision(sh.pending, d)
	l.firewall.end(sh)
}

func (l *Logger) appendDecision(b []byte, d *waf.Decision) []byte {
	b = append(strconv.AppendInt(appendKey(append(b, '{'), "timestamp"), d.Exchange.Record.Created.UnixMilli(), 10), ',')
	b = append(b, `"formatVersion":1,`...)
	b = appendMember(b, "webaclId", l.config.WebACL)
	rule, kind, action := spec.DefaultActionRule, "REGULAR", "ALLOW"
	if d.Ended != nil {
		rule, kind = d.Ended.Rule, ruleType(d.Ended)
	}
	if d.Blocked {
		action = "BLOCK"
	}
	b = appendMember(b, "terminatingRuleId", rule)
	b = appendMember(b, "terminatingRuleType", kind)
	b = appendMember(b, "action", action)
	b = append(b, `"terminatingRuleMatchDetails":[],"httpSourceName":"ALB",`...)
	b = appendMember(b, "httpSourceId", l.names.Load().loadBalancer)
	b = appendGroups(b, d)
	b = l.appendRates(b, d)
	b = appendList(b, "nonTerminatingMatchingRules", d.Counted, func(b []byte, m *waf.Match) []byte {
		b = appendMember(append(b, '{'), "ruleId", m.Rule)
		return append(b, `"action":"COUNT","ruleMatchDetails":[]}`...)
	})
	status := 0
	if d.Blocked && d.Ended != nil && d.Ended.Status != http.StatusForbidden {
		status = d.Ended.Status
	}
	b = append(b, `"requestHeadersInserted":null,`...)
	b = appendNumber(b, "responseCodeSent", int64(status), status != 0)
	b = l.appendHTTPRequest(b, d)
	b = appendList(b, "labels", labels(d), func(b []byte, label *string) []byte {
		return append(appendJSONText(append(b, `{"name":"`...), *label), '"', '}')
	})
	if len(d.Oversize) > 0 {
		b = appendList(b, "oversizeFields", d.Oversize, func(b []byte, part *string) []byte {
			return append(appendJSONText(append(b, '"'), *part), '"')
		})
	}
	b[len(b)-1] = '}' // in place of the comma
	return append(b, '\n')
}

// appendList appends a member that is an array, and the comma behind it.
func appendList[T any](b []byte, name string, list []T, element func([]byte, *T) []byte) []byte {
	b = append(appendKey(b, name), '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = element(b, &list[i])
	}
	return append(b, ']', ',')
}

func ruleType(m *waf.Match) string {
	switch {
	case m.Group != "":
		return "MANAGED_RULE_GROUP"
	case m.Rate != nil:
		return "RATE_BASED"
	}
	return "REGULAR"
}

// matches are the rules that matched, in their order.
func matches(d *waf.Decision) []waf.Match {
	if d.Ended == nil {
		return d.Counted
	}
	return append(slices.Clip(d.Counted), *d.Ended)
}

// appendGroups appends the managed groups that matched. The last of their rules that matched
// is the one that made it enough.
func appendGroups(b []byte, d *waf.Decision) []byte {
	groups := slices.DeleteFunc(slices.Clone(matches(d)), func(m waf.Match) bool { return len(m.Findings) == 0 })
	return appendList(b, "ruleGroupList", groups, func(b []byte, m *waf.Match) []byte {
		b = append(appendJSONText(append(b, `{"ruleGroupId":"OWASP#`...), m.Rule), '"', ',')
		last := len(m.Findings) - 1
		b = appendMember(append(b, `"terminatingRule":{`...), "ruleId", m.Findings[last])
		b = append(b, `"action":"BLOCK","ruleMatchDetails":null},`...)
		b = appendList(b, "nonTerminatingMatchingRules", m.Findings[:last], func(b []byte, rule *string) []byte {
			b = appendMember(append(b, '{'), "ruleId", *rule)
			return append(b, `"action":"COUNT","ruleMatchDetails":[]}`...)
		})
		return append(b, `"excludedRules":null}`...)
	})
}

// limitKeys are AWS's words for the kinds of a rate rule's key; others are custom keys.
var limitKeys = map[string]string{"ip": "IP", "forwarded_ip": "FORWARDED_IP", "all": "CONSTANT"}

func (l *Logger) appendRates(b []byte, d *waf.Decision) []byte {
	rates := slices.DeleteFunc(slices.Clone(matches(d)), func(m waf.Match) bool { return m.Rate == nil })
	return appendList(b, "rateBasedRuleList", rates, func(b []byte, m *waf.Match) []byte {
		kind, name, custom := strings.Cut(m.Rate.Key, ":")
		b = appendMember(append(b, '{'), "rateBasedRuleId", m.Rule)
		b = appendMember(b, "rateBasedRuleName", m.Rule)
		value := m.RateValue
		switch {
		case custom:
			if kind == "cookie" || kind == "header" && l.redacts([]byte(name)) {
				value = []byte(redacted)
			}
			b = append(b, `"limitKey":"CUSTOMKEYS","customValues":[{`...)
			b = appendMember(b, "key", strings.ToUpper(kind))
			b = appendMember(b, "name", name)
			b = append(appendJSONText(append(appendKey(b, "value"), '"'), value), `"}],`...)
		default:
			b = appendMember(b, "limitKey", limitKeys[kind])
			b = appendMember(b, "limitValue", value)
		}
		b = appendNumber(b, "maxRateAllowed", int64(m.Rate.Limit), true)
		// AWS has this one as a text.
		return append(strconv.AppendInt(append(b, `"evaluationWindowSec":"`...), int64(m.Rate.Window/time.Second), 10), '"', '}')
	})
}

func (l *Logger) appendHTTPRequest(b []byte, d *waf.Decision) []byte {
	x := d.Exchange
	r := &x.Request
	b = append(appendAddr(append(b, `"httpRequest":{"clientIp":"`...), d.Client), `",`...)
	b = appendMember(b, "country", cmp.Or(d.Country, "-"))
	b = appendList(b, "headers", r.Fields, func(b []byte, f *exchange.Field) []byte {
		b = append(appendJSONText(append(b, `{"name":"`...), f.Name), `","value":"`...)
		if l.redacts(f.Name) {
			return append(b, redacted+`"}`...)
		}
		return append(appendJSONText(b, f.Value), '"', '}')
	})
	b = append(appendJSONText(append(appendKey(b, "uri"), '"'), r.Path), '"', ',')
	b = append(appendJSONText(append(appendKey(b, "args"), '"'), r.Query), '"', ',')
	b = appendMember(b, "httpVersion", versionText(r.Version))
	b = appendMember(b, "httpMethod", r.Method)
	b = appendMember(b, "requestId", requestID(x.Record.TraceID))
	b = appendMember(b, "scheme", scheme(x.Record.Type))
	b = appendMember(b, "host", r.Host)
	b[len(b)-1] = '}' // in place of the comma
	return append(b, ',')
}

// redacts reports whether the values of fields of that name are not shown.
func (l *Logger) redacts(name []byte) bool {
	return slices.ContainsFunc(l.redacted, func(s string) bool { return exchange.EqualFold(name, s) })
}

// requestID is the id that the load balancer has given the request: 1-67891233-abcdef… of
// Root=1-67891233-abcdef…, or the same after Self=.
func requestID(traceID []byte) []byte {
	_, id, ok := bytes.Cut(traceID, []byte("="))
	if !ok {
		return nil
	}
	id, _, _ = bytes.Cut(id, []byte(";"))
	return id
}

// labels name what managed groups found, as AWS names it of its own.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-label-requirements.html
func labels(d *waf.Decision) []string {
	var list []string
	for _, m := range matches(d) {
		for _, f := range m.Findings {
			list = append(list, "awswaf:managed:owasp:"+m.Group+":"+f)
		}
	}
	return list
}
