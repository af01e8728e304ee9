package server

import (
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
	options := waf.Options{Before: s.firewall.Load(), Dir: s.options.Dir}
	if s.logs.LogsFirewall() {
		options.Log = s.logs
	}
	return options
}
