package waf_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/constructs/waf"
	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/spec"
)

func TestMain(m *testing.M) { code := m.Run(); jsii.Close(); os.Exit(code) }

// files are the environments that tests go through.
var files = []string{
	"../../../environments/prod.yaml",
	"../../../environments/staging.yaml",
	"../../../environments/dev.yaml",
	"testdata/every.yaml",
}

func load(t *testing.T, file string) *spec.Environment {
	t.Helper()
	env, err := spec.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func name(file string) string { return strings.TrimSuffix(filepath.Base(file), ".yaml") }

func newStack(t *testing.T, env *spec.Environment) (cdk.App, cdk.Stack) {
	t.Helper()
	app := cdk.NewApp(&cdk.AppProps{Outdir: new(t.TempDir())})
	nag.Check(app)
	return app, cdk.NewStack(app, new(env.ResourceName("test")), &cdk.StackProps{
		Env: &cdk.Environment{Account: &env.AWS.Account, Region: new("us-east-1")},
	})
}

// object is a JSON object of a template.
type object = map[string]any

// template is a synthesized template's properties by logical id, by type.
type template map[string]map[string]object

// synth synthesizes the stack and fails on any finding of cdk-nag or the CDK.
func synth(t *testing.T, app cdk.App, stack cdk.Stack) template {
	t.Helper()
	artifact := app.Synth(nil).GetStackArtifact(stack.ArtifactId())
	for _, m := range *artifact.Messages() {
		t.Errorf("%v", m.Entry.Data) //nolint:staticcheck // its new home is no Go module
	}
	text, err := json.Marshal(artifact.Template())
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Resources map[string]struct {
			Type       string
			Properties object
		}
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	made := template{}
	for id, r := range all.Resources {
		if made[r.Type] == nil {
			made[r.Type] = map[string]object{}
		}
		made[r.Type][id] = r.Properties
	}
	return made
}

// one is the only resource of a type.
func (m template) one(t *testing.T, kind string) object {
	t.Helper()
	if n := len(m[kind]); n != 1 {
		t.Fatalf("%d resources of type %s, want 1", n, kind)
	}
	for _, properties := range m[kind] {
		return properties
	}
	return nil
}

// build makes and synthesizes an environment's web ACL.
func build(t *testing.T, env *spec.Environment, scope waf.Scope) (*waf.WebACL, template) {
	t.Helper()
	app, stack := newStack(t, env)
	acl, err := waf.New(stack, "WAF", waf.Props{Environment: env, Scope: scope})
	if err != nil {
		t.Fatal(err)
	}
	return acl, synth(t, app, stack)
}

// at follows keys and, in lists, indexes into a value of a template; nil where it ends.
func at(value any, path ...any) any {
	for _, step := range path {
		switch key := step.(type) {
		case string:
			m, _ := value.(object)
			value = m[key]
		case int:
			list, _ := value.([]any)
			if key >= len(list) {
				return nil
			}
			value = list[key]
		}
	}
	return value
}

// parse is a value of a template written as JSON.
func parse(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}
