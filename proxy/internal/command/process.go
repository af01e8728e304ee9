package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/watch"
	"github.com/evenkeel/evenkeel/spec"
)

// leastDrain is how long a stopping process waits at least: answers that need no target
// are owed too, and a deregistration delay may be zero.
const leastDrain = 5 * time.Second

// errSecondSignal is the end of a process that was told twice.
var errSecondSignal = errors.New("stopped at once by a second signal; connections were cut")

// balancer is what a process runs; *server.Server is one.
type balancer interface {
	Start(env *spec.Environment) error
	// Reload changes nothing when it returns an error.
	Reload(env *spec.Environment) error
	// Reloaded records a reload that did not come as far as Reload.
	Reloaded(err error)
	// ReopenLogs opens the log files anew by their paths.
	ReopenLogs() error
	DrainTime() time.Duration
	Shutdown(ctx context.Context) error
}

// process is one run of the load balancer: it starts it, tells it of new files and ends it.
type process struct {
	file   string
	logger *slog.Logger
	// signals receives SIGHUP, which reloads, SIGUSR1, which opens the logs anew, and SIGTERM
	// and SIGINT, which end.
	signals <-chan os.Signal
	// watch says that changes of the files reload as well.
	watch bool
	// build makes the balancer; reread is how its admin listener gets the file.
	build func(env *spec.Environment, reread func() (*spec.Environment, error)) (balancer, error)
	// started is told once the balancer serves.
	started func(env *spec.Environment)

	watcher *watch.Watcher
}

// run serves until a signal ends it. The drain that follows is bounded by the longest
// deregistration delay; a second signal ends it at once.
func (p *process) run(ctx context.Context) error {
	env, err := loadEnvironment(p.file, p.logger)
	if err != nil {
		return err
	}
	var changes <-chan struct{}
	if p.watch {
		if p.watcher, err = watch.New(filesOf(p.file, env)...); err != nil {
			return err
		}
		watching, stop := context.WithCancel(ctx)
		defer stop()
		go p.watcher.Run(watching)
		changes = p.watcher.Changes()
	}
	b, err := p.build(env, p.reread)
	if err != nil {
		return err
	}
	if err := b.Start(env); err != nil {
		// What did start is stopped; there is nothing to wait for.
		now, cancel := context.WithCancel(ctx)
		cancel()
		return startError(p.file, env, errors.Join(err, ignoreCancelled(b.Shutdown(now))))
	}
	p.started(env)
	for {
		select {
		case <-changes:
			p.reload(b, "files changed")
		case s := <-p.signals:
			switch s {
			case syscall.SIGHUP:
				p.reload(b, "SIGHUP")
			case syscall.SIGUSR1:
				p.reopen(b)
			default:
				return p.drain(ctx, b, s)
			}
		}
	}
}

// reread loads the file again and watches what it now depends on.
func (p *process) reread() (*spec.Environment, error) {
	env, err := loadEnvironment(p.file, p.logger)
	if err != nil {
		return nil, err
	}
	if p.watcher != nil {
		if err := p.watcher.Set(filesOf(p.file, env)...); err != nil {
			p.logger.Warn("some files are not watched", "error", err)
		}
	}
	return env, nil
}

func (p *process) reload(b balancer, cause string) {
	env, err := p.reread()
	if err != nil {
		b.Reloaded(err)
	} else {
		err = b.Reload(env)
	}
	if err != nil {
		p.logger.Error("reload refused; nothing has changed", "cause", cause, "error", err)
		return
	}
	p.logger.Info("reloaded", "cause", cause, "file", p.file)
}

func (p *process) reopen(b balancer) {
	if err := b.ReopenLogs(); err != nil {
		p.logger.Error("some logs go on in their old files", "error", err)
		return
	}
	p.logger.Info("logs opened anew", "cause", "SIGUSR1")
}

func (p *process) drain(ctx context.Context, b balancer, cause os.Signal) error {
	limit := max(b.DrainTime(), leastDrain)
	p.logger.Info("draining", "cause", cause.String(), "limit", limit.String())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- b.Shutdown(ctx) }()
	for {
		select {
		case err := <-ended:
			if errors.Is(err, context.DeadlineExceeded) {
				// As configured, and worth knowing.
				p.logger.Warn("drain took its whole time", "error", err)
				return nil
			}
			if err != nil {
				return fmt.Errorf("drain: %w", err)
			}
			p.logger.Info("drained")
			return nil
		case s := <-p.signals:
			switch s {
			case syscall.SIGHUP: // there is nothing left to reload
			case syscall.SIGUSR1:
				p.reopen(b)
			default:
				return errSecondSignal
			}
		}
	}
}

// ignoreCancelled drops the complaint of a Shutdown that was given no time on purpose.
func ignoreCancelled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
