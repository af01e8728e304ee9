package asgsim

import (
	"fmt"
	"slices"
	"time"
)

// Group is an Auto Scaling group with one hook.
type Group struct {
	Name string
	Hook Hook
	// TargetGroups are the ARNs of those that instances are registered with.
	TargetGroups []string
	// Other is how long a second hook holds each instance, which is not ours to end; 0 for none.
	Other time.Duration
	// Retain keeps what is abandoned.
	Retain bool
	// Drain takes an instance out of a load balancer that is none of the world's, and waits until
	// it has drained there. Only in a world with the real clock.
	Drain func(instance string)
}

// Hook is a lifecycle hook of terminating instances.
type Hook struct {
	Name          string
	Heartbeat     time.Duration
	DefaultResult string
	Metadata      string
}

// Instance is one of a group.
type Instance struct {
	ID        string
	Group     *Group
	State     string
	Unhealthy bool
	// BusyUntil is when a worker's tasks are done.
	BusyUntil time.Time
	// Agent tells that a program on the instance completes the action when it is done.
	Agent bool

	off     bool // EC2 took it back
	taken   time.Time
	before  string // the state that descriptions may still show
	changed time.Time
	warm    bool // returns to the warm pool
	action  *action
	holds   int
}

// Limits of a hook's hold.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html
const (
	globalHeartbeats = 100
	globalMaximum    = 48 * time.Hour
)

// Lifecycle states that the simulator knows.
const (
	StateInService   = "InService"
	StateTerminating = "Terminating"
	StateWait        = "Terminating:Wait"
	StateProceed     = "Terminating:Proceed"
	StateRetained    = "Terminating:Retained"
	StateWarmWait    = "Warmed:Pending:Wait"
	StateWarmProceed = "Warmed:Pending:Proceed"
	StateStopped     = "Warmed:Stopped"
)

// AddGroup adds a group without instances.
func (w *World) AddGroup(g Group) *Group {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.groups[g.Name] = &g
	return &g
}

// Launch adds an instance in service, registered with its group's target groups.
func (w *World) Launch(group *Group) *Instance {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.serial++
	i := &Instance{ID: fmt.Sprintf("i-%017x", w.serial), Group: group, State: StateInService}
	w.instances[i.ID] = i
	w.order = append(w.order, i.ID)
	for _, g := range w.targetGroups {
		if slices.Contains(group.TargetGroups, g.ARN) {
			g.register(i.ID)
		}
	}
	return i
}

// Terminate ends an instance as scale-in does: out of the target groups of its group first,
// and when it has drained there, held by the hook.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
func (w *World) Terminate(i *Instance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.terminate(i)
}

// Return moves an instance to the warm pool, as scale-in does in a group that reuses them.
func (w *World) Return(i *Instance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i.warm = true
	w.terminate(i)
}

// Interrupt takes a spot instance back: a warning first, and two minutes after the end.
func (w *World) Interrupt(i *Instance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i.taken = w.Clock.Now().Add(2 * time.Minute)
	w.warn(i)
	w.after(2*time.Minute, func() { w.takeAway(i) })
}

// Kill ends an instance in EC2, behind its group's back.
func (w *World) Kill(i *Instance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i.taken = w.Clock.Now()
	w.takeAway(i)
}

// takeAway ends an instance; its group finds out later.
func (w *World) takeAway(i *Instance) {
	i.off = true
	for _, g := range w.targetGroups {
		g.invalidate(i.ID)
	}
	w.after(w.between(10*time.Second, 2*time.Minute), func() {
		i.Unhealthy = true
		if i.State == StateInService {
			w.terminate(i)
		}
	})
}

func (w *World) terminate(i *Instance) {
	if i.State != StateInService {
		return
	}
	w.move(i, StateTerminating)
	var delay time.Duration
	for _, g := range w.targetGroups {
		if slices.Contains(i.Group.TargetGroups, g.ARN) && g.deregister(i.ID) {
			delay = max(delay, g.Delay)
		}
	}
	if i.off {
		delay = 0
	}
	if i.Group.Drain != nil {
		go func() {
			i.Group.Drain(i.ID)
			w.after(delay, func() { w.hold(i) })
		}()
		return
	}
	w.after(delay, func() { w.hold(i) })
}

// move changes an instance's state.
func (w *World) move(i *Instance, state string) {
	i.before, i.State, i.changed = i.State, state, w.Clock.Now()
}

// isBusy tells whether there is work on an instance.
func (w *World) isBusy(i *Instance) bool {
	if i.off {
		return false
	}
	return w.Clock.Now().Before(i.BusyUntil) || slices.ContainsFunc(w.targetGroups, func(g *TargetGroup) bool { return g.isIn(i.ID) })
}

// action is one hold of an instance by the hook.
type action struct {
	token           string
	started, beat   time.Time
	heartbeats      int
	gap             time.Duration
	expires, global time.Time
}

// hold begins a lifecycle action.
func (w *World) hold(i *Instance) {
	now, hook := w.Clock.Now(), i.Group.Hook
	w.move(i, StateWait)
	if i.warm {
		i.State = StateWarmWait
	}
	a := &action{
		token: w.uuid(), started: now, beat: now, expires: now.Add(hook.Heartbeat),
		global: now.Add(min(globalHeartbeats*hook.Heartbeat, globalMaximum)),
	}
	i.action = a
	i.holds++
	w.watch(i, a)
	w.announce(i)
	if i.Agent {
		w.finish(i, a)
	}
}

// watch ends an action whose time is over.
func (w *World) watch(i *Instance, a *action) {
	next := a.expires
	if a.global.Before(next) {
		next = a.global
	}
	w.after(next.Sub(w.Clock.Now()), func() {
		now := w.Clock.Now()
		switch {
		case i.action != a:
		case !now.Before(a.global):
			w.release(i, ByGlobal, "", i.Group.Hook.DefaultResult)
		case !now.Before(a.expires):
			w.release(i, ByHeartbeat, "", i.Group.Hook.DefaultResult)
		default:
			w.watch(i, a)
		}
	})
}

// finish is the agent, which looks every few seconds whether the instance is done.
func (w *World) finish(i *Instance, a *action) {
	w.after(w.between(time.Second, 5*time.Second), func() {
		switch {
		case i.action != a || i.off:
		case w.isBusy(i):
			w.finish(i, a)
		default:
			w.release(i, ByCompletion, CallerAgent, "CONTINUE")
		}
	})
}

// CallerAgent is who completes from the instance itself.
const CallerAgent = "agent"

// release ends an action.
func (w *World) release(i *Instance, by EndedBy, caller, result string) {
	a, now := i.action, w.Clock.Now()
	i.action = nil
	last := i.BusyUntil
	for _, g := range w.targetGroups {
		if left := g.left[i.ID]; left.After(last) {
			last = left
		}
	}
	if w.isBusy(i) {
		last = time.Time{}
	}
	w.endings = append(w.endings, Ending{
		Instance: i.ID, Group: i.Group.Name, Token: a.token, Hold: i.holds, Started: a.started, Ended: now, By: by, Caller: caller, Result: result,
		Busy: w.isBusy(i), Taken: i.taken, Unhealthy: i.Unhealthy, Heartbeats: a.heartbeats, Gap: max(a.gap, now.Sub(a.beat)), LastWork: last,
	})
	if result == "ABANDON" && i.Group.Retain {
		w.move(i, StateRetained)
		return
	}
	// Another hook holds the instance on, which is in the same state for both.
	w.after(max(i.Group.Other-now.Sub(a.started), 0), func() { w.proceed(i) })
}

func (w *World) proceed(i *Instance) {
	if i.warm {
		w.move(i, StateWarmProceed)
		w.after(w.between(time.Second, 30*time.Second), func() { w.move(i, StateStopped); i.warm = false })
		return
	}
	w.move(i, StateProceed)
	w.after(w.between(time.Second, 30*time.Second), func() { delete(w.instances, i.ID) })
}

// Resume takes an instance out of the warm pool, back into service.
func (w *World) Resume(i *Instance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i.State == StateStopped {
		w.move(i, StateInService)
	}
}

// DeleteGroup ends all instances of a group, whose hooks are honoured.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-process-shutdown.html
func (w *World) DeleteGroup(g *Group) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range w.order {
		if i := w.instances[id]; i != nil && i.Group == g {
			w.terminate(i)
		}
	}
}
