package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// MaxFileSize bounds an environment file, and its base: 1 MiB.
const MaxFileSize = 1 << 20

// Load reads the environment file at path and the base that it extends, and checks all of
// it. The error is Problems, with everything that is wrong, and never hides behind another.
func Load(path string) (*Environment, error) {
	env, problems, _ := Check(path)
	if len(problems) > 0 {
		return nil, problems
	}
	return env, nil
}

// Check is Load that also returns what is legal and yet likely meant otherwise, and that
// takes what inspections find as if it were its own. The environment is nil if there is
// any problem.
func Check(path string, inspections ...Inspection) (env *Environment, problems, warnings Problems) {
	root, problems := read(path)
	if root == nil || len(problems) > 0 {
		problems.sort(path)
		return nil, problems, nil
	}
	if root.kind != mapping {
		return nil, Problems{root.at.problem("", "is not an environment", describe(root), "keys and values")}, nil
	}
	var base *node
	if name := root.get("extends"); name != nil && name.kind == scalar && name.tag == "!!str" && name.value != "" {
		if base, problems = readBase(path, name); len(problems) > 0 {
			problems.sort(path)
			return nil, problems, nil
		}
	}
	env = &Environment{Name: environmentName(path)}
	withDefaults(reflect.ValueOf(env).Elem())
	d := decoder{at: map[string]position{}}
	d.decode(merge(base, root), reflect.ValueOf(env).Elem(), "")
	env.complete()
	c := checker{env: env, at: d.at, problems: d.problems}
	for _, p := range d.problems {
		c.unread = append(c.unread, p.Path)
	}
	c.walk(reflect.ValueOf(env), "")
	c.environment()
	for _, inspect := range inspections {
		inspect(env, Report{&c})
	}
	c.problems.sort(path)
	c.warnings.sort(path)
	if len(c.problems) > 0 {
		env = nil
	}
	return env, c.problems, c.warnings
}

// Validate holds an environment that is no file's to what files are held to. Problems have
// no place then, only paths. A target group that before has as well is taken to be valid;
// before can be nil.
func Validate(env, before *Environment) Problems {
	c := checker{env: env, settled: map[string]bool{}}
	for i := range env.TargetGroups {
		if before != nil && i < len(before.TargetGroups) && env.TargetGroups[i].equal(&before.TargetGroups[i]) {
			c.settled[element("target_groups", i)] = true
		}
	}
	c.walk(reflect.ValueOf(env), "")
	c.environment()
	c.problems.sort("")
	return c.problems
}

// Default is a T with all the defaults that a file need not say.
func Default[T any]() T {
	var v T
	withDefaults(reflect.ValueOf(&v).Elem())
	return v
}

// environmentName is the file's base name without its ending.
func environmentName(path string) string {
	name := filepath.Base(path)
	return strings.TrimSuffix(name, filepath.Ext(name))
}

// read parses one file.
func read(path string) (*node, Problems) {
	text, err := readFile(path)
	if err != nil {
		return nil, Problems{{File: path, What: reason(err)}}
	}
	return parse(path, text)
}

// readBase parses the base that the file at path extends.
func readBase(path string, name *node) (*node, Problems) {
	file := name.value
	if !filepath.IsAbs(file) {
		file = filepath.Join(filepath.Dir(path), file)
	}
	text, err := readFile(file)
	if err != nil {
		return nil, Problems{name.at.problem("extends", reason(err), quote(name.value), "a file beside this one")}
	}
	base, problems := parse(file, text)
	if len(problems) > 0 {
		return nil, problems
	}
	if base.kind != mapping {
		return nil, Problems{base.at.problem("", "is not an environment", describe(base), "keys and values")}
	}
	if next := base.get("extends"); next != nil {
		return nil, Problems{next.at.problem("extends", "a base extends nothing", describe(next), "no such key")}
	}
	return base, nil
}

var errTooLarge = fmt.Errorf("is larger than %d bytes", MaxFileSize)

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var text bytes.Buffer
	n, err := io.Copy(&text, io.LimitReader(f, MaxFileSize+1))
	if err == nil && n > MaxFileSize {
		err = errTooLarge
	}
	return text.Bytes(), err
}

// reason is why a file could not be read, without its name, which the problem has.
func reason(err error) string {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		err = p.Err
	}
	if errors.Is(err, errTooLarge) {
		return err.Error()
	}
	return "cannot be read: " + err.Error()
}
