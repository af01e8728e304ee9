package agent

import (
	"context"
	"fmt"
	"time"
)

// drain ends the application of an instance that Auto Scaling terminates, and then completes
// the lifecycle action. last is the status of the agent before this one, or of a drain for
// another cause.
func (a *Agent) drain(ctx context.Context, last Status) error {
	instance, group := a.action.identify(ctx)
	if !last.of(instance) {
		last = Status{}
	}
	if last.finished() {
		a.update(func(s *Status) { *s = last })
		a.logger.Info("lifecycle action was completed by an earlier agent")
		return nil
	}
	beating, stopBeating := context.WithCancel(ctx)
	beaten := make(chan struct{})
	go func() {
		defer close(beaten)
		a.action.beat(beating)
	}()
	stop := func() { stopBeating(); <-beaten }
	defer stop()

	if a.config.AwaitHook && !last.begun() {
		a.update(func(s *Status) {
			*s = Status{State: StateAwaitingHook, Since: now(), Cause: CauseTerminated, Work: s.Work, Instance: instance, Group: group}
		})
		select {
		case <-a.action.begun:
		case <-ctx.Done():
			return errLeft
		}
	}
	n := notice{cause: CauseTerminated, deadline: now().Add(a.config.Maximum)}
	status := a.begin(ctx, n, last, instance, group)
	ended, err := a.quiesce(ctx, time.Until(status.Deadline))
	if err != nil {
		return err
	}
	result, state := resultContinue, StateCompleted
	if ended {
		a.logger.Info("application has ended", "took", time.Since(status.Since).Round(time.Millisecond).String())
		a.update(func(s *Status) { s.State, s.Work = StateDrained, nil })
	} else {
		if result = a.config.result(); result == resultAbandon {
			state = StateAbandoned
		}
		a.logger.Warn("application has not ended in time", "maximum", a.config.Maximum.String(), "result", result)
	}
	stop() // no heartbeat comes after the completion
	if err := a.action.complete(ctx, result, max(time.Until(status.Deadline), a.config.Heartbeat)); err != nil {
		return err
	}
	a.update(func(s *Status) { s.State = state })
	a.logger.Info("lifecycle action completed", "result", result)
	return nil
}

// drainEarly ends the application for a cause that Auto Scaling does not know of yet, and
// returns once Auto Scaling terminates the instance: before that there is no lifecycle action.
func (a *Agent) drainEarly(ctx context.Context, n notice, last Status) (Status, error) {
	instance, group := a.action.identify(ctx)
	if !last.of(instance) {
		last = Status{}
	}
	a.begin(ctx, n, last, instance, group)
	works := complaint{logger: a.logger, what: "ending the application"}
	for {
		_, err := a.tell(ctx)
		works.hear(err)
		// The watch has told of a metadata service that does not answer.
		if n, err := a.notice(ctx); err == nil && n.cause == CauseTerminated {
			a.logger.Info("instance is to end", "cause", n.cause)
			a.mu.Lock()
			defer a.mu.Unlock()
			return a.status, nil
		}
		if !pause(ctx, a.config.Poll) {
			return Status{}, errLeft
		}
	}
}

// begin puts the drain into the status: as a new one, or as the one that was begun already,
// with what is left of its time if the cause is the same. The clock is believed as far as it
// gives no more time than a new drain has. It also counts for the last time: a worker in its
// warm shutdown does not answer.
func (a *Agent) begin(ctx context.Context, n notice, last Status, instance, group string) (status Status) {
	a.update(func(s *Status) {
		work := s.Work
		*s = Status{State: StateDraining, Since: now(), Cause: n.cause, Deadline: n.deadline, Work: work, Instance: instance, Group: group}
		if last.begun() {
			s.Since, s.Told = last.Since, last.Told
			if last.Cause == n.cause && last.Deadline.Before(n.deadline) {
				s.Deadline = last.Deadline
			}
		}
		status = *s
	})
	a.logger.Info("draining", "cause", n.cause, "instance", instance, "group", group, "deadline", status.Deadline)
	if a.inspector != nil && status.Told == "" {
		if err := a.count(ctx); err != nil {
			a.logger.Warn("active work cannot be counted", "error", err)
		}
	}
	return status
}

// quiesce tells every run of the application that it finds to end, and reports whether none
// is left within the limit.
func (a *Agent) quiesce(ctx context.Context, limit time.Duration) (ended bool, err error) {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	works := complaint{logger: a.logger, what: "ending the application"}
	for {
		runs, err := a.tell(ctx)
		if ctx.Err() != nil {
			return false, errLeft
		}
		works.hear(err)
		if err == nil && !runs {
			return true, nil
		}
		wait := lookEvery
		if err != nil {
			wait = a.config.Poll
		}
		look := time.NewTimer(wait)
		select {
		case <-look.C:
		case <-deadline.C:
			look.Stop()
			return false, nil
		case <-ctx.Done():
			look.Stop()
			return false, errLeft
		}
	}
}

// tell looks for a run of the application, tells it to end unless it was told before, and
// reports whether there is one. For Celery a second SIGTERM would be a cold shutdown, which
// stops tasks: what was told is written down first, so that no agent after this one does it.
func (a *Agent) tell(ctx context.Context) (runs bool, err error) {
	a.mu.Lock()
	told := a.status.Told
	a.mu.Unlock()
	if told != "" {
		alive, err := a.application.Alive(ctx, told)
		if err != nil || alive {
			return true, err
		}
	}
	run, err := a.application.Current(ctx)
	switch {
	case err != nil:
		return true, err
	case run == "":
		return false, nil
	case run == told: // it has come to light again
		return true, nil
	}
	a.update(func(s *Status) { s.Told = run })
	if err := a.application.Quiesce(ctx, run); err != nil {
		a.update(func(s *Status) { s.Told = told })
		return true, fmt.Errorf("tell run %s to end: %w", run, err)
	}
	a.logger.Info("application was told to end", "run", run)
	return true, nil
}
