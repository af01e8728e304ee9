package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/evenkeel/evenkeel/aggregate"
	"github.com/evenkeel/evenkeel/spec"
)

// handler answers the schedule and the load balancer.
type handler struct {
	settings settings
	logger   *slog.Logger
	observe  func(context.Context, *slog.Logger) (*aggregate.Observation, error)
	// mend may replace instances after a scheduled round; nil for never.
	mend    func(context.Context, *aggregate.Observation, *slog.Logger) error
	metrics io.Writer

	// mu guards what follows, and lets one measurement be made at a time.
	mu sync.Mutex
	// last is the document of the last round, complete or not; nil before the first and after
	// one that failed.
	last *aggregate.Document
	// complete is when the last complete round ended that this process made.
	complete time.Time
	status   aggregate.Status
}

// handle is one invocation. An event of the load balancer is a request; any other comes
// from the schedule.
func (h *handler) handle(ctx context.Context, event json.RawMessage) (any, error) {
	var request events.ALBTargetGroupRequest
	if err := json.Unmarshal(event, &request); err == nil && request.RequestContext.ELB.TargetGroupArn != "" {
		return h.serve(ctx, &request), nil
	}
	return nil, h.measure(ctx, h.log(ctx, ""))
}

// log is the logger of an invocation. trace is that of a request; else Lambda's own is taken.
func (h *handler) log(ctx context.Context, trace string) *slog.Logger {
	logger := h.logger
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		logger = logger.With(slog.String("request_id", lc.AwsRequestID))
	}
	if trace == "" {
		trace = os.Getenv("_X_AMZN_TRACE_ID")
	}
	if trace != "" {
		logger = logger.With(slog.String("trace_id", trace))
	}
	return logger
}

// measure is a scheduled round: it reports metrics, whatever has come of the round.
func (h *handler) measure(ctx context.Context, logger *slog.Logger) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	o, err := h.round(ctx, logger)
	if err != nil {
		return errors.Join(err, h.reportAge())
	}
	if h.mend != nil {
		// Not before the report: what may change things must not keep it from being told.
		defer func() {
			if err := h.mend(ctx, o, logger); err != nil {
				logger.Error("instances are not replaced", slog.Any("error", err))
			}
		}()
	}
	return errors.Join(h.report(h.last), h.reportAge())
}

// round makes a document. h.mu is held.
func (h *handler) round(ctx context.Context, logger *slog.Logger) (*aggregate.Observation, error) {
	h.last = nil
	o, err := h.observe(ctx, logger)
	if err != nil {
		return nil, fmt.Errorf("measure health: %w", err)
	}
	h.last = aggregate.Build(o, spec.Default[spec.HealthyTargets]())
	if h.last.Coverage.Complete {
		h.complete = h.last.MeasuredAt
	}
	if h.last.Status != h.status {
		level := slog.LevelInfo
		if h.last.Status != aggregate.StatusOK {
			level = slog.LevelWarn
		}
		logger.Log(ctx, level, "health has changed",
			slog.String("from", string(h.status)), slog.String("to", string(h.last.Status)), slog.Any("reasons", h.last.Reasons))
		h.status = h.last.Status
	}
	logFailing(ctx, o, logger)
	return o, nil
}

// maxLogged bounds how many targets a line names.
const maxLogged = 20

// logFailing names the targets whose own check does not pass: the document has no addresses.
func logFailing(ctx context.Context, o *aggregate.Observation, logger *slog.Logger) {
	type failing struct {
		Group   string `json:"target_group"`
		Target  string `json:"target"`
		Address string `json:"address"`
		Outcome string `json:"outcome"`
		Status  int    `json:"status"`
	}
	var list []failing
	n := 0
	for _, g := range o.Groups {
		for _, t := range g.Targets {
			if t.Deep == nil || t.Deep.Outcome == aggregate.Passed {
				continue
			}
			if n++; n <= maxLogged {
				list = append(list, failing{g.Name, t.ID, t.Address, string(t.Deep.Outcome), t.Deep.Status})
			}
		}
	}
	if n > 0 {
		logger.WarnContext(ctx, "targets do not pass deep checks", slog.Int("count", n), slog.Any("targets", list))
	}
}

// serve answers the load balancer: with the last document while it is fresh, else with a
// measurement.
func (h *handler) serve(ctx context.Context, request *events.ALBTargetGroupRequest) *events.ALBTargetGroupResponse {
	method := request.HTTPMethod
	if request.Path != spec.AggregatePath {
		return response(request, aggregate.NotFound(method))
	}
	if a := aggregate.Refuse(method); a != nil {
		return response(request, a)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last == nil || !h.last.Fresh(time.Now()) {
		logger := h.log(ctx, header(request, "x-amzn-trace-id"))
		if _, err := h.round(ctx, logger); err != nil {
			logger.Error("health is not served", slog.Any("error", err))
			return response(request, aggregate.Unmeasured(method))
		}
	}
	return response(request, h.last.Answer(method, time.Now()))
}

// header is the value of a field. A load balancer writes names in lower case.
func header(request *events.ALBTargetGroupRequest, name string) string {
	if values := request.MultiValueHeaders[name]; len(values) > 0 {
		return values[0]
	}
	return request.Headers[name]
}

// response has its fields where the target group's lambda.multi_value_headers.enabled wants
// them, as the request has. Fields in the other place are dropped.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
func response(request *events.ALBTargetGroupRequest, a *aggregate.Answer) *events.ALBTargetGroupResponse {
	r := &events.ALBTargetGroupResponse{
		StatusCode:        a.Status,
		StatusDescription: fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status)),
		Body:              string(a.Body),
	}
	if request.MultiValueHeaders == nil {
		r.Headers = a.Header
		return r
	}
	r.MultiValueHeaders = map[string][]string{}
	for name, value := range a.Header {
		r.MultiValueHeaders[name] = []string{value}
	}
	return r
}
