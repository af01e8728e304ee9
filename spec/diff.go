package spec

import (
	"reflect"
	"slices"
	"strings"
)

// Difference is one value that two environments have differently.
type Difference struct {
	// Path leads to the value; elements of lists go by their name or id where they have one.
	Path string
	// A and B are the values as YAML of one line, secrets masked; empty where one has none.
	A, B string
}

// Diff returns in what two environments differ in effect, in the order of the file format.
// How they came to be what they are, their own names and what they extend, is no difference.
func Diff(a, b *Environment) []Difference {
	var d differ
	left, right := *a, *b
	left.Name, left.Extends, right.Name, right.Extends = "", "", "", ""
	d.compare(reflect.ValueOf(&left).Elem(), reflect.ValueOf(&right).Elem(), "")
	return d.list
}

type differ struct{ list []Difference }

func (d *differ) add(path string, a, b reflect.Value) {
	one := Difference{Path: path}
	if a.IsValid() {
		one.A = line(a)
	}
	if b.IsValid() {
		one.B = line(b)
	}
	d.list = append(d.list, one)
}

// compare compares two values of one type.
func (d *differ) compare(a, b reflect.Value, path string) {
	switch a.Kind() {
	case reflect.Struct:
		if _, short := reflect.TypeAssert[Patterns](a); short {
			break
		}
		for i := range a.NumField() {
			if key := yamlKey(a.Type().Field(i)); key != "" {
				d.compare(a.Field(i), b.Field(i), field(path, key))
			}
		}
		return
	case reflect.Pointer:
		switch {
		case a.IsNil() && b.IsNil():
		case a.IsNil():
			d.add(path, reflect.Value{}, b)
		case b.IsNil():
			d.add(path, a, reflect.Value{})
		default:
			d.compare(a.Elem(), b.Elem(), path)
		}
		return
	case reflect.Map:
		d.tables(a, b, path)
		return
	case reflect.Slice:
		if _, named := nameOf(reflect.New(a.Type().Elem()).Elem()); named {
			d.named(a, b, path)
			return
		}
	}
	if !reflect.DeepEqual(a.Interface(), b.Interface()) {
		d.add(path, a, b)
	}
}

func (d *differ) tables(a, b reflect.Value, path string) {
	keys := a.MapKeys()
	for _, k := range b.MapKeys() {
		if !a.MapIndex(k).IsValid() {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, byString)
	for _, k := range keys {
		d.pair(a.MapIndex(k), b.MapIndex(k), field(path, k.String()))
	}
}

// named compares lists whose elements have names.
func (d *differ) named(a, b reflect.Value, path string) {
	left, order := index(a)
	right, more := index(b)
	for _, name := range more {
		if _, ok := left[name]; !ok {
			order = append(order, name)
		}
	}
	for _, name := range order {
		d.pair(left[name], right[name], path+"["+name+"]")
	}
}

func (d *differ) pair(a, b reflect.Value, path string) {
	if a.IsValid() && b.IsValid() {
		d.compare(a, b, path)
		return
	}
	d.add(path, a, b)
}

// index finds the elements of a list by name, and says in which order they stand.
func index(list reflect.Value) (map[string]reflect.Value, []string) {
	byName, order := map[string]reflect.Value{}, []string{}
	for i := range list.Len() {
		name, _ := nameOf(list.Index(i))
		byName[name] = list.Index(i)
		order = append(order, name)
	}
	return byName, order
}

// nameOf is what an element of a list goes by.
func nameOf(v reflect.Value) (string, bool) {
	if v.Kind() != reflect.Struct {
		return "", false
	}
	for key := range strings.FieldsSeq("name id target_group path") {
		if f, ok := fieldByKey(v, key); ok && f.Kind() == reflect.String {
			return f.String(), true
		}
	}
	return "", false
}
