package spec

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// defaulter sets a type's defaults. They are set before the file is read over them, the
// fields' own first, so that a type can say otherwise than the types that it is made of.
type defaulter interface{ setDefaults() }

// shorthand is a type that a list or a scalar of the file can stand for: the field that is
// then meant.
type shorthand interface {
	shorthand() (field string, kind kind)
}

// withDefaults sets the defaults of v and of all structs in it.
func withDefaults(v reflect.Value) {
	if v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		withDefaults(v.Field(i))
	}
	if d, ok := reflect.TypeAssert[defaulter](v.Addr()); ok {
		d.setDefaults()
	}
}

// decoder reads nodes into Go values, strictly: a key that no field has and a value of
// another type than the field's are problems.
type decoder struct {
	at       map[string]position
	problems Problems
}

func (d *decoder) refuse(n *node, path, what, want string) {
	d.problems = append(d.problems, n.at.problem(path, what, describe(n), want))
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	percentType  = reflect.TypeFor[Percent]()
)

// decode reads n into v, which has its defaults.
func (d *decoder) decode(n *node, v reflect.Value, path string) {
	d.at[path] = n.at
	switch v.Type() {
	case durationType:
		d.duration(n, v, path)
		return
	case percentType:
		d.percent(n, v, path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		withDefaults(v.Elem())
		d.decode(n, v.Elem(), path)
	case reflect.Slice:
		d.list(n, v, path)
	case reflect.Map:
		d.table(n, v, path)
	case reflect.String:
		switch {
		case n.kind == scalar && n.tag == "!!str":
			v.SetString(n.value)
		case n.kind == scalar && n.tag != "!!null":
			d.refuse(n, path, "is not a string", "a string; put it in quotes")
		default:
			d.refuse(n, path, "is not a string", "a string")
		}
	case reflect.Bool:
		if n.kind != scalar || n.tag != "!!bool" {
			d.refuse(n, path, "is not a truth value", "true or false")
			return
		}
		v.SetBool(strings.EqualFold(n.value, "true"))
	case reflect.Int:
		i, err := strconv.Atoi(n.value)
		if n.kind != scalar || n.tag != "!!int" || err != nil {
			d.refuse(n, path, "is not a whole number", "a number such as 5")
			return
		}
		v.SetInt(int64(i))
	default:
		panic("spec: no file can say a " + v.Type().String())
	}
}

func (d *decoder) duration(n *node, v reflect.Value, path string) {
	t, err := time.ParseDuration(n.value)
	switch {
	case n.kind != scalar || n.tag != "!!str" || err != nil:
		d.refuse(n, path, "is not a duration", "a number with its unit, such as 500ms, 30s, 5m or 24h")
	case t < 0:
		d.refuse(n, path, "is negative", "a duration of zero or more")
	default:
		v.SetInt(int64(t))
	}
}

func (d *decoder) percent(n *node, v reflect.Value, path string) {
	p, ok := parsePercent(n.value)
	if n.kind != scalar || n.tag != "!!str" || !ok {
		d.refuse(n, path, "is not a percentage", "a number with a percent sign, such as 1% or 0.5%")
		return
	}
	v.SetFloat(float64(p))
}

func (d *decoder) list(n *node, v reflect.Value, path string) {
	if n.kind != list {
		d.refuse(n, path, "is not a list", "a list")
		return
	}
	v.SetZero()
	if len(n.children) == 0 {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.children), len(n.children)))
	for i, child := range n.children {
		withDefaults(v.Index(i))
		d.decode(child, v.Index(i), element(path, i))
	}
}

// table reads a map, whose keys are the file's own.
func (d *decoder) table(n *node, v reflect.Value, path string) {
	if n.kind != mapping {
		d.refuse(n, path, "is not a map", "keys and values")
		return
	}
	v.SetZero()
	if len(n.keys) == 0 {
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(n.keys)))
	for i, k := range n.keys {
		value := reflect.New(v.Type().Elem()).Elem()
		withDefaults(value)
		d.decode(n.children[i], value, field(path, k.name))
		v.SetMapIndex(reflect.ValueOf(k.name).Convert(v.Type().Key()), value)
	}
}

func (d *decoder) structure(n *node, v reflect.Value, path string) {
	if n.kind != mapping {
		if s, ok := reflect.TypeAssert[shorthand](v.Addr()); ok {
			if name, kind := s.shorthand(); n.kind == kind && !(n.kind == scalar && n.tag == "!!null") {
				to, _ := fieldByKey(v, name)
				d.decode(n, to, field(path, name))
				d.at[path] = n.at
				return
			}
			d.refuse(n, path, "is neither a map nor its short form", "keys and values")
			return
		}
		d.refuse(n, path, "is not a map", "keys and values")
		return
	}
	for i, k := range n.keys {
		to, ok := fieldByKey(v, k.name)
		if !ok {
			want := "one of " + strings.Join(keysOf(v.Type()), ", ")
			if near := nearest(k.name, keysOf(v.Type())); near != "" {
				want = fmt.Sprintf("%s, did you mean that?", near)
			}
			d.problems = append(d.problems, k.at.problem(field(path, k.name), "is not a key that is known here", quote(k.name), want))
			continue
		}
		d.decode(n.children[i], to, field(path, k.name))
	}
}

// yamlKey is the key of a struct's field; empty when it is none of the file's.
func yamlKey(f reflect.StructField) string {
	if name := f.Tag.Get("yaml"); name != "-" {
		return name
	}
	return ""
}

func fieldByKey(v reflect.Value, name string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if key := yamlKey(v.Type().Field(i)); key != "" && key == name {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for f := range t.Fields() {
		if key := yamlKey(f); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// nearest is the candidate that name most likely misspells, or empty.
func nearest(name string, candidates []string) string {
	best, least := "", min(3, len(name)/2)+1
	for _, c := range candidates {
		if d := distance(name, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance is the Levenshtein distance of two strings, of which a long one is as far as
// can be.
func distance(a, b string) int {
	if len(a) > maxShown {
		return math.MaxInt
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
