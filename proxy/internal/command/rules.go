package command

import (
	"github.com/evenkeel/evenkeel/proxy/internal/prometheus"
	"github.com/evenkeel/evenkeel/spec"
)

type rulesCommand struct {
	File string `arg:"" help:"The environment file."`
}

// Help is what `evenkeel rules --help` adds.
func (rulesCommand) Help() string {
	return `The rules are made from the section alarms: the names, thresholds and timing that CloudWatch's alarms have
on AWS. Name the file in Prometheus's rule_files, and scrape /metrics of the admin listener at least once a minute.`
}

// Run prints the rules.
func (c rulesCommand) Run(s *streams) error {
	env, err := spec.Load(c.File)
	if err != nil {
		return err
	}
	return prometheus.Write(s.out, env)
}
