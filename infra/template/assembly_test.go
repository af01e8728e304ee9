package template_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/infra/template"
)

func load(t *testing.T) *template.Assembly {
	t.Helper()
	a, err := template.Load("testdata/assembly")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestStacksComeAfterWhatTheyDependOn(t *testing.T) {
	var got []string
	for _, s := range load(t).Stacks {
		got = append(got, s.Name+" "+s.Account+" "+s.Region)
	}
	want := []string{"app-b-network 111111111111 eu-west-1", "app-edge 111111111111 us-east-1", "app-a-fleets 111111111111 eu-west-1"}
	if !slices.Equal(got, want) {
		t.Errorf("stacks %q, want %q", got, want)
	}
}

func TestResourcesKnowTheirPaths(t *testing.T) {
	var got []string
	for _, r := range load(t).All("") {
		got = append(got, r.Name())
	}
	want := []string{
		"app-b-network/Logs", "app-b-network/Vpc", "app-edge/Distribution", "app-edge/ExportsWriter",
		"app-a-fleets/ExportsReader", "app-a-fleets/Policy", "app-a-fleets/Queue",
	}
	if !slices.Equal(got, want) {
		t.Errorf("resources %q, want %q", got, want)
	}
	queues := load(t).All("AWS::SQS::Queue")
	if len(queues) != 1 || queues[0].Path != "app-a-fleets/Queue/Resource" || queues[0].LogicalID != "Queue4A7E3555" {
		t.Errorf("queues %+v, want the one at app-a-fleets/Queue/Resource", queues)
	}
}

func TestAttributesOfResources(t *testing.T) {
	a := load(t)
	queue := a.All("AWS::SQS::Queue")[0]
	if !slices.Equal(queue.DependsOn, template.Names{"Policy"}) || queue.DeletionPolicy != "Delete" {
		t.Errorf("depends on %q, deletion policy %q", queue.DependsOn, queue.DeletionPolicy)
	}
	policy := a.All("AWS::IAM::Policy")[0]
	if !slices.Equal(policy.DependsOn, template.Names{"ExportsReader"}) {
		t.Errorf("depends on %q", policy.DependsOn)
	}
	if bucket := a.All("AWS::S3::Bucket")[0]; bucket.UpdateReplacePolicy != "Retain" {
		t.Errorf("update replace policy %q, want Retain", bucket.UpdateReplacePolicy)
	}
	if got := a.Stack("app-b-network").Outputs["ExportsOutputFnGetAttLogs6819BB44Arn"].Description; got != "The bucket of logs." {
		t.Errorf("description %q", got)
	}
	if got := a.Stack("none"); got != nil {
		t.Errorf("stack none is %+v", got)
	}
}

func TestLoadRefuses(t *testing.T) {
	stack := func(dependencies string) string {
		return `{"type": "aws:cloudformation:stack", "environment": "aws://1/r", "properties": {"templateFile": "t.json"}, "dependencies": [` + dependencies + `]}`
	}
	for _, test := range []struct{ name, manifest, template, want string }{
		{"no manifest", "", "{}", "manifest.json"},
		{"bad manifest", "{", "{}", "manifest.json"},
		{"no stack", `{"artifacts": {"Tree": {"type": "cdk:tree"}}}`, "{}", "no stack"},
		{"a stage", `{"artifacts": {"assembly-x": {"type": "cdk:cloud-assembly"}}}`, "{}", "assembly-x"},
		{"no template", `{"artifacts": {"a": ` + stack("") + `}}`, "", "t.json"},
		{"bad template", `{"artifacts": {"a": ` + stack("") + `}}`, "[]", "parse template a"},
		{"no type", `{"artifacts": {"a": ` + stack("") + `}}`, `{"Resources": {"X": {}}}`, "resource X has no type"},
		{"a circle", `{"artifacts": {"a": ` + stack(`"b"`) + `, "b": ` + stack(`"a"`) + `}}`, "{}", "circle"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{"manifest.json": test.manifest, "t.json": test.template} {
				if text == "" {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := template.Load(dir)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}
