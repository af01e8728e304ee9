package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// celeryTimeout is how long Celery waits for its worker's answer.
const celeryTimeout = 3 * time.Second

// Celery counts the tasks of a Celery worker by asking the worker, which answers until it is
// told to end.
//
// https://docs.celeryq.dev/en/stable/userguide/monitoring.html#commands
type Celery struct {
	// Command is how celery is called for the application, such as celery --app syncapp.
	Command []string
	// Node is the worker's name, such as celery@ip-10-0-1-1.
	Node string
}

// Inspect implements Inspector.
func (c *Celery) Inspect(ctx context.Context) (work Work, err error) {
	if work.Active, err = c.tasks(ctx, "active"); err != nil {
		return Work{}, err
	}
	if work.Reserved, err = c.tasks(ctx, "reserved"); err != nil {
		return Work{}, err
	}
	return work, nil
}

// tasks counts tasks of a kind.
func (c *Celery) tasks(ctx context.Context, kind string) (int, error) {
	args := append(append([]string{}, c.Command[1:]...),
		"inspect", kind, "--json", "--destination", c.Node, "--timeout", fmt.Sprint(celeryTimeout.Seconds()))
	text, err := output(ctx, inspectTimeout, c.Command[0], args...)
	if err != nil {
		return 0, fmt.Errorf("ask %s for its %s tasks: %w", c.Node, kind, err)
	}
	var nodes map[string][]json.RawMessage
	if err := json.Unmarshal([]byte(text), &nodes); err != nil {
		return 0, fmt.Errorf("read the %s tasks of %s: %w", kind, c.Node, err)
	}
	tasks, ok := nodes[c.Node]
	if !ok {
		return 0, fmt.Errorf("ask %s for its %s tasks: it is not in the answer", c.Node, kind)
	}
	return len(tasks), nil
}
