package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evenkeel/evenkeel/proxy/internal/agent"
)

type agentCommand struct {
	Service string `xor:"application" required:"" placeholder:"UNIT" help:"The application is this unit of systemd, ended by systemctl stop."`
	PIDFile string `name:"pidfile" xor:"application" required:"" placeholder:"FILE" help:"The application is the process whose number stands in this file."`
	PID     int    `name:"pid" xor:"application" required:"" placeholder:"NUMBER" help:"The application is this process."`
	Signal  string `default:"TERM" placeholder:"NAME" help:"What tells a process to finish and end. Default: ${default}."`

	Group     string        `env:"AUTO_SCALING_GROUP" placeholder:"NAME" help:"Auto Scaling group of the instance. Default: what the metadata or Auto Scaling say."`
	Hook      string        `env:"LIFECYCLE_HOOK" default:"${hook}" placeholder:"NAME" help:"Lifecycle hook to complete. Default: ${default}."`
	Heartbeat time.Duration `env:"DRAIN_HEARTBEAT" default:"5m" placeholder:"TIME" help:"The hook's heartbeat timeout, the fleet's drain.heartbeat. Default: ${default}."`
	Maximum   time.Duration `env:"DRAIN_MAXIMUM" default:"15m" placeholder:"TIME" help:"The most that the application gets to end, the fleet's drain.maximum. Default: ${default}."`
	OnTimeout string        `env:"DRAIN_ON_TIMEOUT" enum:"continue,retain" default:"continue" help:"What happens then, the fleet's drain.on_timeout: ${enum}. Default: ${default}."`

	AwaitHook bool          `help:"Tell the application only when the hook holds the instance. For applications behind a load balancer, which sends requests until then."`
	Spot      bool          `help:"Tell the application at the notice of a spot interruption, too."`
	Rebalance bool          `help:"Tell the application at a recommendation to rebalance, too. Only where something then replaces the instance."`
	Poll      time.Duration `default:"5s" placeholder:"TIME" help:"Time between two looks at the metadata. Default: ${default}."`

	Inspect     string `placeholder:"COMMAND" help:"How celery is called, such as 'celery --app shop', to count active and reserved tasks."`
	InspectNode string `placeholder:"NAME" help:"The Celery worker to ask. Default: celery@ and the name of the host."`
	Status      string `default:"/run/evenkeel-agent/status.json" placeholder:"FILE" help:"Where to write what the agent does. Default: ${default}."`
	Listen      string `placeholder:"HOST:PORT" help:"Serve the same by HTTP. Default: no."`
	logFlag
}

// Help is what `evenkeel agent --help` adds.
func (agentCommand) Help() string {
	return `Runs on an instance of an Auto Scaling group, beside its application. When the instance is to
be terminated it tells the application, once, to finish what it has begun and end, records
heartbeats of the lifecycle action meanwhile, and completes the action at the end.

Exit status: 0 when the lifecycle action is over, or at SIGTERM, which leaves everything as
it is; 1 when the action could not be completed, which the drain function then does; 2 for a
wrong command line.`
}

// Validate refuses what cannot work.
func (c agentCommand) Validate() error {
	if s := c.signal(); s == 0 || s == unix.SIGKILL || s == unix.SIGSTOP {
		return fmt.Errorf("--signal: got %q, want the name of a signal that lets a process finish, such as TERM or QUIT", c.Signal)
	}
	if c.PID < 0 {
		return fmt.Errorf("--pid: got %d, want the number of a process", c.PID)
	}
	if c.Heartbeat <= 0 || c.Maximum <= 0 || c.Poll <= 0 {
		return errors.New("--heartbeat, --maximum and --poll: want times above 0")
	}
	return nil
}

func (c agentCommand) signal() syscall.Signal {
	return unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(c.Signal), "SIG"))
}

// Run watches until the instance has ended or the agent is to.
func (c agentCommand) Run(s *streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	parts := agent.Parts{Metadata: agent.NewMetadata(), Application: c.application(), Inspector: c.inspector(), Logger: c.logger(s.err)}
	var err error
	if parts.AutoScaling, err = agent.NewAutoScaling(ctx); err != nil {
		return err
	}
	return agent.New(agent.Config{
		Group: c.Group, Hook: c.Hook, Heartbeat: c.Heartbeat, Maximum: c.Maximum, OnTimeout: c.OnTimeout,
		Poll: c.Poll, AwaitHook: c.AwaitHook, Spot: c.Spot, Rebalance: c.Rebalance,
		StatusFile: c.Status, Listen: c.Listen,
	}, parts).Run(ctx)
}

func (c agentCommand) application() agent.Application {
	if c.Service != "" {
		return agent.NewService(c.Service)
	}
	return &agent.Process{PID: c.PID, PIDFile: c.PIDFile, Signal: c.signal()}
}

func (c agentCommand) inspector() agent.Inspector {
	command := strings.Fields(c.Inspect)
	if len(command) == 0 {
		return nil
	}
	node := c.InspectNode
	if node == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "localhost"
		}
		node = "celery@" + host
	}
	return &agent.Celery{Command: command, Node: node}
}
