package spec

import (
	"fmt"
	"io"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Write writes env as a person would write it: only what is not so by default, in the order
// of the file format. Beside the value at a path stands its note, and above all stands
// the head; both are comments.
func Write(w io.Writer, env *Environment, head string, notes map[string]string) error {
	flat := *env
	flat.Extends = ""
	p := writer{notes: notes}
	n := p.structure(reflect.ValueOf(&flat).Elem(), defaultsOf(reflect.TypeFor[Environment]()), "")
	n.HeadComment = comment(head)
	text, err := yaml.Dump(n, yaml.WithLineWidth(-1), yaml.WithIndent(2))
	if err != nil {
		return fmt.Errorf("write environment %s: %w", env.Name, err)
	}
	_, err = w.Write(text)
	return err
}

// maxFlow is how long a mapping on one line may be.
const maxFlow = 110

// writer turns Go values into YAML with comments.
type writer struct {
	printer
	notes map[string]string
}

func (p writer) value(v, def reflect.Value, path string) *yaml.Node {
	switch v.Kind() {
	case reflect.Pointer:
		return p.value(v.Elem(), defaultsOf(v.Type().Elem()), path)
	case reflect.Struct:
		if x, ok := reflect.TypeAssert[Patterns](v); ok && len(x.RegexValues) == 0 {
			return p.node(v, def)
		}
		return p.structure(v, def, path)
	case reflect.Slice:
		if isScalar(v.Type().Elem()) {
			return p.node(v, def)
		}
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for i := range v.Len() {
			at := element(path, i)
			child := p.value(v.Index(i), defaultsOf(v.Type().Elem()), at)
			child.HeadComment, child.LineComment = "", ""
			switch note := p.notes[at]; {
			case note == "":
			case child.Style == yaml.FlowStyle:
				child.LineComment = comment(oneLine.Replace(note))
			default:
				child.HeadComment = comment(oneLine.Replace(note))
			}
			n.Content = append(n.Content, child)
		}
		return n
	case reflect.Map:
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		keys := v.MapKeys()
		for _, k := range sortedByString(keys) {
			at := field(path, k.String())
			p.add(n, text(k.String()), p.value(v.MapIndex(k), defaultsOf(v.Type().Elem()), at), at)
		}
		return n
	}
	return p.node(v, def)
}

func (p writer) structure(v, def reflect.Value, path string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for i := range v.NumField() {
		key := yamlKey(v.Type().Field(i))
		value := v.Field(i)
		if key == "" || empty(value) && empty(def.Field(i)) {
			continue
		}
		at := field(path, key)
		if reflect.DeepEqual(value.Interface(), def.Field(i).Interface()) && !p.noted(at) {
			continue
		}
		child := p.value(value, def.Field(i), at)
		if child.Kind == yaml.MappingNode && len(child.Content) == 0 && value.Kind() == reflect.Struct {
			continue
		}
		p.add(n, text(key), child, at)
	}
	if path != "" && p.isShort(n) {
		flow(n)
	}
	return n
}

// add adds a key and its value, with the note of the path.
func (p writer) add(n, key, child *yaml.Node, at string) {
	note := p.notes[at]
	switch {
	case note == "":
	case child.Kind == yaml.ScalarNode || child.Style == yaml.FlowStyle:
		child.LineComment = comment(oneLine.Replace(note))
	default:
		key.HeadComment = comment(oneLine.Replace(note))
	}
	n.Content = append(n.Content, key, child)
}

// isShort tells whether a mapping fits on a line: it has no comments inside, and nothing but
// scalars and what is on one line itself.
func (p writer) isShort(n *yaml.Node) bool {
	for i, child := range n.Content {
		if child.HeadComment != "" || child.LineComment != "" || child.Kind != yaml.ScalarNode && child.Style != yaml.FlowStyle {
			return false
		}
		if i%2 == 0 && len(n.Content) > 2 && len(child.Value) > maxFlow/2 {
			return false
		}
	}
	return len(n.Content) > 0 && width(n) <= maxFlow
}

// width is how long a node is on one line, about.
func width(n *yaml.Node) int {
	sum := len(n.Value) + 2
	for _, child := range n.Content {
		sum += width(child)
	}
	return sum
}

// noted tells whether there is a note for a path or for what is under it.
func (p writer) noted(path string) bool {
	for at := range p.notes {
		if rest, ok := strings.CutPrefix(at, path); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// oneLine keeps a note beside its value.
var oneLine = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ")

// comment makes every line of s one, in visible characters only.
func comment(s string) string {
	if s == "" {
		return ""
	}
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight("# "+strings.Map(visible, l), " ")
	}
	return strings.Join(lines, "\n")
}

// visible replaces what could end a comment, or steer a terminal.
func visible(r rune) rune {
	if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\ufeff' || r == '\ufffd' {
		return '?'
	}
	return r
}
