package command

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/evenkeel/evenkeel/proxy/internal/server"
	"github.com/evenkeel/evenkeel/spec"
)

type serveCommand struct {
	File  string `arg:"" help:"The environment file."`
	Watch bool   `default:"true" negatable:"" help:"Reload when the file, its base or a certificate changes. Default: yes."`
	logFlag
}

// Help is what `evenkeel serve --help` adds.
func (serveCommand) Help() string {
	return `SIGHUP, "evenkeel reload" and, unless --no-watch, a change of the files reload: a file with
errors changes nothing and is logged; a good one takes effect without cutting a connection.

SIGUSR1 opens the log files anew, after a rotation has moved them away.

SIGTERM and SIGINT drain: no new connections, what is in flight is finished, at most for the
longest deregistration delay. A second signal ends at once, with exit status 1.

GOMEMLIMIT, GOGC and GOMAXPROCS in the environment are the Go runtime's; GOGC is 200 here unless
it is given.`
}

// garbage is how much the heap grows before it is collected, in percent of what is in use: there
// is little in use, and every TLS handshake adds to it. GOGC in the environment goes before it.
const garbage = 200

// Run serves until a signal ends it.
func (c serveCommand) Run(s *streams) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	logger := c.logger(s.err)
	signals, stop := receive()
	defer stop()
	p := &process{
		file: c.File, logger: logger, signals: signals, watch: c.Watch,
		build:   builder(c.File, logger),
		started: func(env *spec.Environment) { logListeners(logger, env) },
	}
	return p.run(context.Background())
}

// receive returns the signals that a process acts on.
func receive() (<-chan os.Signal, func()) {
	c := make(chan os.Signal, 4)
	signal.Notify(c, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGINT)
	return c, func() { signal.Stop(c) }
}

// builder makes the real balancer for a file.
func builder(file string, logger *slog.Logger) func(*spec.Environment, func() (*spec.Environment, error)) (balancer, error) {
	return func(env *spec.Environment, reread func() (*spec.Environment, error)) (balancer, error) {
		b, err := server.New(env, server.Options{
			Logger: logger, Dir: filepath.Dir(file), Version: programVersion(), Load: reread,
		})
		if err != nil {
			return nil, err
		}
		return b, nil
	}
}

func logListeners(logger *slog.Logger, env *spec.Environment) {
	for _, l := range env.LoadBalancer.Listeners {
		logger.Info("listening", "listener", l.Name, "protocol", l.Protocol, "address", env.ListenAddress(&l))
	}
	logger.Info("listening", "listener", "admin", "protocol", spec.ProtocolHTTP, "address", env.Proxy.Admin.Listen)
	if api := env.Proxy.ELBv2API; api.Served() {
		protocol := spec.ProtocolHTTP
		if api.Certificate.Certificate != "" {
			protocol = spec.ProtocolHTTPS
		}
		logger.Info("listening", "listener", "elbv2_api", "protocol", protocol, "address", api.Listen)
	}
}
