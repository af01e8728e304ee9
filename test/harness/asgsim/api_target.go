package asgsim

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const targetPort = 8080

func (w *World) targetGroup(arn *string) (*TargetGroup, error) {
	for _, g := range w.targetGroups {
		if g.ARN == aws.ToString(arn) {
			return g, nil
		}
	}
	return nil, refusal("TargetGroupNotFound", "One or more target groups not found")
}

// DescribeTargetHealth describes targets: those asked for, or all.
func (w *World) DescribeTargetHealth(ctx context.Context, in *elbv2.DescribeTargetHealthInput, _ ...func(*elbv2.Options)) (*elbv2.DescribeTargetHealthOutput, error) {
	return call(ctx, w, func(string) (*elbv2.DescribeTargetHealthOutput, error) {
		g, err := w.targetGroup(in.TargetGroupArn)
		if err != nil {
			return nil, err
		}
		var ids []string
		for _, t := range in.Targets {
			ids = append(ids, aws.ToString(t.Id))
		}
		if len(in.Targets) == 0 {
			ids = slices.Sorted(maps.Keys(g.targets))
		}
		out := &elbv2.DescribeTargetHealthOutput{}
		for _, id := range ids {
			state, reason := g.health(id)
			if len(in.Targets) == 0 && reason == "Target.NotRegistered" {
				continue
			}
			out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, elbv2types.TargetHealthDescription{
				Target:       &elbv2types.TargetDescription{Id: aws.String(id), Port: aws.Int32(targetPort)},
				TargetHealth: &elbv2types.TargetHealth{State: elbv2types.TargetHealthStateEnum(state), Reason: elbv2types.TargetHealthReasonEnum(reason)},
			})
		}
		return out, nil
	})
}

// DeregisterTargets has targets drain.
func (w *World) DeregisterTargets(ctx context.Context, in *elbv2.DeregisterTargetsInput, _ ...func(*elbv2.Options)) (*elbv2.DeregisterTargetsOutput, error) {
	return call(ctx, w, func(string) (*elbv2.DeregisterTargetsOutput, error) {
		g, err := w.targetGroup(in.TargetGroupArn)
		if err != nil {
			return nil, err
		}
		for _, t := range in.Targets {
			g.deregister(aws.ToString(t.Id))
		}
		return &elbv2.DeregisterTargetsOutput{}, nil
	})
}

// DescribeTargetGroups lists all target groups, two on a page.
func (w *World) DescribeTargetGroups(ctx context.Context, in *elbv2.DescribeTargetGroupsInput, _ ...func(*elbv2.Options)) (*elbv2.DescribeTargetGroupsOutput, error) {
	return call(ctx, w, func(string) (*elbv2.DescribeTargetGroupsOutput, error) {
		const page = 2
		from, _ := strconv.Atoi(aws.ToString(in.Marker))
		to := min(from+page, len(w.targetGroups))
		out := &elbv2.DescribeTargetGroupsOutput{}
		if to < len(w.targetGroups) {
			out.NextMarker = aws.String(strconv.Itoa(to))
		}
		for _, g := range w.targetGroups[from:to] {
			out.TargetGroups = append(out.TargetGroups, elbv2types.TargetGroup{TargetGroupArn: &g.ARN, TargetType: elbv2types.TargetTypeEnumInstance, Port: aws.Int32(targetPort)})
		}
		return out, nil
	})
}

// DescribeTags describes target groups' tags.
func (w *World) DescribeTags(ctx context.Context, in *elbv2.DescribeTagsInput, _ ...func(*elbv2.Options)) (*elbv2.DescribeTagsOutput, error) {
	return call(ctx, w, func(string) (*elbv2.DescribeTagsOutput, error) {
		out := &elbv2.DescribeTagsOutput{}
		if len(in.ResourceArns) > 20 {
			return nil, refusal("ValidationError", "Up to 20 resources")
		}
		for _, arn := range in.ResourceArns {
			g, err := w.targetGroup(&arn)
			if err != nil {
				return nil, err
			}
			d := elbv2types.TagDescription{ResourceArn: &g.ARN}
			for _, key := range slices.Sorted(maps.Keys(g.Tags)) {
				d.Tags = append(d.Tags, elbv2types.Tag{Key: aws.String(key), Value: aws.String(g.Tags[key])})
			}
			out.TagDescriptions = append(out.TagDescriptions, d)
		}
		return out, nil
	})
}

// SendMessageBatch sends messages to the queue.
func (w *World) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	return call(ctx, w, func(string) (*sqs.SendMessageBatchOutput, error) {
		if len(in.Entries) == 0 || len(in.Entries) > 10 {
			return nil, refusal("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10.")
		}
		out := &sqs.SendMessageBatchOutput{}
		for _, e := range in.Entries {
			if e.DelaySeconds < 0 || e.DelaySeconds > 900 {
				out.Failed = append(out.Failed, sqstypes.BatchResultErrorEntry{Id: e.Id, Code: aws.String("InvalidParameterValue"), Message: aws.String("DelaySeconds"), SenderFault: true})
				continue
			}
			id := w.queue.send(aws.ToString(e.MessageBody), time.Duration(e.DelaySeconds)*time.Second)
			out.Successful = append(out.Successful, sqstypes.SendMessageBatchResultEntry{Id: e.Id, MessageId: &id, MD5OfMessageBody: aws.String(sum(aws.ToString(e.MessageBody)))})
		}
		return out, nil
	})
}
