package template

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Kind is what happened to a resource.
type Kind string

// The kinds of changes.
const (
	Added   Kind = "added"
	Removed Kind = "removed"
	Changed Kind = "changed"
)

// Change is a difference between two templates of one stack, in one resource.
type Change struct {
	Kind            Kind
	LogicalID, Type string
	// Paths are what changed, sorted: a property as Resource.Get takes it, or an attribute of the
	// resource such as DeletionPolicy.
	Paths []string
	// Replacement tells that a resource that holds state goes: it is removed, or another takes
	// its place. What the old one held is lost, unless a DeletionPolicy or UpdateReplacePolicy
	// of Retain or Snapshot keeps it aside.
	Replacement bool
	// Reason says why there is a Replacement; empty if there is none.
	Reason string
}

// String is the change in a line.
func (c Change) String() string {
	text := fmt.Sprintf("%s %s (%s)", c.Kind, c.LogicalID, c.Type)
	if len(c.Paths) > 0 {
		text += ": " + strings.Join(c.Paths, ", ")
	}
	if c.Replacement {
		text += "; REPLACED: " + c.Reason
	}
	return text
}

// Diff compares two templates of one stack, resource by resource, sorted by logical id. What
// CloudFormation reads alike is alike: 5 and "5", true and "true". Give it what Normalize
// returns, and changes of code are none.
func Diff(before, after []byte) ([]Change, error) {
	was, err := Parse("before", before)
	if err != nil {
		return nil, err
	}
	is, err := Parse("after", after)
	if err != nil {
		return nil, err
	}
	var changes []Change
	for id, r := range is.Resources {
		if was.Resources[id] == nil {
			changes = append(changes, Change{Kind: Added, LogicalID: id, Type: r.Type})
		}
	}
	for id, r := range was.Resources {
		now := is.Resources[id]
		if now == nil {
			c := Change{Kind: Removed, LogicalID: id, Type: r.Type}
			if _, stateful := replacing[r.Type]; stateful {
				c.Replacement, c.Reason = true, removal(r, was, is)
			}
			changes = append(changes, c)
			continue
		}
		if c := compare(r, now); len(c.Paths) > 0 {
			changes = append(changes, c)
		}
	}
	slices.SortFunc(changes, func(x, y Change) int { return strings.Compare(x.LogicalID, y.LogicalID) })
	return changes, nil
}

// Replacements are the changes that replace what holds state.
func Replacements(changes []Change) []Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c Change) bool { return !c.Replacement })
}

// removal says what becomes of a resource that is not there any more: another of its type that
// is new, and the only such one or equal to it, is the same one under another logical id.
func removal(r *Resource, was, is *Stack) string {
	added := slices.DeleteFunc(is.All(r.Type), func(other *Resource) bool { return was.Resources[other.LogicalID] != nil })
	equal := slices.DeleteFunc(slices.Clone(added), func(other *Resource) bool { return !same(r.Properties, other.Properties) })
	switch {
	case len(equal) > 0:
		return "its logical id becomes " + equal[0].LogicalID
	case len(added) == 1:
		return "its logical id becomes " + added[0].LogicalID
	default:
		return "it is removed"
	}
}

func compare(before, after *Resource) Change {
	c := Change{Kind: Changed, LogicalID: before.LogicalID, Type: after.Type}
	table, stateful := replacing[before.Type]
	if before.Type != after.Type {
		c.Paths = []string{"Type"}
		if stateful {
			c.Replacement, c.Reason = true, fmt.Sprintf("its type was %s", before.Type)
		}
		return c
	}
	for _, name := range keys(before.Properties, after.Properties) {
		paths := differences(name, before.Properties[name], after.Properties[name])
		c.Paths = append(c.Paths, paths...)
		if len(paths) > 0 && stateful && slices.Contains(table.properties, name) {
			c.Replacement = true
			if c.Reason != "" {
				c.Reason += ", "
			}
			c.Reason += name
		}
	}
	if c.Reason != "" {
		c.Reason = "changed " + c.Reason + ", see " + table.page
	}
	for _, attribute := range []struct {
		name          string
		before, after any
	}{
		{"Condition", before.Condition, after.Condition},
		{"CreationPolicy", before.CreationPolicy, after.CreationPolicy},
		{"DeletionPolicy", before.DeletionPolicy, after.DeletionPolicy},
		{"DependsOn", slices.Sorted(slices.Values(before.DependsOn)), slices.Sorted(slices.Values(after.DependsOn))},
		{"UpdatePolicy", before.UpdatePolicy, after.UpdatePolicy},
		{"UpdateReplacePolicy", before.UpdateReplacePolicy, after.UpdateReplacePolicy},
	} {
		if !reflect.DeepEqual(attribute.before, attribute.after) {
			c.Paths = append(c.Paths, attribute.name)
		}
	}
	slices.Sort(c.Paths)
	return c
}

// differences lists the paths below path at which two values differ. Lists of different lengths
// differ as a whole.
func differences(path string, before, after any) []string {
	var paths []string
	switch before := before.(type) {
	case map[string]any:
		after, ok := after.(map[string]any)
		if !ok {
			break
		}
		for _, key := range keys(before, after) {
			paths = append(paths, differences(path+"."+key, before[key], after[key])...)
		}
		return paths
	case []any:
		after, ok := after.([]any)
		if !ok || len(before) != len(after) {
			break
		}
		for i := range before {
			paths = append(paths, differences(fmt.Sprintf("%s[%d]", path, i), before[i], after[i])...)
		}
		return paths
	}
	if !scalars(before, after) || fmt.Sprint(before) != fmt.Sprint(after) {
		paths = append(paths, path)
	}
	return paths
}

func same(before, after map[string]any) bool { return len(differences("", before, after)) == 0 }

// scalars tells whether both are there and neither is a list or a map.
func scalars(values ...any) bool {
	for _, v := range values {
		switch v.(type) {
		case string, float64, bool:
		default:
			return false
		}
	}
	return true
}

// keys are those of both maps, sorted.
func keys(before, after map[string]any) []string {
	all := slices.Collect(maps.Keys(before))
	all = append(all, slices.Collect(maps.Keys(after))...)
	slices.Sort(all)
	return slices.Compact(all)
}
