package asgsim

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// pollInterval is how often Feed looks into the queue.
const pollInterval = 20 * time.Millisecond

// Feed has a function read the queue of a world with the real clock until the context ends,
// one batch at a time: invoke hands it an event and is its answer.
func (w *World) Feed(ctx context.Context, invoke func(context.Context, []byte) ([]byte, error)) error {
	for ctx.Err() == nil {
		w.mu.Lock()
		messages := w.queue.receive(BatchSize, VisibilityTimeout)
		w.mu.Unlock()
		if len(messages) == 0 {
			select {
			case <-ctx.Done():
			case <-time.After(pollInterval):
			}
			continue
		}
		var batch events.SQSEvent
		for _, m := range messages {
			batch.Records = append(batch.Records, m.record())
		}
		event, err := json.Marshal(batch)
		if err != nil {
			return fmt.Errorf("write batch: %w", err)
		}
		answer, err := invoke(ctx, event)
		if err != nil {
			continue // all of them are back later
		}
		var response events.SQSEventResponse
		if err := json.Unmarshal(answer, &response); err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		failed := map[string]bool{}
		for _, f := range response.BatchItemFailures {
			failed[f.ItemIdentifier] = true
		}
		w.mu.Lock()
		for _, m := range messages {
			if !failed[m.id] {
				w.queue.delete(m.receipt)
			}
		}
		w.mu.Unlock()
	}
	return nil
}
