package parity_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/evenkeel/evenkeel/infra/template"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/test/parity"
)

// environments are the files and the golden templates of them, which infra/stacks keeps equal
// to what CDK makes.
var environments = map[string]string{
	"dev":        "../../environments/dev.yaml",
	"staging":    "../../environments/staging.yaml",
	"prod":       "../../environments/prod.yaml",
	"everything": "../../infra/stacks/testdata/everything.yaml",
	"internal":   "../../infra/stacks/testdata/internal.yaml",
}

func golden(t *testing.T, name string) *template.Assembly {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../../infra/golden", name, "*.json"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%d golden templates of %s (%v)", len(files), name, err)
	}
	var stacks []*template.Stack
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		stack, err := template.Parse(strings.TrimSuffix(filepath.Base(file), ".json"), raw)
		if err != nil {
			t.Fatal(err)
		}
		stacks = append(stacks, stack)
	}
	return template.Assemble(stacks...)
}

// TestBothAreToldTheSame reads every template back and compares it with the description that
// the container loads from the same file, field by field.
func TestBothAreToldTheSame(t *testing.T) {
	for name, file := range environments {
		t.Run(name, func(t *testing.T) {
			env, err := spec.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			assembly := golden(t, name)
			balancer, groups, err := parity.ReadLoadBalancer(assembly)
			if err != nil {
				t.Fatal(err)
			}
			wantBalancer, wantGroups := onAWS(env)
			if diff := cmp.Diff(wantBalancer, balancer, same...); diff != "" {
				t.Errorf("load balancer (-file +template):\n%s", diff)
			}
			if diff := cmp.Diff(wantGroups, groups, same...); diff != "" {
				t.Errorf("target groups (-file +template):\n%s", diff)
			}
			firewall, err := parity.ReadWAF(assembly)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(env.WAF, firewall, same...); diff != "" {
				t.Errorf("waf (-file +template):\n%s", diff)
			}
		})
	}
}

var same = []cmp.Option{cmpopts.EquateEmpty()}

// onAWS is what of the file a template can say: the exceptions, each with its reason.
func onAWS(env *spec.Environment) (spec.LoadBalancer, []spec.TargetGroup) {
	b := env.LoadBalancer
	b.Listeners = slices.Clone(b.Listeners)
	for i := range b.Listeners {
		// AWS knows certificates by ARNs. TestEveryCertificateIsThere counts them.
		b.Listeners[i].Certificates = nil
		b.Listeners[i].Rules = slices.SortedFunc(slices.Values(b.Listeners[i].Rules), func(x, y spec.Rule) int { return x.Priority - y.Priority })
	}
	slices.SortFunc(b.Listeners, func(x, y spec.Listener) int { return x.Port - y.Port })
	groups := slices.Clone(env.TargetGroups)
	for i := range groups {
		g := &groups[i]
		// No ALB has these: they are refused, or left out with aws.proxy_only: drop.
		g.ProxyOnly = spec.ProxyOnly{}
		g.Targets = slices.Clone(g.Targets)
		for j := range g.Targets {
			g.Targets[j].ProxyOnly = spec.TargetProxyOnly{}
			g.Targets[j].ID = "" // AWS calls a target by its address
		}
		if g.Fleet != "" {
			// The fleet registers its instances; the file's targets are the container's.
			g.Targets = nil
			g.Fleet = env.ResourceName(g.Fleet)
		}
	}
	slices.SortFunc(groups, func(x, y spec.TargetGroup) int { return strings.Compare(x.Name, y.Name) })
	return b, groups
}

// TestEveryCertificateIsThere counts what cannot be compared by name.
func TestEveryCertificateIsThere(t *testing.T) {
	for name, file := range environments {
		env, err := spec.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		got := parity.CountCertificates(golden(t, name))
		for _, l := range env.LoadBalancer.Listeners {
			if got[l.Name] != len(l.Certificates) {
				t.Errorf("%s: listener %s has %d certificates, want %d", name, l.Name, got[l.Name], len(l.Certificates))
			}
		}
	}
}
