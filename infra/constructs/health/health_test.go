package health_test

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

	"github.com/evenkeel/evenkeel/infra/constructs/health"
	"github.com/evenkeel/evenkeel/spec"
)

func TestMain(m *testing.M) {
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

// resource is one of a template's.
type resource struct {
	Type       string
	DependsOn  []string
	Properties map[string]any
}

// newStack is a stack of production that compiles nothing.
func newStack(t *testing.T) (*spec.Environment, cdk.Stack) {
	t.Helper()
	env, err := spec.Load("../../../environments/prod.yaml")
	if err != nil {
		t.Fatal(err)
	}
	app := cdk.NewApp(&cdk.AppProps{
		Outdir:  new(t.TempDir()),
		Context: &map[string]any{"aws:cdk:bundling-stacks": []string{}},
	})
	return env, cdk.NewStack(app, new("Test"), &cdk.StackProps{
		Env: &cdk.Environment{Account: &env.AWS.Account, Region: &env.AWS.Region},
	})
}

// newHealth is the aggregation of production, and the template of its stack.
func newHealth(t *testing.T) (*spec.Environment, *health.Health, map[string]resource) {
	t.Helper()
	env, stack := newStack(t)
	h := health.New(stack, "Health", health.Props{
		Environment: env, Entry: entry, Subnets: []string{"subnet-0123456789abcdef0", "subnet-0123456789abcdef1"}, SecurityGroup: "sg-0123456789abcdef0",
	})
	var parsed struct{ Resources map[string]resource }
	if err := json.Unmarshal([]byte(templateText(t, stack)), &parsed); err != nil {
		t.Fatal(err)
	}
	return env, h, parsed.Resources
}

// entry is a command of another package's tests; nothing of it is compiled here.
const entry = "../function/testdata/probe"

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

func arn(id string) any { return map[string]any{"Fn::GetAtt": []any{id, "Arn"}} }

func TestNothingWithoutCode(t *testing.T) {
	env, stack := newStack(t)
	if h := health.New(stack, "Health", health.Props{Environment: env}); h != nil || len(*stack.Node().Children()) > 0 {
		t.Errorf("%v and %d constructs", h, len(*stack.Node().Children()))
	}
}

func TestHandlesNameWhatIsMade(t *testing.T) {
	_, h, resources := newHealth(t)
	for kind, name := range map[string][2]string{
		"AWS::SQS::Queue":       {"QueueName", h.DeadLetterQueueName},
		"AWS::Lambda::Function": {"FunctionName", h.FunctionName},
		"AWS::Logs::LogGroup":   {"LogGroupName", h.LogGroupName},
	} {
		if _, got := only(t, resources, kind); got.Properties[name[0]] != name[1] {
			t.Errorf("%s is %v, the handle says %s", name[0], got.Properties[name[0]], name[1])
		}
	}
	if !*cdk.Token_IsUnresolved(h.TargetGroupARN) {
		t.Errorf("the listener does not depend on target group %q", h.TargetGroupARN)
	}
}

func TestFunctionStandsInTheNetwork(t *testing.T) {
	_, _, resources := newHealth(t)
	_, code := only(t, resources, "AWS::Lambda::Function")
	want := map[string]any{"SubnetIds": []any{"subnet-0123456789abcdef0", "subnet-0123456789abcdef1"}, "SecurityGroupIds": []any{"sg-0123456789abcdef0"}}
	if diff := cmp.Diff(any(want), code.Properties["VpcConfig"]); diff != "" {
		t.Error(diff)
	}
}

// TestMeasurementsDoNotMeet: one that ran into the next, or an answer that came after the
// load balancer had given up, would tell of a moment that is past.
func TestMeasurementsDoNotMeet(t *testing.T) {
	env, _, resources := newHealth(t)
	_, code := only(t, resources, "AWS::Lambda::Function")
	_, schedule := only(t, resources, "AWS::Scheduler::Schedule")
	_, async := only(t, resources, "AWS::Lambda::EventInvokeConfig")
	timeout := time.Duration(code.Properties["Timeout"].(float64) * float64(time.Second))
	if schedule.Properties["ScheduleExpression"] != "rate(1 minute)" || timeout >= time.Minute {
		t.Errorf("a measurement of up to %v is made at %v", timeout, schedule.Properties["ScheduleExpression"])
	}
	if timeout >= env.LoadBalancer.Attributes.IdleTimeout {
		t.Errorf("an answer takes up to %v, and the load balancer waits for %v", timeout, env.LoadBalancer.Attributes.IdleTimeout)
	}
	if async.Properties["MaximumRetryAttempts"] != 0.0 || async.Properties["MaximumEventAgeInSeconds"] != 60.0 {
		t.Errorf("a measurement is made later than it was due: %v", async.Properties)
	}
	if n := code.Properties["ReservedConcurrentExecutions"].(float64); n < 2 {
		t.Errorf("%v invocations at once leave none for answers", n)
	}
}

func TestFailuresAreKept(t *testing.T) {
	_, _, resources := newHealth(t)
	queue, _ := only(t, resources, "AWS::SQS::Queue")
	_, async := only(t, resources, "AWS::Lambda::EventInvokeConfig")
	_, schedule := only(t, resources, "AWS::Scheduler::Schedule")
	code, _ := only(t, resources, "AWS::Lambda::Function")
	target := schedule.Properties["Target"].(map[string]any)
	want := []any{
		map[string]any{"OnFailure": map[string]any{"Destination": arn(queue)}}, map[string]any{"Arn": arn(queue)}, arn(code),
	}
	if diff := cmp.Diff(want, []any{async.Properties["DestinationConfig"], target["DeadLetterConfig"], target["Arn"]}); diff != "" {
		t.Error(diff)
	}
}

func TestLoadBalancerReachesTheFunction(t *testing.T) {
	_, _, resources := newHealth(t)
	code, _ := only(t, resources, "AWS::Lambda::Function")
	permission, may := only(t, resources, "AWS::Lambda::Permission")
	_, group := only(t, resources, "AWS::ElasticLoadBalancingV2::TargetGroup")

	delete(group.Properties, "Tags")
	want := map[string]any{
		"TargetType": "lambda", "HealthCheckEnabled": false,
		"Targets":               []any{map[string]any{"Id": arn(code)}},
		"TargetGroupAttributes": []any{map[string]any{"Key": "lambda.multi_value_headers.enabled", "Value": "true"}},
	}
	if diff := cmp.Diff(want, group.Properties); diff != "" {
		t.Error(diff)
	}
	if !slices.Contains(group.DependsOn, permission) {
		t.Error("the function is registered before it may be invoked, which AWS refuses")
	}
	source, _ := json.Marshal(may.Properties["SourceArn"])
	if !strings.Contains(string(source), ":elasticloadbalancing:eu-west-1:123456789012:targetgroup/*") || may.Properties["SourceAccount"] != "123456789012" {
		t.Errorf("load balancers of others may invoke the function: %v", may.Properties)
	}
	if diff := cmp.Diff([]any{"elasticloadbalancing.amazonaws.com", "lambda:InvokeFunction", arn(code)},
		[]any{may.Properties["Principal"], may.Properties["Action"], may.Properties["FunctionName"]}); diff != "" {
		t.Error(diff)
	}
}

// TestFunctionOnlyReads: what gathers health changes nothing. Its role's network interfaces
// are Lambda's business and denied to its code.
func TestFunctionOnlyReads(t *testing.T) {
	_, _, resources := newHealth(t)
	_, code := only(t, resources, "AWS::Lambda::Function")
	role := code.Properties["Role"].(map[string]any)["Fn::GetAtt"].([]any)[0]
	denied, may := map[string]bool{}, []string{}
	for _, r := range resources {
		if r.Type != "AWS::IAM::Policy" || !cmp.Equal(r.Properties["Roles"], any([]any{map[string]any{"Ref": role}})) {
			continue
		}
		for _, s := range r.Properties["PolicyDocument"].(map[string]any)["Statement"].([]any) {
			s := s.(map[string]any)
			actions, ok := s["Action"].([]any)
			if !ok {
				actions = []any{s["Action"]}
			}
			for _, a := range actions {
				if s["Effect"] == "Deny" {
					denied[a.(string)] = true
					continue
				}
				may = append(may, a.(string))
			}
		}
	}
	may = slices.DeleteFunc(may, func(a string) bool { return denied[a] })
	slices.Sort(may)
	want := []string{
		"autoscaling:DescribeAutoScalingGroups", "ec2:DescribeInstances",
		"elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeTags",
		"elasticloadbalancing:DescribeTargetGroupAttributes", "elasticloadbalancing:DescribeTargetGroups",
		"elasticloadbalancing:DescribeTargetHealth",
		"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage",
		"xray:PutTelemetryRecords", "xray:PutTraceSegments",
	}
	if diff := cmp.Diff(want, may); diff != "" {
		t.Error(diff)
	}
}

// By default the function only looks; what it may do beyond that follows from the file.
func TestReplacementIsAllowedOnlyIfAskedFor(t *testing.T) {
	const action = "autoscaling:SetInstanceHealth"
	env, stack := newStack(t)
	props := health.Props{Environment: env, Entry: entry, Subnets: []string{"subnet-0123456789abcdef0", "subnet-0123456789abcdef1"}, SecurityGroup: "sg-0123456789abcdef0"}
	health.New(stack, "Health", props)
	if text := templateText(t, stack); strings.Contains(text, action) || strings.Contains(text, spec.VariableReplacementsPerHour) {
		t.Error("the function may replace instances, and nobody asked for that")
	}

	env, stack = newStack(t)
	env.HealthAggregate.Replacement = spec.Replacement{PerHour: 2, ZoneQuorum: 60}
	props.Environment = env
	health.New(stack, "Health", props)
	text := templateText(t, stack)
	for _, want := range []string{action, `"SET_INSTANCE_HEALTH_PER_HOUR":"2"`, `"SET_INSTANCE_HEALTH_ZONE_QUORUM":"60"`, "autoScalingGroupName/" + env.ResourceName("web")} {
		if !strings.Contains(text, want) {
			t.Errorf("the template lacks %s", want)
		}
	}
}

func templateText(t *testing.T, stack cdk.Stack) string {
	t.Helper()
	text, err := json.Marshal(assertions.Template_FromStack(stack, nil).ToJSON())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
