package spec

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxDepth bounds how deep values nest; the deepest that an environment has is ten.
const maxDepth = 32

// node is one YAML value with its place in its file, which it keeps when files are merged.
type node struct {
	kind kind
	at   position
	// tag and value are a scalar's.
	tag, value string
	// keys are a mapping's, one for each of children.
	keys     []key
	children []*node
}

type kind uint8

const (
	scalar kind = iota
	list
	mapping
)

type key struct {
	name string
	at   position
}

// parse reads one YAML document. What YAML can do and an environment does without is
// refused: a value that stands elsewhere than where it is read (anchors, aliases, merge
// keys), tags, and more than one document.
func parse(file string, text []byte) (*node, Problems) {
	var doc yaml.Node
	// Keys are compared below, where the place of the first is known as well.
	if err := yaml.Load(text, &doc, yaml.WithUniqueKeys(false)); err != nil {
		return nil, Problems{syntax(file, err)}
	}
	p := reader{file: file}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, Problems{{File: file, What: "is empty", Want: "an environment"}}
	}
	root := p.node(doc.Content[0], "", 0)
	return root, p.problems
}

// syntax makes a Problem of the YAML library's error.
func syntax(file string, err error) Problem {
	problem := Problem{File: file, What: "is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	var several *yaml.LoadErrors
	var one *yaml.LoadError
	switch {
	case errors.As(err, &several) && len(several.Errors) > 0:
		one = several.Errors[0]
	case !errors.As(err, &one):
		return problem
	}
	problem.Line, problem.Col = one.Mark.Line, one.Mark.Column
	switch {
	case strings.Contains(one.Message, "no documents"):
		problem.What, problem.Want = "is empty", "an environment"
	case strings.Contains(one.Message, "found multiple"):
		problem.What, problem.Want = "holds several YAML documents", "one"
	default:
		problem.What = "is not YAML: " + one.Message
	}
	return problem
}

// reader turns the library's tree into ours.
type reader struct {
	file     string
	problems Problems
}

func (p *reader) refuse(n *yaml.Node, path, what, got, want string) {
	at := position{p.file, n.Line, n.Column}
	p.problems = append(p.problems, at.problem(path, what, got, want))
}

func (p *reader) node(from *yaml.Node, path string, depth int) *node {
	n := &node{at: position{p.file, from.Line, from.Column}}
	if depth > maxDepth {
		p.refuse(from, "", "values nest too deep", "", fmt.Sprintf("at most %d levels", maxDepth))
		return n
	}
	if from.Anchor != "" || from.Kind == yaml.AliasNode {
		p.refuse(from, path, "YAML anchors and aliases have no place here", "", "the value itself")
	}
	if from.Style&yaml.TaggedStyle != 0 {
		p.refuse(from, path, "YAML tags have no place here", from.Tag, "the value itself")
	}
	switch from.Kind {
	case yaml.ScalarNode:
		n.tag, n.value = from.ShortTag(), from.Value
	case yaml.SequenceNode:
		n.kind = list
		for i, child := range from.Content {
			n.children = append(n.children, p.node(child, element(path, i), depth+1))
		}
	case yaml.MappingNode:
		n.kind = mapping
		p.mapping(n, from, path, depth)
	default:
		n.tag = "!!null"
	}
	return n
}

func (p *reader) mapping(n *node, from *yaml.Node, path string, depth int) {
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(from.Content); i += 2 {
		k, v := from.Content[i], from.Content[i+1]
		switch tag := k.ShortTag(); {
		case tag == "!!merge":
			p.refuse(k, path, "YAML merge keys have no place here", "<<", "the keys themselves")
			continue
		case k.Kind != yaml.ScalarNode || tag != "!!str":
			p.refuse(k, path, "a key is not a string", describe(&node{kind: kindOf(k), tag: tag, value: k.Value}), "a string, in quotes if it looks like a number")
			continue
		}
		if k.Anchor != "" || k.Style&yaml.TaggedStyle != 0 {
			p.refuse(k, path, "YAML anchors and tags have no place here", "", "the key itself")
			continue
		}
		if before := first[k.Value]; before != nil {
			p.refuse(k, field(path, k.Value), "stands twice", "", fmt.Sprintf("only that of line %d", before.Line))
			continue
		}
		first[k.Value] = k
		n.keys = append(n.keys, key{k.Value, position{p.file, k.Line, k.Column}})
		n.children = append(n.children, p.node(v, field(path, k.Value), depth+1))
	}
}

func kindOf(n *yaml.Node) kind {
	switch n.Kind {
	case yaml.SequenceNode:
		return list
	case yaml.MappingNode:
		return mapping
	}
	return scalar
}

// get returns the value of a mapping's key, or nil.
func (n *node) get(name string) *node {
	for i, k := range n.keys {
		if k.name == name {
			return n.children[i]
		}
	}
	return nil
}

// merge lays n over base: mappings by key, everything else replaces what base has.
func merge(base, n *node) *node {
	if base == nil || base.kind != mapping || n.kind != mapping {
		return n
	}
	merged := &node{kind: mapping, at: n.at}
	for i, k := range base.keys {
		if over := n.get(k.name); over == nil {
			merged.keys, merged.children = append(merged.keys, k), append(merged.children, base.children[i])
		}
	}
	for i, k := range n.keys {
		merged.keys = append(merged.keys, k)
		merged.children = append(merged.children, merge(base.get(k.name), n.children[i]))
	}
	return merged
}

// field is the path of a key under path.
func field(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// element is the path of a list's element.
func element(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// describe says what a node is, for people.
func describe(n *node) string {
	switch n.kind {
	case list:
		return "a list"
	case mapping:
		return "a map"
	case scalar:
	}
	switch n.tag {
	case "!!null":
		return "nothing"
	case "!!str":
		return quote(n.value)
	case "!!int", "!!float":
		return "the number " + clip(n.value)
	case "!!bool":
		return "the truth value " + n.value
	case "!!timestamp":
		return "the date " + clip(n.value)
	}
	return clip(n.value)
}

// maxShown bounds how much of a value a problem quotes.
const maxShown = 80

func clip(s string) string {
	if len(s) > maxShown {
		return s[:maxShown] + "…"
	}
	return s
}

// quote shows a string of the file in a message of one line.
func quote(s string) string { return fmt.Sprintf("%q", clip(s)) }
