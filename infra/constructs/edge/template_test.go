package edge_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/constructs/edge"
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

const (
	originDomain = "internal-syncapp-1234567890.eu-west-1.elb.amazonaws.com"
	webACL       = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/syncapp-prod-edge/01234567-89ab-cdef-0123-456789abcdef"
)

func load(t *testing.T, file string) *spec.Environment {
	t.Helper()
	env, err := spec.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// object is a JSON object of a template.
type object = map[string]any

// template is a synthesized template's properties by logical id, by type.
type template map[string]map[string]object

func newStack(t *testing.T, env *spec.Environment) (cdk.App, cdk.Stack) {
	t.Helper()
	app := cdk.NewApp(&cdk.AppProps{Outdir: new(t.TempDir())})
	nag.Check(app)
	return app, cdk.NewStack(app, new(env.ResourceName("edge")), &cdk.StackProps{
		Env: &cdk.Environment{Account: &env.AWS.Account, Region: new("us-east-1")},
	})
}

// build makes and synthesizes an environment's edge, and fails on any finding of cdk-nag or
// the CDK.
func build(t *testing.T, props edge.Props) (*edge.Edge, template) {
	t.Helper()
	app, stack := newStack(t, props.Environment)
	made, err := edge.New(stack, "Edge", props)
	if err != nil {
		t.Fatal(err)
	}
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
	resources := template{}
	for id, r := range all.Resources {
		if resources[r.Type] == nil {
			resources[r.Type] = map[string]object{}
		}
		resources[r.Type][id] = r.Properties
	}
	return made, resources
}

// bucket is a bucket for the path.
func bucket(path string) string {
	return "files-" + strings.Trim(strings.NewReplacer("/", "", "*", "", ".", "-").Replace(path), "-")
}

// propsOf are props with everything that the environment needs.
func propsOf(env *spec.Environment) edge.Props {
	props := edge.Props{Environment: env, OriginDomain: originDomain, HostedZoneID: env.DNS.ZoneID, WebACLARN: webACL}
	for _, s := range slices.Backward(env.Edge.Static) {
		props.Files = append(props.Files, edge.FileOrigin{Path: s.Path, BucketName: bucket(s.Path)})
	}
	return props
}

// eachFile runs the test on the edge of every file.
func eachFile(t *testing.T, test func(t *testing.T, env *spec.Environment, made template)) {
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			env := load(t, file)
			_, made := build(t, propsOf(env))
			test(t, env, made)
		})
	}
}

// one is the only resource of a type and its id.
func (m template) one(t *testing.T, kind string) (string, object) {
	t.Helper()
	if n := len(m[kind]); n != 1 {
		t.Fatalf("%d resources of type %s, want 1", n, kind)
	}
	for id, properties := range m[kind] {
		return id, properties
	}
	return "", nil
}

// distribution is the distribution's configuration.
func (m template) distribution(t *testing.T) any {
	t.Helper()
	_, properties := m.one(t, "AWS::CloudFront::Distribution")
	return properties["DistributionConfig"]
}

// behaviors are those with a path.
func (m template) behaviors(t *testing.T) []any {
	t.Helper()
	return items(at(m.distribution(t), "CacheBehaviors"))
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

func items(value any) []any {
	list, _ := value.([]any)
	return list
}

// reference is the id that a value refers to, else empty.
func reference(value any) string {
	id, _ := at(value, "Ref").(string)
	return id
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
