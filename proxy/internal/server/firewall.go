package server

import (
	"errors"
	"fmt"

	"github.com/evenkeel/evenkeel/proxy/internal/waf"
	"github.com/evenkeel/evenkeel/spec"
)

// newFirewall compiles the firewall of env. With keep, which is a change by the control API,
// it is the one in force: the API knows of none. s.mu is held.
func (s *Server) newFirewall(env *spec.Environment, keep bool) (*waf.Firewall, error) {
	if keep && s.env != nil {
		return s.firewall.Load(), nil
	}
	firewall, err := waf.Compile(env, s.firewallOptions())
	if err != nil {
		return nil, fmt.Errorf("waf: %w", err)
	}
	return firewall, nil
}

// firewallOptions are what a firewall works with beside its description.
func (s *Server) firewallOptions() waf.Options {
	options := waf.Options{Before: s.firewall.Load(), Store: s.rates, Dir: s.options.Dir}
	if s.logs.LogsFirewall() {
		options.Log = s.logs
	}
	return options
}

// newRates begins to share the counts of rates, if the file says where; nil if it does not.
func newRates(env *spec.Environment, options Options) (*waf.Store, error) {
	secret := string(env.Proxy.SharedRates.Redis)
	if secret == "" {
		return nil, nil
	}
	url, err := resolve(secret, options.Dir)
	if err != nil {
		return nil, fmt.Errorf("proxy.shared_rates.redis: %w", err)
	}
	store, err := waf.NewStore(string(url), env.ResourceName("rates"), options.Logger)
	if err != nil {
		return nil, errors.New("proxy.shared_rates.redis: is no URL of Redis (want redis://HOST:PORT or rediss://HOST:PORT)") // which would show the password
	}
	return store, nil
}
