// Package server runs the load balancer that an environment file describes: its sockets
// and connections, the swap of one description for the next, and the end.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/accesslog"
	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/answer"
	"github.com/evenkeel/evenkeel/proxy/internal/cache"
	"github.com/evenkeel/evenkeel/proxy/internal/discovery"
	"github.com/evenkeel/evenkeel/proxy/internal/edge"
	"github.com/evenkeel/evenkeel/proxy/internal/elbv2api"
	"github.com/evenkeel/evenkeel/proxy/internal/forward"
	"github.com/evenkeel/evenkeel/proxy/internal/health"
	"github.com/evenkeel/evenkeel/proxy/internal/metrics"
	"github.com/evenkeel/evenkeel/proxy/internal/signin"
	"github.com/evenkeel/evenkeel/proxy/internal/socket"
	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/proxy/internal/waf"
	"github.com/evenkeel/evenkeel/spec"
)

// Options are what a server needs beside the environment.
type Options struct {
	// Logger takes what operators should know; the access log is another matter.
	Logger *slog.Logger
	// Dir is the environment file's folder, at which relative paths start.
	Dir string
	// Version of the program, for the status page.
	Version string
	// Load reads the environment again, for a reload that comes by the admin listener.
	Load func() (*spec.Environment, error)
}

// Server is a running load balancer.
type Server struct {
	options Options
	logger  *slog.Logger
	started time.Time

	registry *target.Registry
	checker  *health.Checker
	// discovery looks up the targets that DNS names.
	discovery *discovery.Runner
	metrics   *metrics.Set
	logs      *accesslog.Logger
	services  forward.Services
	admin     *admin.Server
	door      *signin.Door
	// api is the control API and apiServer its listener; nil without proxy.elbv2_api.
	api       *elbv2api.API
	apiServer *elbv2api.Server
	// apiCertificate is what the API's listener speaks TLS with, replaced by a reload.
	apiCertificate atomic.Pointer[tls.Certificate]

	// connections counts open client connections against maxConnections.
	connections    atomic.Int64
	maxConnections atomic.Int64
	// nextShard gives every connection the next shard of the sharded counters and pools.
	nextShard atomic.Uint32
	// crews serve connections, by shard.
	crews    []crew
	stopping atomic.Bool
	// firewall is the one in force, nil without one: the metrics ask for it at any time.
	firewall atomic.Pointer[waf.Firewall]
	// rates shares what the firewall counts with other processes; nil for none.
	rates *waf.Store
	cache *cache.Cache
	// caches says that some path is cached, or was.
	caches atomic.Bool

	// mu is held while the description is changed. env, site, listeners and reloads belong to it.
	mu        sync.Mutex
	env       *spec.Environment
	site      *edge.Site           // nil without an edge
	listeners map[string]*listener // by address
	// leaving are listeners that a reload removed and whose connections finish.
	leaving map[*listener]struct{}
	reloads admin.Reloads
	// inherited are the sockets taken over from the process before this one, until they are
	// put to use.
	inherited   map[string]*net.TCPListener
	adminSocket *net.TCPListener
	apiSocket   *net.TCPListener
	// offered is where the next process gets them; offeredAt is its file.
	offered     *net.UnixListener
	offeredPath string
	offeredAt   fs.FileInfo
	// handedOver says that another process has the listening sockets too.
	handedOver atomic.Bool

	aggregated aggregateMemo

	stopChecks context.CancelFunc
	background sync.WaitGroup
}

// New builds a server for env. Nothing is opened but its logs.
func New(env *spec.Environment, options Options) (*Server, error) {
	s := &Server{
		options:   options,
		logger:    options.Logger,
		door:      signin.New(),
		listeners: map[string]*listener{},
		leaving:   map[*listener]struct{}{},
		crews:     make([]crew, runtime.GOMAXPROCS(0)),
	}
	secrets, err := secretsOf(env, options.Dir)
	if err != nil {
		return nil, err
	}
	users, err := s.usersOf(env)
	if err != nil {
		return nil, err
	}
	if err := s.door.SetUsers(users); err != nil {
		return nil, err
	}
	if env, err = s.newAPI(env); err != nil {
		return nil, err
	}
	sealer, err := sticky.NewSealer(secrets...)
	if err != nil {
		return nil, fmt.Errorf("proxy.stickiness_keys: %w", err)
	}
	if s.logs, err = newLogs(env, options.Logger); err != nil {
		return nil, err
	}
	if s.rates, err = newRates(env, options); err != nil {
		return nil, err
	}
	s.cache = cache.New(int64(env.Proxy.CacheMemory), s.logger)
	s.metrics = metrics.New(s.metricsOptions(env))
	s.services = forward.Services{
		Maker:   answer.Maker{ServerName: env.Proxy.ServerName},
		Sealer:  sealer,
		Account: s.account,
		// By a listener, it is asked for by anybody.
		Aggregate: s.Aggregate,
	}
	s.registry = target.NewRegistry(target.Options{Logger: s.logger, Sealer: sealer})
	s.discovery = discovery.NewRunner(discovery.Options{Found: s.found, Logger: s.logger})
	s.checker = health.NewChecker(health.Options{Registry: s.registry, Logger: s.logger, Log: s.logCheck})
	return s, nil
}

// Start opens the listeners and serves until Shutdown.
func (s *Server) Start(env *spec.Environment) (err error) {
	s.started = time.Now()
	if path := env.Proxy.HandoverSocket; path != "" {
		if s.inherited, err = takeOver(path); err != nil {
			return err
		}
	}
	if err := s.begin(env); err != nil {
		return err
	}
	if err := s.startAdmin(env); err != nil {
		return err
	}
	if err := s.startAPI(env); err != nil {
		return err
	}
	for address, socket := range s.inherited {
		_ = socket.Close() // this description does not listen there
		delete(s.inherited, address)
	}
	if path := env.Proxy.HandoverSocket; path != "" {
		if err := s.offer(path); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stopChecks = cancel
	s.background.Go(func() { s.checker.Run(ctx) })
	s.background.Go(func() { s.registry.Run(ctx) })
	s.background.Go(func() { s.registry.Sample(ctx) })
	return nil
}

// Reload replaces the description the server works by. On any error it changes nothing.
// No connection is cut: what is open goes on under the new rules, targets keep their
// health, and a target that is gone drains.
func (s *Server) Reload(env *spec.Environment) error {
	users, err := s.usersOf(env)
	if err == nil {
		err = s.reload(env)
	}
	if err == nil {
		err = s.door.SetUsers(users)
	}
	s.Reloaded(err)
	return err
}

// Reloaded records how a reload went; one that failed before there was an environment to
// apply is recorded by whoever read the file.
func (s *Server) Reloaded(err error) {
	now := time.Now()
	s.metrics.Reloaded(now, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reloads.LastTime, s.reloads.LastError = now, ""
	if err != nil {
		s.reloads.LastError = err.Error()
		return
	}
	s.reloads.Count++
}

// plan is one listener of the description to come.
type plan struct {
	spec     *spec.Listener
	address  string
	forward  *forward.Listener
	security *security
	proxied  *proxied
	socket   *socket.Listener // a new one, or nil when the listener is open already
}

// apply makes env the description in force, certificates read anew: first all that can
// fail, then the swap.
func (s *Server) apply(env *spec.Environment) error {
	sought := s.seek(env)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Load() {
		sought.Discard()
		return errors.New("server is stopping")
	}
	return s.swap(env, sought, false)
}

// swap is apply with s.mu held, and with what was sought. With keep, a listener keeps what was
// compiled and loaded for it, as far as nothing of that has changed.
func (s *Server) swap(env *spec.Environment, sought *discovery.Plan, keep bool) (err error) {
	defer func() {
		if err != nil {
			sought.Discard()
		}
	}()
	firewall, err := s.newFirewall(env, keep)
	if err != nil {
		return err
	}
	groups := map[string]*target.Group{}
	site, err := s.siteOf(env, keep)
	if err != nil {
		return err
	}
	plans := make([]*plan, 0, len(env.LoadBalancer.Listeners))
	defer func() {
		if err != nil {
			for _, p := range plans {
				if p.socket != nil {
					_ = p.socket.Close()
				}
			}
		}
	}()
	for i := range env.LoadBalancer.Listeners {
		p := &plan{spec: &env.LoadBalancer.Listeners[i], address: env.ListenAddress(&env.LoadBalancer.Listeners[i])}
		plans = append(plans, p)
		l := s.listeners[p.address]
		if p.proxied, err = newProxied(env, p.spec); err != nil {
			return err
		}
		if keep && l != nil && s.unchanged(env, p.spec) {
			p.forward, p.security = l.current.Load(), l.security.Load()
			continue
		}
		if p.forward, err = forward.NewListener(env, p.spec, groups, site, firewall, &s.services); err != nil {
			return err
		}
		if keep && l != nil && s.sameSecurity(env, p.spec) {
			p.security = l.security.Load()
		} else if p.security, err = newSecurity(env, p.spec, s.options.Dir, s.logger); err != nil {
			return err
		}
		if l == nil {
			if p.socket, err = s.open(p.address); err != nil {
				return fmt.Errorf("listener %s: %w", p.spec.Name, err)
			}
		}
	}
	// What is new is told to the registry first, so that no group is empty in between.
	sought.Commit()
	if err = s.registry.Apply(env); err != nil {
		return err
	}
	there := map[string]bool{}
	for _, g := range s.registry.Groups() {
		there[g.Name] = true
		if groups[g.Name] == nil { // one that has left comes behind the one that has its name
			groups[g.Name] = g
		}
	}
	s.metrics.ForgetGroups(func(targetGroup string) bool { return there[targetGroup] })
	for i := range env.TargetGroups {
		s.metrics.EnsureGroup(env.TargetGroups[i].Name, zones(&env.TargetGroups[i])...)
	}
	s.metrics.Rename(env.LoadBalancerID())
	s.logs.Rename(env.LoadBalancerID(), env.DNSName())
	s.maxConnections.Store(int64(env.Proxy.MaxConnections))
	s.cache.SetMemory(int64(env.Proxy.CacheMemory))
	if len(env.Edge.Cache) > 0 {
		s.caches.Store(true)
	}
	s.publish(plans)
	if !keep {
		s.cache.Retain(env.Edge.Cache)
	}
	s.site = site
	if s.env != nil {
		s.warnOfRestart(env)
	}
	s.env = env
	s.firewall.Store(firewall)
	s.rates.Serve(firewall)
	return nil
}

// warnOfRestart names the settings that differ from those in force and that only a new
// process takes up.
func (s *Server) warnOfRestart(env *spec.Environment) {
	now, next := &s.env.Proxy, &env.Proxy
	for path, same := range map[string]bool{
		"proxy.admin.listen":     now.Admin.Listen == next.Admin.Listen,
		"proxy.elbv2_api":        now.ELBv2API.Listen == next.ELBv2API.Listen && now.ELBv2API.StateFile == next.ELBv2API.StateFile,
		"proxy.server_name":      now.ServerName == next.ServerName,
		"proxy.stickiness_keys":  slices.Equal(now.StickinessKeys, next.StickinessKeys),
		"proxy.access_log":       now.AccessLog == next.AccessLog,
		"proxy.connection_log":   now.ConnectionLog == next.ConnectionLog,
		"proxy.health_check_log": now.HealthCheckLog == next.HealthCheckLog,
		"proxy.shared_rates":     now.SharedRates == next.SharedRates,
		"proxy.waf_log":          now.WAFLog.Equal(next.WAFLog),
		"proxy.handover_socket":  now.HandoverSocket == next.HandoverSocket,
	} {
		if !same {
			s.logger.Warn("setting takes effect with the next start", slog.String("path", path))
		}
	}
}

// ReopenLogs opens the log files anew by their paths, after a rotation.
func (s *Server) ReopenLogs() error { return s.logs.Reopen() }

// publish swaps the listeners' descriptions, opens new listeners and drains old ones.
func (s *Server) publish(plans []*plan) {
	wanted := map[string]bool{}
	for _, p := range plans {
		wanted[p.address] = true
		l := s.listeners[p.address]
		if l == nil {
			l = newListener(s, p.address, p.socket)
			s.listeners[p.address] = l
		}
		l.security.Store(p.security)
		l.proxied.Store(p.proxied)
		l.current.Store(p.forward)
		if p.socket != nil {
			go l.accept()
		}
	}
	for address, l := range s.listeners {
		if !wanted[address] {
			delete(s.listeners, address)
			s.leaving[l] = struct{}{}
			l.drain()
			go s.forget(l)
		}
	}
}

// forget drops a listener that has left once its last connection has ended.
func (s *Server) forget(l *listener) {
	l.wait()
	s.mu.Lock()
	delete(s.leaving, l)
	s.mu.Unlock()
}

// admit counts a client connection in, or refuses it when there are too many.
func (s *Server) admit(shard uint32) bool {
	if s.connections.Add(1) > s.maxConnections.Load() {
		s.connections.Add(-1)
		s.metrics.ConnectionRejected(shard)
		return false
	}
	s.metrics.ConnectionOpened(shard)
	return true
}

func (s *Server) leave(shard uint32) {
	s.connections.Add(-1)
	s.metrics.ConnectionClosed(shard)
}

// Shutdown stops accepting and waits for what is in flight, until ctx ends; what is left
// then is cut.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopping.Store(true)
	if s.api != nil {
		s.api.Freeze()
	}
	s.mu.Lock()
	listeners := make([]*listener, 0, len(s.listeners))
	for _, l := range s.listeners {
		listeners = append(listeners, l)
	}
	listeners = slices.AppendSeq(listeners, maps.Keys(s.leaving))
	s.mu.Unlock()

	ended := make(chan struct{})
	for _, l := range listeners {
		l.drain()
	}
	if s.handedOver.Load() {
		// Both processes accept from one queue: questions are for the next one from here on.
		for _, socket := range []*net.TCPListener{s.adminSocket, s.apiSocket} {
			if socket != nil {
				_ = socket.Close()
			}
		}
		if s.apiServer != nil {
			// So are those of clients that keep a connection open.
			s.background.Go(func() { _ = s.apiServer.Shutdown(ctx) })
		}
	}
	go func() {
		for _, l := range listeners {
			l.wait()
		}
		close(ended)
	}()
	var err error
	select {
	case <-ended:
	case <-ctx.Done():
		err = fmt.Errorf("cut %d connections: %w", s.connections.Load(), ctx.Err())
		for _, l := range listeners {
			l.closeAll()
		}
		s.registry.Close() // those that wait for a target
		<-ended
	}
	s.stopBackground(ctx)
	s.registry.Close()
	return errors.Join(err, s.rates.Close(), s.logs.Close())
}

// Addr returns the address that the listener of that name listens on.
func (s *Server) Addr(name string) net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		if l.current.Load().Name() == name {
			return l.socket.Addr()
		}
	}
	return nil
}

// DrainTime is how long Shutdown should be given: the longest deregistration delay.
func (s *Server) DrainTime() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var longest time.Duration
	for i := range s.env.TargetGroups {
		longest = max(longest, s.env.TargetGroups[i].DeregistrationDelay)
	}
	return longest
}
