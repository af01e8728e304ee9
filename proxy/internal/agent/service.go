package agent

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// systemctlTimeout bounds a call of systemctl, which only asks or queues.
const systemctlTimeout = 10 * time.Second

// Service is an application that is a unit of systemd. A run is an invocation of it.
type Service struct {
	unit string
	// systemctl returns the output of a command.
	systemctl func(ctx context.Context, args ...string) (string, error)

	// run and process are the invocation that was seen last and its main process, whose end is
	// seen without asking systemd; process is empty when there is none.
	run, process string
}

// NewService makes an application of a unit.
func NewService(unit string) *Service {
	return &Service{unit: unit, systemctl: func(ctx context.Context, args ...string) (string, error) {
		return output(ctx, systemctlTimeout, "systemctl", args...)
	}}
}

// Current implements Application.
func (s *Service) Current(ctx context.Context) (string, error) {
	text, err := s.systemctl(ctx, "show", "--property=LoadState,ActiveState,InvocationID,MainPID", s.unit)
	if err != nil {
		return "", err
	}
	properties := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		properties[key] = value
	}
	// A unit that systemd does not know cannot be told from a wrong name, of which nothing is
	// known to have ended.
	if state := properties["LoadState"]; state != "loaded" && state != "masked" {
		return "", fmt.Errorf("unit %s is %q, want loaded", s.unit, state)
	}
	switch state := properties["ActiveState"]; state {
	case "inactive", "failed":
		return "", nil
	case "":
		return "", fmt.Errorf("unit %s has no state", s.unit)
	default:
		s.run, s.process = properties["InvocationID"], ""
		if s.run == "" {
			s.run = state
		}
	}
	if pid, err := strconv.Atoi(properties["MainPID"]); err == nil && pid > 0 {
		if started, err := processStart(pid); err == nil && started != "" {
			s.process = properties["MainPID"] + "@" + started
		}
	}
	return s.run, nil
}

// Alive implements Application.
func (s *Service) Alive(ctx context.Context, run string) (bool, error) {
	if run == s.run && s.process != "" {
		if alive, err := processAlive(s.process); err == nil && alive {
			return true, nil
		}
	}
	current, err := s.Current(ctx)
	return err == nil && current == run, err
}

// Quiesce implements Application. To systemd, a unit that is being stopped needs no second
// signal.
func (s *Service) Quiesce(ctx context.Context, _ string) error {
	_, err := s.systemctl(ctx, "stop", "--no-block", s.unit)
	return err
}

// output runs a program for no longer than limit and returns what it prints.
func output(ctx context.Context, limit time.Duration, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	command.WaitDelay = time.Second // its children may hold on to its output
	var complaints strings.Builder
	command.Stderr = &complaints
	text, err := command.Output()
	if err != nil {
		line, _, _ := strings.Cut(strings.TrimSpace(complaints.String()), "\n")
		return "", fmt.Errorf("%s: %w: %s", program, err, line)
	}
	return string(text), nil
}
