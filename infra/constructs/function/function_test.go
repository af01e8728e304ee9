package function_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/infra/constructs/function"
	"github.com/evenkeel/evenkeel/spec"
)

func TestMain(m *testing.M) {
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

const probe = "testdata/probe"

// resource is one of a template's.
type resource struct {
	Type           string
	DependsOn      []string
	DeletionPolicy string
	Properties     map[string]any
}

func environment(t *testing.T) *spec.Environment {
	t.Helper()
	env, err := spec.Load("../../../environments/prod.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// newStack is a stack of an app that compiles nothing.
func newStack(t *testing.T, env *spec.Environment) (cdk.App, cdk.Stack) {
	t.Helper()
	app := cdk.NewApp(&cdk.AppProps{
		Outdir:  new(t.TempDir()),
		Context: &map[string]any{"aws:cdk:bundling-stacks": []string{}},
	})
	return app, cdk.NewStack(app, new("Test"), &cdk.StackProps{
		Env: &cdk.Environment{Account: &env.AWS.Account, Region: &env.AWS.Region},
	})
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

// only is the one resource of its type, and its logical id.
func only(t *testing.T, resources map[string]resource, kind string) (string, resource) {
	t.Helper()
	var found []string
	for id, r := range resources {
		if r.Type == kind {
			found = append(found, id)
		}
	}
	if len(found) != 1 {
		t.Fatalf("the template has %d resources of type %s, want 1", len(found), kind)
	}
	return found[0], resources[found[0]]
}

// statements of all policies, by the policy's name in its role.
func statements(resources map[string]resource) map[string][]map[string]any {
	all := map[string][]map[string]any{}
	for id, r := range resources {
		if r.Type != "AWS::IAM::Policy" {
			continue
		}
		for _, s := range r.Properties["PolicyDocument"].(map[string]any)["Statement"].([]any) {
			all[id] = append(all[id], s.(map[string]any))
		}
	}
	return all
}

func props(env *spec.Environment) function.Props {
	return function.Props{
		Environment: env, Name: "probe", Description: "Does nothing", Entry: probe,
		Memory: 192, Timeout: 20 * time.Second, ReservedConcurrency: 3,
		Variables: map[string]string{"COLOR": "blue"},
	}
}

func TestFunctionIsAsTold(t *testing.T) {
	env := environment(t)
	_, stack := newStack(t, env)
	f := function.New(stack, "Probe", props(env))
	resources := template(t, stack)

	_, got := only(t, resources, "AWS::Lambda::Function")
	delete(got.Properties, "Code")
	delete(got.Properties, "Role")
	delete(got.Properties, "Tags")
	logs := got.Properties["LoggingConfig"].(map[string]any)
	group, _ := only(t, resources, "AWS::Logs::LogGroup")
	want := map[string]any{
		"FunctionName": env.ResourceName("probe"), "Description": "Does nothing",
		"Runtime": "provided.al2023", "Handler": "bootstrap", "Architectures": []any{"arm64"},
		"MemorySize": 192.0, "Timeout": 20.0, "ReservedConcurrentExecutions": 3.0,
		"RecursiveLoop": "Terminate",
		"TracingConfig": map[string]any{"Mode": "Active"},
		"LoggingConfig": map[string]any{"LogFormat": "JSON", "LogGroup": map[string]any{"Ref": group}},
		"Environment":   map[string]any{"Variables": map[string]any{"APP": env.App, "ENVIRONMENT": env.Name, "COLOR": "blue"}},
	}
	if diff := cmp.Diff(want, got.Properties); diff != "" {
		t.Error(diff)
	}
	if logs["LogGroup"] == nil {
		t.Error("the function writes to a log group that nobody made")
	}
	if f.Name != env.ResourceName("probe") || f.LogGroupName != "/aws/lambda/"+f.Name {
		t.Errorf("handles are %q and %q", f.Name, f.LogGroupName)
	}
}

func TestLogsAreKeptAsLongAsTheEnvironmentSays(t *testing.T) {
	env := environment(t)
	_, stack := newStack(t, env)
	f := function.New(stack, "Probe", props(env))
	_, got := only(t, template(t, stack), "AWS::Logs::LogGroup")
	if got.Properties["RetentionInDays"] != float64(env.AWS.LogRetentionDays) || got.Properties["LogGroupName"] != f.LogGroupName {
		t.Errorf("the log group is %v", got.Properties)
	}
	if got.DeletionPolicy != "Delete" {
		t.Errorf("the log group is kept: %q", got.DeletionPolicy)
	}
}

func TestRoleMayWriteLogsAndTracesAndNoMore(t *testing.T) {
	env := environment(t)
	_, stack := newStack(t, env)
	function.New(stack, "Probe", props(env))
	resources := template(t, stack)
	group, _ := only(t, resources, "AWS::Logs::LogGroup")
	_, role := only(t, resources, "AWS::IAM::Role")
	if role.Properties["ManagedPolicyArns"] != nil || role.Properties["Policies"] != nil {
		t.Errorf("the role has policies beside those that are listed: %v", role.Properties)
	}
	got := map[string]any{}
	for _, list := range statements(resources) {
		for _, s := range list {
			for _, action := range s["Action"].([]any) {
				got[action.(string)] = s["Resource"]
			}
		}
	}
	own := map[string]any{"Fn::GetAtt": []any{group, "Arn"}}
	want := map[string]any{
		"logs:CreateLogStream": own, "logs:PutLogEvents": own,
		"xray:PutTraceSegments": "*", "xray:PutTelemetryRecords": "*",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFunctionComesAfterAllItMayDo(t *testing.T) {
	env := environment(t)
	_, stack := newStack(t, env)
	p := props(env)
	p.Network = &function.Network{Subnets: []string{"subnet-0123456789abcdef0"}, SecurityGroup: "sg-0123456789abcdef0"}
	p.Async = &function.Async{MaximumAge: time.Minute, DeadLetterQueue: function.NewDeadLetterQueue(stack, "Dead", env, "dead")}
	function.New(stack, "Probe", p).Describe("DescribeInstances", "EC2", "ec2:DescribeInstances")
	resources := template(t, stack)
	_, code := only(t, resources, "AWS::Lambda::Function")
	policies := statements(resources)
	if len(policies) < 6 {
		t.Errorf("the role has %d policies", len(policies))
	}
	for id := range policies {
		if !slices.Contains(code.DependsOn, id) {
			t.Errorf("the function does not wait for policy %s", id)
		}
	}
}

func TestOwnCodeMayNotTouchInterfaces(t *testing.T) {
	env := environment(t)
	_, stack := newStack(t, env)
	p := props(env)
	p.Network = &function.Network{Subnets: []string{"subnet-0123456789abcdef0", "subnet-0123456789abcdef1"}, SecurityGroup: "sg-0123456789abcdef0"}
	f := function.New(stack, "Probe", p)
	resources := template(t, stack)

	_, code := only(t, resources, "AWS::Lambda::Function")
	want := map[string]any{"SubnetIds": []any{"subnet-0123456789abcdef0", "subnet-0123456789abcdef1"}, "SecurityGroupIds": []any{"sg-0123456789abcdef0"}}
	if diff := cmp.Diff(want, code.Properties["VpcConfig"]); diff != "" {
		t.Error(diff)
	}
	allowed, denied := map[string]bool{}, map[string]bool{}
	for _, list := range statements(resources) {
		for _, s := range list {
			actions, _ := s["Action"].([]any)
			for _, action := range actions {
				if !strings.HasPrefix(action.(string), "ec2:") {
					continue
				}
				if s["Effect"] == "Allow" {
					allowed[action.(string)] = true
					continue
				}
				denied[action.(string)] = true
				text, _ := json.Marshal(s["Condition"])
				if arn := "function:" + f.Name; !strings.Contains(string(text), "lambda:SourceFunctionArn") || !strings.Contains(string(text), arn) {
					t.Errorf("what is denied is denied to all: %s", text)
				}
			}
		}
	}
	if len(allowed) == 0 || !cmp.Equal(allowed, denied) {
		t.Errorf("Lambda may %v, the function's own code may not %v", allowed, denied)
	}
}

func TestFailedInvocationsAreKept(t *testing.T) {
	env := environment(t)
	_, stack := newStack(t, env)
	p := props(env)
	p.Async = &function.Async{MaximumAge: 90 * time.Second, Retries: 1, DeadLetterQueue: function.NewDeadLetterQueue(stack, "Dead", env, "dead")}
	function.New(stack, "Probe", p)
	resources := template(t, stack)

	code, _ := only(t, resources, "AWS::Lambda::Function")
	queue, _ := only(t, resources, "AWS::SQS::Queue")
	_, got := only(t, resources, "AWS::Lambda::EventInvokeConfig")
	arn := map[string]any{"Fn::GetAtt": []any{queue, "Arn"}}
	want := map[string]any{
		"FunctionName": map[string]any{"Ref": code}, "Qualifier": "$LATEST",
		"MaximumEventAgeInSeconds": 90.0, "MaximumRetryAttempts": 1.0,
		"DestinationConfig": map[string]any{"OnFailure": map[string]any{"Destination": arn}},
	}
	if diff := cmp.Diff(want, got.Properties); diff != "" {
		t.Error(diff)
	}
	for _, list := range statements(resources) {
		for _, s := range list {
			if s["Action"] == "sqs:SendMessage" && cmp.Equal(s["Resource"], any(arn)) {
				return
			}
		}
	}
	t.Error("the function may not send to where its failures go")
}

func TestDeadLetterQueueIsClosedAndPatient(t *testing.T) {
	env := environment(t)
	_, stack := newStack(t, env)
	function.NewDeadLetterQueue(stack, "Dead", env, "dead")
	resources := template(t, stack)
	_, got := only(t, resources, "AWS::SQS::Queue")
	want := map[string]any{
		"QueueName": env.ResourceName("dead"), "SqsManagedSseEnabled": true,
		"MessageRetentionPeriod": (14 * 24 * time.Hour).Seconds(),
	}
	if diff := cmp.Diff(want, got.Properties); diff != "" {
		t.Error(diff)
	}
	_, policy := only(t, resources, "AWS::SQS::QueuePolicy")
	text, _ := json.Marshal(policy.Properties)
	if !strings.Contains(string(text), `{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny"`) {
		t.Errorf("the queue takes what is not encrypted on its way: %s", text)
	}
}
