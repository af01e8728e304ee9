package template_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/evenkeel/evenkeel/infra/template"
)

// value reads JSON as a template's values are.
func value(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTarget(t *testing.T) {
	a := load(t)
	fleets := a.Stack("app-a-fleets")
	for _, test := range []struct{ value, name, attribute string }{
		{`{"Ref": "Queue4A7E3555"}`, "app-a-fleets/Queue", "Ref"},
		{`{"Fn::GetAtt": ["Queue4A7E3555", "Arn"]}`, "app-a-fleets/Queue", "Arn"},
		{`{"Fn::GetAtt": "Queue4A7E3555.Arn"}`, "app-a-fleets/Queue", "Arn"},
		{`{"Fn::ImportValue": "app-b-network:LogsArn"}`, "app-b-network/Logs", "Arn"},
		{`{"Fn::ImportValue": "app-b-network:Vpc"}`, "app-b-network/Vpc", "Ref"},
		{`{"Fn::ImportValue": {"Fn::Join": [":", ["app-b-network", "LogsArn"]]}}`, "app-b-network/Logs", "Arn"},
		{`{"Fn::GetStackOutput": {"StackName": "app-edge", "Region": "us-east-1", "OutputName": "Shown"}}`, "app-edge/Distribution", "Ref"},
		{`{"Fn::GetAtt": ["ExportsReader", "/cdk/exports/app-a-fleets/Domain"]}`, "app-edge/Distribution", "DomainName"},
		{`{"Fn::Select": [1, ["x", {"Ref": "Policy"}]]}`, "app-a-fleets/Policy", "Ref"},
		{`{"Fn::Select": ["2", {"Fn::Split": ["/", {"Fn::GetAtt": ["Queue4A7E3555", "QueueUrl"]}]}]}`, "app-a-fleets/Queue", "QueueUrl"},
		{`{"Fn::GetAtt": ["ExportsReader", "/cdk/exports/nowhere"]}`, "", ""},
		{`{"Fn::ImportValue": "nowhere"}`, "", ""},
		{`{"Fn::GetStackOutput": {"StackName": "app-edge", "OutputName": "Nope"}}`, "", ""},
		{`{"Fn::GetStackOutput": {"StackName": "nowhere", "OutputName": "Shown"}}`, "", ""},
		{`{"Fn::Join": ["", ["arn:", {"Ref": "Policy"}]]}`, "", ""},
		{`{"Fn::Select": [5, ["x"]]}`, "", ""},
		{`{"Ref": "AWS::Region"}`, "", ""},
		{`{"Ref": "Vpc8378EB38"}`, "", ""}, // another stack's
		{`"Policy"`, "", ""},
		{`null`, "", ""},
		{`{"Ref": "Policy", "Other": 1}`, "", ""},
	} {
		r, attribute, ok := a.Target(fleets, value(t, test.value))
		name := ""
		if r != nil {
			name = r.Name()
		}
		if name != test.name || attribute != test.attribute && ok || ok != (test.name != "") {
			t.Errorf("Target(%s) = %q, %q, %v, want %q, %q", test.value, name, attribute, ok, test.name, test.attribute)
		}
	}
}

func TestReferences(t *testing.T) {
	a := load(t)
	policy := a.All("AWS::IAM::Policy")[0]
	var got []string
	for _, reference := range a.References(policy.Stack, policy.Properties) {
		got = append(got, reference.Resource.Name()+"."+reference.Attribute)
	}
	want := []string{"app-a-fleets/Queue.Arn", "app-b-network/Logs.Arn", "app-edge/Distribution.DomainName"}
	if !slices.Equal(got, want) {
		t.Errorf("references %q, want %q", got, want)
	}
	if got := a.References(policy.Stack, value(t, `{"Fn::Sub": ["${Policy}", {"Policy": "x"}]}`)); got != nil {
		t.Errorf("a variable of Fn::Sub counts as a reference: %v", got)
	}
}

func TestRender(t *testing.T) {
	a := load(t)
	fleets := a.Stack("app-a-fleets")
	for _, test := range []struct{ value, want string }{
		{`"plain"`, "plain"},
		{`8000`, "8000"},
		{`100000000`, "100000000"},
		{`true`, "true"},
		{`null`, ""},
		{`{"Ref": "Queue4A7E3555"}`, "${app-a-fleets/Queue}"},
		{`{"Fn::GetAtt": ["Queue4A7E3555", "Arn"]}`, "${app-a-fleets/Queue.Arn}"},
		{`{"Fn::ImportValue": "app-b-network:LogsArn"}`, "${app-b-network/Logs.Arn}"},
		{`{"Fn::ImportValue": "nowhere"}`, "${ImportValue(nowhere)}"},
		{`{"Fn::GetAtt": ["ExportsReader", "/cdk/exports/app-a-fleets/Domain"]}`, "${app-edge/Distribution.DomainName}"},
		{`{"Ref": "AWS::Region"}`, "eu-west-1"},
		{`{"Ref": "AWS::AccountId"}`, "111111111111"},
		{`{"Ref": "AWS::Partition"}`, "${AWS::Partition}"},
		{`{"Ref": "Size"}`, "${Size}"},
		{`{"Ref": "Image"}`, "${ssm:/aws/service/ami/al2023}"},
		{`{"Fn::GetAtt": "Nowhere.Arn"}`, "${Nowhere.Arn}"},
		{`{"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::", {"Ref": "Policy"}, "/*"]]}`, "arn:${AWS::Partition}:s3:::${app-a-fleets/Policy}/*"},
		{`{"Fn::Join": [",", {"Ref": "Size"}]}`, "${Join(,, ${Size})}"},
		{`{"Fn::Sub": "${AWS::StackName}-${Queue4A7E3555.Arn}-${!Literal}"}`, "app-a-fleets-${app-a-fleets/Queue.Arn}-${Literal}"},
		{`{"Fn::Sub": ["${Name}!", {"Name": {"Ref": "Policy"}}]}`, "${app-a-fleets/Policy}!"},
		{`{"Fn::Select": [1, ["a", {"Ref": "Policy"}]]}`, "${app-a-fleets/Policy}"},
		{`{"Fn::Select": ["1", {"Fn::Split": [":", "a:b:c"]}]}`, "b"},
		{`{"Fn::Select": [0, {"Fn::GetAZs": ""}]}`, "${Select(0, ${GetAZs()})}"},
		{`{"Fn::Select": [1, {"Fn::Split": ["/", {"Ref": "Policy"}]}]}`, "${Select(1, ${Split(/, ${app-a-fleets/Policy})})}"},
		{`{"Fn::Base64": {"Fn::Join": ["\n", ["#!/bin/sh", "true"]]}}`, "#!/bin/sh\ntrue"},
		{`{"Fn::If": ["Production", 2, 1]}`, "${If(Production, 2, 1)}"},
		{`{"b": {"Ref": "Policy"}, "a": ["<", 1]}`, `{"a":["<",1],"b":"${app-a-fleets/Policy}"}`},
	} {
		if got := a.Render(fleets, value(t, test.value)); got != test.want {
			t.Errorf("Render(%s) = %q, want %q", test.value, got, test.want)
		}
	}
}

// TestImportsReadAsWhatTheyImport: the text of a reference is the same in the stack that has
// the resource and in one that imports it.
func TestImportsReadAsWhatTheyImport(t *testing.T) {
	a := load(t)
	network, fleets := a.Stack("app-b-network"), a.Stack("app-a-fleets")
	here := a.Render(network, value(t, `{"Fn::GetAtt": ["Logs6819BB44", "Arn"]}`))
	there := a.Render(fleets, value(t, `{"Fn::ImportValue": "app-b-network:LogsArn"}`))
	if here != there || here != "${app-b-network/Logs.Arn}" {
		t.Errorf("%q here, %q there", here, there)
	}
}

func TestRenderWithoutAnAssembly(t *testing.T) {
	s, err := template.Parse("one", []byte(`{"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"Tags": {"Ref": "AWS::Region"}, "QueueName": {"Ref": "Q"}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Resources["Q"].String("Tags"); got != "${AWS::Region}" {
		t.Errorf("region %q", got)
	}
	if got := s.Resources["Q"].String("QueueName"); got != "${one/Q}" {
		t.Errorf("name %q", got)
	}
	s.Region = "unknown-region"
	if got := s.Resources["Q"].String("Tags"); got != "${AWS::Region}" {
		t.Errorf("region %q", got)
	}
}
