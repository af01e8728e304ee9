package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// sender is the function's own queue.
type sender interface {
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
}

// messagesPerCall is how many messages SQS takes at once.
const messagesPerCall = 10

// requeue sends the message that goes on with a drain. The one that it goes on from is done
// only then, so that no drain is lost with the function.
func (f *Function) requeue(ctx context.Context, s *State, delay time.Duration) error {
	return f.send(ctx, []Drain{s.Drain}, delay)
}

// send sends messages that go on with drains after a delay.
func (f *Function) send(ctx context.Context, drains []Drain, delay time.Duration) error {
	now := f.now()
	var errs []error
	for chunk := range slices.Chunk(drains, messagesPerCall) {
		entries := make([]sqstypes.SendMessageBatchRequestEntry, len(chunk))
		for i := range chunk {
			chunk[i].Due = now.Add(delay)
			body, err := chunk[i].step()
			if err != nil {
				return err
			}
			entries[i] = sqstypes.SendMessageBatchRequestEntry{Id: new(strconv.Itoa(i)), MessageBody: &body, DelaySeconds: int32(delay / time.Second)}
		}
		out, err := f.Queue.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &f.QueueURL, Entries: entries})
		if err != nil {
			errs = append(errs, fmt.Errorf("send step: %w", err))
			continue
		}
		for _, e := range out.Successful {
			if i, err := strconv.Atoi(aws.ToString(e.Id)); err == nil && i >= 0 && i < len(chunk) {
				f.memory.sent(&chunk[i], now)
			}
		}
		for _, e := range out.Failed {
			errs = append(errs, fmt.Errorf("send step: %s: %s", aws.ToString(e.Code), aws.ToString(e.Message)))
		}
	}
	return errors.Join(errs...)
}
