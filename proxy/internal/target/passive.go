package target

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/targethealth"
)

// Fault is what was wrong with a request to a target, as the target's doing.
type Fault uint8

// The faults that passive health counts: what nginx calls error, timeout and invalid_header,
// and its http_500 and the like when retries name them.
//
// https://nginx.org/en/docs/http/ngx_http_upstream_module.html#max_fails
const (
	NoFault Fault = iota
	// FaultConnect: no connection came about.
	FaultConnect
	// FaultTimeout: no answer came in time, or nothing of the request was taken.
	FaultTimeout
	// FaultReset: the connection ended before there was an answer.
	FaultReset
	// FaultInvalid: the answer is none.
	FaultInvalid
	// FaultStatus: the answer is one that retries name.
	FaultStatus
)

var faultWords = [...]string{
	FaultConnect: "no connection", FaultTimeout: "no answer in time", FaultReset: "the connection ended before an answer",
	FaultInvalid: "an invalid answer", FaultStatus: "an error status",
}

// failures is what requests have shown of a target lately.
type failures struct {
	// count is how many have failed, and last when, in nanoseconds since the epoch.
	count, last atomic.Int64
	// trial is trialNone, trialFree, or when the request began that tries the target.
	trial atomic.Int64
	// pause is how long a target that failed is out, in nanoseconds; 0 when failures do not
	// count.
	pause atomic.Int64
}

const (
	trialNone int64 = iota
	trialFree
)

// absence says that a target is out because requests to it failed.
type absence struct {
	out bool
	// tried says that the time is over and requests try the target, one at a time.
	tried bool
	// back ends the time.
	back *time.Timer
	why  Health
}

// shown is the target's health as operators see it: one that requests have shown to be
// unhealthy is unhealthy, whatever health checks find. Both of ALB's reasons are literally
// true of it; the description says who noticed.
func (m *member) shown() Health {
	if m.absence.out && m.health.State == targethealth.Healthy {
		return m.absence.why
	}
	return m.health
}

// admit is Begin for a target that may have no room, or be tried by another request already.
func (t *Target) admit() bool {
	if !t.Begin() {
		return false
	}
	trial := t.failures.trial.Load()
	if trial == trialNone {
		return true
	}
	now := time.Now().UnixNano()
	if (trial == trialFree || now-trial > t.failures.pause.Load()) && t.failures.trial.CompareAndSwap(trial, now) {
		return true
	}
	t.counters.Requests.Add(^uint64(0))
	t.counters.Outstanding.Add(-1)
	return false
}

// full reports whether the target has all the requests it takes.
func (t *Target) full() bool {
	return t.MaxConnections > 0 && t.counters.Outstanding.Load()+t.before.outstanding() >= int64(t.MaxConnections)
}

// Ending is how a request to a target ended.
type Ending struct {
	// Status is the target's; 0 for none.
	Status int
	// ConnectError says that no connection came about.
	ConnectError bool
	// Fault is NoFault, too, when nothing can be said, as when the client left.
	Fault Fault
	// Dispatched is when the request was sent.
	Dispatched time.Time
}

// End ends what Enter or Another began.
func (g *Group) End(t *Target, e Ending) {
	t.End(e.Status, e.ConnectError)
	if g.queue.waiting.Load() > 0 {
		g.queue.freed(g, t.Address)
	}
	f := &t.failures
	pause := f.pause.Load()
	if pause == 0 {
		return
	}
	since := e.Dispatched.UnixNano() - f.last.Load()
	switch {
	case e.Fault != NoFault:
		g.failed(t, e.Fault)
	case f.count.Load() == 0:
	case e.Status == 0 || e.Dispatched.IsZero():
		if trial := f.trial.Load(); trial > trialFree {
			f.trial.CompareAndSwap(trial, trialFree) // it has shown nothing: the next one tries
		}
	case since > pause, since > 0 && f.trial.Load() != trialNone:
		g.recovered(t)
	}
}

// failed counts a failure, by nginx's rules: max_fails of them, none later than fail_timeout
// after the one before, take the target out for fail_timeout. One more is enough while it is
// tried after that. A group's only target stays, and when the last of several would go, all
// are taken back.
func (g *Group) failed(t *Target, fault Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.find(t.Address)
	limit := g.cfg.PassiveHealth
	if m == nil || m.end != nil || m.target.traffic != t.traffic || limit.MaxFails == 0 || g.registered() == 1 {
		return
	}
	now := time.Now()
	f := &t.failures
	if !m.absence.out {
		if now.UnixNano()-f.last.Load() > int64(limit.FailTimeout) {
			f.count.Store(0)
		}
	}
	f.last.Store(now.UnixNano())
	if f.count.Add(1) < int64(limit.MaxFails) && !m.absence.out {
		return
	}
	if !m.absence.out && !g.othersServe(m) {
		g.logger.Warn("passive health would leave no target: all are taken back", slog.String("target_group", g.Name))
		for _, other := range g.members {
			g.takeBack(other)
		}
		g.publish()
		return
	}
	was := m.shown().State
	again := m.absence.out
	g.takeOut(m, fault, limit.FailTimeout, int(f.count.Load()))
	m.note(was)
	if !again {
		g.logger.Warn("target is out: requests to it failed", append(g.about(m),
			slog.Int64("fails", f.count.Load()), slog.String("last", faultWords[fault]), slog.String("fail_timeout", limit.FailTimeout.String()))...)
	}
	g.publish()
}

// takeOut lets the target get no requests for a while. g.mu is held.
func (g *Group) takeOut(m *member, fault Fault, pause time.Duration, fails int) {
	if m.absence.back != nil {
		m.absence.back.Stop()
	}
	reason := targethealth.ReasonFailedHealthChecks
	if fault == FaultTimeout {
		reason = targethealth.ReasonTimeout
	}
	m.absence.out, m.absence.tried = true, false
	m.absence.why = Health{
		State: targethealth.Unhealthy, Reason: reason,
		Description: fmt.Sprintf("Passive health: %d requests failed, the last with %s", fails, faultWords[fault]),
	}
	m.target.failures.trial.Store(trialNone)
	m.absences++
	absence := m.absences
	m.absence.back = time.AfterFunc(pause, func() { g.try(m, absence) })
}

// try lets a request find out whether a target that was out serves again.
func (g *Group) try(m *member, absence uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !m.absence.out || m.absences != absence {
		return
	}
	m.absence.tried = true
	m.target.failures.trial.Store(trialFree)
	g.publish()
}

// recovered forgets a target's failures: it has answered.
func (g *Group) recovered(t *Target) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.find(t.Address)
	if m == nil || m.target.traffic != t.traffic || m.absence.out && !m.absence.tried {
		return // the answer is to a request of before
	}
	was, out := m.shown().State, m.absence.out
	g.takeBack(m)
	m.note(was)
	if out {
		g.logger.Info("target is back: it answers requests again", g.about(m)...)
		g.publish()
	}
}

// takeBack forgets what requests have shown of a target. g.mu is held.
func (g *Group) takeBack(m *member) {
	if m.absence.back != nil {
		m.absence.back.Stop()
	}
	m.absence = absence{}
	f := &m.target.failures
	f.count.Store(0)
	f.trial.Store(trialNone)
}

// watchFailures makes failures count, or not, as the configuration says. g.mu is held.
func (g *Group) watchFailures() {
	pause := time.Duration(0)
	if g.cfg.PassiveHealth.MaxFails > 0 {
		pause = g.cfg.PassiveHealth.FailTimeout
	}
	alone := g.registered() == 1
	for _, m := range g.members {
		m.target.failures.pause.Store(int64(pause))
		if was := m.shown().State; pause == 0 || alone {
			g.takeBack(m)
			m.note(was)
		}
	}
}

// registered counts the targets that may get requests. g.mu is held.
func (g *Group) registered() int {
	n := 0
	for _, m := range g.members {
		if m.end == nil && m.administrative.State == Ready {
			n++
		}
	}
	return n
}

// othersServe reports whether the group has someone to send requests to without m: somebody
// who is healthy, or, while nobody is, somebody at all. g.mu is held.
func (g *Group) othersServe(m *member) bool {
	healthy, anyone, nobody := false, false, true
	for _, other := range g.members {
		if other.end != nil || other.administrative.State != Ready {
			continue
		}
		good := other.health.State == targethealth.Healthy
		nobody = nobody && !good
		if other == m || other.absence.out {
			continue
		}
		healthy, anyone = healthy || good, true
	}
	return healthy || nobody && anyone
}
