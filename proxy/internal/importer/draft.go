package importer

import (
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/spec"
)

// Draft is an environment file in the making.
type Draft struct {
	// Env is everything but listeners and target groups.
	Env spec.Environment
	// Listeners and Groups are the rest.
	Listeners []*Listener
	Groups    []*Group
	// Notes are comments by the path of a value in Env.
	Notes map[string]string
	// Dir is the folder of the file that is imported, as it was named.
	Dir string
	// Directives are all statements that were read.
	Directives []*Directive
}

// Listener is a listener in the making. Its rules get their priorities from their order.
type Listener struct {
	spec.Listener
	Rules []*Rule
	// Notes are comments by path below the listener.
	Notes map[string]string
}

// Rule is a rule in the making.
type Rule struct {
	spec.Rule
	// Note is where it came from.
	Note string
}

// Group is a target group in the making.
type Group struct {
	spec.TargetGroup
	// Notes are comments by path below the group.
	Notes map[string]string
	// slowStart are the directives that asked for a slow start.
	slowStart []*Directive
}

// NewDraft is a draft with nothing but defaults.
func NewDraft() *Draft {
	return &Draft{Env: spec.Default[spec.Environment](), Notes: map[string]string{}}
}

// NewListener is a listener with defaults.
func NewListener() *Listener {
	return &Listener{Listener: spec.Default[spec.Listener](), Notes: map[string]string{}}
}

// NewGroup is a target group with defaults.
func NewGroup() *Group {
	return &Group{TargetGroup: spec.Default[spec.TargetGroup](), Notes: map[string]string{}}
}

// Note sets a comment: where the value at the path came from.
func (d *Draft) Note(path string, from *Directive) { Comment(d.Notes, path, from) }

// Comment adds the place of a directive to the notes at a path. A nil directive is no place.
func Comment(notes map[string]string, path string, from *Directive) {
	if from == nil {
		return
	}
	at := from.At()
	switch before := notes[path]; {
	case before == "":
		notes[path] = at
	case !slices.Contains(strings.Split(before, ", "), at):
		notes[path] = before + ", " + at
	}
}

// AddGroup adds a group, or returns the one that is the same but for its name. A name that
// another group has is made longer by the suffix.
func (d *Draft) AddGroup(g *Group, suffix string) *Group {
	for _, have := range d.Groups {
		a, b := have.TargetGroup, g.TargetGroup
		a.Name, b.Name = "", ""
		a.Targets, b.Targets = anonymous(a.Targets), anonymous(b.Targets)
		if reflect.DeepEqual(a, b) {
			for path, note := range g.Notes {
				if have.Notes[path] == "" {
					have.Notes[path] = note
				}
			}
			return have
		}
	}
	if suffix != "" && slices.ContainsFunc(d.Groups, func(o *Group) bool { return o.Name == g.Name }) {
		g.Name = Name(g.Name, suffix)
	}
	g.Name = d.freeGroup(g.Name)
	d.Groups = append(d.Groups, g)
	return g
}

// anonymous are the targets without their ids, which come from the group's name.
func anonymous(targets []spec.Target) []spec.Target {
	list := slices.Clone(targets)
	for i := range list {
		list[i].ID = ""
	}
	return list
}

func (d *Draft) freeGroup(name string) string {
	return free(name, func(s string) bool {
		return slices.ContainsFunc(d.Groups, func(g *Group) bool { return g.Name == s })
	})
}

// Name makes of words a name that the file format takes: letters, digits, hyphens.
func Name(words ...string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '-'
	}, strings.Join(words, "-"))
	for strings.Contains(s, "--") {
		s = strings.ReplaceAll(s, "--", "-")
	}
	s = strings.Trim(s[:min(len(s), spec.MaxNameLength-3)], "-")
	if s == "" {
		return "x"
	}
	return s
}

// free is the name, or the name with the first number that is free.
func free(name string, taken func(string) bool) string {
	if !taken(name) {
		return name
	}
	for i := 2; ; i++ {
		if s := fmt.Sprintf("%s-%d", name, i); !taken(s) {
			return s
		}
	}
}

// Step is the distance between the priorities of rules, so that there is room for more.
const Step = 10

// Environment is the draft as an environment, and the comments by path.
func (d *Draft) Environment() (*spec.Environment, map[string]string) {
	env, notes := d.Env, maps.Clone(d.Notes)
	env.LoadBalancer.Listeners, env.TargetGroups = nil, nil
	for i, l := range d.Listeners {
		at := fmt.Sprintf("load_balancer.listeners[%d]", i)
		for path, note := range l.Notes {
			notes[strings.TrimSuffix(at+"."+path, ".")] = note
		}
		listener := l.Listener
		names := map[string]bool{}
		for j, r := range l.Rules {
			rule := r.Rule
			rule.Name = free(rule.Name, func(s string) bool { return names[s] })
			names[rule.Name] = true
			rule.Priority = (j + 1) * Step
			if r.Note != "" {
				notes[fmt.Sprintf("%s.rules[%d]", at, j)] = r.Note
			}
			listener.Rules = append(listener.Rules, rule)
		}
		env.LoadBalancer.Listeners = append(env.LoadBalancer.Listeners, listener)
	}
	for i, g := range d.Groups {
		at := fmt.Sprintf("target_groups[%d]", i)
		for path, note := range g.Notes {
			notes[strings.TrimSuffix(at+"."+path, ".")] = note
		}
		env.TargetGroups = append(env.TargetGroups, g.TargetGroup)
	}
	return &env, notes
}

// Check holds what was made to the environment file's rules: problems are of this program,
// or of what no environment can have, such as more than a hundred rules.
func (d *Draft) Check() spec.Problems {
	env, _ := d.Environment()
	for i := range env.LoadBalancer.Listeners {
		env.LoadBalancer.Listeners[i].Complete()
	}
	for i := range env.TargetGroups {
		g := &env.TargetGroups[i]
		g.Complete()
	}
	return spec.Validate(env, nil)
}

// Write writes the environment file, with the source and what it lost in the head.
func (d *Draft) Write(w io.Writer, source string) error {
	env, notes := d.Environment()
	var head strings.Builder
	fmt.Fprintf(&head, "Made by `evenkeel import` of %s. Comments name the line that a value came from.\n", source)
	for _, o := range []Outcome{NotMapped, Differs} {
		first := true
		Walk(d.Directives, func(dir *Directive) {
			if dir.outcome != o {
				return
			}
			if first {
				fmt.Fprintf(&head, "\n%s:\n", map[Outcome]string{NotMapped: "Not mapped", Differs: "Mapped with a difference"}[o])
				first = false
			}
			fmt.Fprintf(&head, "  %s: %s: %s\n", dir.At(), dir, dir.Note())
		})
	}
	return spec.Write(w, env, head.String(), notes)
}
