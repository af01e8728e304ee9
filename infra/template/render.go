package template

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Render shows a value of the stack as text that is the same wherever it is said:
//
//   - a reference is ${stack/Construct.Attribute}, without .Attribute for a Ref, also if it
//     comes through an export or from another region;
//   - Fn::Join, Fn::Sub, Fn::Base64 and an Fn::Select from a list are what they result in;
//   - a pseudo parameter is what it is in the stack, if that is known, else ${AWS::Region}; a
//     parameter is ${Name}, one that is read from the Parameter Store ${ssm:/its/name};
//   - any other function is ${Name(arguments)};
//   - numbers and truth values are as in JSON, lists and maps are JSON with sorted keys.
func (a *Assembly) Render(stack *Stack, value any) string {
	switch value := a.Resolve(stack, value).(type) {
	case nil:
		return ""
	case string:
		return value
	default:
		return compact(value)
	}
}

// Resolve is the value with each function in it replaced by what Render shows of it.
func (a *Assembly) Resolve(stack *Stack, value any) any {
	switch value := value.(type) {
	case []any:
		list := make([]any, len(value))
		for i, element := range value {
			list[i] = a.Resolve(stack, element)
		}
		return list
	case map[string]any:
		if name, argument := intrinsic(value); name != "" {
			return a.function(stack, name, argument)
		}
		m := make(map[string]any, len(value))
		for key, element := range value {
			m[key] = a.Resolve(stack, element)
		}
		return m
	default:
		return value
	}
}

// function is what an intrinsic function results in, or text that stands for it.
func (a *Assembly) function(stack *Stack, name string, argument any) any {
	list, _ := argument.([]any)
	switch name {
	case "Ref", "Fn::GetAtt":
		return a.reference(stack, name, argument)
	case "Fn::ImportValue", "Fn::GetStackOutput":
		if from, value := a.output(stack, name, argument); from != nil {
			return a.Resolve(from, value)
		}
	case "Fn::Join":
		if len(list) != 2 {
			break
		}
		elements, ok := a.Resolve(stack, list[1]).([]any)
		if !ok {
			break
		}
		parts := make([]string, len(elements))
		for i, element := range elements {
			parts[i] = a.Render(stack, element)
		}
		return strings.Join(parts, a.Render(stack, list[0]))
	case "Fn::Sub":
		text, variables := substitutions(argument)
		text = substitution.ReplaceAllStringFunc(text, func(match string) string {
			name := match[2 : len(match)-1]
			if value, ok := variables[name]; ok {
				return a.Render(stack, value)
			}
			return a.Render(stack, named(name))
		})
		return strings.ReplaceAll(text, "${!", "${")
	case "Fn::Base64":
		return a.Resolve(stack, argument)
	case "Fn::Select":
		if len(list) != 2 {
			break
		}
		if element, known := selected(list[0], a.Resolve(stack, list[1])); known {
			return element
		}
	case "Fn::Split":
		// What is still to be known cannot be split.
		text, ok := a.Resolve(stack, argument).([]any)
		if !ok || len(text) != 2 {
			break
		}
		separator, _ := text[0].(string)
		if source, _ := text[1].(string); !strings.Contains(source, "${") {
			var parts []any
			for part := range strings.SplitSeq(source, separator) {
				parts = append(parts, part)
			}
			return parts
		}
	}
	return a.call(stack, name, argument)
}

// reference shows a Ref or an Fn::GetAtt.
func (a *Assembly) reference(stack *Stack, name string, argument any) string {
	if r, attribute, ok := a.Target(stack, map[string]any{name: argument}); ok {
		if attribute == Ref {
			return "${" + r.Name() + "}"
		}
		return "${" + r.Name() + "." + attribute + "}"
	}
	if name == "Fn::GetAtt" {
		id, attribute := attributeOf(argument)
		return "${" + id + "." + attribute + "}"
	}
	id, _ := argument.(string)
	if known := stack.pseudo(id); known != "" {
		return known
	}
	if p, ok := stack.Parameters[id]; ok && strings.HasPrefix(p.Type, "AWS::SSM::Parameter::Value<") {
		return fmt.Sprintf("${ssm:%v}", p.Default)
	}
	return "${" + id + "}"
}

// pseudo is the value of a pseudo parameter, or empty if only CloudFormation knows it.
func (s *Stack) pseudo(name string) string {
	var known string
	switch name {
	case "AWS::StackName":
		known = s.Name
	case "AWS::Region":
		known = s.Region
	case "AWS::AccountId":
		known = s.Account
	}
	if strings.HasPrefix(known, "unknown-") {
		return ""
	}
	return known
}

// call shows a function that only CloudFormation can work out.
func (a *Assembly) call(stack *Stack, name string, argument any) string {
	list, ok := argument.([]any)
	if !ok {
		list = []any{argument}
	}
	arguments := make([]string, len(list))
	for i, element := range list {
		arguments[i] = a.Render(stack, element)
	}
	return "${" + strings.TrimPrefix(name, "Fn::") + "(" + strings.Join(arguments, ", ") + ")}"
}

// compact is JSON in one line with sorted keys, and < > & as they are.
func compact(value any) string {
	if n, ok := value.(float64); ok {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // what was read as JSON can be written as JSON
	}
	return strings.TrimSuffix(out.String(), "\n")
}
