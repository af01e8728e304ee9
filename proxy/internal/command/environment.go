package command

import (
	"log/slog"
	"path/filepath"

	"github.com/evenkeel/evenkeel/proxy/internal/edge"
	"github.com/evenkeel/evenkeel/spec"
)

// loadEnvironment reads an environment file and the base that it extends. The error is
// everything that is wrong with them; what is legal and likely meant otherwise is logged.
func loadEnvironment(file string, logger *slog.Logger) (*spec.Environment, error) {
	env, problems, warnings := checkEnvironment(file, edge.Inspect(filepath.Dir(file)))
	if len(problems) > 0 {
		return nil, problems
	}
	for _, w := range warnings {
		logger.Warn("environment file", "warning", w.Error())
	}
	return env, nil
}

// filesOf lists what an environment was made of: the file, its base, the certificates that its
// listeners name, and error pages.
func filesOf(file string, env *spec.Environment) []string {
	files := []string{file}
	dir := filepath.Dir(file)
	if env.Extends != "" {
		files = append(files, in(dir, env.Extends))
	}
	for _, l := range env.LoadBalancer.Listeners {
		for _, name := range l.Certificates {
			c := env.Certificates[name].Files
			for _, path := range []string{c.Certificate, c.PrivateKey} {
				if path != "" {
					files = append(files, in(dir, path))
				}
			}
		}
	}
	for _, page := range env.Edge.ErrorPages {
		files = append(files, in(dir, page))
	}
	if path := env.Proxy.GeoDatabase; path != "" {
		files = append(files, in(dir, path))
	}
	return files
}

// in is path as seen from dir.
func in(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
