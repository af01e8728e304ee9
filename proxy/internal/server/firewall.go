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
	firewall, err := waf.Compile(env, s.firewall.Load())
	if err != nil {
		return nil, fmt.Errorf("waf: %w", err)
	}
	return firewall, nil
}
