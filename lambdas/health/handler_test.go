package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/aggregate"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

// schedule is an event of EventBridge Scheduler, which is none of the load balancer.
const schedule = `{"version": "0", "source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": {}}`

// scene is a handler, and what it has seen, said and logged.
type scene struct {
	*handler
	t *testing.T
	// state is that of all targets in the next round, err why there is none.
	state targethealth.State
	err   error
	// partly says that not all is seen.
	partly bool
	rounds int
	// metrics and log are what was written.
	metrics, log bytes.Buffer
}

func newScene(t *testing.T) *scene {
	s := &scene{t: t, state: targethealth.Healthy}
	logger := slog.New(slog.NewJSONHandler(&s.log, nil))
	s.handler = &handler{settings: settings{app: "syncapp", environment: "prod"}, logger: logger, observe: s.observe, metrics: &s.metrics}
	return s
}

func (s *scene) observe(context.Context, *slog.Logger) (*aggregate.Observation, error) {
	s.rounds++
	if s.err != nil {
		return nil, s.err
	}
	passed := &aggregate.Result{Outcome: aggregate.Passed, Report: &aggregate.Report{Version: "1", Dependencies: map[string]aggregate.Verdict{"database": aggregate.Up}}}
	o := &aggregate.Observation{App: "syncapp", Environment: "prod", Begun: time.Now(), Ended: time.Now(), Groups: []aggregate.Group{{
		Name: "web", MinimumHealthy: spec.MinimumHealthyTargets{Count: 1},
		Targets: []aggregate.Target{{ID: "i-1", Address: "10.0.0.1:80", Zone: "a", State: s.state, Deep: passed}},
	}}}
	if s.partly {
		o.Problems = []string{"Auto Scaling groups"}
	}
	return o, nil
}

// request has the handler answer a captured request, changed.
func (s *scene) request(file string, change func(*events.ALBTargetGroupRequest)) *events.ALBTargetGroupResponse {
	s.t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		s.t.Fatal(err)
	}
	if change != nil {
		var r events.ALBTargetGroupRequest
		if err := json.Unmarshal(text, &r); err != nil {
			s.t.Fatal(err)
		}
		change(&r)
		text, _ = json.Marshal(r)
	}
	answer, err := s.handle(s.t.Context(), text)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.(*events.ALBTargetGroupResponse)
}

// get is a request for the document, and what its status and age are.
func (s *scene) get() (code int, status aggregate.Status, age float64) {
	s.t.Helper()
	r := s.request("alb_request.json", nil)
	var d aggregate.Document
	if err := json.Unmarshal([]byte(r.Body), &d); err != nil {
		s.t.Fatal(err)
	}
	return r.StatusCode, d.Status, d.Age
}

func TestLoadBalancerIsAnswered(t *testing.T) {
	s := newScene(t)
	multi, single := s.request("alb_request.json", nil), s.request("alb_request_single_value.json", nil)
	if multi.StatusCode != 200 || multi.StatusDescription != "200 OK" || multi.IsBase64Encoded || !json.Valid([]byte(multi.Body)) {
		t.Errorf("got %+v", multi)
	}
	if multi.Headers != nil || !cmp.Equal(multi.MultiValueHeaders["Content-Type"], []string{"application/json"}) || !cmp.Equal(multi.MultiValueHeaders["Cache-Control"], []string{"no-store"}) {
		t.Errorf("to multi-value headers: %v and %v", multi.Headers, multi.MultiValueHeaders)
	}
	if single.MultiValueHeaders != nil || single.Headers["Content-Type"] != "application/json" {
		t.Errorf("to single-value headers: %v and %v", single.Headers, single.MultiValueHeaders)
	}
	if s.metrics.Len() > 0 {
		t.Errorf("a request makes metrics: %s", &s.metrics)
	}
}

func TestMethodsAndPaths(t *testing.T) {
	for name, c := range map[string]struct {
		method, path string
		status       int
		empty        bool
		rounds       int
	}{
		"HEAD":       {"HEAD", spec.AggregatePath, 200, true, 1},
		"OPTIONS":    {"OPTIONS", spec.AggregatePath, 204, true, 0},
		"POST":       {"POST", spec.AggregatePath, 405, false, 0},
		"DELETE":     {"DELETE", spec.AggregatePath, 405, false, 0},
		"other path": {"GET", "/health/aggregate/", 404, false, 0},
		"no path":    {"GET", "", 404, false, 0},
	} {
		s := newScene(t)
		r := s.request("alb_request.json", func(r *events.ALBTargetGroupRequest) { r.HTTPMethod, r.Path = c.method, c.path })
		if r.StatusCode != c.status || (r.Body == "") != c.empty || s.rounds != c.rounds {
			t.Errorf("%s: %d with %q after %d rounds", name, r.StatusCode, r.Body, s.rounds)
		}
	}
}

// TestAnswersAreYoung is by the clock: a document is served for less than a minute.
func TestAnswersAreYoung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		for _, c := range []struct {
			wait   time.Duration
			state  targethealth.State
			code   int
			age    float64
			rounds int
		}{
			{0, targethealth.Healthy, 200, 0, 1},
			{59 * time.Second, targethealth.Unhealthy, 200, 59, 1},
			{time.Second, targethealth.Unhealthy, 503, 0, 2},
			{30 * time.Second, targethealth.Healthy, 503, 30, 2},
			{time.Hour, targethealth.Healthy, 200, 0, 3},
		} {
			time.Sleep(c.wait)
			s.state = c.state
			if code, _, age := s.get(); code != c.code || age != c.age || s.rounds != c.rounds {
				t.Errorf("%d with age %v after %d rounds, want %d, %v, %d", code, age, s.rounds, c.code, c.age, c.rounds)
			}
		}
	})
}

// TestScheduledRoundIsServed, and the one before it is not after one that failed.
func TestScheduledRoundIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		if _, err := s.handle(t.Context(), json.RawMessage(schedule)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if code, _, age := s.get(); code != 200 || age != 10 || s.rounds != 1 {
			t.Errorf("%d, age %v, %d rounds", code, age, s.rounds)
		}
		s.err = errors.New("describe load balancer: throttled")
		if _, err := s.handle(t.Context(), json.RawMessage(schedule)); !errors.Is(err, s.err) {
			t.Errorf("got %v", err)
		}
		r := s.request("alb_request.json", nil)
		if r.StatusCode != 503 || r.MultiValueHeaders["Retry-After"] == nil || strings.Contains(r.Body, "throttled") {
			t.Errorf("got %+v", r)
		}
		if s.rounds != 3 {
			t.Errorf("%d rounds: a request tries once more", s.rounds)
		}
	})
}

// TestEventsOfTheSchedule: whatever has no load balancer in it is one.
func TestEventsOfTheSchedule(t *testing.T) {
	for _, event := range []string{schedule, `{}`, `null`, `"x"`, `[]`, `{"requestContext": {"elb": {}}}`, `{"requestContext": 3}`} {
		s := newScene(t)
		if answer, err := s.handle(t.Context(), json.RawMessage(event)); answer != nil || err != nil || s.rounds != 1 || s.metrics.Len() == 0 {
			t.Errorf("%s: %v, %v, %d rounds", event, answer, err, s.rounds)
		}
	}
}

// TestAgeOfTheLastCompleteRound is reported by every scheduled round.
func TestAgeOfTheLastCompleteRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		age := func() any {
			t.Helper()
			s.metrics.Reset()
			_, _ = s.handle(t.Context(), json.RawMessage(schedule))
			for _, line := range lines(t, &s.metrics) {
				if v, ok := line[spec.MetricHealthAge]; ok {
					return v
				}
			}
			return nil
		}
		s.partly = true
		if got := age(); got != nil {
			t.Errorf("before any complete round: %v", got)
		}
		s.partly = false
		if got := age(); got != 0.0 {
			t.Errorf("after a complete round: %v", got)
		}
		time.Sleep(time.Minute)
		s.partly = true
		if got := age(); got != 60.0 {
			t.Errorf("after part of one: %v", got)
		}
		time.Sleep(time.Minute)
		s.err = errors.New("throttled")
		if got := age(); got != 120.0 {
			t.Errorf("after none: %v", got)
		}
		s.err, s.partly = nil, false
		if got := age(); got != 0.0 {
			t.Errorf("after another: %v", got)
		}
	})
}

// TestTransitionsAreLogged once, with the ids by which an invocation is found again.
func TestTransitionsAreLogged(t *testing.T) {
	s := newScene(t)
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "5f3c"})
	t.Setenv("_X_AMZN_TRACE_ID", "Root=1-2")
	states := []targethealth.State{targethealth.Healthy, targethealth.Healthy, targethealth.Unhealthy, targethealth.Unhealthy, targethealth.Healthy}
	for _, state := range states {
		s.state = state
		if _, err := s.handle(ctx, json.RawMessage(schedule)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, line := range lines(t, &s.log) {
		if line["msg"] == "health has changed" {
			got = append(got, line["level"].(string)+" "+line["from"].(string)+">"+line["to"].(string))
		}
		if line["request_id"] != "5f3c" || line["trace_id"] != "Root=1-2" {
			t.Errorf("line %v", line)
		}
	}
	if diff := cmp.Diff([]string{"INFO >ok", "WARN ok>down", "INFO down>ok"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestTraceOfARequest is the load balancer's.
func TestTraceOfARequest(t *testing.T) {
	s := newScene(t)
	s.err = errors.New("throttled")
	s.request("alb_request.json", nil)
	if line := lines(t, &s.log)[0]; line["trace_id"] != "Root=1-69a42e40-0123456789abcdef01234567" || line["msg"] != "health is not served" {
		t.Errorf("line %v", line)
	}
}

// TestFailingTargetsAreNamed in the log, which has their addresses, and not for ever.
func TestFailingTargetsAreNamed(t *testing.T) {
	s := newScene(t)
	o, _ := s.observe(t.Context(), nil)
	target := o.Groups[0].Targets[0]
	target.Deep = &aggregate.Result{Outcome: aggregate.BadStatus, Status: 500}
	for range 30 {
		o.Groups[0].Targets = append(o.Groups[0].Targets, target)
	}
	logFailing(t.Context(), o, s.logger)
	line := lines(t, &s.log)[0]
	list := line["targets"].([]any)
	want := map[string]any{"target_group": "web", "target": "i-1", "address": "10.0.0.1:80", "outcome": "bad_status", "status": 500.0}
	if line["count"] != 30.0 || len(list) != maxLogged || !cmp.Equal(list[0], any(want)) {
		t.Errorf("line %v", line)
	}
}

// lines are those of a log in JSON.
func lines(t *testing.T, log *bytes.Buffer) []map[string]any {
	t.Helper()
	var list []map[string]any
	for line := range bytes.Lines(log.Bytes()) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, m)
	}
	return list
}

// TestInstancesAreOnlyReplacedOnSchedule, and after all has been told.
func TestInstancesAreOnlyReplacedOnSchedule(t *testing.T) {
	s := newScene(t)
	told := 0
	s.mend = func(context.Context, *aggregate.Observation, *slog.Logger) error {
		told = s.metrics.Len()
		return errors.New("denied")
	}
	s.request("alb_request.json", nil)
	if told != 0 {
		t.Error("a request replaces instances")
	}
	if _, err := s.handle(t.Context(), json.RawMessage(schedule)); err != nil || told == 0 || told != s.metrics.Len() {
		t.Errorf("%v after %d bytes of metrics of %d", err, told, s.metrics.Len())
	}
	if !strings.Contains(s.log.String(), "instances are not replaced") {
		t.Errorf("log: %s", &s.log)
	}
}
