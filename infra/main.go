// Command infra is the CDK app: it reads the environment file that `-c env=NAME` names and
// synthesizes the stacks that make it on AWS.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/nag"
	"github.com/evenkeel/evenkeel/infra/refusal"
	"github.com/evenkeel/evenkeel/infra/stacks"
	"github.com/evenkeel/evenkeel/spec"
)

func main() {
	err := run()
	jsii.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// folder is where environment files are.
const folder = "environments"

// functions are the folders of what runs on Lambda.
var functions = stacks.Functions{Drain: "lambdas/drain", Health: "lambdas/health"}

func run() error {
	app := cdk.NewApp(nil)
	name, ok := app.Node().TryGetContext(new("env")).(string)
	if !ok || name == "" {
		return fmt.Errorf("no environment was named (got nothing, want -c env=NAME with %s)", choices())
	}
	path := filepath.Join(folder, name+".yaml")
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("there is no environment of that name (got %q, want %s)", name, choices())
	}
	env, problems, warnings := spec.Check(path, refusal.Inspect(path))
	for _, w := range warnings {
		fmt.Fprintln(os.Stderr, "warning:", w)
	}
	if len(problems) > 0 {
		return problems
	}
	if err := stacks.New(app, stacks.Props{Environment: env, Folder: folder, Functions: functions}); err != nil {
		return err
	}
	nag.Check(app)
	return synthesize(app)
}

// synthesize writes the templates. What CDK's validation refuses it has shown by then, and
// ends in a panic, as every exception of Node does.
func synthesize(app cdk.App) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("no templates were made: %v", reason)
		}
	}()
	app.Synth(nil)
	return nil
}

// choices are the environments that are for AWS: those that name an account.
func choices() string {
	files, _ := filepath.Glob(filepath.Join(folder, "*.yaml"))
	var names []string
	for _, file := range files {
		if env, err := spec.Load(file); err == nil && env.AWS.Account != "" {
			names = append(names, env.Name)
		}
	}
	return "one of " + strings.Join(names, ", ")
}
