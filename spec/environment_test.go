package spec_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/spec"
)

func load(t *testing.T, file string) *spec.Environment {
	t.Helper()
	env, err := spec.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func environment(name string) string { return filepath.Join("..", "environments", name+".yaml") }

func TestInUseTargetGroups(t *testing.T) {
	used := load(t, environment("local")).InUseTargetGroups()
	for _, name := range []string{"web", "web-sticky", "web-canary", "web-empty"} {
		if !used[name] {
			t.Errorf("%s is not used", name)
		}
	}
	if used["other"] || len(used) != 4 {
		t.Errorf("used: %v", used)
	}
}

// TestNamesOfAWS wants the forms of AWS, the same in every process, and nothing twice.
func TestNamesOfAWS(t *testing.T) {
	local, prod := load(t, environment("local")), load(t, environment("prod"))
	for got, want := range map[string]string{
		local.LoadBalancerID():      "app/demo-local/5bd9402603c14e3d",
		local.TargetGroupARN("web"): "arn:aws:elasticloadbalancing:local:000000000000:targetgroup/web/c0243e74bb988214",
		prod.TargetGroupARN("web"):  "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/fc1c002df53dd88b",
		prod.LoadBalancerARN():      "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/" + prod.LoadBalancerID(),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got, want := prod.ListenerARN("https"), "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/"+prod.LoadBalancerID()+"/"; !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s…", got, want)
	}
	if got, want := prod.RuleARN("https", 1), "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/"+prod.LoadBalancerID()+"/"; !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s…", got, want)
	}
	seen := map[string]bool{}
	for _, arn := range []string{
		prod.ListenerARN("http"), prod.ListenerARN("https"), prod.RuleARN("http", 0), prod.RuleARN("https", 0), prod.RuleARN("https", 10),
		prod.TargetGroupARN("a"), prod.TargetGroupARN("b"),
	} {
		if seen[arn] {
			t.Errorf("%s stands for two", arn)
		}
		seen[arn] = true
	}
}

func TestNotServed(t *testing.T) {
	want := []string{
		"waf.managed[1]", "waf.geo_match",
	}
	if diff := cmp.Diff(want, load(t, filepath.Join("testdata", "whole.yaml")).NotServed()); diff != "" {
		t.Error(diff)
	}
	if got := (&spec.Environment{}).NotServed(); len(got) > 0 {
		t.Errorf("nothing is not served: %q", got)
	}
}

func TestWarnings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "odd.yaml")
	text := `app: odd
load_balancer:
  listeners:
    - {name: a, port: 80, protocol: HTTP, default_action: {redirect: {protocol: HTTP, status_code: HTTP_301, port: "80", host: "#{host}"}}}
    - {name: b, port: 81, protocol: HTTP, default_action: {forward: [{target_group: web, weight: 0}]}}
target_groups:
  - {name: web, port: 80}
  - {name: idle, port: 80}
proxy:
  stickiness_keys: [0123456789012345678901234567890123]
`
	text = strings.Replace(text, "[0123456789012345678901234567890123]", `["0123456789012345678901234567890123"]`, 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env, problems, warnings := spec.Check(file)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if env == nil {
		t.Fatal("no environment")
	}
	for i, want := range []string{"clients go in circles", "every request is answered with 503", "no rule forwards to this target group", "is a secret in the open"} {
		if i >= len(warnings) || !strings.Contains(warnings[i].Error(), want) {
			t.Fatalf("got\n%v\nwant %q in line %d", warnings, want, i+1)
		}
	}
}

// TestInspections wants what a check from outside finds to stand where the value does, and
// beside what the package finds itself.
func TestInspections(t *testing.T) {
	file := filepath.Join(t.TempDir(), "odd.yaml")
	text := `app: Odd
load_balancer:
  listeners:
    - {name: a, port: 80, protocol: HTTP, default_action: {fixed_response: {status_code: 200}}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env, problems, warnings := spec.Check(file, func(env *spec.Environment, report spec.Report) {
		report.Refuse("app", "has a problem already", "", "")
		report.Refuse("load_balancer.listeners[0].port", "is privileged", fmt.Sprint(env.LoadBalancer.Listeners[0].Port), "another")
		report.Warn("load_balancer.listeners[0].rules", "are none", "", "")
	}, func(_ *spec.Environment, report spec.Report) { report.Warn("domain", "is missing", "", "") })
	if env != nil {
		t.Error("there is an environment")
	}
	want := file + `:1:6: app: is not allowed (got "Odd", want lower-case letters, digits and hyphens, at most 20, a letter first)
` + file + `:4:23: load_balancer.listeners[0].port: is privileged (got 80, want another)
` + file + `:1:1: domain: is missing
` + file + `:4:7: load_balancer.listeners[0].rules: are none`
	if got := problems.Error() + "\n" + warnings.Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDiff(t *testing.T) {
	a, b := load(t, environment("staging")), load(t, environment("prod"))
	if d := spec.Diff(a, a); len(d) > 0 {
		t.Errorf("an environment differs from itself: %v", d)
	}
	got := map[string]spec.Difference{}
	for _, d := range spec.Diff(a, b) {
		got[d.Path] = d
	}
	for path, want := range map[string][2]string{
		"domain":                  {"syncapp.staging.example.com", "syncapp.example.com"},
		"fleets.web.capacity.max": {"4", "10"},
		"load_balancer.attributes.deletion_protection":           {"false", "true"},
		"target_groups[web].proxy_only.connect_timeout":          {"10s", "5s"},
		"target_groups[web].proxy_only.passive_health":           {"", ""},
		"target_groups[web].proxy_only.idle_connections":         {"", ""},
		"fleets.workers-maintenance.queues":                      {"[reporting, maintenance, default]", "[maintenance, default]"},
		"alarms.notify.email":                                    {"[]", "[ops@example.com]"},
		"target_groups[web].proxy_only.passive_health.max_fails": {"0", "3"},
	} {
		if want == [2]string{} {
			if d, ok := got[path]; ok {
				t.Errorf("%s: %v", path, d)
			}
			continue
		}
		if d := got[path]; d.A != want[0] || d.B != want[1] {
			t.Errorf("%s: got %q and %q, want %q", path, d.A, d.B, want)
		}
	}
	if d := got["target_groups[web].targets[web-1]"]; d.A != "" || !strings.HasPrefix(d.B, "{id: web-1, address: 10.0.1.1, port: 8000") {
		t.Errorf("a target of one only: %v", d)
	}
}

// TestDiffKeepsSecrets changes a secret: the difference shows, the secret does not.
func TestDiffKeepsSecrets(t *testing.T) {
	a, b := &spec.Environment{}, &spec.Environment{}
	a.Proxy.StickinessKeys = []spec.Secret{"one secret"}
	b.Proxy.StickinessKeys = []spec.Secret{"another secret"}
	d := spec.Diff(a, b)
	if len(d) != 1 || strings.Contains(d[0].A+d[0].B, "secret") {
		t.Errorf("%v", d)
	}
}

func TestSecretsDoNotShow(t *testing.T) {
	s := spec.Secret("hush")
	text, err := json.Marshal(map[string]any{"s": s})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("secret", "s", s)
	for _, shown := range []string{fmt.Sprint(s), fmt.Sprintf("%v %s %q %#v", s, s, s, s), string(text), log.String()} {
		if strings.Contains(shown, "hush") {
			t.Errorf("shown: %s", shown)
		}
	}
	if got := spec.Secret("env:KEY").String(); got != "env:KEY" {
		t.Errorf("a reference is shown as %s", got)
	}
}

func TestCodes(t *testing.T) {
	h := spec.HealthCheck{Matcher: "200,202-204"}
	if got, want := h.Codes(), []spec.CodeRange{{First: 200, Last: 200}, {First: 202, Last: 204}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestNumbersOfTheOldPage holds prod and onprem to what they replace.
func TestNumbersOfTheOldPage(t *testing.T) {
	for _, name := range []string{"prod", "onprem"} {
		env := load(t, environment(name))
		web := env.TargetGroup("web")
		var weights []string
		for _, target := range web.Targets {
			weights = append(weights, fmt.Sprintf("%s:%d %d/%d %v", target.Address, target.Port, target.ProxyOnly.Weight, target.ProxyOnly.MaxConnections, target.ProxyOnly.Backup))
		}
		https := env.LoadBalancer.Listeners[1]
		got := fmt.Sprintf("%q %+v %v %v %v %v %v %+v %q %v %v %v %v", weights, web.HealthCheck, web.SlowStart,
			web.ProxyOnly.ConnectTimeout, web.ProxyOnly.SendTimeout, web.ProxyOnly.ReadTimeout, web.ProxyOnly.IdleConnections, web.ProxyOnly.PassiveHealth,
			https.ResponseHeaders.StrictTransportSecurity, env.Alarms.ErrorRate, env.Alarms.ResponseTime.P95, env.Alarms.Connections, env.Edge.Compression.Level)
		want := `["10.0.1.1:8000 10/100 false" "10.0.1.2:8000 10/100 false" "10.0.1.3:8000 10/100 false" "10.0.1.4:8000 5/50 true"] ` +
			`{Protocol:HTTP Port:traffic-port Path:/health/ Interval:30s Timeout:5s HealthyThreshold:2 UnhealthyThreshold:2 Matcher:200} 30s ` +
			`5s 1m0s 1m0s 32 {MaxFails:3 FailTimeout:30s} "max-age=31536000; includeSubDomains" 1% 500ms 80% 6`
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
	}
	fleet := load(t, environment("prod")).Fleets["web"]
	if fleet.Capacity != (spec.Capacity{Min: 2, Max: 10, Desired: 2}) || fleet.Scaling.CPUUtilization != 70 || fleet.HealthCheckGracePeriod.Seconds() != 300 {
		t.Errorf("the fleet: %+v", fleet)
	}
}
