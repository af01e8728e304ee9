package template

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Reference is what a value of a template refers to.
type Reference struct {
	Resource *Resource
	// Attribute is the one of the resource that is taken, or Ref for its physical id.
	Attribute string
}

// Ref is the Reference.Attribute of a plain reference.
const Ref = "Ref"

// Types of CDK's resources that carry a value from one region to another.
const (
	crossRegionReader = "Custom::CrossRegionExportReader"
	crossRegionWriter = "Custom::CrossRegionExportWriter"
)

// substitution is a name in an Fn::Sub; ${!Literal} is none.
var substitution = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

// Target is the resource that a value of the stack is a reference to, through exports and
// across regions, and the attribute of it. It is not ok for values that are no reference, or
// more than one, such as text around it: see References.
func (a *Assembly) Target(stack *Stack, value any) (target *Resource, attribute string, ok bool) {
	name, argument := intrinsic(value)
	switch name {
	case "Ref":
		id, _ := argument.(string)
		target = stack.Resources[id]
		return target, Ref, target != nil
	case "Fn::GetAtt":
		id, attribute := attributeOf(argument)
		target = stack.Resources[id]
		if target != nil && target.Type == crossRegionReader {
			return a.otherRegion(attribute)
		}
		return target, attribute, target != nil
	case "Fn::ImportValue", "Fn::GetStackOutput":
		if from, output := a.output(stack, name, argument); from != nil {
			return a.Target(from, output)
		}
	case "Fn::Select":
		list, _ := argument.([]any)
		if len(list) != 2 {
			return nil, "", false
		}
		if element, known := selected(list[0], list[1]); known {
			return a.Target(stack, element)
		}
		return a.Target(stack, list[1])
	case "Fn::Split":
		if list, _ := argument.([]any); len(list) == 2 {
			return a.Target(stack, list[1])
		}
	}
	return nil, "", false
}

// References lists all that a value of the stack refers to, in whatever it is composed of: a
// policy document, a joined string. Each is there once; the order is that of Resource.Name.
func (a *Assembly) References(stack *Stack, value any) []Reference {
	var found []Reference
	add := func(v any) {
		if r, attribute, ok := a.Target(stack, v); ok && !slices.Contains(found, Reference{r, attribute}) {
			found = append(found, Reference{r, attribute})
		}
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, element := range v {
				walk(element)
			}
		case map[string]any:
			add(v)
			if name, argument := intrinsic(v); name == "Fn::Sub" {
				text, variables := substitutions(argument)
				for _, match := range substitution.FindAllStringSubmatch(text, -1) {
					if variables[match[1]] == nil {
						add(named(match[1]))
					}
				}
			}
			for _, element := range v {
				walk(element)
			}
		}
	}
	walk(value)
	slices.SortFunc(found, func(x, y Reference) int {
		return strings.Compare(x.Resource.Name()+"\x00"+x.Attribute, y.Resource.Name()+"\x00"+y.Attribute)
	})
	return found
}

// otherRegion follows the name under which CDK carries a value from one region to another.
func (a *Assembly) otherRegion(name string) (target *Resource, attribute string, ok bool) {
	for _, writer := range a.All(crossRegionWriter) {
		exports, _ := writer.Get("WriterProps.exports").(map[string]any)
		if value := exports[name]; value != nil {
			return a.Target(writer.Stack, value)
		}
	}
	return nil, "", false
}

// output finds the stack that exports or shows what the function takes, and the value.
func (a *Assembly) output(stack *Stack, function string, argument any) (from *Stack, value any) {
	if function == "Fn::GetStackOutput" {
		names, _ := argument.(map[string]any)
		if from = a.Stack(a.Render(stack, names["StackName"])); from == nil {
			return nil, nil
		}
		output, ok := from.Outputs[a.Render(stack, names["OutputName"])]
		if !ok {
			return nil, nil
		}
		return from, output.Value
	}
	name := a.Render(stack, argument)
	for _, from := range a.Stacks {
		for _, output := range from.Outputs {
			// Exports are per region; another region's of the same name is not meant.
			if output.Export.Name != nil && from.Region == stack.Region && a.Render(from, output.Export.Name) == name {
				return from, output.Value
			}
		}
	}
	return nil, nil
}

// intrinsic takes a function of CloudFormation apart; the name is empty if it is none.
func intrinsic(value any) (name string, argument any) {
	m, _ := value.(map[string]any)
	if len(m) != 1 {
		return "", nil
	}
	for name, argument = range m {
		if name == "Ref" || strings.HasPrefix(name, "Fn::") {
			return name, argument
		}
	}
	return "", nil
}

// attributeOf reads both forms of Fn::GetAtt's argument.
func attributeOf(argument any) (id, attribute string) {
	switch argument := argument.(type) {
	case string:
		id, attribute, _ = strings.Cut(argument, ".")
	case []any:
		if len(argument) == 2 {
			id, _ = argument[0].(string)
			attribute, _ = argument[1].(string)
		}
	}
	return id, attribute
}

// named is the function that a name in an Fn::Sub stands for.
func named(name string) map[string]any {
	if strings.Contains(name, ".") {
		return map[string]any{"Fn::GetAtt": name}
	}
	return map[string]any{"Ref": name}
}

// substitutions reads both forms of Fn::Sub's argument.
func substitutions(argument any) (text string, variables map[string]any) {
	switch argument := argument.(type) {
	case string:
		return argument, nil
	case []any:
		if len(argument) == 2 {
			text, _ = argument[0].(string)
			variables, _ = argument[1].(map[string]any)
		}
	}
	return text, variables
}

// selected is the element that an Fn::Select takes, if the template has the list.
func selected(index, list any) (element any, known bool) {
	var i int
	switch index := index.(type) {
	case float64:
		i = int(index)
	case string:
		var err error
		if i, err = strconv.Atoi(index); err != nil {
			return nil, false
		}
	default:
		return nil, false
	}
	elements, _ := list.([]any)
	if i < 0 || i >= len(elements) {
		return nil, false
	}
	return elements[i], true
}
