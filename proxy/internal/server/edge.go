package server

import (
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/cache"
	"github.com/evenkeel/evenkeel/proxy/internal/edge"
	"github.com/evenkeel/evenkeel/proxy/internal/metrics"
	"github.com/evenkeel/evenkeel/spec"
)

// siteOf compiles the edge of env and reads its files. With keep it is the one in force, of which a change by the
// control API changes nothing. s.mu is held.
func (s *Server) siteOf(env *spec.Environment, keep bool) (*edge.Site, error) {
	if keep && s.env != nil {
		return s.site, nil
	}
	return edge.New(env, s.options.Dir, s.cache)
}

// Purge drops what edge.cache keeps for the paths that path stands for.
func (o operator) Purge(path string) (int, error) {
	scope, err := cache.ParseScope(path)
	if err != nil {
		return 0, err
	}
	return o.cache.Purge(scope), nil
}

// cacheGauges is what the metrics tell of the cache; nil while it was never used.
func (s *Server) cacheGauges() *metrics.CacheGauges {
	if !s.caches.Load() {
		return nil
	}
	stats := s.cache.Stats()
	g := &metrics.CacheGauges{
		Requests: map[string]uint64{}, ServedBytes: stats.ServedBytes, Evictions: stats.Evictions,
		Answers: stats.Objects, Bytes: stats.Bytes, Limit: stats.Limit,
	}
	for _, status := range cache.Statuses() {
		g.Requests[strings.ToLower(status.String())] = stats.Requests[status]
	}
	return g
}
