package command

import (
	"path/filepath"

	"github.com/evenkeel/evenkeel/spec"
)

// loadEnvironment reads an environment file and the base that it extends.
func loadEnvironment(file string) (*spec.Environment, error) { return spec.Load(file) }

// filesOf lists what an environment was made of: the file, its base, and the certificates
// that its listeners name.
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
	return files
}

// in is path as seen from dir.
func in(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
