package main

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/smithy-go"

	"github.com/evenkeel/evenkeel/spec"
)

func TestOtherHooksAreOtherPeoples(t *testing.T) {
	s := newScene(t, webTerms)
	i := s.held()
	body := s.event(i, s.Token(i))
	failed := s.handle(s.function(), strings.ReplaceAll(body, `"drain"`, `"theirs"`), strings.ReplaceAll(body, s.group.Name, "theirs"))
	s.wantNoEnd()
	if failed != nil || len(s.calls) != 0 {
		t.Errorf("failed %v, calls %v, want none of either", failed, s.calls)
	}
}

func TestMessagesThatThereIsNoTimeForAreGivenBack(t *testing.T) {
	s := newScene(t, webTerms)
	i := s.held()
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Hour))
	defer cancel()
	f := s.function()
	end, _ := ctx.Deadline()
	f.Clock = func() time.Time { return end.Add(-timeLeft / 2) }
	response, err := f.Handle(ctx, events.SQSEvent{Records: []events.SQSMessage{s.message("0", s.event(i, s.Token(i)))}})
	if err != nil || len(response.BatchItemFailures) != 1 {
		t.Errorf("failed %+v, error %v, want the message back", response.BatchItemFailures, err)
	}
	s.wantNoEnd()
	s.wantMetric(spec.MetricDrainFailed, 0)
}

func TestLogLinesSayWhoAndWhy(t *testing.T) {
	s := newScene(t, webTerms)
	i := s.held()
	f := s.function()
	var log bytes.Buffer
	f.Log = slog.New(requestHandler{slog.NewJSONHandler(&log, nil)})
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	ctx = context.WithValue(ctx, "x-amzn-trace-id", "Root=1-trace") //nolint:staticcheck // the runtime's own key
	if _, err := f.Handle(ctx, events.SQSEvent{Records: []events.SQSMessage{s.message("0", s.event(i, s.Token(i)))}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"msg":"drain completed"`, `"request_id":"request-1"`, `"trace_id":"Root=1-trace"`, `"instance":"` + i.ID + `"`, `"auto_scaling_group":"app-prod-web"`, `"action":"complete"`, `"reason":"done"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, &log)
		}
	}
	if token := s.ending().Token; strings.Contains(log.String(), token) {
		t.Error("the log has the action's token")
	}
}

func TestMetricsHaveOneDimension(t *testing.T) {
	s := newScene(t, webTerms)
	i := s.held()
	s.handle(s.function(), s.event(i, s.Token(i)))
	for _, want := range []string{`"Namespace":"` + spec.FunctionNamespace + `"`, `"Dimensions":[["` + spec.DimensionEnvironment + `"]]`, `"` + spec.DimensionEnvironment + `":"app-prod"`} {
		if !strings.Contains(s.metrics.String(), want) {
			t.Errorf("the metrics lack %s:\n%s", want, &s.metrics)
		}
	}
	s.wantMetric(spec.MetricDrainStarted, 1)
	s.wantMetric(spec.MetricDrainCompleted, 1)
}

func TestWorkerThatEndsItselfIsCompleted(t *testing.T) {
	s := newScene(t, workerTerms)
	i := s.Launch(s.group)
	i.Agent = true
	i.BusyUntil = s.clock.Now().Add(2 * time.Minute)
	s.hold(i)
	f := s.function()
	s.handle(f, s.event(i, s.Token(i)))
	s.follow(f, 10*time.Minute)
	s.wantEnd(resultContinue)
	s.wantMetric(spec.MetricDrainCompleted, 1)
	s.wantMetric(spec.MetricDrainAbandoned, 0)
}

func TestHookWithoutTermsIsHeldForOneTimeout(t *testing.T) {
	for _, metadata := range []string{"", "by hand", `{"heartbeat":"1s","maximum":"1m","on_timeout":"continue"}`, `{"heartbeat":"1m","maximum":"1m","on_timeout":"never"}`, `{"heartbeat":"1m","maximum":"x"}`} {
		s := newScene(t, webTerms)
		s.group.Hook.Metadata = metadata
		i := s.held()
		f := s.function()
		s.handle(f, s.event(i, s.Token(i)))
		s.wantNoEnd()
		s.follow(f, time.Hour)
		if e := s.ending(); e.Ended.Sub(e.Started) != 5*time.Minute {
			t.Errorf("%q: held for %v, want the hook's timeout of 5m", metadata, e.Ended.Sub(e.Started))
		}
	}
}

func TestErrorsAreSorted(t *testing.T) {
	for code, want := range map[string]bool{
		"Throttling": true, "ThrottlingException": true, "RequestLimitExceeded": true, "ResourceContention": true, "RequestTimeout": true, "ExpiredToken": true,
		"AccessDenied": false, "ValidationError": false, "UnrecognizedClientException": false,
	} {
		if got := isTransient(&smithy.GenericAPIError{Code: code}); got != want {
			t.Errorf("%s: transient %v, want %v", code, got, want)
		}
	}
	if isTransient(nil) || !isTransient(errBroken) || !isTransient(errServer) || !isTransient(context.DeadlineExceeded) {
		t.Error("nobody's answer, or a server's fault, is sorted wrong")
	}
}

func TestSettingsAreTheEnvironments(t *testing.T) {
	variables := map[string]string{
		spec.VariableApp: "app", spec.VariableEnvironment: "prod", spec.VariableGroups: "app-prod-a,app-prod-b", spec.VariableHook: "drain", spec.VariableQueueURL: "https://q",
	}
	read := func(name string) string { return variables[name] }
	s, err := readSettings(read)
	if err != nil || s.App != "app" || s.Environment != "prod" || len(s.Groups) != 2 || s.Groups[1] != "app-prod-b" || s.Hook != "drain" || s.QueueURL != "https://q" {
		t.Errorf("read %+v, error %v", s, err)
	}
	for name := range variables {
		value := variables[name]
		variables[name] = ""
		if _, err := readSettings(read); err == nil || !strings.Contains(err.Error(), "variable "+name+" is missing") {
			t.Errorf("without %s: error %v", name, err)
		}
		variables[name] = value
	}
}
