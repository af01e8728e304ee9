package drain_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/constructs/drain"
	"github.com/evenkeel/evenkeel/spec"
)

func TestMain(m *testing.M) {
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

// entry is a command of another package's tests; nothing of it is compiled here.
const entry = "../function/testdata/probe"

// resource is one of a template's.
type resource struct {
	Type       string
	DependsOn  []string
	Properties map[string]any
}

func load(t *testing.T, name string) *spec.Environment {
	t.Helper()
	env, err := spec.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func prod(t *testing.T) *spec.Environment { return load(t, "../../../environments/prod.yaml") }

// newStack is a stack of an app that compiles nothing.
func newStack(t *testing.T, env *spec.Environment) cdk.Stack {
	t.Helper()
	app := cdk.NewApp(&cdk.AppProps{
		Outdir:  new(t.TempDir()),
		Context: &map[string]any{"aws:cdk:bundling-stacks": []string{}},
	})
	return cdk.NewStack(app, new("Test"), &cdk.StackProps{
		Env: &cdk.Environment{Account: &env.AWS.Account, Region: &env.AWS.Region},
	})
}

// newDrain is the drain of an environment's fleets, and the template of its stack.
func newDrain(t *testing.T, env *spec.Environment) (*drain.Drain, map[string]resource) {
	t.Helper()
	stack := newStack(t, env)
	d := drain.New(stack, "Drain", drain.Props{Environment: env, Entry: entry, Fleets: env.Fleets})
	return d, template(t, stack)
}

// template is what the stack deploys, by logical id.
func template(t *testing.T, stack cdk.Stack) map[string]resource {
	t.Helper()
	text, err := json.Marshal(assertions.Template_FromStack(stack, nil).ToJSON())
	if err != nil {
		t.Fatal(err)
	}
	var parsed struct{ Resources map[string]resource }
	if err := json.Unmarshal(text, &parsed); err != nil {
		t.Fatal(err)
	}
	return parsed.Resources
}

// named is the one resource of a type whose property has the value, and its logical id.
func named(t *testing.T, resources map[string]resource, kind, property string, value any) (string, resource) {
	t.Helper()
	var found []string
	for id, r := range resources {
		if r.Type == kind && (property == "" || r.Properties[property] == value) {
			found = append(found, id)
		}
	}
	if len(found) != 1 {
		t.Fatalf("the template has %d resources of type %s with %s %v, want 1", len(found), kind, property, value)
	}
	return found[0], resources[found[0]]
}

func only(t *testing.T, resources map[string]resource, kind string) (string, resource) {
	t.Helper()
	return named(t, resources, kind, "", nil)
}

func arn(id string) any { return map[string]any{"Fn::GetAtt": []any{id, "Arn"}} }

// seconds is a property that counts them.
func seconds(t *testing.T, r resource, property string) float64 {
	t.Helper()
	n, ok := r.Properties[property].(float64)
	if !ok {
		t.Fatalf("%s has no number %s: %v", r.Type, property, r.Properties)
	}
	return n
}

// statement is one of a policy's.
type statement struct {
	role      string
	actions   []string
	resources []any
	condition any
}

// allowed lists what roles may do, by the logical ids of the roles.
func allowed(resources map[string]resource) []statement {
	var all []statement
	for _, r := range resources {
		if r.Type != "AWS::IAM::Policy" {
			continue
		}
		role := r.Properties["Roles"].([]any)[0].(map[string]any)["Ref"].(string)
		for _, s := range r.Properties["PolicyDocument"].(map[string]any)["Statement"].([]any) {
			s := s.(map[string]any)
			if s["Effect"] != "Allow" {
				continue
			}
			one := statement{role: role, resources: list(s["Resource"]), condition: s["Condition"]}
			for _, a := range list(s["Action"]) {
				one.actions = append(one.actions, a.(string))
			}
			all = append(all, one)
		}
	}
	return all
}

func list(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

// flat is a value with its references, as one text.
func flat(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(`{"Fn::Join":["",[`, "", `]]}`, "", `","`, "", `",{"Ref":"AWS::Partition"},"`, "aws").Replace(string(text))
}
