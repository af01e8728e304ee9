package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/smithy-go"

	"github.com/evenkeel/evenkeel/proxy/internal/agent"
	"github.com/evenkeel/evenkeel/spec"
)

const instance = "i-0123456789abcdef0"

var (
	errNoAction = &smithy.GenericAPIError{Code: "ValidationError", Message: "No active Lifecycle Action found with instance ID " + instance}
	errThrottle = &smithy.GenericAPIError{Code: "Throttling", Message: "Rate exceeded"}
)

// world is an instance, its application and its Auto Scaling group. Its fields are for the
// goroutine of the test before the agent runs; then mu guards them.
type world struct {
	mu     sync.Mutex
	start  time.Time
	events []string // what was done, with the time since start

	metadata map[string]string
	silent   bool // the metadata service does not answer

	run      string // the application's; empty when nothing runs
	told     int
	untold   error         // what telling it meets
	takes    time.Duration // from being told to the end; 0 for never
	revived  bool          // a supervisor starts it again, once
	sightErr error         // what looking at it meets

	held     bool // the hook has an action
	beatErr  error
	complete []error // what the next completions meet
	results  []string
	beats    []time.Duration
	counts   int
}

func newWorld() *world {
	return &world{
		start: time.Now(), run: "1", takes: 10 * time.Minute, held: true,
		metadata: map[string]string{"instance-id": instance, "autoscaling/target-lifecycle-state": "InService"},
	}
}

// after changes the world at a time.
func (w *world) after(d time.Duration, change func()) {
	time.AfterFunc(d, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		change()
	})
}

func (w *world) terminate() { w.metadata["autoscaling/target-lifecycle-state"] = "Terminated" }

func (w *world) note(event string) {
	w.events = append(w.events, time.Since(w.start).String()+" "+event)
}

func (w *world) Get(_ context.Context, path string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.silent {
		return "", errors.New("metadata: connection refused")
	}
	return w.metadata[path], nil
}

func (w *world) Current(context.Context) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.run, w.sightErr
}

func (w *world) Alive(_ context.Context, run string) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.run == run, w.sightErr
}

func (w *world) Quiesce(_ context.Context, run string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.untold != nil {
		return w.untold
	}
	w.told++
	w.note("told " + run)
	if w.takes > 0 {
		w.after(w.takes, func() {
			w.run = ""
			if w.revived {
				w.revived, w.run = false, run+"1"
			}
			w.note("ended")
		})
	}
	return nil
}

func (w *world) Inspect(context.Context) (agent.Work, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts++
	if w.told > 0 {
		return agent.Work{}, errors.New("no nodes replied within time constraint")
	}
	return agent.Work{Active: 2, Reserved: 3}, nil
}

func (w *world) RecordLifecycleActionHeartbeat(_ context.Context, in *autoscaling.RecordLifecycleActionHeartbeatInput, _ ...func(*autoscaling.Options)) (*autoscaling.RecordLifecycleActionHeartbeatOutput, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if *in.AutoScalingGroupName != "shop-prod-workers" || *in.LifecycleHookName != spec.DrainHook || *in.InstanceId != instance {
		return nil, errors.New("heartbeat of another action")
	}
	switch {
	case w.beatErr != nil:
		return nil, w.beatErr
	case !w.held:
		return nil, errNoAction
	}
	w.beats = append(w.beats, time.Since(w.start))
	return &autoscaling.RecordLifecycleActionHeartbeatOutput{}, nil
}

func (w *world) CompleteLifecycleAction(ctx context.Context, in *autoscaling.CompleteLifecycleActionInput, _ ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if *in.AutoScalingGroupName != "shop-prod-workers" || *in.LifecycleHookName != spec.DrainHook || *in.InstanceId != instance || in.LifecycleActionToken != nil {
		return nil, errors.New("completion of another action")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(w.complete) > 0 {
		err := w.complete[0]
		if len(w.complete) > 1 {
			w.complete = w.complete[1:]
		}
		if err != nil {
			w.note("refused")
			return nil, err
		}
	}
	if !w.held {
		w.note("refused")
		return nil, errNoAction
	}
	w.held = false
	w.results = append(w.results, *in.LifecycleActionResult)
	w.note("completed " + *in.LifecycleActionResult)
	return &autoscaling.CompleteLifecycleActionOutput{}, nil
}

func (w *world) DescribeAutoScalingInstances(_ context.Context, in *autoscaling.DescribeAutoScalingInstancesInput, _ ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingInstancesOutput, error) {
	if !slices.Equal(in.InstanceIds, []string{instance}) {
		return nil, errors.New("another instance")
	}
	return &autoscaling.DescribeAutoScalingInstancesOutput{AutoScalingInstances: []types.AutoScalingInstanceDetails{{AutoScalingGroupName: aws.String("shop-prod-workers")}}}, nil
}

// configuration is that of a worker which gets an hour and whose hook waits five minutes.
func configuration(t *testing.T) agent.Config {
	return agent.Config{
		Group: "shop-prod-workers", Hook: spec.DrainHook, Heartbeat: 5 * time.Minute, Maximum: time.Hour, OnTimeout: spec.DrainContinue,
		Poll: 5 * time.Second, StatusFile: filepath.Join(t.TempDir(), "run", "status.json"),
	}
}

func (w *world) agent(t *testing.T, c agent.Config) *agent.Agent {
	return agent.New(c, agent.Parts{
		Metadata: w, AutoScaling: w, Application: w, Inspector: w,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
}

// ends runs an agent to its end.
func (w *world) ends(t *testing.T, c agent.Config) {
	t.Helper()
	if err := w.agent(t, c).Run(t.Context()); err != nil {
		t.Errorf("the agent ends with %v", err)
	}
}

// expect holds what was done to a list, of which each element is the end of an event.
func (w *world) expect(t *testing.T, want ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.EqualFunc(w.events, want, strings.HasSuffix) {
		t.Errorf("got %q, want %q", w.events, want)
	}
}

// at returns when an event happened.
func (w *world) at(t *testing.T, event string) time.Duration {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if when, what, _ := strings.Cut(e, " "); what == event {
			d, err := time.ParseDuration(when)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
	}
	t.Fatalf("%q is not in %q", event, w.events)
	return 0
}

// status reads the file that an agent has written.
func status(t *testing.T, c agent.Config) agent.Status {
	t.Helper()
	text, err := os.ReadFile(c.StatusFile)
	if err != nil {
		t.Fatal(err)
	}
	var s agent.Status
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}
