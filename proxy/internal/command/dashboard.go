package command

import (
	"github.com/evenkeel/evenkeel/proxy/internal/grafana"
	"github.com/evenkeel/evenkeel/spec"
)

type dashboardCommand struct {
	File string `arg:"" help:"The environment file."`
}

// Help is what `evenkeel dashboard --help` adds.
func (dashboardCommand) Help() string {
	return `Import what is printed into Grafana, or put it where Grafana looks for dashboards. It is for any data
source of type Prometheus that has the metrics of the admin listener's /metrics; which one, and which target
groups, is chosen at its top. The thresholds of alarms are drawn across.`
}

// Run prints the dashboard.
func (c dashboardCommand) Run(s *streams) error {
	env, err := spec.Load(c.File)
	if err != nil {
		return err
	}
	return grafana.Write(s.out, env)
}
