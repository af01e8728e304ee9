package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/evenkeel/evenkeel/proxy/internal/elbv2api"
	"github.com/evenkeel/evenkeel/spec"
)

// newAPI makes the control API, if the environment has one, and returns the environment in
// effect: with what the API has made before.
func (s *Server) newAPI(env *spec.Environment) (*spec.Environment, error) {
	if !env.Proxy.ELBv2API.Served() {
		return env, nil
	}
	credentials, err := s.apiSecrets(env)
	if err != nil {
		return nil, err
	}
	s.api, err = elbv2api.New(elbv2api.Options{
		Declared:    env,
		DataPlane:   controlled{s},
		Dir:         s.options.Dir,
		StateFile:   in(s.options.Dir, env.Proxy.ELBv2API.StateFile),
		Credentials: credentials,
		Replaced:    s.replaced,
		Logger:      s.logger,
	})
	if err != nil {
		return nil, err
	}
	return s.api.Environment(), nil
}

// apiSecrets reads the API's secret access keys and its certificate.
func (s *Server) apiSecrets(env *spec.Environment) (map[string][]byte, error) {
	keys := map[string][]byte{}
	for id, secret := range env.Proxy.ELBv2API.Credentials {
		key, err := resolve(string(secret), s.options.Dir)
		if err == nil && len(key) < spec.MinSecretAccessKey {
			err = fmt.Errorf("got %d bytes, want at least %d", len(key), spec.MinSecretAccessKey)
		}
		if err != nil {
			return nil, fmt.Errorf("proxy.elbv2_api.credentials.%s: %w", id, err)
		}
		keys[id] = key
	}
	if files := env.Proxy.ELBv2API.Certificate; files.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(in(s.options.Dir, files.Certificate), in(s.options.Dir, files.PrivateKey))
		if err != nil {
			return nil, fmt.Errorf("proxy.elbv2_api.certificate: %w", err)
		}
		s.apiCertificate.Store(&pair)
	}
	return keys, nil
}

// in is path as seen from dir; none stays none.
func in(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// begin makes the description that was declared, and what the API has made of it, that in
// force.
func (s *Server) begin(env *spec.Environment) error {
	if s.api == nil {
		return s.apply(env)
	}
	return s.api.Start(env)
}

// startAPI opens the control API's listener.
func (s *Server) startAPI(env *spec.Environment) error {
	if s.api == nil {
		return nil
	}
	socket, err := s.listen(env.Proxy.ELBv2API.Listen)
	if err != nil {
		return err
	}
	var security *tls.Config
	if s.apiCertificate.Load() != nil {
		security = &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.apiCertificate.Load(), nil },
		}
	}
	s.apiSocket, s.apiServer = socket, elbv2api.NewServer(s.api, security)
	s.background.Go(func() {
		if err := s.apiServer.Serve(socket); err != nil && !errors.Is(err, net.ErrClosed) {
			s.logger.Error("control API", slog.Any("error", err))
		}
	})
	return nil
}

// APIAddr returns the address that the control API listens on; nil if there is none.
func (s *Server) APIAddr() net.Addr {
	if s.apiSocket == nil {
		return nil
	}
	return s.apiSocket.Addr()
}

// reload is Reload without the record of it.
func (s *Server) reload(env *spec.Environment) error {
	if s.api == nil {
		return s.apply(env)
	}
	before := s.apiCertificate.Load()
	credentials, err := s.apiSecrets(env)
	if err == nil {
		err = s.api.Reload(env)
	}
	if err != nil {
		s.apiCertificate.Store(before)
		return err
	}
	// The socket stays what it is until the next start. One that others reach does not lose
	// its credentials because the file has another address, or none.
	if len(credentials) > 0 || s.apiSocket != nil && s.apiSocket.Addr().(*net.TCPAddr).IP.IsLoopback() {
		s.api.SetCredentials(credentials)
	}
	return nil
}

// controlled is what the control API sees of the server.
type controlled struct {
	*Server
}

// Apply makes env, which a change by the API or a new file made, the description in force.
func (c controlled) Apply(env *spec.Environment) error { return c.apply(env) }

// ApplyChange makes env that in force without reading certificates anew.
func (c controlled) ApplyChange(env *spec.Environment) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopping.Load() {
		return errors.New("server is stopping")
	}
	return c.swap(env, c.discovery.Prepare(queriesOf(env)), true)
}

// listenerBefore is the listener of that name in the description in force; nil for none. s.mu
// is held.
func (s *Server) listenerBefore(name string) *spec.Listener {
	if s.env == nil {
		return nil
	}
	at := slices.IndexFunc(s.env.LoadBalancer.Listeners, func(l spec.Listener) bool { return l.Name == name })
	if at < 0 {
		return nil
	}
	return &s.env.LoadBalancer.Listeners[at]
}

// unchanged reports whether a listener of env is what it was, so that requests need not notice.
// s.mu is held.
func (s *Server) unchanged(env *spec.Environment, l *spec.Listener) bool {
	was := s.listenerBefore(l.Name)
	return was != nil && s.env.DNSName() == env.DNSName() && s.env.LoadBalancer.Attributes == env.LoadBalancer.Attributes && reflect.DeepEqual(was, l)
}

// sameSecurity reports whether a listener of env needs nothing else for a handshake than it
// did, so that TLS sessions can be resumed. s.mu is held.
func (s *Server) sameSecurity(env *spec.Environment, l *spec.Listener) bool {
	was := s.listenerBefore(l.Name)
	return was != nil && was.Protocol == l.Protocol && was.SSLPolicy == l.SSLPolicy && slices.Equal(was.Certificates, l.Certificates) &&
		s.env.LoadBalancer.Attributes.HTTP2 == env.LoadBalancer.Attributes.HTTP2
}

// TargetHealth tells how the targets of a group stand, in the order of registration.
func (c controlled) TargetHealth(group string) []elbv2api.TargetHealth {
	var list []elbv2api.TargetHealth
	for _, g := range c.registry.Groups() {
		if g.Name != group || g.Left() {
			continue
		}
		for _, v := range g.Views() {
			list = append(list, elbv2api.TargetHealth{
				ID: v.ID, Address: v.Address, Zone: v.Zone,
				State: v.Health.State, Reason: v.Health.Reason, Description: v.Health.Description,
				Anomalous: v.Anomalous, Mitigated: v.Mitigated,
			})
		}
	}
	return list
}
