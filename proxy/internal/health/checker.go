// Package health checks targets as an ALB does: with its requests, on its schedule, and
// from a new connection each time. What the results mean is package target's to say.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
package health

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/target"
)

// Options of NewChecker.
type Options struct {
	Registry *target.Registry
	// Logger is told of what goes wrong in the checker itself. The default discards.
	Logger *slog.Logger
	// Log is told of every check. Default: nobody is.
	Log func(*Result)
}

// Checker makes the health checks of a registry's targets.
type Checker struct {
	options Options
	loops   sync.WaitGroup
}

// NewChecker returns a checker that checks nothing yet.
func NewChecker(o Options) *Checker {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Log == nil {
		o.Log = func(*Result) {}
	}
	return &Checker{options: o}
}

// Run checks until ctx ends. Each target has a goroutine of its own, so that one that
// hangs delays nobody.
func (c *Checker) Run(ctx context.Context) {
	running := map[target.Check]context.CancelFunc{}
	defer c.loops.Wait()
	for {
		c.follow(ctx, running)
		select {
		case <-ctx.Done():
			return
		case <-c.options.Registry.Changed():
		}
	}
}

// follow starts and ends loops so that those run that the registry asks for.
func (c *Checker) follow(ctx context.Context, running map[target.Check]context.CancelFunc) {
	wanted := map[target.Check]bool{}
	for _, check := range c.options.Registry.Checks() {
		wanted[check] = true
		if running[check] != nil {
			continue
		}
		loop, stop := context.WithCancel(ctx)
		running[check] = stop
		c.loops.Go(func() { c.loop(loop, check) })
	}
	for check, stop := range running {
		if !wanted[check] {
			stop()
			delete(running, check)
		}
	}
}

// loop checks one target. A check takes nothing of the time to the next: the schedule is
// fixed, and a timeout is below the interval.
func (c *Checker) loop(ctx context.Context, check target.Check) {
	one, err := newCheck(check)
	if err != nil {
		c.options.Logger.Error("target cannot be checked", slog.String("address", check.Address), slog.Any("error", err))
		return
	}
	tick := time.NewTicker(check.HealthCheck.Interval)
	defer tick.Stop()
	check.Group.Checking(check.Address)
	for {
		r := one.run(ctx)
		if ctx.Err() != nil {
			return
		}
		check.Group.Report(check, r.outcome())
		c.options.Log(r)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
