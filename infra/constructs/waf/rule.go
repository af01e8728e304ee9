package waf

import (
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	wafv2 "github.com/aws/aws-cdk-go/awscdk/v2/awswafv2"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/spec"
)

// rule is one rule of the web ACL.
type rule struct {
	// name is unique in the web ACL.
	name string
	// capacity is what the rule costs, in web ACL capacity units.
	capacity  int
	statement *wafv2.CfnWebACL_StatementProperty
	// action is what a match leads to; nil for a group, whose rules have actions of their own.
	action *wafv2.CfnWebACL_RuleActionProperty
	// override is what becomes of the actions of a group's rules; nil for any other rule.
	override *wafv2.CfnWebACL_OverrideActionProperty
}

// rules are the firewall's in the order in which they decide: sets of addresses by name,
// countries, rates and managed groups in the file's order. What is cheap and certain comes
// first; an address that a set allows skips the rest. references gives the ARNs of a set.
func rules(firewall *spec.WAF, references func(set string) []string) []rule {
	var all []rule
	for _, name := range slices.Sorted(maps.Keys(firewall.IPSets)) {
		all = append(all, ipSetRule(name, firewall.IPSets[name].Action, references(name)))
	}
	if g := firewall.GeoMatch; len(g.CountryCodes) > 0 {
		all = append(all, rule{
			name:     spec.GeoMatchRule,
			capacity: unitsMatch,
			statement: &wafv2.CfnWebACL_StatementProperty{
				GeoMatchStatement: &wafv2.CfnWebACL_GeoMatchStatementProperty{CountryCodes: convert.Strings(g.CountryCodes)},
			},
			action: ruleAction(g.Action),
		})
	}
	for i := range firewall.RateLimits {
		all = append(all, rateLimitRule(&firewall.RateLimits[i]))
	}
	for _, name := range firewall.Managed {
		all = append(all, managedRule(spec.ManagedRuleGroups()[name], firewall.ManagedAction))
	}
	return all
}

// properties are the rules as CloudFormation has them. A priority is a rule's place.
func properties(all []rule) any {
	var list []any
	for i, r := range all {
		p := &wafv2.CfnWebACL_RuleProperty{
			Name:             new(r.name),
			Priority:         jsii.Number(i),
			Statement:        r.statement,
			VisibilityConfig: visibility(r.name),
		}
		if r.action != nil {
			p.Action = r.action
		} else {
			p.OverrideAction = r.override
		}
		list = append(list, p)
	}
	return convert.Union(list...)
}

func ruleAction(action string) *wafv2.CfnWebACL_RuleActionProperty {
	switch action {
	case spec.WAFAllow:
		return &wafv2.CfnWebACL_RuleActionProperty{Allow: &wafv2.CfnWebACL_AllowActionProperty{}}
	case spec.WAFCount:
		return &wafv2.CfnWebACL_RuleActionProperty{Count: &wafv2.CfnWebACL_CountActionProperty{}}
	default:
		return &wafv2.CfnWebACL_RuleActionProperty{Block: &wafv2.CfnWebACL_BlockActionProperty{}}
	}
}

// family is the addresses of one version of IP.
type family struct {
	version   string
	addresses []string
}

// families splits a set's addresses, as an IP set of AWS has one version.
func families(addresses []string) []family {
	v4, v6 := family{version: "IPV4"}, family{version: "IPV6"}
	for _, a := range addresses {
		if p, err := netip.ParsePrefix(a); err == nil && p.Addr().Is4() {
			v4.addresses = append(v4.addresses, a)
		} else {
			v6.addresses = append(v6.addresses, a)
		}
	}
	return slices.DeleteFunc([]family{v4, v6}, func(f family) bool { return len(f.addresses) == 0 })
}

func ipSetRule(name, action string, arns []string) rule {
	var statements []*wafv2.CfnWebACL_StatementProperty
	for _, arn := range arns {
		statements = append(statements, &wafv2.CfnWebACL_StatementProperty{
			IpSetReferenceStatement: &wafv2.CfnWebACL_IPSetReferenceStatementProperty{Arn: &arn},
		})
	}
	r := rule{name: name, capacity: unitsMatch * len(arns), action: ruleAction(action)}
	if len(statements) == 1 {
		r.statement = statements[0]
	} else {
		r.statement = &wafv2.CfnWebACL_StatementProperty{
			OrStatement: &wafv2.CfnWebACL_OrStatementProperty{Statements: convert.Union(statements...)},
		}
	}
	return r
}

// rateLimitRule blocks or counts the requests of who sends more than the limit in the window.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based.html
func rateLimitRule(l *spec.RateLimit) rule {
	s := &wafv2.CfnWebACL_RateBasedStatementProperty{
		Limit:               jsii.Number(l.Limit),
		EvaluationWindowSec: convert.Seconds(l.Window),
	}
	r := rule{name: l.Name, capacity: unitsRate, action: ruleAction(l.Action)}
	if l.Action == spec.WAFBlock {
		r.action = blockWith(l.Status, l.Window)
	}
	switch kind, name, _ := strings.Cut(l.Key, ":"); kind {
	case "ip":
		s.AggregateKeyType = new("IP")
	case "forwarded_ip":
		s.AggregateKeyType = new("FORWARDED_IP")
		s.ForwardedIpConfig = &wafv2.CfnWebACL_ForwardedIPConfigurationProperty{
			HeaderName: new("X-Forwarded-For"),
			// A field without an address, such as the "unknown" of some proxies, is not
			// limited: MATCH would block it at once, whatever the rate. Who means harm can
			// write any address there anyway.
			FallbackBehavior: new("NO_MATCH"),
		}
	case "all":
		s.AggregateKeyType = new("CONSTANT")
	default: // header, cookie or query_argument; a request without it is not limited
		s.AggregateKeyType = new("CUSTOM_KEYS")
		s.CustomKeys = convert.Union(customKey(kind, name))
		r.capacity += unitsCustomKey
	}
	if l.Path != "" {
		s.ScopeDownStatement = pathStatement(l.Path)
		r.capacity += unitsStartsWith + unitsTransformation*len(pathTransformations)
	}
	r.statement = &wafv2.CfnWebACL_StatementProperty{RateBasedStatement: s}
	return r
}

func customKey(kind, name string) *wafv2.CfnWebACL_RateBasedStatementCustomKeyProperty {
	asIs := transformations("NONE")
	switch kind {
	case "header":
		return &wafv2.CfnWebACL_RateBasedStatementCustomKeyProperty{
			Header: &wafv2.CfnWebACL_RateLimitHeaderProperty{Name: &name, TextTransformations: asIs},
		}
	case "cookie":
		return &wafv2.CfnWebACL_RateBasedStatementCustomKeyProperty{
			Cookie: &wafv2.CfnWebACL_RateLimitCookieProperty{Name: &name, TextTransformations: asIs},
		}
	default:
		return &wafv2.CfnWebACL_RateBasedStatementCustomKeyProperty{
			QueryArgument: &wafv2.CfnWebACL_RateLimitQueryArgumentProperty{Name: &name, TextTransformations: asIs},
		}
	}
}

// pathTransformations undo other spellings of a path, /%6Cogin/ and /a/../login/, so that
// none escapes a limit. Case stays: paths differ by it.
var pathTransformations = []string{"URL_DECODE", "NORMALIZE_PATH"}

// pathStatement matches paths that begin with prefix, which is decoded as they are.
func pathStatement(prefix string) *wafv2.CfnWebACL_StatementProperty {
	if decoded, err := url.PathUnescape(prefix); err == nil {
		prefix = decoded
	}
	return &wafv2.CfnWebACL_StatementProperty{
		ByteMatchStatement: &wafv2.CfnWebACL_ByteMatchStatementProperty{
			FieldToMatch:         &wafv2.CfnWebACL_FieldToMatchProperty{UriPath: map[string]any{}},
			PositionalConstraint: new("STARTS_WITH"),
			SearchString:         &prefix,
			TextTransformations:  transformations(pathTransformations...),
		},
	}
}

func transformations(kinds ...string) any {
	var list []any
	for i, kind := range kinds {
		list = append(list, &wafv2.CfnWebACL_TextTransformationProperty{Priority: jsii.Number(i), Type: &kind})
	}
	return convert.Union(list...)
}

const (
	statusForbidden       = 403
	statusTooManyRequests = 429
)

// blockWith answers with the status. 403 is what AWS answers by itself, with a page; 429
// says when to come back.
func blockWith(status int, window time.Duration) *wafv2.CfnWebACL_RuleActionProperty {
	block := &wafv2.CfnWebACL_BlockActionProperty{}
	if status != statusForbidden {
		response := &wafv2.CfnWebACL_CustomResponseProperty{ResponseCode: jsii.Number(status)}
		if status == statusTooManyRequests {
			response.ResponseHeaders = convert.Union(&wafv2.CfnWebACL_CustomHTTPHeaderProperty{
				Name:  new("Retry-After"),
				Value: new(strconv.Itoa(int(window / time.Second))),
			})
		}
		block.CustomResponse = response
	}
	return &wafv2.CfnWebACL_RuleActionProperty{Block: block}
}

// commonRuleSet is the group with a rule that cannot hold for an application that takes
// files.
const commonRuleSet = "AWSManagedRulesCommonRuleSet"

func managedRule(group, action string) rule {
	s := &wafv2.CfnWebACL_ManagedRuleGroupStatementProperty{VendorName: new("AWS"), Name: &group}
	if group == commonRuleSet {
		// The rule blocks every body above 8 KB: uploads of files, and long forms, which
		// Django takes up to its own DATA_UPLOAD_MAX_MEMORY_SIZE. Count leaves the decision
		// to the application and still labels, logs and counts such requests.
		s.RuleActionOverrides = convert.Union(&wafv2.CfnWebACL_RuleActionOverrideProperty{
			Name:        new("SizeRestrictions_BODY"),
			ActionToUse: ruleAction(spec.WAFCount),
		})
	}
	override := &wafv2.CfnWebACL_OverrideActionProperty{None: map[string]any{}}
	if action == spec.WAFCount {
		override = &wafv2.CfnWebACL_OverrideActionProperty{Count: map[string]any{}}
	}
	return rule{
		override:  override,
		name:      group,
		capacity:  managedCapacity[group],
		statement: &wafv2.CfnWebACL_StatementProperty{ManagedRuleGroupStatement: s},
	}
}
