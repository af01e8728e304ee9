package discovery

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Options of NewRunner.
type Options struct {
	// Found is told what a target group's targets are now, whenever they are others than before.
	// An error leaves them what they were, until the next look-up.
	Found func(group string, targets []Target) error
	// Logger is told of transitions. The default discards.
	Logger *slog.Logger
	// Ask puts a question to a server. The default is [Ask].
	Ask func(ctx context.Context, server string, q Question) (Answer, error)
}

// Runner looks up what target groups are to be found by.
type Runner struct {
	options Options
	// ctx ends with the runner.
	ctx  context.Context
	stop context.CancelFunc

	mu      sync.Mutex
	watches map[string]*watch // by target group
	running sync.WaitGroup
}

// watch is the looking up for one target group. Its state is guarded by the runner's mu.
type watch struct {
	group string
	query Query
	stop  context.CancelFunc
	// first is closed when the first look-up has ended, well or not.
	first chan struct{}
	// told says that Found is told of what is found.
	told bool

	state State
	// latest are the targets of the last answer, known those that Found was told last.
	latest, known []Target
}

// State is how looking up goes.
type State struct {
	// Name is what is looked up.
	Name string
	// Answered is when the last good answer came; zero when none has.
	Answered time.Time
	// Error is why the last look-up failed, empty when it did not. What was known stays then.
	Error string
	// Succeeded and Failed count the look-ups.
	Succeeded, Failed uint64
}

// NewRunner returns a runner that looks nothing up yet.
func NewRunner(o Options) *Runner {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Ask == nil {
		o.Ask = Ask
	}
	r := &Runner{options: o, watches: map[string]*watch{}}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r
}

// Plan is what is to be looked up from its Commit on. Either that or Discard ends it.
type Plan struct {
	runner *Runner
	wanted map[string]Query
	// fresh are the queries that the runner does not have.
	fresh map[string]*watch
}

// Prepare begins to look up what of wanted, by target group, is not looked up yet. Nobody is
// told of it before Commit.
func (r *Runner) Prepare(wanted map[string]Query) *Plan {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &Plan{runner: r, wanted: wanted, fresh: map[string]*watch{}}
	if r.ctx.Err() != nil {
		return p
	}
	for group, q := range wanted {
		if w := r.watches[group]; w != nil && q.same(&w.query) {
			continue
		}
		p.fresh[group] = r.begin(group, q)
	}
	return p
}

// begin begins to look up. r.mu is held.
func (r *Runner) begin(group string, q Query) *watch {
	ctx, cancel := context.WithCancel(r.ctx)
	w := &watch{group: group, query: q, stop: cancel, first: make(chan struct{}), state: State{Name: q.Name}}
	r.running.Go(func() { r.run(ctx, w) })
	return w
}

// Wait returns when every query that is new has been looked up once, well or not, or ctx
// ends.
func (p *Plan) Wait(ctx context.Context) {
	for _, w := range p.fresh {
		select {
		case <-w.first:
		case <-ctx.Done():
			return
		case <-p.runner.ctx.Done():
			return
		}
	}
}

// Commit makes the plan what is looked up. A query that stays the same goes on as it is; what
// was found of a new one is told now.
func (p *Plan) Commit() {
	r := p.runner
	r.mu.Lock()
	defer r.mu.Unlock()
	for group, w := range r.watches {
		if q, ok := p.wanted[group]; !ok || !q.same(&w.query) {
			w.stop()
			delete(r.watches, group)
		}
	}
	for group, q := range p.wanted {
		w := p.fresh[group]
		switch {
		case r.watches[group] != nil: // perhaps since another plan that came in between
			if w != nil {
				w.stop()
			}
			continue
		case r.ctx.Err() != nil:
			continue
		case w == nil: // another plan in between did without it
			w = r.begin(group, q)
		}
		r.watches[group], w.told = w, true
		if err := r.tell(w); err != nil {
			w.state.Error = err.Error()
		}
	}
	p.fresh = nil
}

// Discard ends what was begun, unless the plan is committed.
func (p *Plan) Discard() {
	for _, w := range p.fresh {
		w.stop()
	}
}

// State tells how looking up goes for a target group; false when it is not looked up.
func (r *Runner) State(group string) (State, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.watches[group]
	if w == nil {
		return State{}, false
	}
	return w.state, true
}

// Close ends all looking up.
func (r *Runner) Close() {
	r.mu.Lock()
	r.stop()
	clear(r.watches)
	r.mu.Unlock()
	r.running.Wait()
}

// run is the life of a watch.
func (r *Runner) run(ctx context.Context, w *watch) {
	l := lookup{query: w.query, ask: r.options.Ask, hosts: map[string]*host{}}
	failures := 0
	for first := true; ; first = false {
		targets, ttl, err := l.do(ctx)
		if ctx.Err() != nil {
			return
		}
		if failures++; err == nil {
			failures = 0
		}
		r.report(ctx, w, targets, err)
		if first {
			close(w.first)
		}
		timer := time.NewTimer(pause(w.query.Interval, ttl, failures, rand.Float64()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// report takes in how a look-up ended. It logs what is other than before, not what goes on.
func (r *Runner) report(ctx context.Context, w *watch, targets []Target, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		return // something else is wanted by now
	}
	if len(targets) > 0 {
		w.latest = targets
	}
	if w.told {
		if failure := r.tell(w); err == nil {
			err = failure
		}
	}
	about := []any{slog.String("target_group", w.group), slog.String("dns", w.query.Name)}
	failing := w.state.Error != ""
	if err != nil {
		w.state.Error = err.Error()
		w.state.Failed++
		if !failing {
			r.options.Logger.Warn("discovery fails; targets stay as last known", append(about, slog.Any("error", err), slog.Int("targets", len(w.known)))...)
		}
		return
	}
	w.state.Error, w.state.Answered = "", time.Now()
	w.state.Succeeded++
	if failing {
		r.options.Logger.Info("discovery works again", about...)
	}
}

// tell tells Found of targets that it does not know. r.mu is held.
func (r *Runner) tell(w *watch) error {
	if len(w.latest) == 0 || slices.Equal(w.latest, w.known) {
		return nil
	}
	if err := r.options.Found(w.group, w.latest); err != nil {
		return err
	}
	if len(w.latest) == maxRecords && len(w.known) != maxRecords {
		r.options.Logger.Warn("discovery takes no more targets", slog.String("target_group", w.group), slog.String("dns", w.query.Name), slog.Int("targets", maxRecords))
	}
	w.known = w.latest
	return nil
}
