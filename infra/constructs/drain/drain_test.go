package drain_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/infra/constructs/drain"
	"github.com/evenkeel/evenkeel/spec"
)

func TestNothingWithoutCodeOrFleets(t *testing.T) {
	env := prod(t)
	for name, props := range map[string]drain.Props{
		"no code":   {Environment: env, Fleets: env.Fleets},
		"no fleets": {Environment: env, Entry: entry},
	} {
		stack := newStack(t, env)
		if d := drain.New(stack, "Drain", props); d != nil {
			t.Errorf("%s: %v", name, d)
		}
		if made := *stack.Node().Children(); len(made) > 0 {
			t.Errorf("%s: %d constructs", name, len(made))
		}
	}
}

func TestHandlesNameWhatIsMade(t *testing.T) {
	d, resources := newDrain(t, prod(t))
	named(t, resources, "AWS::SQS::Queue", "QueueName", d.QueueName)
	named(t, resources, "AWS::SQS::Queue", "QueueName", d.DeadLetterQueueName)
	named(t, resources, "AWS::Lambda::Function", "FunctionName", d.FunctionName)
	named(t, resources, "AWS::Logs::LogGroup", "LogGroupName", d.LogGroupName)
	for _, token := range []string{d.QueueARN, d.QueueURL, d.NotificationRoleARN} {
		if !*cdk.Token_IsUnresolved(token) {
			t.Errorf("%q makes nobody depend on it", token)
		}
	}
}

func TestFunctionStandsInTheNetworkToAskApplications(t *testing.T) {
	env := prod(t)
	web := env.Fleets["web"]
	web.Drain.Endpoint = "/drain/"
	asked := maps.Clone(env.Fleets)
	asked["web"] = web
	subnets := []string{"subnet-0123456789abcdef0", "subnet-0123456789abcdef1"}
	for _, test := range []struct {
		fleets map[string]spec.Fleet
		want   any
	}{
		{asked, map[string]any{"SubnetIds": []any{subnets[0], subnets[1]}, "SecurityGroupIds": []any{"sg-0123456789abcdef0"}}},
		{env.Fleets, nil},
	} {
		stack := newStack(t, env)
		drain.New(stack, "Drain", drain.Props{
			Environment: env, Entry: entry, Fleets: test.fleets, Subnets: subnets, SecurityGroup: "sg-0123456789abcdef0",
		})
		_, code := only(t, template(t, stack), "AWS::Lambda::Function")
		if diff := cmp.Diff(test.want, code.Properties["VpcConfig"]); diff != "" {
			t.Error(diff)
		}
	}
}

func TestQueuesAreEncryptedAndClosed(t *testing.T) {
	d, resources := newDrain(t, prod(t))
	for _, name := range []string{d.QueueName, d.DeadLetterQueueName} {
		id, queue := named(t, resources, "AWS::SQS::Queue", "QueueName", name)
		if queue.Properties["SqsManagedSseEnabled"] != true {
			t.Errorf("%s is not encrypted", name)
		}
		refused := false
		for _, policy := range resources {
			if policy.Type == "AWS::SQS::QueuePolicy" && cmp.Equal(policy.Properties["Queues"], any([]any{map[string]any{"Ref": id}})) {
				text, _ := json.Marshal(policy.Properties)
				refused = strings.Contains(string(text), `{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny"`)
			}
		}
		if !refused {
			t.Errorf("%s takes what is not encrypted on its way", name)
		}
	}
}

func TestWhatFailsIsSetAside(t *testing.T) {
	d, resources := newDrain(t, prod(t))
	_, queue := named(t, resources, "AWS::SQS::Queue", "QueueName", d.QueueName)
	dead, last := named(t, resources, "AWS::SQS::Queue", "QueueName", d.DeadLetterQueueName)
	policy := queue.Properties["RedrivePolicy"].(map[string]any)
	if diff := cmp.Diff(arn(dead), policy["deadLetterTargetArn"]); diff != "" {
		t.Error(diff)
	}
	// Fewer than five, and a throttled moment sets messages aside.
	// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
	if n := policy["maxReceiveCount"].(float64); n < 5 || n > 20 {
		t.Errorf("a message is set aside after %v receives", n)
	}
	if seconds(t, last, "MessageRetentionPeriod") <= seconds(t, queue, "MessageRetentionPeriod") {
		t.Error("the dead-letter queue keeps messages no longer than the queue, and a message's age counts from its first")
	}
}

func TestMessagesInvokeTheFunction(t *testing.T) {
	d, resources := newDrain(t, prod(t))
	queue, _ := named(t, resources, "AWS::SQS::Queue", "QueueName", d.QueueName)
	code, function := only(t, resources, "AWS::Lambda::Function")
	_, got := only(t, resources, "AWS::Lambda::EventSourceMapping")
	if diff := cmp.Diff(map[string]any{"fn": arn(code), "queue": arn(queue)}, map[string]any{"fn": got.Properties["FunctionName"], "queue": got.Properties["EventSourceArn"]}); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(any([]any{"ReportBatchItemFailures"}), got.Properties["FunctionResponseTypes"]); diff != "" {
		t.Errorf("one bad message spoils its batch: %s", diff)
	}
	if n := got.Properties["BatchSize"].(float64); n < 1 || n > 10 {
		t.Errorf("a batch of %v messages does not fit into an invocation", n)
	}
	most := got.Properties["ScalingConfig"].(map[string]any)["MaximumConcurrency"].(float64)
	if kept := function.Properties["ReservedConcurrentExecutions"].(float64); most < 2 || most > kept {
		t.Errorf("up to %v batches are read at once and %v invocations may run: the others count as failed", most, kept)
	}
	if function.Properties["RecursiveLoop"] != "Allow" {
		t.Error("AWS ends a drain after some 16 steps, as the function sends itself messages")
	}
	variables := function.Properties["Environment"].(map[string]any)["Variables"].(map[string]any)
	if diff := cmp.Diff(any(map[string]any{"Ref": queue}), variables[spec.VariableQueueURL]); diff != "" {
		t.Error(diff)
	}
	if variables[spec.VariableHook] != spec.DrainHook {
		t.Errorf("the function looks for hook %v", variables[spec.VariableHook])
	}
}

// groups are the names that the fleets' groups have.
func groups(env *spec.Environment) []any {
	var list []any
	for _, fleet := range slices.Sorted(maps.Keys(env.Fleets)) {
		list = append(list, env.ResourceName(fleet))
	}
	return list
}

func TestEventsOfTheGroupsAndNoOthersReachTheQueue(t *testing.T) {
	env := prod(t)
	d, resources := newDrain(t, env)
	queue, _ := named(t, resources, "AWS::SQS::Queue", "QueueName", d.QueueName)
	dead, _ := named(t, resources, "AWS::SQS::Queue", "QueueName", d.DeadLetterQueueName)
	rule, got := only(t, resources, "AWS::Events::Rule") // no fleet has spot instances
	want := map[string]any{
		"source": []any{"aws.autoscaling"}, "detail-type": []any{"EC2 Instance-terminate Lifecycle Action"},
		"detail": map[string]any{"AutoScalingGroupName": groups(env), "LifecycleHookName": []any{spec.DrainHook}},
	}
	if diff := cmp.Diff(any(want), got.Properties["EventPattern"]); diff != "" {
		t.Error(diff)
	}
	target := got.Properties["Targets"].([]any)[0].(map[string]any)
	if diff := cmp.Diff([]any{arn(queue), map[string]any{"Arn": arn(dead)}}, []any{target["Arn"], target["DeadLetterConfig"]}); diff != "" {
		t.Error(diff)
	}
	for _, id := range []string{queue, dead} {
		if !mayEnter(t, resources, id, rule) {
			t.Errorf("EventBridge may not send to %s", id)
		}
	}
}

// mayEnter tells whether the queue lets in what the rule sends, and from nobody else.
func mayEnter(t *testing.T, resources map[string]resource, queue, rule string) bool {
	t.Helper()
	for _, policy := range resources {
		if policy.Type != "AWS::SQS::QueuePolicy" || !cmp.Equal(policy.Properties["Queues"], any([]any{map[string]any{"Ref": queue}})) {
			continue
		}
		for _, s := range policy.Properties["PolicyDocument"].(map[string]any)["Statement"].([]any) {
			s := s.(map[string]any)
			if s["Effect"] == "Allow" && s["Condition"] == nil {
				t.Errorf("%s takes messages of anybody at %v", queue, s["Principal"])
			}
			if cmp.Equal(s["Condition"], any(map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": arn(rule)}})) {
				return true
			}
		}
	}
	return false
}

func TestNoticesOfSpotInstancesReachTheQueue(t *testing.T) {
	_, resources := newDrain(t, load(t, "testdata/spot.yaml"))
	found := map[string]bool{}
	for id, r := range resources {
		if r.Type != "AWS::Events::Rule" {
			continue
		}
		for _, kind := range r.Properties["EventPattern"].(map[string]any)["detail-type"].([]any) {
			found[kind.(string)] = true
		}
		for queue, q := range resources {
			if q.Type == "AWS::SQS::Queue" && !mayEnter(t, resources, queue, id) {
				t.Errorf("what %s sends may not enter %s", id, queue)
			}
		}
	}
	want := map[string]bool{
		"EC2 Instance-terminate Lifecycle Action": true, "EC2 Spot Instance Interruption Warning": true,
		"EC2 Instance Rebalance Recommendation": true,
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
}

func TestLostInstancesAreLookedForEveryMinute(t *testing.T) {
	d, resources := newDrain(t, prod(t))
	queue, _ := named(t, resources, "AWS::SQS::Queue", "QueueName", d.QueueName)
	_, schedule := only(t, resources, "AWS::Scheduler::Schedule")
	if schedule.Properties["ScheduleExpression"] != "rate(1 minute)" {
		t.Errorf("lost instances are looked for at %v", schedule.Properties["ScheduleExpression"])
	}
	target := schedule.Properties["Target"].(map[string]any)
	if diff := cmp.Diff([]any{arn(queue), spec.DrainReconcileMessage}, []any{target["Arn"], target["Input"]}); diff != "" {
		t.Error(diff)
	}
}

func TestAutoScalingMaySendToTheQueueAndNoOther(t *testing.T) {
	d, resources := newDrain(t, prod(t))
	queue, _ := named(t, resources, "AWS::SQS::Queue", "QueueName", d.QueueName)
	for id, r := range resources {
		if r.Type != "AWS::IAM::Role" || !strings.Contains(flat(t, r.Properties), `"autoscaling.amazonaws.com"`) {
			continue
		}
		for _, s := range allowed(resources) {
			if s.role == id {
				if diff := cmp.Diff(statement{id, []string{"sqs:GetQueueUrl", "sqs:SendMessage"}, []any{arn(queue)}, nil}, s, cmp.AllowUnexported(statement{})); diff != "" {
					t.Error(diff)
				}
				return
			}
		}
	}
	t.Error("no role with a policy that Auto Scaling assumes")
}
