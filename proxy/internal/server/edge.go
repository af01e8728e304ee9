package server

import (
	"github.com/evenkeel/evenkeel/proxy/internal/edge"
	"github.com/evenkeel/evenkeel/spec"
)

// siteOf compiles the edge of env and reads its files. With keep it is the one in force, of which a change by the
// control API changes nothing. s.mu is held.
func (s *Server) siteOf(env *spec.Environment, keep bool) (*edge.Site, error) {
	if keep && s.env != nil {
		return s.site, nil
	}
	return edge.New(env, s.options.Dir)
}
