//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/test/harness"
)

// jobs is a Celery application whose task writes down when it begins and ends, and where.
const jobs = `import os, time
from celery import Celery, current_task

app = Celery('jobs', broker=os.environ['BROKER'])
app.conf.task_acks_late = True
app.conf.task_reject_on_worker_lost = True
app.conf.worker_prefetch_multiplier = 2

def note(what, name):
    with open(os.environ['NOTES'], 'a') as notes:
        notes.write('%s %s %s %f\n' % (what, name, current_task.request.hostname, time.time()))

@app.task(name='work')
def work(name, seconds):
    note('begin', name)
    time.sleep(seconds)
    note('end', name)
`

// ec2 plays the instance metadata service and EC2 Auto Scaling for one instance.
type ec2 struct {
	t *testing.T
	// hookAfter is how long after the termination has begun the hook holds the instance.
	hookAfter time.Duration

	mu          sync.Mutex
	terminating time.Time // zero in service
	heartbeats  []time.Time
	completions []time.Time
	completed   func() // told of a completion, under mu
}

const ec2Instance = "i-0123456789abcdef0"

func (e *ec2) metadata(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch path := strings.TrimPrefix(r.URL.Path, "/latest/"); {
	case r.Method == http.MethodPut && path == "api/token":
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
		fmt.Fprint(w, "token")
	case r.Header.Get("X-Aws-Ec2-Metadata-Token") != "token":
		w.WriteHeader(http.StatusUnauthorized)
	case path == "meta-data/instance-id":
		fmt.Fprint(w, ec2Instance)
	case path == "meta-data/autoscaling/target-lifecycle-state" && e.terminating.IsZero():
		fmt.Fprint(w, "InService")
	case path == "meta-data/autoscaling/target-lifecycle-state":
		fmt.Fprint(w, "Terminated")
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (e *ec2) autoScaling(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	action := r.PostFormValue("Action")
	for key, want := range map[string]string{
		"AutoScalingGroupName": "jobs-e2e-workers", "LifecycleHookName": "drain", "InstanceId": ec2Instance, "LifecycleActionToken": "",
	} {
		if got := r.PostFormValue(key); got != want {
			e.t.Errorf("%s: %s is %q, want %q", action, key, got, want)
		}
	}
	if e.terminating.IsZero() || time.Since(e.terminating) < e.hookAfter || len(e.completions) > 0 {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `<ErrorResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><Error><Type>Sender</Type><Code>ValidationError</Code>`+
			`<Message>No active Lifecycle Action found with instance ID %s</Message></Error><RequestId>1</RequestId></ErrorResponse>`, ec2Instance)
		return
	}
	switch action {
	case "RecordLifecycleActionHeartbeat":
		e.heartbeats = append(e.heartbeats, time.Now())
	case "CompleteLifecycleAction":
		e.completions = append(e.completions, time.Now())
		if got := r.PostFormValue("LifecycleActionResult"); got != "CONTINUE" {
			e.t.Errorf("completed with %s", got)
		}
		e.completed()
	default:
		e.t.Errorf("called %s", action)
	}
	fmt.Fprintf(w, `<%sResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><%[1]sResult/></%[1]sResponse>`, action)
}

func (e *ec2) terminate() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.terminating = time.Now()
}

// celery is an application with a broker of its own.
type celery struct {
	t         *testing.T
	dir       string
	variables []string
	python    string
}

func newCelery(t *testing.T) *celery {
	t.Helper()
	c := &celery{t: t, dir: t.TempDir(), python: tool(t, "/usr/bin/python3", "python3")}
	if out, err := command(t, c.python, "python3", "-c", "import celery, redis"); err != nil {
		t.Fatalf("Celery for Redis is missing: apt-get install python3-celery python3-redis\n%s", out)
	}
	address := harness.FreeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	broker := harness.Start(t, tool(t, "redis-server", "redis-server"), "--bind", "127.0.0.1", "--port", port, "--save", "", "--dir", c.dir)
	broker.WaitListening(address)
	if err := os.WriteFile(filepath.Join(c.dir, "jobs.py"), []byte(jobs), 0o600); err != nil {
		t.Fatal(err)
	}
	c.variables = []string{"BROKER=redis://" + address + "/0", "NOTES=" + filepath.Join(c.dir, "notes"), "PYTHONPATH=" + c.dir}
	return c
}

// start runs a program with the application's variables.
func (c *celery) start(args ...string) *harness.Process {
	c.t.Helper()
	return harness.Start(c.t, tool(c.t, "env", "coreutils"), append(slices.Concat([]string{"-C", c.dir}, c.variables), args...)...)
}

// worker runs a worker of one task at a time, which may take one more from the queue.
func (c *celery) worker(name string) *harness.Process {
	c.t.Helper()
	w := c.start(c.python, "-m", "celery", "--app", "jobs", "worker", "--concurrency", "1", "--hostname", name, "--pidfile", filepath.Join(c.dir, name+".pid"), "--loglevel", "info")
	w.Until("ready", func() bool { return strings.Contains(w.Output(), name+" ready.") })
	return w
}

// send puts a task into the queue.
func (c *celery) send(name string, seconds int) {
	c.t.Helper()
	p := c.start(c.python, "-c", fmt.Sprintf("from jobs import work; work.delay('%s', %d)", name, seconds))
	if err := p.Wait(); err != nil {
		c.t.Fatalf("send %s: %v\n%s", name, err, p.Output())
	}
}

// notes returns what tasks have written, and when.
func (c *celery) notes() (lines []string, times map[string]time.Time) {
	text, _ := os.ReadFile(filepath.Join(c.dir, "notes")) // none yet
	times = map[string]time.Time{}
	for line := range strings.Lines(string(text)) {
		var what, name, worker string
		var seconds float64
		if _, err := fmt.Sscan(line, &what, &name, &worker, &seconds); err != nil {
			continue // half of a line
		}
		note := what + " " + name + " at " + worker
		lines, times[note] = append(lines, note), time.UnixMicro(int64(seconds*1e6))
	}
	return lines, times
}

func (c *celery) noted(line string) bool {
	_, times := c.notes()
	return !times[line].IsZero()
}

// TestAgentDrainsCelery ends the instance of a worker that runs a long task and has taken
// another. The one is finished and the other is left to the next worker, though the agent is
// killed in between; then, and once, the instance is let go.
func TestAgentDrainsCelery(t *testing.T) {
	c := newCelery(t)
	const heartbeat = 3 * time.Second
	aws := &ec2{t: t, hookAfter: time.Second}
	metadata, scaling := httptest.NewServer(http.HandlerFunc(aws.metadata)), httptest.NewServer(http.HandlerFunc(aws.autoScaling))
	defer metadata.Close()
	defer scaling.Close()

	one := c.worker("one@e2e")
	aws.completed = func() {
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", one.PID())); err == nil && !strings.Contains(string(stat), ") Z ") {
			t.Errorf("completed while the worker is there: %s", stat)
		}
	}
	listen, status := harness.FreeAddress(t), filepath.Join(c.dir, "run", "status.json")
	startAgent := func() *harness.Process {
		return c.start(
			"AWS_EC2_METADATA_SERVICE_ENDPOINT="+metadata.URL, "AWS_ENDPOINT_URL_AUTO_SCALING="+scaling.URL, "AWS_REGION=eu-central-1",
			"AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=key", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
			"AUTO_SCALING_GROUP=jobs-e2e-workers", "DRAIN_HEARTBEAT="+heartbeat.String(), "DRAIN_MAXIMUM=2m",
			program, "agent", "--pidfile", filepath.Join(c.dir, "one@e2e.pid"), "--status", status, "--listen", listen, "--poll", "200ms",
			"--inspect", c.python+" -m celery --app jobs", "--inspect-node", "one@e2e")
	}
	agent := startAgent()
	agent.WaitListening(listen)

	c.send("long", 10)
	one.Until("at work", func() bool { return c.noted("begin long at one@e2e") })
	c.send("reserved", 1)
	one.Until("holding a second task", func() bool { return strings.Count(one.Output(), "received") == 2 })
	two := c.worker("two@e2e")
	aws.terminate()

	// The agent counts, tells the worker, and is killed; the next one must not tell it again.
	one.Until("told to end", func() bool { return strings.Contains(one.Output(), "Warm shutdown") })
	answer, err := http.Get("http://" + listen)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var said struct {
		State, Told      string
		Active, Reserved int
	}
	if err := json.NewDecoder(answer.Body).Decode(&said); err != nil {
		t.Fatal(err)
	}
	if said.State != "draining" || said.Active != 1 || said.Reserved != 1 || said.Told == "" {
		t.Errorf("the agent says %+v", said)
	}
	agent.Signal(syscall.SIGKILL)
	_ = agent.Wait() // killed
	agent = startAgent()

	var ended time.Time
	two.Until("the first worker's end", func() bool { gone, _ := one.Ended(); ended = time.Now(); return gone })
	if err := agent.Wait(); err != nil {
		t.Errorf("the agent ends with %v", err)
	}
	if err := one.Wait(); err != nil {
		t.Errorf("the worker ends with %v", err)
	}
	two.Until("done with what was left", func() bool { return c.noted("end reserved at two@e2e") })
	lines, times := c.notes()
	finished := times["end long at one@e2e"]
	if want := []string{"begin long at one@e2e", "end long at one@e2e", "begin reserved at two@e2e", "end reserved at two@e2e"}; !slices.Equal(lines, want) {
		t.Errorf("tasks say %q, want %q", lines, want)
	}
	if n := strings.Count(one.Output(), "Warm shutdown"); n != 1 || strings.Contains(one.Output(), "Cold shutdown") {
		t.Errorf("the worker was told %d times, or to stop at once", n)
	}

	aws.mu.Lock()
	defer aws.mu.Unlock()
	if len(aws.completions) != 1 {
		t.Fatalf("%d completions", len(aws.completions))
	}
	last := aws.terminating.Add(aws.hookAfter)
	for _, beat := range append(aws.heartbeats, aws.completions[0]) {
		// The start of an agent's process is in one of the gaps.
		if gap := beat.Sub(last); gap < 0 || gap > heartbeat/3+time.Second {
			t.Errorf("%v from one heartbeat to the next, or to the completion", gap)
		}
		last = beat
	}
	if text, err := os.ReadFile(status); err != nil || !strings.Contains(string(text), `"state":"completed"`) {
		t.Errorf("the status file says %s, %v", text, err)
	}
	t.Logf("%d heartbeats; the worker ended %v after its last task, the instance was released %v after that task and %v after the worker's end was seen here",
		len(aws.heartbeats), ended.Sub(finished).Round(time.Millisecond), aws.completions[0].Sub(finished).Round(time.Millisecond), aws.completions[0].Sub(ended).Round(time.Millisecond))
}
