package spec

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Print writes the effective environment as YAML that loads to the same environment:
// defaults, base and file as one, in the order of the file format. What is off or empty by
// default and is so here too is left out. Secrets are masked, and are then none; references
// to secrets stay.
func Print(w io.Writer, env *Environment) error {
	flat := *env
	flat.Extends = ""
	var p printer
	text, err := yaml.Dump(p.node(reflect.ValueOf(&flat).Elem(), defaultsOf(reflect.TypeFor[Environment]())), yaml.WithLineWidth(-1))
	if err != nil {
		return fmt.Errorf("print environment %s: %w", env.Name, err)
	}
	_, err = w.Write(text)
	return err
}

// defaultsOf is a value of the type with its defaults.
func defaultsOf(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	withDefaults(v)
	return v
}

// printer turns Go values into YAML.
type printer struct{}

// node is v as YAML; def is what v would be if the file said nothing.
func (p printer) node(v, def reflect.Value) *yaml.Node {
	switch x := v.Interface().(type) {
	case time.Duration:
		return text(showDuration(x))
	case Percent:
		return text(x.String())
	case Secret:
		return text(x.String())
	case Patterns:
		if len(x.RegexValues) == 0 {
			return p.node(reflect.ValueOf(x.Values), reflect.Value{})
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		return p.node(v.Elem(), defaultsOf(v.Type().Elem()))
	case reflect.Struct:
		return p.structure(v, def)
	case reflect.Slice:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		if isScalar(v.Type().Elem()) {
			n.Style = yaml.FlowStyle
		}
		for i := range v.Len() {
			n.Content = append(n.Content, p.node(v.Index(i), defaultsOf(v.Type().Elem())))
		}
		return n
	case reflect.Map:
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		if v.Len() == 0 {
			n.Style = yaml.FlowStyle
		}
		for _, k := range sortedByString(v.MapKeys()) {
			n.Content = append(n.Content, text(k.String()), p.node(v.MapIndex(k), defaultsOf(v.Type().Elem())))
		}
		return n
	case reflect.Bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v.Bool())}
	case reflect.Int:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.FormatInt(v.Int(), 10)}
	}
	return text(v.String())
}

func (p printer) structure(v, def reflect.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for i := range v.NumField() {
		key := yamlKey(v.Type().Field(i))
		value := v.Field(i)
		if key == "" || empty(value) && empty(def.Field(i)) {
			continue
		}
		child := p.node(value, def.Field(i))
		if child.Kind == yaml.MappingNode && len(child.Content) == 0 && value.Kind() == reflect.Struct {
			continue
		}
		n.Content = append(n.Content, text(key), child)
	}
	if len(n.Content) == 0 {
		n.Style = yaml.FlowStyle
	}
	return n
}

func sortedByString(keys []reflect.Value) []reflect.Value {
	return slices.SortedFunc(slices.Values(keys), byString)
}

func isScalar(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice, reflect.Pointer:
		return false
	}
	return true
}

// text is a string as a YAML scalar, quoted where it would be read as something else.
func text(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	// The names of merge keys and null are strings here too.
	if s == "<<" || s == "" || strings.TrimSpace(s) != s || strings.ContainsAny(s, "\n\t\r") {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// line is v as YAML on one line.
func line(v reflect.Value) string {
	var p printer
	n := p.node(v, defaultsOf(v.Type()))
	flow(n)
	out, err := yaml.Dump(n, yaml.WithLineWidth(-1))
	if err != nil {
		return fmt.Sprint(v.Interface())
	}
	return strings.TrimSpace(string(out))
}

func flow(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		n.Style = yaml.FlowStyle
	}
	for _, child := range n.Content {
		flow(child)
	}
}
