package waf_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/infra/constructs/waf"
	"github.com/evenkeel/evenkeel/spec"
)

func TestCapacity(t *testing.T) {
	for file, want := range map[string]int{
		"../../../environments/prod.yaml": 700 + 200 + 25 + 200 + 2,
		"../../../environments/dev.yaml":  700 + 200,
		"testdata/every.yaml": 200 + 700 + 50 + // managed
			4*1 + 1 + // addresses of four sets, countries
			6*2 + 3*30 + // rates and their own keys
			3*(2+2*10), // paths, decoded and normalised
	} {
		env := load(t, file)
		_, stack := newStack(t, env)
		acl, err := waf.New(stack, "WAF", waf.Props{Environment: env, Scope: waf.Cloudfront})
		if err != nil {
			t.Fatal(err)
		}
		if acl.Capacity != want {
			t.Errorf("%s costs %d, want %d", file, acl.Capacity, want)
		}
	}
}

func TestEveryManagedGroupCosts(t *testing.T) {
	env := load(t, "testdata/every.yaml")
	env.WAF = spec.WAF{DefaultAction: spec.WAFAllow}
	_, stack := newStack(t, env)
	for _, group := range slices.Sorted(maps.Keys(spec.ManagedRuleGroups())) {
		env.WAF.Managed = []string{group}
		acl, err := waf.New(stack, group, waf.Props{Environment: env, Scope: waf.Regional})
		if err != nil {
			t.Fatal(err)
		}
		if acl.Capacity < 25 {
			t.Errorf("%s costs %d", group, acl.Capacity)
		}
	}
}

func TestChecksPass(t *testing.T) {
	for _, file := range files {
		if err := waf.Check(load(t, file)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestCheckTellsAll(t *testing.T) {
	env := load(t, "testdata/refused.yaml")
	env.WAF.Managed = slices.Sorted(maps.Keys(spec.ManagedRuleGroups()))
	for i := range 3100 {
		env.WAF.IPSets[fmt.Sprintf("set-%d", i)] = spec.IPSet{Addresses: []string{"203.0.113.0/24"}, Action: spec.WAFBlock}
	}
	err := waf.Check(env)
	if err == nil {
		t.Fatal("nothing is refused")
	}
	lines := strings.Split(err.Error(), "\n")
	want := []string{
		"waf.rate_limits[0].status: is none that AWS WAF answers with (got 418",
		`waf: a rule has the name of another or of one that AWS keeps (got "ALL"`,
		`waf: a rule has the name of another or of one that AWS keeps (got "All"`,
		"waf: the rules cost more web ACL capacity units than a web ACL has (got 5082, want at most 5000): ",
	}
	if len(lines) != len(want) {
		t.Fatalf("%d problems, want %d: %.500s", len(lines), len(want), err)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("%.200s\nwant\n%s", line, want[i])
		}
	}
	if !strings.Contains(lines[3], "AWSManagedRulesCommonRuleSet 700") {
		t.Error("the costs are not listed")
	}
	_, stack := newStack(t, env)
	if _, err := waf.New(stack, "WAF", waf.Props{Environment: env, Scope: waf.Regional}); err == nil {
		t.Error("New makes what Check refuses")
	}
	if n := len(*stack.Node().Children()); n != 0 {
		t.Errorf("%d constructs of a refused firewall", n)
	}
}

func TestAssociate(t *testing.T) {
	const balancer = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/syncapp/0123456789abcdef"
	env := load(t, files[0])
	app, stack := newStack(t, env)
	acl, err := waf.New(stack, "WAF", waf.Props{Environment: env, Scope: waf.Regional})
	if err != nil {
		t.Fatal(err)
	}
	acl.Associate(stack, "Association", balancer)
	made := synth(t, app, stack)
	got := made.one(t, "AWS::WAFv2::WebACLAssociation")
	if got["ResourceArn"] != balancer {
		t.Errorf("associated with %v", got["ResourceArn"])
	}
	for id := range made[typeWebACL] {
		if at(got, "WebACLArn", "Fn::GetAtt", 0) != id {
			t.Errorf("associated is %v", got["WebACLArn"])
		}
	}

	global, err := waf.New(stack, "Global", waf.Props{Environment: env, Scope: waf.Cloudfront})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a web ACL of CloudFront's stands before a load balancer")
		}
	}()
	global.Associate(stack, "GlobalAssociation", balancer)
}
