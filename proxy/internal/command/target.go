package command

import (
	"fmt"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/spec"
)

type targetCommand struct {
	Drain       drainCommand       `cmd:"" help:"Send no new clients; those whose stickiness cookie names the target stay."`
	Maintenance maintenanceCommand `cmd:"" help:"Send no requests at all, and make no health checks."`
	Ready       readyCommand       `cmd:"" help:"Let the target's health decide again."`
	Weight      weightCommand      `cmd:"" help:"Give the target another weight until the process ends."`
}

// targetArgs name a target of a running process, and the user who changes it.
type targetArgs struct {
	userFlag
	Group  string `arg:"" help:"Name of the target group."`
	Target string `arg:"" help:"Id of the target, or its address:port."`
}

// order has an order carried out and prints what has changed.
func (c *targetArgs) order(s *streams, action string, weight int) error {
	client, ctx, stop, err := c.client()
	if err != nil {
		return err
	}
	defer stop()
	change, err := client.Order(ctx, admin.Order{TargetGroup: c.Group, Target: c.Target, Action: action, Weight: weight})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s of %s: %s (was %s)\n", c.Target, c.Group, change.After, change.Before)
	return err
}

type drainCommand struct{ targetArgs }

// Run drains a target.
func (c drainCommand) Run(s *streams) error { return c.order(s, admin.ActionDrain, 0) }

type maintenanceCommand struct{ targetArgs }

// Run puts a target into maintenance.
func (c maintenanceCommand) Run(s *streams) error { return c.order(s, admin.ActionMaintenance, 0) }

type readyCommand struct{ targetArgs }

// Run makes a target ready.
func (c readyCommand) Run(s *streams) error { return c.order(s, admin.ActionReady, 0) }

type weightCommand struct {
	targetArgs
	Weight int `arg:"" help:"1 to 256; 0 for that of the environment file."`
}

// Run sets a target's weight.
func (c weightCommand) Run(s *streams) error {
	if c.Weight < 0 || c.Weight > spec.MaxTargetWeight {
		return &exitError{exitTrouble, fmt.Errorf("weight is 1 to %d, or 0 for that of the environment file (got %d)", spec.MaxTargetWeight, c.Weight)}
	}
	return c.order(s, admin.ActionWeight, c.Weight)
}
