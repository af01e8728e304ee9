package accesslog_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/proxy/internal/accesslog"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/waf"
	"github.com/evenkeel/evenkeel/spec"
)

func decision() *waf.Decision {
	x := served()
	x.Record.Created = time.UnixMilli(1700000000123)
	x.Record.TraceID = []byte("Self=1-67891233-abcdef012345678912345678;Root=1-00000000-000000000000000000000000")
	x.Request.Method, x.Request.Host = []byte("POST"), []byte("www.example.com")
	x.Request.Path, x.Request.Query, x.Request.HasQuery = []byte("/login"), []byte("id=1'"), true
	x.Request.Fields = fields("Host", "www.example.com", "COOKIE", "sessionid=secret", "Authorization", "Bearer secret", "x-api-key", "secret", "Accept", "*/*")
	return &waf.Decision{
		Exchange: x, Client: netip.MustParseAddr("192.0.2.1"), Blocked: true,
		Ended: &waf.Match{Rule: "AWSManagedRulesSQLiRuleSet", Status: 403, Group: "sqli", Findings: []string{"942100", "942190"}},
		Counted: []waf.Match{
			{Rule: "office"},
			{Rule: "login", Rate: &spec.RateLimit{Limit: 100, Window: time.Minute, Key: "ip"}, RateValue: []byte("192.0.2.1")},
			{Rule: "session", Rate: &spec.RateLimit{Limit: 10, Window: 10 * time.Minute, Key: "cookie:sessionid"}, RateValue: []byte("secret")},
			{Rule: "tenant", Rate: &spec.RateLimit{Limit: 10, Window: 10 * time.Minute, Key: "header:X-Tenant"}, RateValue: []byte("a")},
			{Rule: "key", Rate: &spec.RateLimit{Limit: 10, Window: 10 * time.Minute, Key: "header:X-Api-Key"}, RateValue: []byte("secret")},
		},
		Oversize: []string{"REQUEST_BODY"},
	}
}

// wafConfig is of a firewall whose log shows less than by default.
func wafConfig() accesslog.Config {
	c := config
	c.WebACL, c.Firewall = "shop-prod-load-balancer", spec.WAFLog{RedactHeaders: []string{"X-Api-Key"}}
	return c
}

func TestFirewallLine(t *testing.T) {
	line := accesslog.DecisionLine(wafConfig(), decision())
	if strings.Contains(line, "secret") {
		t.Errorf("something secret is shown: %s", line)
	}
	want := `{
		"timestamp": 1700000000123, "formatVersion": 1, "webaclId": "shop-prod-load-balancer",
		"terminatingRuleId": "AWSManagedRulesSQLiRuleSet", "terminatingRuleType": "MANAGED_RULE_GROUP", "action": "BLOCK",
		"terminatingRuleMatchDetails": [], "httpSourceName": "ALB", "httpSourceId": "` + config.LoadBalancer + `",
		"ruleGroupList": [{"ruleGroupId": "OWASP#AWSManagedRulesSQLiRuleSet",
			"terminatingRule": {"ruleId": "942190", "action": "BLOCK", "ruleMatchDetails": null},
			"nonTerminatingMatchingRules": [{"ruleId": "942100", "action": "COUNT", "ruleMatchDetails": []}], "excludedRules": null}],
		"rateBasedRuleList": [
			{"rateBasedRuleId": "login", "rateBasedRuleName": "login", "limitKey": "IP", "limitValue": "192.0.2.1", "maxRateAllowed": 100, "evaluationWindowSec": "60"},
			{"rateBasedRuleId": "session", "rateBasedRuleName": "session", "limitKey": "CUSTOMKEYS",
				"customValues": [{"key": "COOKIE", "name": "sessionid", "value": "REDACTED"}], "maxRateAllowed": 10, "evaluationWindowSec": "600"},
			{"rateBasedRuleId": "tenant", "rateBasedRuleName": "tenant", "limitKey": "CUSTOMKEYS",
				"customValues": [{"key": "HEADER", "name": "X-Tenant", "value": "a"}], "maxRateAllowed": 10, "evaluationWindowSec": "600"},
			{"rateBasedRuleId": "key", "rateBasedRuleName": "key", "limitKey": "CUSTOMKEYS",
				"customValues": [{"key": "HEADER", "name": "X-Api-Key", "value": "REDACTED"}], "maxRateAllowed": 10, "evaluationWindowSec": "600"}],
		"nonTerminatingMatchingRules": [
			{"ruleId": "office", "action": "COUNT", "ruleMatchDetails": []}, {"ruleId": "login", "action": "COUNT", "ruleMatchDetails": []},
			{"ruleId": "session", "action": "COUNT", "ruleMatchDetails": []}, {"ruleId": "tenant", "action": "COUNT", "ruleMatchDetails": []},
			{"ruleId": "key", "action": "COUNT", "ruleMatchDetails": []}],
		"requestHeadersInserted": null, "responseCodeSent": null,
		"httpRequest": {"clientIp": "192.0.2.1", "country": "-", "headers": [
				{"name": "Host", "value": "www.example.com"}, {"name": "COOKIE", "value": "REDACTED"}, {"name": "Authorization", "value": "REDACTED"},
				{"name": "x-api-key", "value": "REDACTED"}, {"name": "Accept", "value": "*/*"}],
			"uri": "/login", "args": "id=1'", "httpVersion": "HTTP/1.1", "httpMethod": "POST",
			"requestId": "1-67891233-abcdef012345678912345678", "scheme": "http", "host": "www.example.com"},
		"labels": [{"name": "awswaf:managed:owasp:sqli:942100"}, {"name": "awswaf:managed:owasp:sqli:942190"}],
		"oversizeFields": ["REQUEST_BODY"]}`
	if diff := cmp.Diff(decode(t, want), decode(t, line)); diff != "" {
		t.Error(diff)
	}
}

func decode(t *testing.T, text string) (v map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

func TestFirewallLineOfTheDefaultAction(t *testing.T) {
	d := decision()
	d.Ended, d.Blocked, d.Oversize = nil, false, nil
	d.Counted = d.Counted[:1]
	got := decode(t, accesslog.DecisionLine(wafConfig(), d))
	if got["terminatingRuleId"] != "Default_Action" || got["terminatingRuleType"] != "REGULAR" || got["action"] != "ALLOW" {
		t.Errorf("%v", got)
	}
	d.Blocked, d.Ended = true, &waf.Match{Rule: "login", Status: 429, Rate: &spec.RateLimit{Limit: 100, Window: time.Minute, Key: "all"}}
	got = decode(t, accesslog.DecisionLine(wafConfig(), d))
	if got["terminatingRuleType"] != "RATE_BASED" || got["responseCodeSent"] != 429.0 {
		t.Errorf("%v", got)
	}
}

// FuzzFirewallLine holds every line to one JSON object that shows nothing secret.
func FuzzFirewallLine(f *testing.F) {
	for _, s := range hostileSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := decision()
		x := d.Exchange
		b := []byte(s)
		x.Request.Method, x.Request.Host, x.Request.Path, x.Request.Query, x.Record.TraceID = b, b, b, b, b
		x.Request.Fields = append(x.Request.Fields, exchange.Field{Name: b, Value: b})
		d.Counted[3].RateValue = b
		line := accesslog.DecisionLine(wafConfig(), d)
		if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") {
			t.Fatalf("not one line: %q", line)
		}
		if len(decode(t, line)) != 17 || strings.Contains(line, "Bearer secret") {
			t.Fatal(line)
		}
	})
}
