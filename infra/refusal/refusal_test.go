package refusal_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/infra/refusal"
	"github.com/evenkeel/evenkeel/spec"
)

// check holds a file that extends the repository's base to what AWS can do.
func check(t *testing.T, text string) (problems, warnings string) {
	t.Helper()
	environments, err := filepath.Abs("../../environments")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(environments, "userdata"), filepath.Join(dir, "userdata")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "fault.yaml")
	if err := os.WriteFile(file, []byte("extends: "+filepath.Join(environments, "base.yaml")+"\n"+text), 0o644); err != nil {
		t.Fatal(err)
	}
	_, p, w := spec.Check(file, refusal.Inspect(file))
	return join(p), join(w)
}

// place makes base.yaml an environment of AWS.
const place = `
dns: {zone: example.com, zone_id: Z0123456789ABCDEFGHIJ}
aws: {account: "123456789012", region: eu-west-1, cloudfront_prefix_list: pl-4fa04526}
`

func join(p spec.Problems) string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].Error()
	}
	return strings.Join(lines, "\n")
}

func TestWhatAWSCanDoIsLetThrough(t *testing.T) {
	if problems, _ := check(t, place); problems != "" {
		t.Error(problems)
	}
	for _, name := range []string{"dev", "staging", "prod"} {
		file := filepath.Join("../../environments", name+".yaml")
		if _, problems, _ := spec.Check(file, refusal.Inspect(file)); len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
}

func TestWhatAWSCannotDoIsRefused(t *testing.T) {
	groups := func(rest string) string {
		return place + "target_groups:\n  - {name: web, port: 8000, health_check: {path: /}, " + rest + "}\nfleets: {web: {scaling: {cpu_utilization: 1}}}\n"
	}
	for name, test := range map[string]struct{ text, want, instead string }{
		"no account":         {"dns: {zone: example.com, zone_id: Z0123456789ABCDEFGHIJ}\naws: {cloudfront_prefix_list: pl-4fa04526}\n", "aws.account: is missing", "12 digits"},
		"no zone":            {"aws: {account: \"123456789012\", region: eu-west-1, cloudfront_prefix_list: pl-4fa04526}\n", "dns.zone_id: is missing", "Route 53"},
		"no prefix list":     {"dns: {zone: example.com, zone_id: Z0123456789ABCDEFGHIJ}\naws: {account: \"123456789012\", region: eu-west-1}\n", "aws.cloudfront_prefix_list: is missing", "describe-managed-prefix-lists"},
		"hash":               {groups("targets: [], proxy_only: {algorithm: source_ip_hash}"), "proxy_only.algorithm: is what no", "stickiness"},
		"two choices":        {groups("targets: [], proxy_only: {algorithm: power_of_two_choices}"), "proxy_only.algorithm: is what no", "least_outstanding_requests"},
		"queue":              {groups("targets: [], proxy_only: {queue: {depth: 5, timeout: 1s}}"), "proxy_only.queue: is what no", "target_control_port"},
		"passive health":     {groups("targets: [], proxy_only: {passive_health: {max_fails: 3, fail_timeout: 30s}}"), "proxy_only.passive_health: is what no", "anomaly_mitigation"},
		"retries":            {groups("targets: [], proxy_only: {retries: {attempts: 1, on: [reset], budget: 10%}}"), "proxy_only.retries: is what no", "once"},
		"connect timeout":    {groups("targets: [], proxy_only: {connect_timeout: 1s}"), "proxy_only.connect_timeout: is what no", "10s"},
		"send timeout":       {groups("targets: [], proxy_only: {send_timeout: 1s}"), "proxy_only.send_timeout: is what no", "idle_timeout"},
		"read timeout":       {groups("targets: [], proxy_only: {read_timeout: 1s}"), "proxy_only.read_timeout: is what no", "idle_timeout"},
		"tunnel timeout":     {groups("targets: [], proxy_only: {tunnel_timeout: 1h}"), "proxy_only.tunnel_timeout: is what no", "idle_timeout"},
		"largest body":       {groups("targets: [], proxy_only: {max_request_body: 1}"), "proxy_only.max_request_body: is what no", "application"},
		"idle connections":   {groups("targets: [], proxy_only: {idle_connections: 1}"), "proxy_only.idle_connections: is what no", "by itself"},
		"headers":            {groups("targets: [], proxy_only: {headers: {set: {X-A: b}}}"), "proxy_only.headers: is what no", "CloudFront"},
		"cookie":             {groups("targets: [], proxy_only: {cookie: {name: SERVERID}}"), "proxy_only.cookie: is what no", "stickiness"},
		"discovery":          {groups("targets: [], proxy_only: {discovery: {dns: web.internal}}"), "proxy_only.discovery: is what no", "fleet"},
		"weight":             {groups("targets: [{id: a, address: 10.0.0.1, proxy_only: {weight: 2}}]"), "targets[0].proxy_only.weight: is what no", "weighted forward"},
		"backup":             {groups("targets: [{id: a, address: 10.0.0.1, proxy_only: {backup: true}}]"), "targets[0].proxy_only.backup: is what no", "Route 53"},
		"max connections":    {groups("targets: [{id: a, address: 10.0.0.1, proxy_only: {max_connections: 2}}]"), "targets[0].proxy_only.max_connections: is what no", "target optimizer"},
		"workers in a group": {place + "target_groups:\n  - {name: web, port: 8000, fleet: jobs}\nfleets:\n  jobs: {instance_type: t3.small, queues: [a], concurrency: 1}\n", "names a fleet of workers", "without queues"},
		"source ip": {place + "load_balancer:\n  listeners:\n    - {name: https, port: 443, protocol: HTTPS, certificates: [syncapp], default_action: {forward: [{target_group: web}]}," +
			" rules: [{name: a, priority: 1, conditions: [{source_ip: [192.0.2.0/24]}], action: {fixed_response: {status_code: 403}}}]}\n", "source_ip: sees CloudFront's address", "waf.ip_sets"},
		"no HTTPS":     {place + "load_balancer:\n  listeners:\n    - {name: http, port: 80, protocol: HTTP, default_action: {forward: [{target_group: web}]}}\n", "have none that CloudFront can reach", "443"},
		"stale":        {place + "edge: {cache: [{path: /a, proxy_only: {stale_while_revalidate: 1s}}]}\n", "edge.cache[0].proxy_only.stale_while_revalidate: is what CloudFront", "Cache-Control of answers"},
		"stale errors": {place + "edge: {cache: [{path: /a, proxy_only: {stale_if_error: 1s}}]}\n", "edge.cache[0].proxy_only.stale_if_error: is what CloudFront", "Cache-Control of answers"},
		"bypass":       {place + "edge: {cache: [{path: /a, proxy_only: {bypass_on_cache_control: true}}]}\n", "edge.cache[0].proxy_only.bypass_on_cache_control: is what CloudFront", "nothing"},
		"compression":  {place + "edge: {compression: {minimum_size: 10}}\n", "edge.compression.minimum_size: is fixed in CloudFront", "1000"},
		"files only":   {place + "certificates: {syncapp: {acm: {domain: \"\"}}}\n", "is a certificate of files only", "acm.domain or acm.arn"},
		"no user data": {place + "fleets: {web: {user_data: userdata/none.sh}}\n", "fleets.web.user_data: cannot be read", "script"},
		"dualstack":    {place + "load_balancer: {ip_address_type: dualstack}\n", "ip_address_type: needs a network with IPv6", "aws.vpc.id"},
		"priority of the aggregate": {place + "load_balancer:\n  listeners:\n    - {name: https, port: 443, protocol: HTTPS, certificates: [syncapp], default_action: {forward: [{target_group: web}]}," +
			" rules: [{name: a, priority: 1, conditions: [{path_pattern: [/a]}], action: {fixed_response: {status_code: 403}}}]}\n", "priority: is kept for /health/aggregate", "2 or more"},
		"queue depth": {place + "fleets: {jobs: {instance_type: t3.small, queues: [a], concurrency: 1, scaling: {queue_depth: 5}}}\n", "queue_depth: needs the metrics of a broker", "data.broker"},
	} {
		t.Run(name, func(t *testing.T) {
			problems, _ := check(t, test.text)
			found := false
			for line := range strings.SplitSeq(problems, "\n") {
				found = found || strings.Contains(line, test.want) && strings.Contains(line, test.instead) && strings.Contains(line, ".yaml:")
			}
			if !found {
				t.Errorf("got\n%s\nwant a line with file and line, %q and %q", problems, test.want, test.instead)
			}
		})
	}
}

// TestProxyOnlyCanBeDropped: then nothing of it is refused.
func TestProxyOnlyCanBeDropped(t *testing.T) {
	problems, _ := check(t, strings.Replace(place, "aws: {", "aws: {proxy_only: drop, ", 1)+
		"target_groups:\n  - {name: web, port: 8000, proxy_only: {algorithm: least_time, retries: {attempts: 1, on: [reset], budget: 10%}}}\n")
	if problems != "" {
		t.Error(problems)
	}
}

func TestWhatIsLikelyMeantOtherwiseIsWarnedOf(t *testing.T) {
	_, warnings := check(t, place+"fleets: {web: {capacity: {min: 1, max: 4, desired: 3}}}\n")
	for _, want := range []string{"alarms.notify: tells nobody", "access_logs: are off", "fleets.web.capacity.desired: is not where a new group begins"} {
		if !strings.Contains(warnings, want) {
			t.Errorf("got\n%s\nwant %q", warnings, want)
		}
	}
}
