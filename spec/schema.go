package spec

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/invopop/jsonschema"
)

// What JSON Schema can say of durations and percentages.
const (
	durationPattern = `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	percentPattern  = `^[0-9]{1,9}(\.[0-9]+)?%$`
)

// descriptions are the comments of the types and fields of this package, by Type and
// Type.Field. A test keeps them as the source has them.
//
//go:embed descriptions.json
var descriptionsJSON []byte

// Schema returns the JSON Schema (draft 2020-12) of environment files, for editors. It holds
// for a file by itself and for a merged one; ranges of durations, references and
// combinations are beyond it and left to Check.
func Schema() ([]byte, error) {
	var descriptions map[string]string
	if err := json.Unmarshal(descriptionsJSON, &descriptions); err != nil {
		return nil, fmt.Errorf("read descriptions: %w", err)
	}
	r := jsonschema.Reflector{
		Anonymous:                  true,
		ExpandedStruct:             true,
		FieldNameTag:               "yaml",
		RequiredFromJSONSchemaTags: true,
		Mapper:                     mapType,
		LookupComment: func(t reflect.Type, field string) string {
			if field == "" {
				return descriptions[t.Name()]
			}
			return descriptions[t.Name()+"."+field]
		},
	}
	root := r.Reflect(&Environment{})
	root.Title = "evenkeel environment file"
	for _, n := range nouns() {
		s := root.Definitions[n.of.Name()]
		if n.of == reflect.TypeFor[Environment]() {
			s = root
		}
		n.describe(s)
	}
	// A plain list is short for values.
	patterns := root.Definitions["Patterns"]
	list := *property(patterns, "values")
	list.Description = "Short for `values`."
	root.Definitions["Patterns"] = &jsonschema.Schema{Description: patterns.Description, AnyOf: []*jsonschema.Schema{&list, patterns}}
	patterns.Description = ""
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	return append(text, '\n'), nil
}

// mapType is the schema of types whose Go kind says something else than the file does.
func mapType(t reflect.Type) *jsonschema.Schema {
	switch t {
	case durationType:
		return &jsonschema.Schema{Type: "string", Pattern: durationPattern}
	case percentType:
		return &jsonschema.Schema{Type: "string", Pattern: percentPattern}
	case reflect.TypeFor[Secret]():
		return &jsonschema.Schema{Type: "string"}
	}
	return nil
}

// noun is a struct of the file format.
type noun struct {
	of reflect.Type
	// paths are where it stands, and listed says that it is the element of a list: then it is
	// whole, since lists are never merged.
	paths  []string
	listed bool
}

// nouns are all structs of the file format, in its order.
func nouns() []noun {
	var list []noun
	seen := map[reflect.Type]int{}
	var visit func(t reflect.Type, path string, listed bool)
	visit = func(t reflect.Type, path string, listed bool) {
		switch t.Kind() {
		case reflect.Pointer:
			visit(t.Elem(), path, listed)
		case reflect.Slice:
			visit(t.Elem(), path+"[]", true)
		case reflect.Map:
			visit(t.Elem(), path+".*", false)
		case reflect.Struct:
			if at, ok := seen[t]; ok {
				list[at].paths = append(list[at].paths, path)
				list[at].listed = list[at].listed && listed
			} else {
				seen[t] = len(list)
				list = append(list, noun{t, []string{path}, listed})
			}
			for f := range t.Fields() {
				if key := yamlKey(f); key != "" {
					visit(f.Type, field(path, key), false)
				}
			}
		}
	}
	visit(reflect.TypeFor[Environment](), "", false)
	return list
}

func (n noun) limits() limits {
	if l, ok := reflect.TypeAssert[limited](reflect.New(n.of)); ok {
		return l.limits()
	}
	return nil
}

// describe adds defaults and limits to a struct's schema.
func (n noun) describe(s *jsonschema.Schema) {
	def, all := defaultsOf(n.of), n.limits()
	for i := range n.of.NumField() {
		key := yamlKey(n.of.Field(i))
		if key == "" {
			continue
		}
		p := property(s, key)
		if value := def.Field(i); !value.IsZero() && value.Kind() != reflect.Struct {
			p.Default = jsonValue(value)
		}
		l, ok := all[key]
		if !ok {
			continue
		}
		if p.Ref == "" {
			l.schema(p)
		}
		if l.required && n.listed && empty(def.Field(i)) {
			s.Required = append(s.Required, key)
			if p.Type == "string" && p.Pattern == "" && len(p.Enum) == 0 {
				p.MinLength = new(uint64(1))
			}
		}
	}
}

func property(s *jsonschema.Schema, key string) *jsonschema.Schema {
	p, ok := s.Properties.Get(key)
	if !ok {
		panic("spec: the schema has no " + key)
	}
	return p
}

// jsonValue is a default as the file says it.
func jsonValue(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case time.Duration:
		return showDuration(x)
	case Percent:
		return x.String()
	}
	return v.Interface()
}

// defaultText is a default for people.
func defaultText(v reflect.Value) string {
	if v.IsZero() || v.Kind() == reflect.Struct {
		return ""
	}
	return strings.TrimSpace(line(v))
}
