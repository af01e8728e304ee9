//go:build e2e

package e2e_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/evenkeel/evenkeel/test/harness"
)

const prometheusFile = `app: watched
domain: app.test
load_balancer:
  listeners:
    - {name: http, port: 80, protocol: HTTP, default_action: {forward: [{target_group: web}]}}
    - {name: https, port: 443, protocol: HTTPS, certificates: [site], default_action: {forward: [{target_group: web}]}}
certificates: {site: {files: {certificate: site.crt, private_key: site.key}}}
target_groups:
  - name: web
    port: 80
    health_check: {path: /health/, interval: 5s, timeout: 2s, healthy_threshold: 2, unhealthy_threshold: 2}
    targets: %TARGETS%
    proxy_only: {discovery: {dns: _http._tcp.watched.test, resolvers: ["%DNS%"]}}
proxy:
  bind: {http: "%PLAIN%", https: "%SECURE%"}
  admin: {listen: "%ADMIN%"}
  access_log: {path: %DIR%/access.log}
`

// watched is the file, of which DNS names a second target.
func watched(t *testing.T) (file string, d *harness.DNS) {
	d = harness.NewDNS(t)
	d.Set("local.test", harness.Addresses(1, "127.0.0.1")...)
	d.Set("_http._tcp.watched.test", harness.Service(1, 1, 1, uint16(newMirror(t, "two").port), "local.test"))
	return strings.Replace(prometheusFile, "%DNS%", d.Address(), 1), d
}

// writeRules has `evenkeel rules` make a file of rules for a site, and promtool check it.
func writeRules(t *testing.T, s *site) string {
	t.Helper()
	rules, err := command(t, program, "", "rules", s.file)
	if err != nil {
		t.Fatalf("evenkeel rules: %v\n%s", err, rules)
	}
	file := filepath.Join(s.dir, "rules.yaml")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := command(t, "promtool", "prometheus", "check", "rules", file); err != nil {
		t.Fatalf("promtool check: %v\n%s", err, out)
	}
	return file
}

// trouble is a world in which one thing goes wrong.
type trouble struct {
	name string
	// begins is when, in minutes; 0 stands for 10. What is unusual takes something usual before.
	begins int
	// series replace those of a quiet world, by metric.
	series map[string]string
	// fires are the alerts, by when they must have begun, in minutes; all others must not.
	fires map[string]string
}

// quiet is a world in which all is well: 1,200 requests a minute and two healthy targets, a
// sample every 30 seconds. In a series, a+bxn is a and n more samples that grow by b.
var quiet = map[string]string{
	`alb_request_count_total{LB,target_group="web"}`:                           "0+600x270",
	`alb_http_code_elb_5xx_count_total{LB}`:                                    "0+0x270",
	`alb_http_code_target_5xx_count_total{LB,target_group="web"}`:              "0+0x270",
	`alb_target_response_time_seconds_bucket{LB,target_group="web",le="0.1"}`:  "0+600x270",
	`alb_target_response_time_seconds_bucket{LB,target_group="web",le="1"}`:    "0+600x270",
	`alb_target_response_time_seconds_bucket{LB,target_group="web",le="+Inf"}`: "0+600x270",
	`alb_active_connection_count{LB}`:                                          "10+0x270",
	`alb_rejected_connection_count_total{LB}`:                                  "0+0x270",
	`alb_target_connection_error_count_total{LB,target_group="web"}`:           "0+0x270",
	`alb_client_tls_negotiation_error_count_total{LB}`:                         "0+0x270",
	`alb_healthy_host_count{LB,target_group="web",availability_zone=""}`:       "2+0x270",
	`alb_unhealthy_host_count{LB,target_group="web",availability_zone=""}`:     "0+0x270",
	`alb_unhealthy_routing_request_count_total{LB,target_group="web"}`:         "0+0x270",
	`evenkeel_config_last_reload_successful{instance="a"}`:                     "1+0x270",
	`evenkeel_log_dropped_lines_total{instance="a"}`:                           "0+0x270",
	`evenkeel_discovery_lookups_total{LB,target_group="web",result="success"}`: "0+15x270",
	`evenkeel_discovery_lookups_total{LB,target_group="web",result="failure"}`: "0+0x270",
	// Time begins at 0: a hundred days are left.
	`evenkeel_certificate_expiry_timestamp_seconds{LB,listener="https",certificate="site"}`: "8640000+0x270",
}

var troubles = []trouble{
	{name: "quiet", fires: map[string]string{}},
	{
		name:   "targets fail 2 %",
		series: map[string]string{`alb_http_code_target_5xx_count_total{LB,target_group="web"}`: "0+0x20 12+12x59"},
		fires:  map[string]string{"ErrorRate": "20m", "TargetErrorRate": "20m"},
	},
	{
		name:   "load balancer fails 10 %",
		series: map[string]string{`alb_http_code_elb_5xx_count_total{LB}`: "0+0x20 60+60x59"},
		fires:  map[string]string{"ErrorRate": "20m", "ErrorRateCritical": "20m", "LoadBalancerErrorRate": "20m", "ServiceDown": "20m"},
	},
	{
		name: "an outage: no request reaches a target",
		series: map[string]string{
			`alb_request_count_total{LB,target_group="web"}`:                           "0+600x20 12000+0x59",
			`alb_target_response_time_seconds_bucket{LB,target_group="web",le="0.1"}`:  "0+600x20 12000+0x59",
			`alb_target_response_time_seconds_bucket{LB,target_group="web",le="1"}`:    "0+600x20 12000+0x59",
			`alb_target_response_time_seconds_bucket{LB,target_group="web",le="+Inf"}`: "0+600x20 12000+0x59",
			`alb_http_code_elb_5xx_count_total{LB}`:                                    "0+0x20 600+600x59",
			`alb_healthy_host_count{LB,target_group="web",availability_zone=""}`:       "2+0x20 0+0x59",
			`alb_unhealthy_host_count{LB,target_group="web",availability_zone=""}`:     "0+0x20 2+0x59",
		},
		fires: map[string]string{
			"ErrorRate": "20m", "ErrorRateCritical": "20m", "LoadBalancerErrorRate": "20m", "ServiceDown": "20m",
			"UnhealthyTargets": "20m", "HealthyTargets": "20m", "HealthyTargetsCritical": "20m",
		},
	},
	{
		name: "few requests, all of them failed, are no rate",
		series: map[string]string{
			`alb_request_count_total{LB,target_group="web"}`:              "0+10x270",
			`alb_http_code_target_5xx_count_total{LB,target_group="web"}`: "0+10x270",
		},
		fires: map[string]string{},
	},
	{
		name: "slow", begins: 100,
		series: map[string]string{
			`alb_target_response_time_seconds_bucket{LB,target_group="web",le="0.1"}`: "0+600x200 120000+0x69",
		},
		fires: map[string]string{"ResponseTime": "115m", "ResponseTimeAnomaly": "115m"},
	},
	{
		name:   "nearly full",
		series: map[string]string{`alb_active_connection_count{LB}`: "10+0x20 60000+0x59"},
		fires:  map[string]string{"Connections": "20m"},
	},
	{
		name:   "full",
		series: map[string]string{`alb_rejected_connection_count_total{LB}`: "0+0x20 1+1x59"},
		fires:  map[string]string{"RejectedConnections": "20m"},
	},
	{
		name:   "targets refuse connections",
		series: map[string]string{`alb_target_connection_error_count_total{LB,target_group="web"}`: "0+0x20 1+1x59"},
		fires:  map[string]string{"TargetConnectionErrors": "20m"},
	},
	{
		name: "handshakes fail", begins: 100,
		series: map[string]string{`alb_client_tls_negotiation_error_count_total{LB}`: "0+0x200 9+9x69"},
		fires:  map[string]string{"ClientTLSErrors": "117m"},
	},
	{
		name: "one of two targets is unhealthy",
		series: map[string]string{
			`alb_healthy_host_count{LB,target_group="web",availability_zone=""}`:   "2+0x20 1+0x59",
			`alb_unhealthy_host_count{LB,target_group="web",availability_zone=""}`: "0+0x20 1+0x59",
		},
		fires: map[string]string{"UnhealthyTargets": "20m", "HealthyTargets": "20m"},
	},
	{
		name:   "no target is registered",
		series: map[string]string{`alb_healthy_host_count{LB,target_group="web",availability_zone=""}`: "2+0x20 0+0x59"},
		fires:  map[string]string{"HealthyTargetsCritical": "20m", "ServiceDown": "20m"},
	},
	{
		name:   "fail open",
		series: map[string]string{`alb_unhealthy_routing_request_count_total{LB,target_group="web"}`: "0+0x20 5+5x59"},
		fires:  map[string]string{"UnhealthyRouting": "20m"},
	},
	{
		name:   "nobody is there",
		series: map[string]string{`alb_active_connection_count{LB}`: "10+0x20 stale"},
		fires:  map[string]string{"ProxyAbsent": "20m", "ServiceDown": "20m"},
	},
	{
		name:   "the file is broken",
		series: map[string]string{`evenkeel_config_last_reload_successful{instance="a"}`: "1+0x20 0+0x59"},
		fires:  map[string]string{"ReloadFailed": "12m"},
	},
	{
		name:   "the disk is full",
		series: map[string]string{`evenkeel_log_dropped_lines_total{instance="a"}`: "0+0x20 5+5x59"},
		fires:  map[string]string{"LogLinesDropped": "20m"},
	},
	{
		name:   "nobody renewed a certificate",
		series: map[string]string{`evenkeel_certificate_expiry_timestamp_seconds{LB,listener="https",certificate="site"}`: "8640000+0x20 2500000+0x59"},
		fires:  map[string]string{"CertificateExpiry": "12m"},
	},
	{
		name:   "DNS fails",
		series: map[string]string{`evenkeel_discovery_lookups_total{LB,target_group="web",result="failure"}`: "0+0x20 1+1x59"},
		fires:  map[string]string{"DiscoveryFailing": "20m"},
	},
}

// TestPrometheusRulesFire has promtool play out what goes wrong: what must alert does, in time
// and not before, and nothing else does.
func TestPrometheusRulesFire(t *testing.T) {
	watch, _ := watched(t)
	s := newSite(t, watch, newMirror(t, "one"))
	file := writeRules(t, s)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	alerts := alertsOf(t, string(text))
	_, id, _ := strings.Cut(string(text), `load_balancer="`)
	id, _, _ = strings.Cut(id, `"`)
	fired := map[string]bool{}

	var tests strings.Builder
	fmt.Fprintf(&tests, "rule_files: [%s]\nevaluation_interval: 30s\ntests:\n", file)
	for _, trouble := range troubles {
		fmt.Fprintf(&tests, "  - name: %q\n    interval: 30s\n    input_series:\n", trouble.name)
		for series, values := range quiet {
			if other, ok := trouble.series[series]; ok {
				values = other
			}
			series = strings.Replace(series, "LB", fmt.Sprintf("load_balancer=%q", id), 1)
			fmt.Fprintf(&tests, "      - {series: '%s', values: '%s'}\n", series, values)
		}
		for series := range trouble.series {
			if _, ok := quiet[series]; !ok {
				t.Fatalf("%s: no series %s", trouble.name, series)
			}
		}
		// What is counted is the series of alerts by name: labels are for people.
		fmt.Fprintf(&tests, "    promql_expr_test:\n")
		for name := range alerts {
			when, fires := trouble.fires[name]
			begins := cmp.Or(trouble.begins, 10)
			before, after := fmt.Sprintf("%dm", begins-1), fmt.Sprintf("%dm", begins+25)
			if fires {
				after, fired[name] = when, true
			}
			for _, at := range []string{before, after} {
				samples := "[]"
				if fires && at == after {
					samples = "[{value: 1}]"
				}
				fmt.Fprintf(&tests, "      - {expr: 'count(ALERTS{alertname=\"%s\",alertstate=\"firing\"}) > bool 0', eval_time: %s, exp_samples: %s}\n", name, at, samples)
			}
		}
		for name := range trouble.fires {
			if !alerts[name] {
				t.Errorf("%s: there is no alert %s", trouble.name, name)
			}
		}
	}
	for name := range alerts {
		if !fired[name] {
			t.Errorf("nothing makes %s alert", name)
		}
	}
	play := filepath.Join(s.dir, "play.yaml")
	if err := os.WriteFile(play, []byte(tests.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := command(t, "promtool", "prometheus", "test", "rules", play); err != nil {
		t.Errorf("promtool test: %v\n%s", err, out)
	}
}

// alertsOf are the names of the alerts of a file of rules.
func alertsOf(t *testing.T, text string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "- alert: "); ok {
			names[name] = true
		}
	}
	if len(names) < 10 {
		t.Fatalf("%d alerts, want more", len(names))
	}
	return names
}

// queriesOf has `evenkeel dashboard` draw a dashboard for a site, and returns the queries of its
// panels, as Grafana sends them.
func queriesOf(t *testing.T, s *site) map[string][]string {
	t.Helper()
	out, status := evenkeel(t, "dashboard", s.file)
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(out), &dashboard); err != nil || status != 0 {
		t.Fatalf("evenkeel dashboard: status %d, %v\n%s", status, err, out)
	}
	queries := map[string][]string{}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			q := strings.NewReplacer("$__rate_interval", "1m", "$target_group", ".*").Replace(target.Expr)
			if strings.Contains(q, "$") {
				t.Errorf("panel %s: a variable that is not known: %s", p.Title, q)
			}
			queries[p.Title] = append(queries[p.Title], q)
		}
	}
	if len(queries) < 10 {
		t.Fatalf("%d panels with queries", len(queries))
	}
	return queries
}

// TestPrometheusScrapes has a real Prometheus scrape a proxy and go by its rules: all can be
// reckoned, and a file that is broken under the running proxy alerts.
func TestPrometheusScrapes(t *testing.T) {
	watch, dns := watched(t)
	s := newSite(t, watch, newMirror(t, "one"))
	rules := writeRules(t, s)
	b := s.serve()
	b.healthy(2)
	for range 20 {
		answer, err := http.Get("http://" + s.plain + "/")
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}

	listen := loopback(freePorts(t, 1)[0])
	config := filepath.Join(s.dir, "prometheus.yaml")
	text := fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [%s]\nscrape_configs: [{job_name: evenkeel, static_configs: [{targets: ['%s']}]}]\n", rules, s.admin)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := harness.Start(t, tool(t, "prometheus", "prometheus"), "--config.file", config, "--storage.tsdb.path", filepath.Join(s.dir, "data"), "--web.listen-address", listen)
	get := func(path string, into any) bool {
		answer, err := http.Get("http://" + listen + path)
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusOK && json.NewDecoder(answer.Body).Decode(into) == nil
	}
	type rule struct{ Name, Health, State, LastError string }
	rulesNow := func() (all []rule) {
		var answer struct {
			Data struct{ Groups []struct{ Rules []rule } }
		}
		get("/api/v1/rules", &answer)
		for _, g := range answer.Data.Groups {
			all = append(all, g.Rules...)
		}
		return all
	}
	value := func(query string) string {
		var answer struct {
			Data struct {
				Result []struct{ Value [2]any }
			}
		}
		if !get("/api/v1/query?query="+url.QueryEscape(query), &answer) || len(answer.Data.Result) != 1 {
			return ""
		}
		return fmt.Sprint(answer.Data.Result[0].Value[1])
	}
	p.Until("scraped", func() bool { return value("up") == "1" && value("sum(alb_request_count_total)") == "20" })
	p.Until("rules reckoned", func() bool {
		all := rulesNow()
		for _, r := range all {
			if r.Health != "ok" {
				return false
			}
		}
		return len(all) > 20
	})
	for _, r := range rulesNow() {
		if r.State == "firing" {
			t.Errorf("%s alerts, and nothing is wrong", r.Name)
		}
	}

	queries, empty := queriesOf(t, s), ""
	dns.Fail(dnsmessage.RCodeServerFailure)
	p.Until("failed look-ups scraped", func() bool {
		n, _ := strconv.Atoi(value(`evenkeel_discovery_lookups_total{result="failure",target_group="web"}`))
		return n > 1
	})
	if n := value("sum(alb_healthy_host_count)"); n != "2" {
		t.Errorf("%s targets are healthy while DNS fails, want 2", n)
	}
	s.write(strings.Replace(watch, "port: 80, protocol: HTTP,", "port: 80, protocol: GOPHER,", 1))
	p.Until("ReloadFailed alerts", func() bool {
		for _, r := range rulesNow() {
			if r.Name == "ReloadFailed" && r.State == "firing" {
				return true
			}
		}
		return false
	})

	// Now that there was a reload, everything has happened that a panel shows.
	defer func() {
		if t.Failed() {
			t.Log("last panel without data: " + empty)
		}
	}()
	p.Until("data for every panel", func() bool {
		visit(t, s, "/", "")
		for panel, list := range queries {
			for _, q := range list {
				var answer struct{ Data struct{ Result []any } }
				if !get("/api/v1/query?query="+url.QueryEscape(q), &answer) {
					t.Fatalf("panel %s: Prometheus refuses %s", panel, q)
				}
				if len(answer.Data.Result) == 0 {
					empty = panel + ": " + q
					return false
				}
			}
		}
		return true
	})
}
