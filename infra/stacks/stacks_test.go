package stacks_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/infra/refusal"
	"github.com/evenkeel/evenkeel/infra/stacks"
	"github.com/evenkeel/evenkeel/infra/template"
	"github.com/evenkeel/evenkeel/spec"
)

var update = flag.Bool("update", false, "write the files that are generated from the source")

// synthesized is what one environment became.
type synthesized struct {
	name     string
	env      *spec.Environment
	folder   string
	assembly *template.Assembly
}

// subjects are what is synthesized, once: the environments of the repository, and what none of
// them says.
var subjects = []struct {
	name, file string
	functions  stacks.Functions
}{
	{"dev", "../../environments/dev.yaml", functions},
	{"staging", "../../environments/staging.yaml", functions},
	{"prod", "../../environments/prod.yaml", functions},
	{"everything", "testdata/everything.yaml", functions},
	{"internal", "testdata/internal.yaml", functions},
}

// functions are the app's own, from here.
var functions = stacks.Functions{Drain: "../../lambdas/drain", Health: "../../lambdas/health"}

var made []*synthesized

// TestMain synthesizes everything once: there is one Node process, which is not safe for
// concurrent use, and it takes seconds for each environment.
func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	defer jsii.Close()
	out, err := os.MkdirTemp("", "stacks")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(out)
	for _, s := range subjects {
		one, err := synthesize(s.name, s.file, filepath.Join(out, s.name), s.functions)
		if err != nil {
			fmt.Fprintf(os.Stderr, "synthesize %s: %v\n", s.name, err)
			return 1
		}
		made = append(made, one)
	}
	return m.Run()
}

func synthesize(name, file, out string, functions stacks.Functions) (*synthesized, error) {
	env, problems, _ := spec.Check(file, refusal.Inspect(file))
	if len(problems) > 0 {
		return nil, problems
	}
	flags, err := context()
	if err != nil {
		return nil, err
	}
	// What functions are made of is another test's: here their source will do.
	flags["aws:cdk:bundling-stacks"] = []any{}
	app := cdk.NewApp(&cdk.AppProps{Outdir: &out, Context: &flags})
	if err := stacks.New(app, stacks.Props{Environment: env, Folder: filepath.Dir(file), Functions: functions}); err != nil {
		return nil, err
	}
	nag.Check(app)
	app.Synth(nil)
	assembly, err := template.Load(out)
	if err != nil {
		return nil, err
	}
	return &synthesized{name: name, env: env, folder: out, assembly: assembly}, nil
}

// context is the CDK context that `cdk` passes on.
func context() (map[string]any, error) {
	text, err := os.ReadFile("../../cdk.json")
	if err != nil {
		return nil, err
	}
	var file struct{ Context map[string]any }
	err = json.Unmarshal(text, &file)
	return file.Context, err
}

// each runs a test on every environment that was synthesized.
func each(t *testing.T, test func(t *testing.T, s *synthesized)) {
	t.Helper()
	for _, s := range made {
		t.Run(s.name, func(t *testing.T) { test(t, s) })
	}
}

// of is what the environment of that name became.
func of(t *testing.T, name string) *synthesized {
	t.Helper()
	for _, s := range made {
		if s.name == name {
			return s
		}
	}
	t.Fatalf("%s was not synthesized", name)
	return nil
}
