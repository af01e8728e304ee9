package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/evenkeel/evenkeel/spec"
)

// Settings are what those who set the function up tell it.
type Settings struct {
	// App and Environment are the values of the tags that the environment's resources have.
	App, Environment string
	// Groups are the names of the Auto Scaling groups whose instances are drained, Hook that of
	// their hook.
	Groups []string
	Hook   string
	// QueueURL is where messages go that are not done.
	QueueURL string
}

// Services are what the function asks, and tells.
type Services struct {
	Instances    instanceDescriber
	Hooks        hookDescriber
	Actions      actionCompleter
	Targets      targetRegistry
	TargetGroups targetGroupLister
	Machines     machineDescriber
	Applications applicationAsker
	Queue        sender
	// Clock is this machine's; AWS's is derived from it.
	Clock func() time.Time
	// Random is a number in [0, 1), for times that many should not have in common.
	Random  func() float64
	Log     *slog.Logger
	Metrics io.Writer
}

// Function drains instances, one step of each at a time.
type Function struct {
	Settings
	Services

	memory       *memory
	targetGroups *targetGroups
	skew         atomic.Int64 // of AWS's clock from ours, in nanoseconds
}

// timeLeft is what an invocation keeps to answer in. Messages that it has not got to by then
// it gives back.
const timeLeft = 3 * time.Second

// New makes a function.
func New(settings Settings, services Services) *Function {
	if services.Random == nil {
		services.Random = rand.Float64
	}
	return &Function{
		Settings: settings, Services: services,
		memory:       newMemory(),
		targetGroups: &targetGroups{api: services.TargetGroups, app: settings.App, environment: settings.Environment},
	}
}

// now is AWS's time, as far as it is known: events are measured against it.
func (f *Function) now() time.Time { return f.Clock().Add(time.Duration(f.skew.Load())) }

// drains tells whether the function drains a group's instances.
func (f *Function) drains(group string) bool { return slices.Contains(f.Groups, group) }

// received is a message, by its id in the batch.
type received struct {
	id string
	// again tells that it was delivered before.
	again bool
	Message
}

// errNoTime: the invocation is about to be ended.
var errNoTime = errors.New("no time left in this invocation")

// Handle takes a batch of messages one step further. Those in the response are to be
// delivered again.
func (f *Function) Handle(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	ctx = withRequest(ctx)
	f.memory.forget(f.now())
	var response events.SQSEventResponse
	fail := func(m *received, err error, d *Drain) {
		f.failed(ctx, m, err, d)
		response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.id})
	}

	var steps []*received
	for _, record := range batch.Records {
		parsed, err := Parse(record.Body, f.sentAt(record))
		m := &received{id: record.MessageId, again: isAgain(record), Message: parsed}
		switch {
		case err != nil:
			fail(m, err, nil)
		case m.Kind == KindIgnored:
			f.Log.InfoContext(ctx, "message ignored", "message_id", m.id, "reason", m.Why)
		case m.Kind == KindReconcile:
			if err := f.reconcile(ctx); err != nil {
				fail(m, err, nil)
			}
		case m.Drain.Group != "" && !(f.drains(m.Drain.Group) && m.Drain.Hook == f.Hook):
			f.Log.WarnContext(ctx, "message of another hook ignored", "auto_scaling_group", m.Drain.Group, "lifecycle_hook", m.Drain.Hook, "instance", m.Drain.Instance)
		default:
			if m.Kind == KindHook {
				// The hook's timeout begins to run with its event.
				m.Drain.Heartbeat = m.Drain.Started
			}
			steps = append(steps, m)
		}
	}
	if len(steps) == 0 {
		return response, nil
	}

	drains := make([]Drain, len(steps))
	for i, m := range steps {
		drains[i] = m.Drain
	}
	states, err := f.look(ctx, drains)
	for i, m := range steps {
		switch {
		case err != nil:
			fail(m, err, &m.Drain)
		case f.isLate(ctx):
			fail(m, errNoTime, nil)
		default:
			if err := f.step(ctx, m, &states[i]); err != nil {
				fail(m, err, &m.Drain)
			}
		}
	}
	return response, nil
}

// step takes one drain one step further.
func (f *Function) step(ctx context.Context, m *received, s *State) error {
	now := f.now()
	// EventBridge tells of the same drains, and the schedule finds no others.
	if m.Kind == KindHook && m.Direct && !m.again && f.memory.begin(&m.Drain, now) {
		f.started(ctx, s)
	}
	if f.memory.isElsewhere(&m.Drain, now) {
		f.Log.DebugContext(ctx, "drain goes on by another message", "instance", s.Instance, "auto_scaling_group", s.Group)
		return nil
	}
	return f.act(ctx, s, Decide(*s, now))
}

// isLate tells whether the invocation is about to be ended.
func (f *Function) isLate(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ok && end.Sub(f.Clock()) < timeLeft
}

// sentAt is when SQS got a message.
func (f *Function) sentAt(record events.SQSMessage) time.Time {
	if ms, err := strconv.ParseInt(record.Attributes["SentTimestamp"], 10, 64); err == nil && ms > 0 {
		return time.UnixMilli(ms).UTC()
	}
	return f.now()
}

// isAgain tells whether a message was delivered before.
func isAgain(record events.SQSMessage) bool {
	n, err := strconv.Atoi(record.Attributes["ApproximateReceiveCount"])
	return err == nil && n > 1
}

// request says what invocation a log line is of.
type request struct{}

// withRequest has log lines say the ids of the invocation and of its trace.
func withRequest(ctx context.Context) context.Context {
	var attributes []slog.Attr
	if c, ok := lambdacontext.FromContext(ctx); ok {
		attributes = append(attributes, slog.String("request_id", c.AwsRequestID))
	}
	if trace, ok := ctx.Value("x-amzn-trace-id").(string); ok && trace != "" { // the runtime's own key
		attributes = append(attributes, slog.String("trace_id", trace))
	}
	return context.WithValue(ctx, request{}, attributes)
}

// requestHandler adds to each line what withRequest found.
type requestHandler struct{ slog.Handler }

func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	if attributes, ok := ctx.Value(request{}).([]slog.Attr); ok {
		r.AddAttrs(attributes...)
	}
	return h.Handler.Handle(ctx, r)
}

// scope is the value of the metrics' dimension.
func (f *Function) scope() string { return spec.FunctionScope(f.App, f.Environment) }
