package data_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/constructs/data"
	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/spec"
)

func TestMain(m *testing.M) {
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

// The environments of the house, and two that have what those have not.
const (
	prod     = "../../../environments/prod.yaml"
	staging  = "../../../environments/staging.yaml"
	dev      = "../../../environments/dev.yaml"
	existing = "testdata/existing.yaml"
	long     = "testdata/Long_name-of-a--test-environment-in-europe.yaml"
)

var all = []string{prod, staging, dev, existing, long}

// subnets are three, as production's.
var subnets = []string{"subnet-0aaaaaaaaaaaaaaa1", "subnet-0aaaaaaaaaaaaaaa2", "subnet-0aaaaaaaaaaaaaaa3"}

const (
	databaseGroup = "sg-0ddddddddddddddd1"
	cacheGroup    = "sg-0ccccccccccccccc1"
	brokerGroup   = "sg-0bbbbbbbbbbbbbbb1"
)

// made is the stack of one environment, as it was synthesized.
type made struct {
	env       *spec.Environment
	data      *data.Data
	stack     cdk.Stack
	transform any
	resources []resource
	findings  []finding
}

// resource is one of a template.
type resource struct {
	id                  string
	Type                string
	Properties          map[string]any
	Metadata            map[string]any
	DeletionPolicy      string
	UpdateReplacePolicy string
	DependsOn           any
}

// finding is what a rule of cdk-nag says of a resource.
type finding struct {
	RuleID     string `json:"ruleId"`
	ResourceID string `json:"resourceId"`
	Compliance string
	Reason     string `json:"exceptionReason"`
}

// stacks are those already built: a synthesis takes seconds.
var stacks = map[string]made{}

func build(t *testing.T, file string) made {
	t.Helper()
	if m, ok := stacks[file]; ok {
		return m
	}
	env, err := spec.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	app := cdk.NewApp(&cdk.AppProps{Outdir: new(t.TempDir()), AnalyticsReporting: new(false)})
	nag.Check(app)
	m := made{env: env, stack: cdk.NewStack(app, new("data"), &cdk.StackProps{
		Env: &cdk.Environment{Account: &env.AWS.Account, Region: &env.AWS.Region},
	})}
	m.data = data.New(m.stack, "Data", data.Props{
		Environment:    env,
		PrivateSubnets: subnets,
		DatabaseGroup:  databaseGroup,
		CacheGroup:     cacheGroup,
		BrokerGroup:    brokerGroup,
	})
	out := *app.Synth(nil).Directory()
	var template struct {
		Transform any
		Resources map[string]resource
	}
	read(t, filepath.Join(out, "data.template.json"), &template)
	m.transform = template.Transform
	for _, id := range slices.Sorted(maps.Keys(template.Resources)) {
		r := template.Resources[id]
		r.id = id
		m.resources = append(m.resources, r)
	}
	var report struct{ Lines []finding }
	if len(m.resources) > 0 {
		read(t, filepath.Join(out, "AwsSolutions-data-NagReport.json"), &report)
	}
	m.findings = report.Lines
	stacks[file] = m
	return m
}

func read(t *testing.T, file string, to any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, to); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// each runs a test on every environment.
func each(t *testing.T, test func(t *testing.T, m made)) {
	t.Helper()
	for _, file := range all {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) { test(t, build(t, file)) })
	}
}

// of are the resources of a type.
func (m made) of(kind string) []resource {
	var list []resource
	for _, r := range m.resources {
		if r.Type == kind {
			list = append(list, r)
		}
	}
	return list
}

// one is the only resource of a type.
func (m made) one(t *testing.T, kind string) resource {
	t.Helper()
	list := m.of(kind)
	if len(list) != 1 {
		t.Fatalf("%d resources of type %s, want 1", len(list), kind)
	}
	return list[0]
}

// named is the resource of a type with that value of a property.
func (m made) named(t *testing.T, kind, property, value string) resource {
	t.Helper()
	for _, r := range m.of(kind) {
		if r.Properties[property] == value {
			return r
		}
	}
	t.Fatalf("no %s has %s %q", kind, property, value)
	return resource{}
}

// want compares properties, written as JSON is; null stands for one that is not there.
func (r resource) want(t *testing.T, properties map[string]any) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if got, want := text(t, r.Properties[name]), text(t, properties[name]); got != want {
			t.Errorf("%s: %s = %s, want %s", r.Type, name, got, want)
		}
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// shown is a handle's string, tokens and all, as the template would have it.
func (m made) shown(t *testing.T, v any) string {
	t.Helper()
	return text(t, m.stack.Resolve(v))
}

func ref(id string) map[string]any { return map[string]any{"Ref": id} }

func attribute(id, name string) map[string]any {
	return map[string]any{"Fn::GetAtt": []string{id, name}}
}

func days(hours float64) float64 { return hours / 24 }
