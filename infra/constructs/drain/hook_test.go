package drain_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/infra/constructs/drain"
	"github.com/evenkeel/evenkeel/spec"
)

func TestHookIsAsTheFileSays(t *testing.T) {
	for _, test := range []struct {
		drain spec.Drain
		group *spec.TargetGroup
		want  drain.HookSettings
	}{
		{
			spec.Drain{Heartbeat: 5 * time.Minute, Maximum: 15 * time.Minute, OnTimeout: spec.DrainContinue},
			&spec.TargetGroup{Port: 8000},
			drain.HookSettings{"drain", "autoscaling:EC2_INSTANCE_TERMINATING", 5 * time.Minute, "CONTINUE", `{"heartbeat":"5m0s","maximum":"15m0s","on_timeout":"continue"}`},
		},
		{
			spec.Drain{Heartbeat: 90 * time.Second, Maximum: 48 * time.Hour, OnTimeout: spec.DrainRetain},
			nil,
			drain.HookSettings{"drain", "autoscaling:EC2_INSTANCE_TERMINATING", 90 * time.Second, "ABANDON", `{"heartbeat":"1m30s","maximum":"48h0m0s","on_timeout":"retain"}`},
		},
		{
			spec.Drain{Heartbeat: time.Minute, Maximum: time.Hour, OnTimeout: spec.DrainContinue, Endpoint: "/drain/"},
			&spec.TargetGroup{Port: 8443, Protocol: spec.ProtocolHTTPS},
			drain.HookSettings{"drain", "autoscaling:EC2_INSTANCE_TERMINATING", time.Minute, "CONTINUE", `{"heartbeat":"1m0s","maximum":"1h0m0s","on_timeout":"continue","endpoint":"/drain/","port":8443,"tls":true}`},
		},
	} {
		if diff := cmp.Diff(test.want, drain.Hook(spec.Fleet{Drain: test.drain}, test.group)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestHookHasRoomForEveryEndpoint(t *testing.T) {
	fleet := spec.Fleet{Drain: spec.Drain{
		Heartbeat: spec.MaxHeartbeat - time.Second, Maximum: spec.MaxDrain - time.Second, OnTimeout: spec.DrainContinue,
		Endpoint: "/" + strings.Repeat("&", spec.MaxDrainEndpoint-1),
	}}
	hook := drain.Hook(fleet, &spec.TargetGroup{Port: spec.MaxPort, Protocol: spec.ProtocolHTTPS})
	if n := len(hook.NotificationMetadata); n > drain.MaxMetadata {
		t.Errorf("%d characters of metadata, AWS takes %d", n, drain.MaxMetadata)
	}
}

// environments that go to AWS.
func environments(t *testing.T) map[string]*spec.Environment {
	t.Helper()
	files, err := filepath.Glob("../../../environments/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*spec.Environment{}
	for _, name := range append(files, "testdata/spot.yaml") {
		if env := load(t, name); env.AWS.Account != "" && len(env.Fleets) > 0 {
			all[name] = env
		}
	}
	if len(all) < 2 {
		t.Fatalf("%d environments go to AWS", len(all))
	}
	return all
}

// TestLawsOfTime are those between what the file says, what AWS allows and how long a step
// takes, for every environment of the repository. Without one of them a drain ends before
// the instance has finished.
func TestLawsOfTime(t *testing.T) {
	for name, env := range environments(t) {
		d, resources := newDrain(t, env)
		_, function := only(t, resources, "AWS::Lambda::Function")
		_, queue := named(t, resources, "AWS::SQS::Queue", "QueueName", d.QueueName)
		timeout := time.Duration(seconds(t, function, "Timeout")) * time.Second
		visibility := time.Duration(seconds(t, queue, "VisibilityTimeout")) * time.Second
		retention := time.Duration(seconds(t, queue, "MessageRetentionPeriod")) * time.Second

		holds := func(ok bool, what string, values ...time.Duration) {
			if !ok {
				t.Errorf("%s: %s: %v", name, what, values)
			}
		}
		holds(visibility >= 6*timeout, "a message is back while its step still runs", visibility, timeout)
		for fleet, f := range env.Fleets {
			hook := drain.Hook(f, env.DrainGroup(fleet))
			heartbeat := hook.HeartbeatTimeout
			var metadata spec.DrainMetadata
			if err := json.Unmarshal([]byte(hook.NotificationMetadata), &metadata); err != nil {
				t.Fatal(err)
			}
			most, err := time.ParseDuration(metadata.Maximum)
			if err != nil {
				t.Fatal(err)
			}
			name := name + ": " + fleet
			holds := func(ok bool, what string, values ...time.Duration) {
				if !ok {
					t.Errorf("%s: %s: %v", name, what, values)
				}
			}
			holds(most == f.Drain.Maximum, "the function learns of another maximum", most, f.Drain.Maximum)
			holds(heartbeat >= spec.MinHeartbeat && heartbeat <= spec.MaxHeartbeat, "AWS takes no such heartbeat", heartbeat)
			holds(heartbeat*spec.MaxHeartbeats >= most, "AWS ends the hook before the maximum", heartbeat, most)
			holds(heartbeat > visibility, "a step that crashed is repeated too late for its heartbeat", heartbeat, visibility)
			holds(heartbeat >= 3*timeout, "a few steps take longer than a heartbeat", heartbeat, timeout)
			holds(heartbeat > 2*drain.ReconcileInterval+timeout, "a lost instance is found after its heartbeat", heartbeat)
			holds(retention > most, "messages are gone before the drain ends", retention, most)
			if len(hook.NotificationMetadata) > drain.MaxMetadata {
				t.Errorf("%s: %d characters of metadata", name, len(hook.NotificationMetadata))
			}
		}
		for _, g := range env.TargetGroups {
			if f, ok := env.Fleets[g.Fleet]; ok {
				holds(g.DeregistrationDelay < f.Drain.Maximum, g.Name+": an instance is drained for less time than its requests may take", g.DeregistrationDelay, f.Drain.Maximum)
			}
		}
	}
	if drain.Retention <= spec.MaxDrain {
		t.Errorf("messages are kept for %v, and a drain may take %v", drain.Retention, spec.MaxDrain)
	}
}
