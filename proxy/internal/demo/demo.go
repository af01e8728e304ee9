// Package demo has what `evenkeel demo` shows a newcomer: small web applications to
// balance over, an environment file for them that the binary carries along, a certificate,
// and a list of things to try. Nothing of it serves in production.
package demo

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/evenkeel/evenkeel/spec"
)

// Fleet is the demo targets of one environment.
type Fleet struct {
	Targets []*Target
}

// NewFleet makes one demo target for every target of env that has an address of its own
// on the loopback interface; one that several target groups name is made once.
func NewFleet(env *spec.Environment, version string) (*Fleet, error) {
	fleet, known := &Fleet{}, map[netip.AddrPort]bool{}
	for i, group := range env.TargetGroups {
		for j, t := range group.Targets {
			addr, err := netip.ParseAddr(t.Address)
			if err != nil || !addr.IsLoopback() {
				continue
			}
			port, key := t.Port, fmt.Sprintf("target_groups[%d].targets[%d].port", i, j)
			if port == 0 {
				port, key = group.Port, fmt.Sprintf("target_groups[%d].port", i)
			}
			at := netip.AddrPortFrom(addr, uint16(port))
			if known[at] {
				continue
			}
			known[at] = true
			name := t.ID
			if name == "" {
				name = at.String()
			}
			fleet.Targets = append(fleet.Targets, NewTarget(name, at, key, version))
		}
	}
	if len(fleet.Targets) == 0 {
		return nil, errors.New("environment has no target on the loopback interface to demonstrate with")
	}
	return fleet, nil
}

// Start opens every target's port. When one cannot be opened none stays open.
func (f *Fleet) Start(ctx context.Context) error {
	for i, t := range f.Targets {
		if err := t.Start(ctx); err != nil {
			for _, started := range f.Targets[:i] {
				started.Close()
			}
			return err
		}
	}
	return nil
}

// Close ends all targets at once; the load balancer has drained before.
func (f *Fleet) Close() {
	for _, t := range f.Targets {
		t.Close()
	}
}
