package spec

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// checked is a type with rules beyond the limits of its fields: combinations, references,
// and what its strings mean. The checks of a noun stand in its file.
type checked interface{ check(c *checker, path string) }

// checker collects what is wrong with an environment.
type checker struct {
	env      *Environment
	at       map[string]position
	problems Problems
	warnings Problems
	// settled are the paths of what is known to be valid.
	settled map[string]bool
	// unread are the paths of what could not be read.
	unread []string
}

// isUnread tells whether something at or below path could not be read, so that what is
// missing there may only have been misunderstood.
func (c *checker) isUnread(path string) bool {
	return slices.ContainsFunc(c.unread, func(p string) bool { return under(p, path) })
}

// under tells whether path is, or is below, above.
func under(path, above string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// refuse records a problem with the value at path.
func (c *checker) refuse(path, what, got, want string) {
	// What could not be read has a problem already, and would only get a second.
	if c.isUnread(path) || slices.ContainsFunc(c.problems, func(p Problem) bool { return p.Path == path }) {
		return
	}
	c.problems = append(c.problems, c.position(path).problem(path, what, got, want))
}

// warn records what is legal and likely meant otherwise.
func (c *checker) warn(path, what, got, want string) {
	c.warnings = append(c.warnings, c.position(path).problem(path, what, got, want))
}

// position is where the value at path stands, or else what it would stand in.
func (c *checker) position(path string) position {
	for {
		if at, ok := c.at[path]; ok || path == "" {
			return at
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
}

// says tells whether the file, or its base, has a value at path.
func (c *checker) says(path string) bool {
	_, ok := c.at[path]
	return ok
}

// walk holds v and all in it to their limits and has each type check itself.
func (c *checker) walk(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			c.walk(v.Elem(), path)
		}
	case reflect.Slice:
		for i := range v.Len() {
			if at := element(path, i); !c.settled[at] {
				c.walk(v.Index(i), at)
			}
		}
	case reflect.Map:
		for _, k := range slices.SortedFunc(slices.Values(v.MapKeys()), byString) {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(k))
			c.walk(value, field(path, k.String()))
		}
	case reflect.Struct:
		// A section that is not there is held to nothing but what its owner says.
		if optional(v) {
			return
		}
		bounds := boundsOf(v)
		c.limits(v, bounds.limits, path)
		for i, key := range bounds.keys {
			if key != "" && holdsMore(v.Field(i).Kind()) {
				c.walk(v.Field(i), field(path, key))
			}
		}
		if t, ok := reflect.TypeAssert[checked](v.Addr()); ok {
			t.check(c, path)
		}
	}
}

// holdsMore tells whether there is something to walk in a field of that kind.
func holdsMore(k reflect.Kind) bool {
	return k == reflect.Struct || k == reflect.Slice || k == reflect.Map || k == reflect.Pointer
}

// bounds is what is known of a struct's type.
type bounds struct {
	keys   []string // by field; empty for what no file says
	limits []boundField
}

// boundField is a field with a limit.
type boundField struct {
	key   string
	index int
	limit limit
}

// allBounds remembers the bounds of types: an environment can have a thousand targets, and
// is held to its limits with every change that the control API makes.
var allBounds sync.Map // reflect.Type to *bounds

func boundsOf(v reflect.Value) *bounds {
	t := v.Type()
	if b, ok := allBounds.Load(t); ok {
		return b.(*bounds)
	}
	b := &bounds{keys: make([]string, t.NumField())}
	for i := range b.keys {
		b.keys[i] = yamlKey(t.Field(i))
	}
	if l, ok := reflect.TypeAssert[limited](v.Addr()); ok {
		all := l.limits()
		for _, key := range slices.Sorted(maps.Keys(all)) {
			i := slices.Index(b.keys, key)
			if i < 0 {
				panic(fmt.Sprintf("spec: %s has no key %s", t, key))
			}
			b.limits = append(b.limits, boundField{key, i, all[key]})
		}
	}
	allBounds.Store(t, b)
	return b
}

func byString(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) }

// absentable is a struct of which the zero value says that it is not there.
type absentable interface{ absent() bool }

func optional(v reflect.Value) bool {
	a, ok := reflect.TypeAssert[absentable](v.Addr())
	return ok && a.absent()
}

func (c *checker) limits(v reflect.Value, all []boundField, path string) {
	for i := range all {
		l, value := &all[i].limit, v.Field(all[i].index)
		switch {
		case empty(value):
			if !l.required {
				continue
			}
			what := "is missing"
			if c.says(field(path, all[i].key)) {
				what = "is empty"
			}
			c.refuse(field(path, all[i].key), what, "", l.want)
			continue
		case !l.holds(value):
			c.refuse(field(path, all[i].key), "is not allowed", literal(value), l.advice(value))
		}
		if l.element != nil {
			c.elements(value, *l.element, field(path, all[i].key))
		}
	}
}

func (c *checker) elements(v reflect.Value, l limit, path string) {
	if v.Kind() == reflect.Map {
		for _, k := range slices.SortedFunc(slices.Values(v.MapKeys()), byString) {
			if !l.holds(v.MapIndex(k)) {
				c.refuse(field(path, k.String()), "is not allowed", literal(v.MapIndex(k)), l.advice(v.MapIndex(k)))
			}
		}
		return
	}
	for i := range v.Len() {
		if !l.holds(v.Index(i)) {
			c.refuse(element(path, i), "is not allowed", literal(v.Index(i)), l.advice(v.Index(i)))
		}
	}
}

// empty tells whether nothing is said: numbers and truth values always say something.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String, reflect.Slice, reflect.Map:
		return v.Len() == 0
	case reflect.Struct, reflect.Pointer:
		return v.IsZero()
	}
	return false
}

// literal shows a value as the file would say it. Secrets stay secret.
func literal(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case Secret:
		return "a secret"
	case time.Duration:
		return showDuration(x)
	case Percent:
		return x.String()
	}
	switch v.Kind() {
	case reflect.String:
		return quote(v.String())
	case reflect.Slice, reflect.Map:
		return strconv.Itoa(v.Len())
	}
	return fmt.Sprint(v.Interface())
}

// unique refuses the second of two equal names.
func (c *checker) unique(seen map[string]string, name, path string) {
	if name == "" {
		return
	}
	if before, ok := seen[name]; ok {
		c.refuse(path, "is taken by "+before, quote(name), "a value of its own")
		return
	}
	seen[name] = path
}
