package command

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/doctor"
	"github.com/evenkeel/evenkeel/spec"
)

type doctorCommand struct {
	File  string `arg:"" help:"The environment file that the process serves."`
	Admin string `env:"EVENKEEL_ADMIN" placeholder:"HOST:PORT" help:"Admin listener of the process. Default: the file's proxy.admin.listen."`
	JSON  bool   `help:"Print JSON."`
	signInFlag
}

// Help is what `evenkeel doctor --help` adds.
func (doctorCommand) Help() string {
	return `Looks for requests that are spread unevenly, health checks that fail or nearly do, sessions that
are lost, and timeouts that cut requests, in what the process tells of the last minutes. Each finding
begins with the line of the file to change, and has its numbers. Shares are judged by how many requests
there were: few prove nothing. Exit status: 0 without a finding, 1 with some, 2 when the process could
not be asked.`
}

// Run prints what is wrong.
func (c doctorCommand) Run(s *streams) error {
	report, err := c.examine()
	if err != nil {
		return &exitError{exitTrouble, err}
	}
	if c.JSON {
		out := json.NewEncoder(s.out)
		out.SetIndent("", "  ")
		err = out.Encode(report)
	} else {
		err = report.Write(s.out)
	}
	if err == nil && len(report.Findings) > 0 {
		err = &exitError{status: exitNo}
	}
	return err
}

// examine asks the process, and finds the places in the file.
func (c doctorCommand) examine() (*doctor.Report, error) {
	var file spec.Report
	env, problems, _ := spec.Check(c.File, func(_ *spec.Environment, report spec.Report) { file = report })
	if len(problems) > 0 {
		return nil, problems
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	password, err := c.password()
	if err != nil {
		return nil, err
	}
	client := admin.Client{Addr: cmp.Or(c.Admin, env.Proxy.Admin.Listen), User: c.User, Password: password}
	stats, err := client.Stats(ctx)
	if err != nil {
		return nil, err
	}
	if stats.Environment != env.Name {
		return nil, fmt.Errorf("the process at %s serves another environment (got %q, want %q)", client.Addr, stats.Environment, env.Name)
	}
	families, err := client.Metrics(ctx)
	if err != nil {
		return nil, err
	}
	report := doctor.Examine(&doctor.Input{Environment: env, Stats: stats, Process: doctor.ProcessOf(families)})
	for i := range report.Findings {
		f := &report.Findings[i]
		place := file.At(f.Path, "")
		f.File, f.Line, f.Column = place.File, place.Line, place.Col
	}
	return report, nil
}
