package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"syscall"

	"github.com/evenkeel/evenkeel/proxy/internal/demo"
	"github.com/evenkeel/evenkeel/spec"
)

type demoCommand struct {
	File        string `placeholder:"FILE" help:"Environment file to run. Default: environments/local.yaml, or the copy in the program."`
	OnlyTargets bool   `xor:"only" help:"Run the demo targets without the load balancer."`
	OnlyProxy   bool   `xor:"only" help:"Run the load balancer without the demo targets."`
	logFlag
}

// Help is what `evenkeel demo --help` adds.
func (demoCommand) Help() string {
	return `The targets are small web applications on the loopback interface, one for each target of
the file that has a loopback address. A certificate is made where the file names one that is
not there. Ctrl-C drains and ends.`
}

// Run shows the load balancer at work until a signal ends it.
func (c demoCommand) Run(s *streams) error {
	file := c.File
	if file == "" {
		var err error
		if file, err = demo.Find(); err != nil {
			return err
		}
	}
	env, err := loadEnvironment(file, slog.New(slog.DiscardHandler)) // run tells of warnings
	if err != nil {
		return err
	}
	fleet, err := demo.NewFleet(env, programVersion())
	if err != nil {
		return err
	}
	signals, stop := receive()
	defer stop()
	if !c.OnlyProxy {
		if err := fleet.Start(context.Background()); err != nil {
			return startError(file, env, err)
		}
		defer fleet.Close()
	}
	if c.OnlyTargets {
		for _, t := range fleet.Targets {
			fmt.Fprintf(s.out, "target %s at http://%s/\n", t.Name, t.Addr)
		}
		for sig := range signals {
			if sig == syscall.SIGTERM || sig == syscall.SIGINT {
				break
			}
		}
		return nil
	}
	if err := demo.EnsureCertificates(env, filepath.Dir(file)); err != nil {
		return err
	}
	logger := c.logger(s.err)
	p := &process{
		file: file, logger: logger, signals: signals, watch: true,
		build: builder(file, logger),
		started: func(env *spec.Environment) {
			fmt.Fprintf(s.out, "evenkeel runs %s:\n\n", file)
			_ = demo.NewTour(env, fleet, program(file), file).Write(s.out) // the terminal is gone
			fmt.Fprintf(s.out, "\nChange %s and it is reloaded. Ctrl-C drains and ends, a second one at once.\n\n", file)
		},
	}
	if err := p.run(context.Background()); !errors.Is(err, errSecondSignal) {
		return err
	}
	return &exitError{status: exitNo}
}

// program is how the reader calls evenkeel: in a clone, by the Go command.
func program(file string) string {
	if filepath.Dir(file) == "environments" {
		return "go run ./proxy"
	}
	return "evenkeel"
}
