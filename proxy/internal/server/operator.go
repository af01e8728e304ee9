package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/client"
	"github.com/evenkeel/evenkeel/proxy/internal/metrics"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

// operator is what the admin listener sees of the server.
type operator struct {
	*Server
}

// Reload reads the environment file again and applies it.
func (o operator) Reload(context.Context) error {
	if o.options.Load == nil {
		return errors.New("no file to reload")
	}
	env, err := o.options.Load()
	if err != nil {
		o.Reloaded(err)
		return err
	}
	return o.Server.Reload(env)
}

// startAdmin opens the operator's listener.
func (s *Server) startAdmin(env *spec.Environment) error {
	address := env.Proxy.Admin.Listen
	allow, err := client.NewBlocks(env.Proxy.Admin.NginxStatusAllow)
	if err != nil {
		return fmt.Errorf("proxy.admin.nginx_status_allow: %w", err)
	}
	socket, err := s.listen(address)
	if err != nil {
		return err
	}
	s.admin = admin.New(admin.Options{
		Listen:  address,
		Source:  operator{s},
		Door:    s.door,
		Metrics: s.metrics.Handler(),

		NginxStatusAllow: allow.Contains,
		Logger:           s.logger,
	})
	s.adminSocket = socket
	s.background.Go(func() {
		if err := s.admin.Serve(socket); err != nil && !errors.Is(err, net.ErrClosed) {
			s.logger.Error("admin listener", slog.Any("error", err))
		}
	})
	return nil
}

// stopBackground ends what runs beside the listeners.
func (s *Server) stopBackground(ctx context.Context) {
	if s.stopChecks != nil {
		s.stopChecks()
	}
	s.discovery.Close()
	if s.offered != nil {
		_ = s.offered.Close()
	}
	if s.admin != nil {
		_ = s.admin.Shutdown(ctx)
	}
	if s.apiServer != nil {
		_ = s.apiServer.Shutdown(ctx)
	}
	s.background.Wait()
}

// Ready reports whether some target group can serve and the server is not stopping. A
// server that forwards nothing is ready for what it does.
func (s *Server) Ready() bool {
	if s.stopping.Load() {
		return false
	}
	forwards := false
	for _, g := range s.registry.Groups() {
		snapshot := g.Snapshot()
		if snapshot.HealthyCount > 0 {
			return true
		}
		forwards = forwards || snapshot.Config.InUse
	}
	return !forwards
}

// Status tells how things stand.
func (s *Server) Status() admin.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := admin.Status{
		Version:     s.options.Version,
		Environment: s.env.Name,
		Started:     s.started,
		Draining:    s.stopping.Load(),
		Reloads:     s.reloads,
	}
	for _, l := range s.listeners {
		current := l.current.Load()
		status.Listeners = append(status.Listeners, admin.Listener{
			Name: current.Name(), Protocol: current.Protocol(), Port: current.Port(), Address: l.socket.Addr().String(),
		})
	}
	slices.SortFunc(status.Listeners, func(a, b admin.Listener) int { return cmp.Compare(a.Port, b.Port) })
	for _, g := range s.registry.Groups() {
		group := statusOf(g)
		group.Discovery = s.discoveryOf(g)
		status.TargetGroups = append(status.TargetGroups, group)
	}
	return status
}

// statusOf tells how a target group stands.
func statusOf(g *target.Group) admin.TargetGroup {
	snapshot := g.Snapshot()
	cfg := snapshot.Config
	status := admin.TargetGroup{
		Name: cfg.Name, ARN: cfg.ARN, Protocol: spec.ProtocolHTTP, Algorithm: cfg.Algorithm, FailOpen: snapshot.FailOpen,
		Targets: []admin.Target{},
	}
	if cfg.HTTPS {
		status.Protocol = spec.ProtocolHTTPS
	}
	for _, v := range g.Views() {
		status.Targets = append(status.Targets, targetStatus(v))
	}
	return status
}

// targetStatus tells how a target stands.
func targetStatus(v target.View) admin.Target {
	source := ""
	if v.Discovered {
		source = admin.SourceDNS
	}
	return admin.Target{
		ID: v.ID, Address: v.Address, Zone: v.Zone, Source: source,
		State: v.Health.State, Reason: v.Health.Reason, Description: v.Health.Description,
		Administrative: v.Administrative.State.String(), Outstanding: v.Outstanding(), Requests: v.Requests(),
	}
}

func (s *Server) metricsOptions(env *spec.Environment) metrics.Options {
	o := metrics.Options{LoadBalancer: env.LoadBalancerID(), Version: s.options.Version, Gauges: s, DroppedLines: s.logs.Dropped}
	if s.rates != nil {
		o.UnsharedRequests = s.rates.Unshared
	}
	return o
}

// Gauges counts targets by health for the metrics.
func (s *Server) Gauges() metrics.Gauges {
	gauges := metrics.Gauges{Cache: s.cacheGauges(), Certificates: s.certificateGauges()}
	for _, g := range s.registry.Groups() {
		load := g.Load()
		gauges.Loads = append(gauges.Loads, metrics.GroupLoad{
			TargetGroup: g.Name, Queued: float64(load.Queued),
			QueueTimeouts: float64(load.QueueTimeouts), QueueRejected: float64(load.QueueRejected),
			Retried: float64(load.Retried), RetriesRefused: float64(load.RetriesRefused),
		})
		failOpen := g.Snapshot().FailOpen
		for _, v := range g.Views() {
			gauges.TargetConnections += v.Connections()
			gauges.Targets = append(gauges.Targets, targetGauges(g.Name, v))
			n := metrics.GroupGauges{TargetGroup: g.Name, Zone: v.Zone, FailOpen: failOpen, Registered: 1}
			switch v.Health.State {
			case targethealth.Draining, targethealth.Unused, targethealth.Unavailable:
				continue
			case targethealth.Healthy:
				n.Healthy = 1
			case targethealth.Unhealthy:
				n.Unhealthy = 1
			default: // neither
			}
			n.Anomalous, n.Mitigated = count(v.Anomalous), count(v.Mitigated)
			gauges.Groups = append(gauges.Groups, n)
		}
		if d, ok := s.discoveryGauges(g); ok {
			gauges.Discoveries = append(gauges.Discoveries, d)
		}
	}
	for _, c := range s.firewall.Load().Counts() {
		gauges.Firewall = append(gauges.Firewall, metrics.FirewallRule{
			Name: c.Rule, Requests: map[string]uint64{spec.WAFAllow: c.Allowed, spec.WAFBlock: c.Blocked, spec.WAFCount: c.Counted},
		})
	}
	return gauges
}

// targetGauges is what the metrics tell of a target.
func targetGauges(group string, v target.View) metrics.TargetGauges {
	t := v.Telemetry.Totals()
	return metrics.TargetGauges{
		TargetGroup: group, Address: v.Address, State: v.Health.State, Outstanding: v.Outstanding(),
		Ended: map[string]uint64{
			"1xx": t.Status1XX, "2xx": t.Status2XX, "3xx": t.Status3XX, "4xx": t.Status4XX, "5xx": t.Status5XX,
			"connect_error": t.ConnectErrors, "failed": t.Failed, "client_gone": t.ClientGone,
		},
	}
}

func count(holds bool) int {
	if holds {
		return 1
	}
	return 0
}

// zones lists the availability zones of a group's targets, each once.
func zones(g *spec.TargetGroup) []string {
	var list []string
	for i := range g.Targets {
		if z := g.Targets[i].AvailabilityZone; z != "" && !slices.Contains(list, z) {
			list = append(list, z)
		}
	}
	return list
}
