package parity

import (
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/infra/template"
	"github.com/evenkeel/evenkeel/spec"
)

// ReadWAF is the web ACL of an assembly as a file would say it; the zero WAF with the default
// action if there is none.
func ReadWAF(assembly *template.Assembly) (spec.WAF, error) {
	w := spec.WAF{DefaultAction: spec.WAFAllow, ManagedAction: spec.WAFBlock, GeoMatch: spec.GeoMatch{Action: spec.WAFBlock}}
	acls := assembly.All("AWS::WAFv2::WebACL")
	if len(acls) == 0 {
		return w, nil
	}
	if len(acls) > 1 {
		return w, fmt.Errorf("%d web ACLs, want 1", len(acls))
	}
	acl := acls[0]
	if acl.Has("DefaultAction.Block") {
		w.DefaultAction = spec.WAFBlock
	}
	short := map[string]string{}
	for name, group := range spec.ManagedRuleGroups() {
		short[group] = name
	}
	for i := range acl.List("Rules") {
		at := fmt.Sprintf("Rules[%d].", i)
		name, statement := acl.String(at+"Name"), at+"Statement."
		switch {
		case acl.Has(statement + "ManagedRuleGroupStatement"):
			if acl.Has(at + "OverrideAction.Count") {
				w.ManagedAction = spec.WAFCount
			}
			w.Managed = append(w.Managed, short[acl.String(statement+"ManagedRuleGroupStatement.Name")])
		case acl.Has(statement + "RateBasedStatement"):
			w.RateLimits = append(w.RateLimits, rateLimit(acl, at))
		case acl.Has(statement + "GeoMatchStatement"):
			w.GeoMatch = spec.GeoMatch{CountryCodes: texts(acl, statement+"GeoMatchStatement.CountryCodes"), Action: wafAction(acl, at)}
		default:
			if w.IPSets == nil {
				w.IPSets = map[string]spec.IPSet{}
			}
			w.IPSets[name] = spec.IPSet{Addresses: addresses(assembly, acl, statement), Action: wafAction(acl, at)}
		}
	}
	return w, nil
}

func wafAction(acl *template.Resource, at string) string {
	for _, action := range []string{spec.WAFAllow, spec.WAFBlock, spec.WAFCount} {
		if acl.Has(at + "Action." + strings.ToUpper(action[:1]) + action[1:]) {
			return action
		}
	}
	return ""
}

// addresses are those of the sets that a rule refers to, IPv4 before IPv6.
func addresses(assembly *template.Assembly, acl *template.Resource, statement string) []string {
	var list []string
	for _, ref := range assembly.References(acl.Stack, acl.Get(strings.TrimSuffix(statement, "."))) {
		list = append(list, texts(ref.Resource, "Addresses")...)
	}
	slices.SortStableFunc(list, func(a, b string) int { return strings.Count(a, ":") - strings.Count(b, ":") })
	return list
}

func rateLimit(acl *template.Resource, at string) spec.RateLimit {
	rate := at + "Statement.RateBasedStatement."
	r := spec.RateLimit{
		Name:   acl.String(at + "Name"),
		Limit:  int(acl.Number(rate + "Limit")),
		Window: duration(acl.String(rate + "EvaluationWindowSec")),
		Path:   acl.String(rate + "ScopeDownStatement.ByteMatchStatement.SearchString"),
		Status: 403,
		Action: wafAction(acl, at),
	}
	if acl.Has(at + "Action.Block.CustomResponse") {
		r.Status = int(acl.Number(at + "Action.Block.CustomResponse.ResponseCode"))
	}
	switch key := acl.String(rate + "AggregateKeyType"); key {
	case "IP":
		r.Key = "ip"
	case "FORWARDED_IP":
		r.Key = "forwarded_ip"
	case "CONSTANT":
		r.Key = "all"
	case "CUSTOM_KEYS":
		for _, kind := range []struct{ property, word string }{{"Header", "header"}, {"Cookie", "cookie"}, {"QueryArgument", "query_argument"}} {
			if name := acl.String(rate + "CustomKeys[0]." + kind.property + ".Name"); name != "" {
				r.Key = kind.word + ":" + name
			}
		}
	}
	return r
}
