package importer_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

// exists tells whether the file format has a key: target_groups[].targets[].id. A * is any
// key of a map.
func exists(t reflect.Type, key string) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if key == "" {
		return true
	}
	name, rest, _ := strings.Cut(key, ".")
	if t.Kind() == reflect.Map {
		return exists(t.Elem(), rest)
	}
	if t.Kind() != reflect.Struct {
		return false
	}
	name, isList := strings.CutSuffix(name, "[]")
	for f := range t.Fields() {
		if tag, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); tag != name {
			continue
		}
		if isList != (f.Type.Kind() == reflect.Slice) && (isList || rest != "") {
			return false
		}
		if isList {
			return exists(f.Type.Elem(), rest)
		}
		return exists(f.Type, rest)
	}
	return false
}

// TestKeysExist: every key that the tables and the reports name is one of the file format.
func TestKeysExist(t *testing.T) {
	check := func(where, keys string) {
		for key := range strings.SplitSeq(keys, ", ") {
			if !exists(reflect.TypeFor[spec.Environment](), key) {
				t.Errorf("%s: the file format has no %s", where, key)
			}
		}
	}
	for _, p := range programs {
		for name, e := range p.table() {
			check(p.name+": "+name, e.Key)
		}
		for _, file := range p.inputs(t) {
			importer.Walk(p.draft(t, file).Directives, func(d *importer.Directive) {
				for _, key := range d.Keys() {
					check(file+": "+d.At(), key)
				}
			})
		}
	}
}

// TestTableSaysEnough: what is not mapped has a reason and what to do, what is mapped a key.
func TestTableSaysEnough(t *testing.T) {
	for _, p := range programs {
		for name, e := range p.table() {
			switch e.Usually {
			case importer.Mapped, importer.Differs:
				if e.Key == "" {
					t.Errorf("%s: %s is %s without a key", p.name, name, e.Usually)
				}
			case importer.NotNeeded, importer.NotMapped:
				if e.Note == "" {
					t.Errorf("%s: %s is %s without a reason", p.name, name, e.Usually)
				}
			default:
				t.Errorf("%s: %s has no outcome", p.name, name)
			}
		}
	}
}

// TestTableIsHeldByCases: every directive of the tables that something has to read stands in a
// case, and has the outcome that the table gives it somewhere.
func TestTableIsHeldByCases(t *testing.T) {
	for _, p := range programs {
		seen := map[string]map[importer.Outcome]bool{}
		keys := map[string]map[string]bool{}
		for _, file := range p.inputs(t) {
			importer.Walk(p.draft(t, file).Directives, func(d *importer.Directive) {
				if seen[d.Name] == nil {
					seen[d.Name], keys[d.Name] = map[importer.Outcome]bool{}, map[string]bool{}
				}
				seen[d.Name][d.Outcome()] = true
				for _, k := range d.Keys() {
					for one := range strings.SplitSeq(k, ", ") {
						keys[d.Name][one] = true
					}
				}
			})
		}
		for name, e := range p.table() {
			if e.Usually != importer.Mapped && e.Usually != importer.Differs {
				continue
			}
			if !seen[name][e.Usually] {
				t.Errorf("%s: no case has %q with the outcome %q, which the table gives it (seen: %v)", p.name, name, e.Usually, seen[name])
			}
			for key := range strings.SplitSeq(e.Key, ", ") {
				under := false
				for k := range keys[name] {
					under = under || k == key || strings.HasPrefix(k, key+".") || strings.HasPrefix(k, key+"[")
				}
				if !under {
					t.Errorf("%s: no case has %q mapped to %s, which the table gives it (seen: %v)", p.name, name, key, keys[name])
				}
			}
		}
	}
}
