package asgsim_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/evenkeel/evenkeel/test/harness/asgsim"
)

// TestSDKSeesWhatTheWorldSays makes each call through AWS's SDK and by itself.
func TestSDKSeesWhatTheWorldSays(t *testing.T) {
	w := asgsim.New(asgsim.Real{}, 1)
	g := w.AddGroup(asgsim.Group{
		Name: "g<&>", TargetGroups: []string{"arn:one"},
		Hook: asgsim.Hook{Name: "drain", Heartbeat: time.Minute, DefaultResult: "CONTINUE", Metadata: `{"a":"<b>"}`},
	})
	w.AddTargetGroup(asgsim.TargetGroup{ARN: "arn:one", Tags: map[string]string{"App": "app"}})
	i := w.Launch(g)
	server := httptest.NewServer(w.Handler())
	defer server.Close()
	config := aws.Config{Region: "eu-central-1", BaseEndpoint: &server.URL, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
	})}
	groups, targets, queue := autoscaling.NewFromConfig(config), elbv2.NewFromConfig(config), sqs.NewFromConfig(config)
	ctx := t.Context()

	same(t, groups.DescribeAutoScalingInstances, w.DescribeAutoScalingInstances, &autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{"i-none", i.ID}})
	same(t, groups.DescribeAutoScalingGroups, w.DescribeAutoScalingGroups, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{"g<&>"}, MaxRecords: aws.Int32(5)})
	same(t, groups.DescribeLifecycleHooks, w.DescribeLifecycleHooks, &autoscaling.DescribeLifecycleHooksInput{AutoScalingGroupName: &g.Name, LifecycleHookNames: []string{"drain"}})
	same(t, targets.DescribeTargetHealth, w.DescribeTargetHealth, &elbv2.DescribeTargetHealthInput{TargetGroupArn: aws.String("arn:one"), Targets: []elbv2types.TargetDescription{{Id: &i.ID, Port: aws.Int32(80)}}})
	same(t, targets.DescribeTargetGroups, w.DescribeTargetGroups, &elbv2.DescribeTargetGroupsInput{})
	same(t, targets.DescribeTags, w.DescribeTags, &elbv2.DescribeTagsInput{ResourceArns: []string{"arn:one"}})
	same(t, targets.DeregisterTargets, w.DeregisterTargets, &elbv2.DeregisterTargetsInput{TargetGroupArn: aws.String("arn:one"), Targets: []elbv2types.TargetDescription{{Id: &i.ID}}})

	_, err := groups.CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{AutoScalingGroupName: &g.Name, LifecycleHookName: aws.String("drain"), InstanceId: &i.ID, LifecycleActionResult: aws.String("CONTINUE")})
	if err == nil || !strings.Contains(err.Error(), "ValidationError: No active Lifecycle Action found with instance ID "+i.ID) {
		t.Errorf("error %v, want that of an instance that is not held", err)
	}

	w.Terminate(i)
	held, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for w.Token(i) == "" && held.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if _, err := groups.RecordLifecycleActionHeartbeat(ctx, &autoscaling.RecordLifecycleActionHeartbeatInput{AutoScalingGroupName: &g.Name, LifecycleHookName: aws.String("drain"), LifecycleActionToken: aws.String(w.Token(i)), InstanceId: &i.ID}); err != nil {
		t.Error(err)
	}
	sent, err := queue.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: aws.String(server.URL + "/q"), Entries: []sqstypes.SendMessageBatchRequestEntry{{Id: aws.String("0"), MessageBody: aws.String("hello"), DelaySeconds: 0}}})
	if err != nil || len(sent.Successful) != 1 {
		t.Errorf("sent %+v, error %v", sent, err)
	}
	seen := map[string]bool{}
	feed, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	err = w.Feed(feed, func(_ context.Context, event []byte) ([]byte, error) {
		var batch events.SQSEvent
		if err := json.Unmarshal(event, &batch); err != nil {
			return nil, err
		}
		for _, r := range batch.Records {
			seen[r.Body] = true
		}
		// The message, the hook's and that of EventBridge.
		if len(seen) == 3 {
			stop()
		}
		return []byte(`{"batchItemFailures":[]}`), nil
	})
	if err != nil || !seen["hello"] || len(seen) != 3 {
		t.Errorf("the function got %v, error %v, want three messages", seen, err)
	}
	if _, err := groups.CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{AutoScalingGroupName: &g.Name, LifecycleHookName: aws.String("drain"), InstanceId: &i.ID, LifecycleActionResult: aws.String("CONTINUE")}); err != nil {
		t.Error(err)
	}
	if e := w.Endings(); len(e) != 1 || e[0].By != asgsim.ByCompletion || e[0].Heartbeats != 1 {
		t.Errorf("endings %+v", e)
	}
}

// same wants both to answer the same.
func same[Input, Output, Options any](t *testing.T, sdk, world func(context.Context, *Input, ...func(*Options)) (*Output, error), in *Input) {
	t.Helper()
	got, err := sdk(t.Context(), in)
	if err != nil {
		t.Errorf("%T: %v", in, err)
		return
	}
	want, err := world(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	ignore := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".ResultMetadata" }, cmp.Ignore())
	unexported := cmp.FilterPath(func(p cmp.Path) bool { return strings.HasSuffix(p.Last().String(), "noSmithyDocumentSerde") }, cmp.Ignore())
	if diff := cmp.Diff(want, got, ignore, unexported, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%T: -world +SDK:\n%s", in, diff)
	}
}
