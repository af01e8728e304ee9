package waf_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/infra/constructs/waf"
	"github.com/evenkeel/evenkeel/spec"
)

const (
	typeWebACL  = "AWS::WAFv2::WebACL"
	typeIPSet   = "AWS::WAFv2::IPSet"
	typeLogging = "AWS::WAFv2::LoggingConfiguration"
	typeGroup   = "AWS::Logs::LogGroup"
)

// eachFile runs the test on the web ACL of every file, the first one of scope REGIONAL.
func eachFile(t *testing.T, test func(t *testing.T, env *spec.Environment, acl *waf.WebACL, scope waf.Scope, made template)) {
	for i, file := range files {
		scope := waf.Cloudfront
		if i == 0 {
			scope = waf.Regional
		}
		t.Run(name(file), func(t *testing.T) {
			env := load(t, file)
			acl, made := build(t, env, scope)
			test(t, env, acl, scope, made)
		})
	}
}

func TestWebACLIsTheFiles(t *testing.T) {
	eachFile(t, func(t *testing.T, env *spec.Environment, acl *waf.WebACL, scope waf.Scope, made template) {
		got := made.one(t, typeWebACL)
		if got["Scope"] != string(scope) {
			t.Errorf("scope %v, want %s", got["Scope"], scope)
		}
		action := strings.ToUpper(env.WAF.DefaultAction[:1]) + env.WAF.DefaultAction[1:]
		if diff := cmp.Diff(object{action: object{}}, got["DefaultAction"]); diff != "" {
			t.Errorf("default action: %s", diff)
		}
		if got["Name"] != acl.Name || at(got, "VisibilityConfig", "MetricName") != acl.Name {
			t.Errorf("name %v, metric %v, handle %s", got["Name"], at(got, "VisibilityConfig", "MetricName"), acl.Name)
		}

		want := slices.Sorted(maps.Keys(env.WAF.IPSets))
		if len(env.WAF.GeoMatch.CountryCodes) > 0 {
			want = append(want, "geo_match")
		}
		for _, l := range env.WAF.RateLimits {
			want = append(want, l.Name)
		}
		for _, m := range env.WAF.Managed {
			want = append(want, spec.ManagedRuleGroups()[m])
		}
		var names []string
		list, _ := got["Rules"].([]any)
		for i, r := range list {
			names = append(names, fmt.Sprint(at(r, "Name")))
			if at(r, "Priority") != float64(i) {
				t.Errorf("%v has priority %v at place %d", at(r, "Name"), at(r, "Priority"), i)
			}
			visible := object{"CloudWatchMetricsEnabled": true, "SampledRequestsEnabled": true, "MetricName": at(r, "Name")}
			if diff := cmp.Diff(visible, at(r, "VisibilityConfig")); diff != "" {
				t.Errorf("%v: %s", at(r, "Name"), diff)
			}
			if (at(r, "Action") == nil) != (at(r, "Statement", "ManagedRuleGroupStatement") != nil) ||
				(at(r, "Action") == nil) == (at(r, "OverrideAction") == nil) {
				t.Errorf("%v has neither one action nor a group's: %v", at(r, "Name"), r)
			}
		}
		if !slices.Equal(names, want) {
			t.Errorf("rules %q, want %q", names, want)
		}
		if acl.Capacity > waf.MaxCapacity {
			t.Errorf("capacity %d", acl.Capacity)
		}
	})
}

// TestLimitsAreTheFiles also tells that the file's limit, window and status get nowhere lost.
func TestLimitsAreTheFiles(t *testing.T) {
	eachFile(t, func(t *testing.T, env *spec.Environment, _ *waf.WebACL, _ waf.Scope, made template) {
		list, _ := made.one(t, typeWebACL)["Rules"].([]any)
		for _, l := range env.WAF.RateLimits {
			i := slices.IndexFunc(list, func(r any) bool { return at(r, "Name") == l.Name })
			if i < 0 {
				t.Fatalf("no rule %s", l.Name)
			}
			s := at(list[i], "Statement", "RateBasedStatement")
			if at(s, "Limit") != float64(l.Limit) || at(s, "EvaluationWindowSec") != l.Window.Seconds() {
				t.Errorf("%s: %v in %v, want %d in %v", l.Name, at(s, "Limit"), at(s, "EvaluationWindowSec"), l.Limit, l.Window)
			}
			if (at(s, "ScopeDownStatement") != nil) != (l.Path != "") {
				t.Errorf("%s: scope-down %v, path %q", l.Name, at(s, "ScopeDownStatement"), l.Path)
			}
			response := at(list[i], "Action", "Block", "CustomResponse")
			switch status := at(response, "ResponseCode"); {
			case l.Status == 403 && status != nil, l.Status != 403 && status != float64(l.Status):
				t.Errorf("%s: status %v, want %d", l.Name, status, l.Status)
			}
			after := at(response, "ResponseHeaders", 0)
			if l.Status == 429 {
				want := object{"Name": "Retry-After", "Value": fmt.Sprint(int(l.Window.Seconds()))}
				if diff := cmp.Diff(want, after); diff != "" {
					t.Errorf("%s: %s", l.Name, diff)
				}
			} else if after != nil {
				t.Errorf("%s: header %v on %d", l.Name, after, l.Status)
			}
		}
	})
}

func TestRateLimitStatements(t *testing.T) {
	const asIs = `"TextTransformations": [{"Priority": 0, "Type": "NONE"}]`
	startsWith := func(path string) string {
		return `{"ByteMatchStatement": {"FieldToMatch": {"UriPath": {}}, "PositionalConstraint": "STARTS_WITH", "SearchString": "` + path + `",
			"TextTransformations": [{"Priority": 0, "Type": "URL_DECODE"}, {"Priority": 1, "Type": "NORMALIZE_PATH"}]}}`
	}
	want := map[string]string{
		"per-ip": `{"AggregateKeyType": "IP", "Limit": 2000, "EvaluationWindowSec": 300}`,
		"per-forwarded": `{"AggregateKeyType": "FORWARDED_IP", "Limit": 100, "EvaluationWindowSec": 60,
			"ForwardedIPConfig": {"HeaderName": "X-Forwarded-For", "FallbackBehavior": "NO_MATCH"}, "ScopeDownStatement": ` + startsWith("/api/") + `}`,
		"per-token": `{"AggregateKeyType": "CUSTOM_KEYS", "Limit": 10, "EvaluationWindowSec": 120, "CustomKeys": [{"Header": {"Name": "X-Api-Key", ` + asIs + `}}]}`,
		// The path is decoded as requests' paths are.
		"per-session": `{"AggregateKeyType": "CUSTOM_KEYS", "Limit": 50, "EvaluationWindowSec": 600, "CustomKeys": [{"Cookie": {"Name": "sessionid", ` + asIs + `}}],
			"ScopeDownStatement": ` + startsWith("/a b/") + `}`,
		"per-account": `{"AggregateKeyType": "CUSTOM_KEYS", "Limit": 60, "EvaluationWindowSec": 300, "CustomKeys": [{"QueryArgument": {"Name": "account", ` + asIs + `}}]}`,
		"login":       `{"AggregateKeyType": "CONSTANT", "Limit": 2000000000, "EvaluationWindowSec": 300, "ScopeDownStatement": ` + startsWith("/login") + `}`,
	}
	_, made := build(t, load(t, "testdata/every.yaml"), waf.Cloudfront)
	list, _ := made.one(t, typeWebACL)["Rules"].([]any)
	found := 0
	for _, r := range list {
		s := at(r, "Statement", "RateBasedStatement")
		if s == nil {
			continue
		}
		found++
		if diff := cmp.Diff(parse(t, want[fmt.Sprint(at(r, "Name"))]), s); diff != "" {
			t.Errorf("%v: %s", at(r, "Name"), diff)
		}
	}
	if found != len(want) {
		t.Errorf("%d rate rules, want %d", found, len(want))
	}
}

func TestIPSets(t *testing.T) {
	env := load(t, "testdata/every.yaml")
	_, made := build(t, env, waf.Regional)
	list, _ := made.one(t, typeWebACL)["Rules"].([]any)
	used := 0
	for _, name := range slices.Sorted(maps.Keys(env.WAF.IPSets)) {
		set := env.WAF.IPSets[name]
		i := slices.IndexFunc(list, func(r any) bool { return at(r, "Name") == name })
		references := []any{at(list[i], "Statement")}
		if several, ok := at(list[i], "Statement", "OrStatement", "Statements").([]any); ok {
			references = several
		}
		var addresses []string
		for _, s := range references {
			id := fmt.Sprint(at(s, "IPSetReferenceStatement", "Arn", "Fn::GetAtt", 0))
			p := made[typeIPSet][id]
			if p == nil {
				t.Fatalf("%s: no set %s", name, id)
			}
			used++
			if p["Scope"] != string(waf.Regional) {
				t.Errorf("%s has scope %v", id, p["Scope"])
			}
			list, _ := p["Addresses"].([]any)
			for _, a := range list {
				v6 := netip.MustParsePrefix(a.(string)).Addr().Is6()
				if v6 != (p["IPAddressVersion"] == "IPV6") {
					t.Errorf("%v is in a set of %v", a, p["IPAddressVersion"])
				}
				addresses = append(addresses, a.(string))
			}
		}
		if !slices.Equal(addresses, set.Addresses) {
			t.Errorf("%s has %q, want %q", name, addresses, set.Addresses)
		}
		want := object{strings.ToUpper(set.Action[:1]) + set.Action[1:]: object{}}
		if diff := cmp.Diff(want, at(list[i], "Action")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if used != len(made[typeIPSet]) {
		t.Errorf("%d sets are used, %d are made", used, len(made[typeIPSet]))
	}
	i := slices.IndexFunc(list, func(r any) bool { return at(r, "Name") == "geo_match" })
	want := parse(t, `{"GeoMatchStatement": {"CountryCodes": ["NL", "BE"]}}`)
	if diff := cmp.Diff(want, at(list[i], "Statement")); diff != "" || at(list[i], "Action", "Count") == nil {
		t.Errorf("geo_match: %s, action %v", diff, at(list[i], "Action"))
	}
}

func TestManagedGroups(t *testing.T) {
	eachFile(t, func(t *testing.T, env *spec.Environment, _ *waf.WebACL, _ waf.Scope, made template) {
		list, _ := made.one(t, typeWebACL)["Rules"].([]any)
		for _, m := range env.WAF.Managed {
			group := spec.ManagedRuleGroups()[m]
			i := slices.IndexFunc(list, func(r any) bool { return at(r, "Name") == group })
			want := object{"VendorName": "AWS", "Name": group}
			if m == "common" {
				want["RuleActionOverrides"] = parse(t, `[{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}]`)
			}
			if diff := cmp.Diff(want, at(list[i], "Statement", "ManagedRuleGroupStatement")); diff != "" {
				t.Errorf("%s: %s", m, diff)
			}
			if diff := cmp.Diff(object{"None": object{}}, at(list[i], "OverrideAction")); diff != "" {
				t.Errorf("%s: %s", m, diff)
			}
		}
	})
}

// TestOversizeIsDecided refuses a statement that looks at what AWS WAF sees a beginning of
// only, and leaves open what becomes of the rest.
func TestOversizeIsDecided(t *testing.T) {
	var walk func(t *testing.T, value any)
	walk = func(t *testing.T, value any) {
		switch v := value.(type) {
		case object:
			if field, ok := v["FieldToMatch"].(object); ok {
				for _, part := range []string{"Body", "JsonBody", "Headers", "Cookies"} {
					if field[part] != nil && at(field, part, "OversizeHandling") == nil {
						t.Errorf("%s without OversizeHandling: %v", part, v)
					}
				}
			}
			for _, inner := range v {
				walk(t, inner)
			}
		case []any:
			for _, inner := range v {
				walk(t, inner)
			}
		}
	}
	eachFile(t, func(t *testing.T, _ *spec.Environment, _ *waf.WebACL, _ waf.Scope, made template) {
		walk(t, made.one(t, typeWebACL))
	})
}

func TestLog(t *testing.T) {
	eachFile(t, func(t *testing.T, env *spec.Environment, acl *waf.WebACL, _ waf.Scope, made template) {
		group := made.one(t, typeGroup)
		if group["LogGroupName"] != "aws-waf-logs-"+acl.Name || group["RetentionInDays"] != float64(env.AWS.LogRetentionDays) {
			t.Errorf("log group %v", group)
		}
		if !strings.HasPrefix(acl.Name, env.ResourceName("")) {
			t.Errorf("%s does not name the environment", acl.Name)
		}
		logging := made.one(t, typeLogging)
		parts, _ := at(logging, "LogDestinationConfigs", 0, "Fn::Join", 1).([]any)
		for id := range made[typeGroup] {
			if len(parts) == 0 || at(parts[len(parts)-1], "Ref") != id {
				t.Errorf("the log goes to %v, not to the group, or the ARN ends in :*", parts)
			}
		}
		for id := range made[typeWebACL] {
			if at(logging, "ResourceArn", "Fn::GetAtt", 0) != id {
				t.Errorf("the log is of %v", logging["ResourceArn"])
			}
		}
		redacted := parse(t, `[{"SingleHeader": {"Name": "authorization"}}, {"SingleHeader": {"Name": "cookie"}}]`)
		if diff := cmp.Diff(redacted, logging["RedactedFields"]); diff != "" {
			t.Errorf("redacted: %s", diff)
		}
		filter := parse(t, `{"DefaultBehavior": "DROP", "Filters": [{"Behavior": "KEEP", "Requirement": "MEETS_ANY",
			"Conditions": [{"ActionCondition": {"Action": "BLOCK"}}, {"ActionCondition": {"Action": "COUNT"}}]}]}`)
		if diff := cmp.Diff(filter, logging["LoggingFilter"]); diff != "" {
			t.Errorf("filter: %s", diff)
		}
		protected := parse(t, `[{"Action": "SUBSTITUTION", "Field": {"FieldType": "SINGLE_HEADER", "FieldKeys": ["authorization", "cookie"]}}]`)
		if diff := cmp.Diff(protected, at(made.one(t, typeWebACL), "DataProtectionConfig", "DataProtections")); diff != "" {
			t.Errorf("samples: %s", diff)
		}
	})
}
