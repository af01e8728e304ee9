package target

import (
	"slices"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
)

// Snapshot is what requests read of a target group. It is never written once published.
type Snapshot struct {
	Config *Config
	// FailOpen says that too few targets are healthy, so that all get requests.
	FailOpen bool
	// HealthyCount is how many targets are healthy and not taken out by an operator.
	HealthyCount int

	// targets are those that the algorithm was built for, in this order: those that may get
	// requests, and for an algorithm that hashes also those that are down.
	targets   []*Target
	algorithm balance.Algorithm
	// byAddress finds the target that a stickiness cookie names, if it may get requests.
	byAddress map[string]int
	// spare has the backups while others serve; nil when there are none.
	spare *Snapshot
	// gated says that not every target takes every request: some have a limit, or are tried.
	gated bool
	// stuck are those that get requests by a cookie only; nil for none.
	stuck map[string]*Target
	// persistent are the addresses that persistence cookies name; nil without such cookies.
	persistent persistentNames
}

// Pick returns the target that the group's algorithm chooses and its index, for
// [balance.Facts.Except]; or nil, and [balance.None] or [balance.Full].
func (s *Snapshot) Pick(f balance.Facts) (*Target, int) {
	i := s.algorithm.Pick(f)
	if i < 0 {
		return nil, i
	}
	return s.targets[i], i
}

// Holds returns the target of that address if it may get requests; else nil. It does not
// look whether the target has room.
func (s *Snapshot) Holds(address []byte) *Target {
	if i, ok := s.byAddress[string(address)]; ok {
		return s.targets[i]
	}
	return s.stuck[string(address)]
}

// byAddressOf is Holds for a string, and tells who goes there: anyone, or only who is bound.
func (s *Snapshot) byAddressOf(address string) (t *Target, anyone bool) {
	if i, ok := s.byAddress[address]; ok {
		return s.targets[i], true
	}
	return s.stuck[address], false
}

// begin lets a request begin at a target that the algorithm chooses; nil when none has room.
func (s *Snapshot) begin(f balance.Facts) *Target {
	for {
		t, i := s.Pick(f)
		if t == nil || t.admit() {
			return t
		}
		f.Except = append(f.Except, i)
	}
}

// Index returns the index of a target that the snapshot holds, for [balance.Facts.Except].
func (s *Snapshot) Index(t *Target) int {
	if i, ok := s.byAddress[t.Address]; ok {
		return i
	}
	return balance.None
}

// build makes the snapshot of members.
func build(cfg *Config, members []*member, cursor *balance.Cursor) (*Snapshot, error) {
	s := &Snapshot{Config: cfg}
	var registered, serving []*member
	for _, m := range members {
		if !m.eligible() || m.administrative.State != Ready {
			continue
		}
		if m.serves() {
			serving = append(serving, m)
			if !m.absence.out {
				s.HealthyCount++
			}
		}
		registered = append(registered, m)
	}
	if failsOpen(s.HealthyCount, len(registered), cfg.MinimumHealthy) {
		s.FailOpen = len(registered) > 0
		serving = registered
	}
	s.stick(members)
	serving, backups := tiers(serving, s.FailOpen)
	if err := s.fill(serving, members, cursor); err != nil {
		return nil, err
	}
	if cfg.Persistence != nil {
		s.stickTo(backups)
	}
	if len(backups) > 0 {
		s.spare = &Snapshot{Config: cfg}
		if err := s.spare.fill(backups, nil, new(balance.Cursor)); err != nil {
			return nil, err
		}
		s.gated = s.gated || s.spare.gated
	}
	return s, nil
}

// fill puts in who may get requests, of all members.
func (s *Snapshot) fill(serving, members []*member, cursor *balance.Cursor) error {
	listed := serving
	if members != nil && balance.Hashes(s.Config.Algorithm) {
		listed = withDown(serving, members)
	}

	candidates := make([]balance.Target, len(listed))
	s.targets = make([]*Target, len(listed))
	s.byAddress = make(map[string]int, len(serving))
	for _, m := range serving {
		s.byAddress[m.target.Address] = balance.None
	}
	for i, m := range listed {
		s.targets[i] = m.target
		_, serves := s.byAddress[m.target.Address]
		if serves {
			s.byAddress[m.target.Address] = i
		}
		candidates[i] = balance.Target{
			Address:    m.target.Address,
			Down:       !serves,
			Weight:     m.weight(),
			Counters:   &m.target.counters,
			Limit:      m.target.MaxConnections,
			RampFrom:   m.rampFrom,
			Ramp:       m.ramp,
			Mitigation: m.mitigation,
		}
		s.gated = s.gated || m.gated()
	}
	var err error
	s.algorithm, err = balance.New(s.Config.Algorithm, candidates, balance.Options{Cursor: cursor, BoundedLoad: s.Config.BoundedLoad})
	return err
}

// tiers parts those that serve from the backups, which stand by while anyone else can serve.
// A group that fails open knows of nobody who can, so that everybody is asked. One that is
// out and tried again is no reason for backups to stand by.
func tiers(serving []*member, failOpen bool) (first, backups []*member) {
	if failOpen {
		return serving, nil
	}
	able := false
	for _, m := range serving {
		if m.target.Backup {
			backups = append(backups, m)
			continue
		}
		first = append(first, m)
		able = able || !m.absence.out
	}
	if !able {
		return serving, nil
	}
	return first, backups
}

// withDown is serving and those that are out, by their health or by an operator, in the order
// in which they are registered, so that who comes back finds its place. Backups have no place
// among those whom they stand in for.
func withDown(serving, members []*member) []*member {
	if len(serving) == 0 {
		return nil
	}
	backups := slices.ContainsFunc(serving, func(m *member) bool { return m.target.Backup })
	primaries := slices.ContainsFunc(serving, func(m *member) bool { return !m.target.Backup })
	return slices.DeleteFunc(slices.Clone(members), func(m *member) bool {
		if !m.eligible() && m.administrative.State != Maintenance || m.end != nil {
			return true
		}
		return m.target.Backup && !backups || !m.target.Backup && !primaries
	})
}
