package target

import (
	"slices"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
	"github.com/evenkeel/evenkeel/targethealth"
)

// Snapshot is what requests read of a target group. It is never written once published.
type Snapshot struct {
	Config *Config
	// FailOpen says that too few targets are healthy, so that all get requests.
	FailOpen bool
	// HealthyCount is how many targets are healthy.
	HealthyCount int

	// targets are those that the algorithm was built for, in this order: those that may get
	// requests, and for an algorithm that hashes also those that are down.
	targets   []*Target
	algorithm balance.Algorithm
	// byAddress finds the target that a stickiness cookie names, if it may get requests.
	byAddress map[string]int
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
	return nil
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
		switch m.health.State {
		case targethealth.Draining, targethealth.Unused:
			continue
		case targethealth.Healthy:
			s.HealthyCount++
			serving = append(serving, m)
		default:
		}
		registered = append(registered, m)
	}
	if failsOpen(s.HealthyCount, len(registered), cfg.MinimumHealthy) {
		s.FailOpen = len(registered) > 0
		serving = registered
	}
	serving = withoutBackups(serving, s.FailOpen)
	listed := serving
	if balance.Hashes(cfg.Algorithm) {
		listed = withDown(serving, registered)
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
			Weight:     m.target.Weight,
			Counters:   &m.target.counters,
			Limit:      m.target.MaxConnections,
			RampFrom:   m.rampFrom,
			Ramp:       m.ramp,
			Mitigation: m.mitigation,
		}
	}
	var err error
	s.algorithm, err = balance.New(cfg.Algorithm, candidates, balance.Options{Cursor: cursor, BoundedLoad: cfg.BoundedLoad})
	return s, err
}

// withoutBackups leaves backups out while anyone else can serve. A group that fails open
// knows of nobody who can, so that everybody is asked.
func withoutBackups(serving []*member, failOpen bool) []*member {
	if failOpen {
		return serving
	}
	var first []*member
	for _, m := range serving {
		if !m.target.Backup {
			first = append(first, m)
		}
	}
	if len(first) > 0 {
		return first
	}
	return serving
}

// withDown is serving and those that are out, in the order in which they are registered, so
// that who is healthy again finds its place. Backups have no place among those whom they
// stand in for.
func withDown(serving, registered []*member) []*member {
	if len(serving) == 0 {
		return nil
	}
	backups := slices.ContainsFunc(serving, func(m *member) bool { return m.target.Backup })
	primaries := slices.ContainsFunc(serving, func(m *member) bool { return !m.target.Backup })
	return slices.DeleteFunc(slices.Clone(registered), func(m *member) bool {
		return m.target.Backup && !backups || !m.target.Backup && !primaries
	})
}
