package edge

import (
	"path/filepath"
	"strconv"

	"github.com/evenkeel/evenkeel/proxy/internal/cache"
	"github.com/evenkeel/evenkeel/proxy/internal/routing"
	"github.com/evenkeel/evenkeel/spec"
)

// compiler makes a Site and collects what is wrong with the files and folders it is made of.
type compiler struct {
	dir      string
	kept     *cache.Cache
	problems spec.Problems
}

// refuse notes what is wrong with the file or folder that the value at path names.
func (c *compiler) refuse(path string, err error, got, want string) {
	c.problems = append(c.problems, spec.Problem{Path: path, What: reason(err), Got: strconv.Quote(got), Want: want})
}

// behavior is what h does with the requests for a path pattern; nil if the pattern is bad.
func (c *compiler) behavior(at, pattern string, h handler) *Behavior {
	p, err := routing.CompilePattern(pattern, 0)
	if err != nil {
		c.refuse(at, err, pattern, "a path pattern")
		return nil
	}
	return &Behavior{pattern: p, handler: h}
}

// in is path as seen from the environment file's folder.
func (c *compiler) in(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.dir, path)
}

// Inspect refuses files and folders of the edge that cannot be served. Paths start at dir.
func Inspect(dir string) spec.Inspection {
	return func(env *spec.Environment, report spec.Report) {
		c := compiler{dir: dir}
		c.compile(&env.Edge)
		for _, p := range c.problems {
			report.Refuse(p.Path, p.What, p.Got, p.Want)
		}
	}
}

// Warn is Inspect for who looks at a file where nothing is served by it.
func Warn(dir string) spec.Inspection {
	return func(env *spec.Environment, report spec.Report) {
		c := compiler{dir: dir}
		c.compile(&env.Edge)
		for _, p := range c.problems {
			report.Warn(p.Path, p.What+" here", p.Got, p.Want)
		}
	}
}
