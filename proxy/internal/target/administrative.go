package target

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

// Administrative is what an operator wants of a target, whatever its health: HAProxy's `set
// server … state` and `set server … weight`. It outlives reloads of the environment file and
// ends with the registration, or with the process.
//
// https://docs.haproxy.org/3.2/management.html#9.3
type Administrative struct {
	// State is Ready unless an operator has said otherwise.
	State AdministrativeState
	// Weight takes the place of the registration's: 1 to 256, or 0 for none.
	Weight int
}

// AdministrativeState is one of the below; the zero value is Ready.
type AdministrativeState uint8

// The administrative states.
const (
	// Ready: health decides.
	Ready AdministrativeState = iota
	// Drain: only requests whose stickiness cookie names the target. It is checked on.
	Drain
	// Maintenance: no requests at all, and no checks. What is in flight is finished.
	Maintenance
)

// String is the word for operators.
func (s AdministrativeState) String() string {
	return [...]string{Ready: ActionReady, Drain: ActionDrain, Maintenance: ActionMaintenance}[s]
}

// Actions of an Order.
const (
	ActionReady       = telemetry.OrderReady
	ActionDrain       = telemetry.OrderDrain
	ActionMaintenance = telemetry.OrderMaintenance
	ActionWeight      = telemetry.OrderWeight
)

// Order is what an operator asks for.
type Order struct {
	Action string
	// Weight is for ActionWeight: 1 to 256, or 0 for the one in the environment file.
	Weight int
	// By is who asks, for the timeline.
	By string
}

// Errors of Group.Order.
var (
	// ErrNoTarget: no registered target has that id or address.
	ErrNoTarget = errors.New("no such target is registered")
	// ErrAmbiguous: several have that id.
	ErrAmbiguous = errors.New("several targets have that id; name one by its address")
	// ErrOrder: there is no such action, or not with these values.
	ErrOrder = errors.New("no such action")
)

// String tells a in a word or two.
func (a Administrative) String() string {
	if a.Weight == 0 {
		return a.State.String()
	}
	return fmt.Sprintf("%s, weight %d", a.State, a.Weight)
}

// After returns a as o wants it.
func (a Administrative) After(o Order) (Administrative, error) {
	switch o.Action {
	case ActionReady:
		a.State = Ready
	case ActionDrain:
		a.State = Drain
	case ActionMaintenance:
		a.State = Maintenance
	case ActionWeight:
		if o.Weight < 0 || o.Weight > spec.MaxTargetWeight {
			return a, fmt.Errorf("%w: weight %d; it is 1 to %d, or 0 for that of the environment file", ErrOrder, o.Weight, spec.MaxTargetWeight)
		}
		a.Weight = o.Weight
	default:
		return a, fmt.Errorf("%w: %q; there are %s", ErrOrder, o.Action,
			strings.Join([]string{ActionReady, ActionDrain, ActionMaintenance, ActionWeight}, ", "))
	}
	return a, nil
}

// inMaintenance is the health of a target in maintenance.
func inMaintenance() Health {
	return Health{
		State:       targethealth.Unavailable,
		Reason:      targethealth.ReasonHealthCheckDisabled,
		Description: "Target is in maintenance",
	}
}

// Order carries out o for the registered target of that id or address, and returns what
// applied before and what does now.
func (g *Group) Order(name string, o Order) (before, after Administrative, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m, err := g.named(name)
	if err != nil {
		return before, after, err
	}
	before = m.administrative
	if after, err = before.After(o); err != nil || after == before {
		return before, before, err
	}
	m.administrative = after
	if before.State != after.State {
		g.attend(m, before.State)
	}
	m.target.Telemetry.Turn(telemetry.Transition{
		Time: time.Now(), From: m.health.State, To: m.health.State, Order: after.String(), By: o.By,
	})
	g.watchFailures()
	g.publish()
	g.changed()
	return before, after, nil
}

// attend makes a target's health and connections what its new administrative state asks for.
// g.mu is held.
func (g *Group) attend(m *member, before AdministrativeState) {
	switch {
	case m.administrative.State == Maintenance:
		m.target.leave()
		g.takeBack(m)
		m.ramp, m.anomalous, m.mitigation = 0, false, 0
		m.turn(inMaintenance())
	case before == Maintenance:
		// Nobody knows what was done to it: it is checked like a new one, and starts slow.
		m.target.draining.Store(false)
		m.first = false
		g.enlist(m)
	}
}

// enlist gives a registered target the health with which it begins. g.mu is held.
func (g *Group) enlist(m *member) {
	switch {
	case m.administrative.State == Maintenance:
		m.turn(inMaintenance())
	case g.cfg.InUse:
		m.turn(Registered())
	default:
		m.turn(notInUse())
	}
}

// named finds the registered target of that address or id. g.mu is held.
func (g *Group) named(name string) (*member, error) {
	var found *member
	for _, m := range g.members {
		switch {
		case m.end != nil:
		case m.target.Address == name:
			return m, nil
		case m.target.ID != name:
		case found != nil:
			return nil, fmt.Errorf("target %q of target group %s: %w", name, g.Name, ErrAmbiguous)
		default:
			found = m
		}
	}
	if found == nil {
		return nil, fmt.Errorf("target %q of target group %s: %w", name, g.Name, ErrNoTarget)
	}
	return found, nil
}

// weight is the share that the target has beside its peers.
func (m *member) weight() int {
	if m.administrative.Weight > 0 {
		return m.administrative.Weight
	}
	return m.target.Weight
}

// stick finds the targets that get only requests which a stickiness cookie brings: those that an
// operator drains, as far as they could serve.
func (s *Snapshot) stick(members []*member) {
	for _, m := range members {
		if m.administrative.State != Drain || !m.eligible() || !s.FailOpen && !m.serves() {
			continue
		}
		if s.stuck == nil {
			s.stuck = map[string]*Target{}
		}
		s.stuck[m.target.Address] = m.target
		s.gated = s.gated || m.gated()
	}
}

// eligible reports whether the target may get requests as far as its health goes, or would
// if it were healthy.
func (m *member) eligible() bool {
	switch m.health.State {
	case targethealth.Draining, targethealth.Unused, targethealth.Unavailable:
		return false
	default:
		return true
	}
}

// serves reports whether the target's health lets it have requests, as checks and requests
// have shown it.
func (m *member) serves() bool {
	return m.health.State == targethealth.Healthy && (!m.absence.out || m.absence.tried)
}

// gated reports whether the target takes not every request.
func (m *member) gated() bool { return m.target.MaxConnections > 0 || m.absence.tried }
