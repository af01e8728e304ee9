package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/test/harness/asgsim"
)

// scene is a world with a group, and a function that is handed messages by the test.
type scene struct {
	*asgsim.World
	t       *testing.T
	clock   *asgsim.Virtual
	group   *asgsim.Group
	metrics bytes.Buffer
	log     bytes.Buffer

	mu    sync.Mutex
	fail  map[string]error // by the call's name
	calls []string
	sent  []events.SQSMessage

	addresses map[string]string // of instances that run
}

const (
	attachedARN  = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/attached/1"
	elsewhereARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/elsewhere/2"
)

var (
	webTerms    = spec.DrainMetadata{Heartbeat: "5m0s", Maximum: "15m0s", OnTimeout: spec.DrainContinue}
	workerTerms = spec.DrainMetadata{Heartbeat: "5m0s", Maximum: "15m0s", OnTimeout: spec.DrainContinue, Workers: true}
)

func newScene(t *testing.T, m spec.DrainMetadata) *scene {
	t.Helper()
	s := &scene{t: t, clock: asgsim.NewVirtual(simulationStart), fail: map[string]error{}}
	s.World = asgsim.New(s.clock, 1)
	tags := map[string]string{spec.TagApp: "app", spec.TagEnvironment: "prod"}
	g := asgsim.Group{Name: "app-prod-web"}
	if !m.Workers {
		g.TargetGroups = []string{attachedARN}
		s.AddTargetGroup(asgsim.TargetGroup{ARN: attachedARN, Delay: 30 * time.Second, Tags: tags})
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	heartbeat, err := time.ParseDuration(m.Heartbeat)
	if err != nil {
		t.Fatal(err)
	}
	g.Hook = asgsim.Hook{Name: spec.DrainHook, Heartbeat: heartbeat, DefaultResult: resultContinue, Metadata: string(text)}
	s.group = s.AddGroup(g)
	return s
}

// function is one copy of it.
func (s *scene) function() *Function {
	return New(
		Settings{App: "app", Environment: "prod", Groups: []string{s.group.Name}, Hook: spec.DrainHook, QueueURL: "https://queue"},
		Services{
			Instances: s, Hooks: s, Actions: s, Targets: s, TargetGroups: s, Queue: s, Machines: s, Applications: newHTTPAsker(),
			Clock: s.clock.Now, Random: func() float64 { return 0 },
			Log: slog.New(slog.NewJSONHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Metrics: &s.metrics,
		},
	)
}

// elsewhere is a target group of the environment that the group is not attached to.
func (s *scene) elsewhere() *asgsim.TargetGroup {
	return s.AddTargetGroup(asgsim.TargetGroup{ARN: elsewhereARN, Delay: time.Minute, Tags: map[string]string{spec.TagApp: "app", spec.TagEnvironment: "prod"}})
}

// held is an instance that the hook holds.
func (s *scene) held() *asgsim.Instance {
	i := s.Launch(s.group)
	s.hold(i)
	return i
}

// hold has an instance end, until the hook holds it.
func (s *scene) hold(i *asgsim.Instance) {
	s.t.Helper()
	s.Terminate(i)
	if len(i.Group.TargetGroups) > 0 {
		s.pass(30 * time.Second)
	} else {
		s.pass(0)
	}
	if i.State != asgsim.StateWait {
		s.t.Fatalf("%s is %s, want %s", i.ID, i.State, asgsim.StateWait)
	}
}

// pass lets time pass.
func (s *scene) pass(d time.Duration) {
	done := false
	s.clock.After(d, func() { done = true })
	s.clock.Run(s.clock.Now().Add(d), func() bool { return done })
}

// event is the message of an instance's hold that Auto Scaling sends.
func (s *scene) event(i *asgsim.Instance, token string) string {
	text, err := json.Marshal(map[string]any{
		"Service": "AWS Auto Scaling", "Time": s.clock.Now().UTC().Format(time.RFC3339Nano), "LifecycleActionToken": token, "AutoScalingGroupName": i.Group.Name,
		"LifecycleHookName": spec.DrainHook, "EC2InstanceId": i.ID, "LifecycleTransition": transitionTerminating, "NotificationMetadata": i.Group.Hook.Metadata,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// handle has a function take messages, and is the ids of those that failed: their numbers.
func (s *scene) handle(f *Function, bodies ...string) []string {
	s.t.Helper()
	var batch events.SQSEvent
	for i, body := range bodies {
		batch.Records = append(batch.Records, s.message(strconv.Itoa(i), body))
	}
	response, err := f.Handle(context.Background(), batch)
	if err != nil {
		s.t.Fatal(err)
	}
	var failed []string
	for _, failure := range response.BatchItemFailures {
		failed = append(failed, failure.ItemIdentifier)
	}
	return failed
}

func (s *scene) message(id, body string) events.SQSMessage {
	return events.SQSMessage{MessageId: id, Body: body, Attributes: map[string]string{"SentTimestamp": strconv.FormatInt(s.clock.Now().UnixMilli(), 10)}}
}

// next is the message that was sent last, and its delay.
func (s *scene) next() (Drain, time.Duration, string) {
	s.t.Helper()
	if len(s.sent) == 0 {
		s.t.Fatal("no message was sent")
	}
	last := s.sent[len(s.sent)-1]
	m, err := Parse(last.Body, s.clock.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	return m.Drain, m.Drain.Due.Sub(s.clock.Now()), last.Body
}

// follow takes each message that is sent at its time, until there is none or a time passed.
func (s *scene) follow(f *Function, most time.Duration) {
	s.t.Helper()
	end := s.clock.Now().Add(most)
	for n := len(s.sent); n > 0 && s.clock.Now().Before(end); {
		d, _, body := s.next()
		s.pass(d.Due.Sub(s.clock.Now()))
		n = len(s.sent)
		if failed := s.handle(f, body); failed != nil {
			s.t.Fatalf("a step failed: %s", &s.log)
		}
		if n == len(s.sent) {
			return
		}
	}
}

// ending is how the only hold ended.
func (s *scene) ending() asgsim.Ending {
	s.t.Helper()
	endings := s.Endings()
	if len(endings) != 1 {
		s.t.Fatalf("%d holds ended, want 1\n%s", len(endings), &s.log)
	}
	return endings[0]
}

// wantEnd wants the only hold completed with a result.
func (s *scene) wantEnd(result string) {
	s.t.Helper()
	if e := s.ending(); e.By != asgsim.ByCompletion || e.Result != result {
		s.t.Errorf("ended by %s with %s, want by %s with %s", e.By, e.Result, asgsim.ByCompletion, result)
	}
}

func (s *scene) wantNoEnd() {
	s.t.Helper()
	if e := s.Endings(); len(e) != 0 {
		s.t.Fatalf("ended: %+v", e)
	}
}

func (s *scene) wantMetric(name string, want int) {
	s.t.Helper()
	if got := strings.Count(s.metrics.String(), `"Name":"`+name+`"`); got != want {
		s.t.Errorf("%s was counted %d times, want %d", name, got, want)
	}
}

// called counts calls by name.
func (s *scene) called(name string) int {
	n := 0
	for _, c := range s.calls {
		if c == name {
			n++
		}
	}
	return n
}

func (s *scene) wantCalls(name string, want int) {
	s.t.Helper()
	if got := s.called(name); got != want {
		s.t.Errorf("%s was called %d times, want %d", name, got, want)
	}
}

func (s *scene) call(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, name)
	return s.fail[name]
}

var (
	errThrottled = &smithy.GenericAPIError{Code: "Throttling", Message: "Rate exceeded"}
	errDenied    = &smithy.GenericAPIError{Code: "AccessDenied", Message: "not authorized to perform"}
	errServer    = &smithy.GenericAPIError{Code: "InternalFailure", Message: "try again", Fault: smithy.FaultServer}
	errBroken    = io.ErrUnexpectedEOF
)

func (s *scene) DescribeAutoScalingInstances(ctx context.Context, in *autoscaling.DescribeAutoScalingInstancesInput, o ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingInstancesOutput, error) {
	if err := s.call("DescribeAutoScalingInstances"); err != nil {
		return nil, err
	}
	return s.World.DescribeAutoScalingInstances(ctx, in, o...)
}

func (s *scene) DescribeAutoScalingGroups(ctx context.Context, in *autoscaling.DescribeAutoScalingGroupsInput, o ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingGroupsOutput, error) {
	if err := s.call("DescribeAutoScalingGroups"); err != nil {
		return nil, err
	}
	return s.World.DescribeAutoScalingGroups(ctx, in, o...)
}

func (s *scene) DescribeLifecycleHooks(ctx context.Context, in *autoscaling.DescribeLifecycleHooksInput, o ...func(*autoscaling.Options)) (*autoscaling.DescribeLifecycleHooksOutput, error) {
	if err := s.call("DescribeLifecycleHooks"); err != nil {
		return nil, err
	}
	return s.World.DescribeLifecycleHooks(ctx, in, o...)
}

func (s *scene) CompleteLifecycleAction(ctx context.Context, in *autoscaling.CompleteLifecycleActionInput, o ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error) {
	name := "CompleteLifecycleAction"
	if in.LifecycleActionToken != nil {
		name += " by token"
	}
	if err := s.call(name); err != nil {
		return nil, err
	}
	return s.World.CompleteLifecycleAction(ctx, in, o...)
}

func (s *scene) RecordLifecycleActionHeartbeat(ctx context.Context, in *autoscaling.RecordLifecycleActionHeartbeatInput, o ...func(*autoscaling.Options)) (*autoscaling.RecordLifecycleActionHeartbeatOutput, error) {
	if err := s.call("RecordLifecycleActionHeartbeat"); err != nil {
		return nil, err
	}
	return s.World.RecordLifecycleActionHeartbeat(ctx, in, o...)
}

func (s *scene) DescribeTargetHealth(ctx context.Context, in *elbv2.DescribeTargetHealthInput, o ...func(*elbv2.Options)) (*elbv2.DescribeTargetHealthOutput, error) {
	if err := s.call("DescribeTargetHealth"); err != nil {
		return nil, err
	}
	return s.World.DescribeTargetHealth(ctx, in, o...)
}

func (s *scene) DeregisterTargets(ctx context.Context, in *elbv2.DeregisterTargetsInput, o ...func(*elbv2.Options)) (*elbv2.DeregisterTargetsOutput, error) {
	if err := s.call("DeregisterTargets"); err != nil {
		return nil, err
	}
	return s.World.DeregisterTargets(ctx, in, o...)
}

func (s *scene) DescribeInstances(_ context.Context, in *ec2.DescribeInstancesInput, _ ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error) {
	if err := s.call("DescribeInstances"); err != nil {
		return nil, err
	}
	return describe(in, s.addresses), nil
}

// describe answers for those of the instances that have an address.
func describe(in *ec2.DescribeInstancesInput, addresses map[string]string) *ec2.DescribeInstancesOutput {
	var r ec2types.Reservation
	for _, id := range in.Filters[0].Values {
		if address, ok := addresses[id]; ok {
			r.Instances = append(r.Instances, ec2types.Instance{
				InstanceId: &id, PrivateIpAddress: &address, State: &ec2types.InstanceState{Name: ec2types.InstanceStateNameRunning},
			})
		}
	}
	return &ec2.DescribeInstancesOutput{Reservations: []ec2types.Reservation{r}}
}

// SendMessageBatch keeps what is sent for the test, and not in the world's queue.
func (s *scene) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, o ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	if err := s.call("SendMessageBatch"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	for _, e := range in.Entries {
		s.sent = append(s.sent, s.message(*e.Id, *e.MessageBody))
	}
	s.mu.Unlock()
	return s.World.SendMessageBatch(ctx, in, o...)
}
