// Package agent ends the application of an instance that is about to be terminated. It runs
// beside the application, on an instance of an Auto Scaling group whose lifecycle hook holds
// ending instances:
//
//  1. It asks the instance metadata service for the state that Auto Scaling takes the instance
//     to, until that is Terminated.
//  2. It tells the application, once, to finish what it has begun and end.
//  3. It records heartbeats of the lifecycle action until nothing of the application runs.
//  4. It completes the lifecycle action.
//
// Nothing depends on it: when it fails, the drain function ends the instance in its stead, and
// later. A restarted agent goes on where the last one was, by the metadata and its status file.
package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// Config says of which group the instance is and how it ends.
type Config struct {
	// Group is the Auto Scaling group; empty to ask the metadata service and then Auto Scaling.
	Group string
	// Hook is the lifecycle hook whose action is completed.
	Hook string
	// Heartbeat is the hook's timeout.
	Heartbeat time.Duration
	// Maximum is the most that the application gets to end, and OnTimeout, one of spec's, what
	// happens then.
	Maximum   time.Duration
	OnTimeout string
	// Poll is the time between two looks at the metadata, and before what failed is tried again.
	Poll time.Duration
	// AwaitHook puts off telling the application until the hook holds the instance: then it is
	// out of its load balancer, which until then still sends requests.
	AwaitHook bool
	// Spot and Rebalance make the notice of a spot interruption and the recommendation to
	// rebalance reasons to end, too.
	Spot, Rebalance bool
	// StatusFile is where Status is kept; empty for nowhere.
	StatusFile string
	// Listen is the address at which Status is served; empty for none.
	Listen string
}

// Application is what runs on the instance. A run of it has a name that no other has, so that
// one that was told to end is not told again, and one that was started since is.
type Application interface {
	// Current names the run; empty when nothing runs.
	Current(ctx context.Context) (string, error)
	// Alive tells whether that run has not ended.
	Alive(ctx context.Context, run string) (bool, error)
	// Quiesce tells the run to finish what it has begun and end, and does not wait for it.
	Quiesce(ctx context.Context, run string) error
}

// Metadata is the instance metadata service.
type Metadata interface {
	// Get returns the value at a path below meta-data; empty when there is none.
	Get(ctx context.Context, path string) (string, error)
}

// Inspector counts what the application works on.
type Inspector interface {
	Inspect(ctx context.Context) (Work, error)
}

const (
	// lookEvery is the time between two looks at an application that is ending. It is the most
	// that its end goes unnoticed.
	lookEvery = 250 * time.Millisecond
	// metadataTimeout bounds a question to the metadata service, which answers within
	// milliseconds or not at all.
	metadataTimeout = 4 * time.Second
	// inspectEvery is the time between two counts of work while the instance is in service. A
	// count loads the application twice, which may take seconds of a processor.
	inspectEvery = 5 * time.Minute
	// inspectTimeout bounds a count of work. The last count delays telling the application by
	// as much.
	inspectTimeout = 10 * time.Second
)

// Agent is one run of the agent.
type Agent struct {
	config      Config
	metadata    Metadata
	application Application
	inspector   Inspector // nil for none
	logger      *slog.Logger
	action      *lifecycleAction

	mu     sync.Mutex
	status Status // guarded by mu
	// unwritten tells of a status file that cannot be written.
	unwritten complaint
}

// Parts are what an agent works with.
type Parts struct {
	Metadata    Metadata
	AutoScaling AutoScaling
	Application Application
	// Inspector is nil for none.
	Inspector Inspector
	Logger    *slog.Logger
}

// New makes an agent.
func New(c Config, p Parts) *Agent {
	a := &Agent{
		config: c, metadata: p.Metadata, application: p.Application, inspector: p.Inspector, logger: p.Logger,
		unwritten: complaint{logger: p.Logger, what: "status file"},
	}
	a.action = &lifecycleAction{
		api: p.AutoScaling, metadata: p.Metadata, logger: p.Logger,
		group: c.Group, hook: c.Hook, heartbeat: c.Heartbeat, poll: c.Poll, begun: make(chan struct{}),
	}
	return a
}

// errLeft is the end of an agent that was told to end before the instance was done.
var errLeft = errors.New("agent was told to end")

// Run watches until the instance is to end, and then ends it. It returns nil when the
// lifecycle action is over and when ctx is, which leaves the action to the next agent or to
// the drain function.
func (a *Agent) Run(ctx context.Context) error {
	last := a.resume()
	a.status = last
	if last.State == "" {
		a.status = Status{State: StateInService, Since: now()}
	}
	stop, err := a.serve(ctx)
	if err != nil {
		return err
	}
	defer stop()
	n, err := a.watch(ctx)
	if err == nil && n.cause != CauseTerminated {
		last, err = a.drainEarly(ctx, n, last)
	}
	if err == nil {
		err = a.drain(ctx, last)
	}
	if errors.Is(err, errLeft) {
		a.logger.Info("agent ends, the application and the lifecycle action are left as they are")
		return nil
	}
	return err
}

// watch returns once there is a reason to end the instance. What an earlier agent has written
// stands until the metadata say that there is none.
func (a *Agent) watch(ctx context.Context) (notice, error) {
	counting, stop := context.WithCancel(ctx)
	var counted sync.WaitGroup
	defer func() { stop(); counted.Wait() }()

	answers := complaint{logger: a.logger, what: "instance metadata"}
	inService := false
	a.logger.Info("watching", "hook", a.config.Hook, "poll", a.config.Poll.String())
	for {
		n, err := a.notice(ctx)
		answers.hear(err)
		switch {
		case err != nil:
		case n.cause != "":
			a.logger.Info("instance is to end", "cause", n.cause)
			return n, nil
		case !inService:
			inService = true
			a.update(func(s *Status) { *s = Status{State: StateInService, Since: now()} })
			counted.Go(func() { a.countWhile(counting) })
		}
		if !pause(ctx, a.config.Poll) {
			return notice{}, errLeft
		}
	}
}

// countWhile counts the application's work now and then until ctx is done.
func (a *Agent) countWhile(ctx context.Context) {
	if a.inspector == nil {
		return
	}
	counts := complaint{logger: a.logger, what: "count of active work"}
	for {
		counts.hear(a.count(ctx))
		if !pause(ctx, inspectEvery) {
			return
		}
	}
}

// count puts into the status what the application works on.
func (a *Agent) count(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	work, err := a.inspector.Inspect(ctx)
	if err != nil {
		return err
	}
	work.Counted = now()
	a.update(func(s *Status) { s.Work = &work })
	a.logger.Info("work counted", "active", work.Active, "reserved", work.Reserved)
	return nil
}

// result is what the lifecycle action is completed with when the application has not ended in
// time: CONTINUE ends the instance, ABANDON has a group that retains such instances keep it.
func (c *Config) result() string {
	if c.OnTimeout == spec.DrainRetain {
		return resultAbandon
	}
	return resultContinue
}

// pause waits, and reports whether ctx is still good.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// complaint logs the first of several errors in a row, and that they are over.
type complaint struct {
	logger *slog.Logger
	what   string
	made   bool
}

func (c *complaint) hear(err error) {
	switch {
	case errors.Is(err, context.Canceled): // by us
	case err != nil && !c.made:
		c.made = true
		c.logger.Warn("does not work for now", "what", c.what, "error", err)
	case err == nil && c.made:
		c.made = false
		c.logger.Info("works again", "what", c.what)
	}
}
