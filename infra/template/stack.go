package template

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Stack is one CloudFormation template, and where it goes.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
type Stack struct {
	// Name is the stack's name in CloudFormation.
	Name string
	// Region and Account are unknown-region and unknown-account in a stack made for any.
	Region, Account string
	// Resources are by logical id.
	Resources map[string]*Resource
	// Outputs are by logical id.
	Outputs map[string]Output
	// Parameters are by name.
	Parameters map[string]Parameter
	// Raw is the template as it was synthesized.
	Raw []byte

	assembly *Assembly
}

// Output is a value that a stack shows, and exports if it has a name for that.
type Output struct {
	Value       any
	Description string
	Export      struct{ Name any }
}

// Parameter is a value that the template gets when it is deployed.
type Parameter struct {
	Type    string
	Default any
}

// Parse reads one template. The stack knows no region and its resources no paths, unless the
// template has them as metadata; Load reads both from the assembly.
func Parse(name string, raw []byte) (*Stack, error) {
	var t struct {
		Resources  map[string]*Resource
		Outputs    map[string]Output
		Parameters map[string]Parameter
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return nil, fmt.Errorf("parse template %s: %w", name, err)
	}
	s := &Stack{Name: name, Resources: t.Resources, Outputs: t.Outputs, Parameters: t.Parameters, Raw: raw}
	for id, r := range s.Resources {
		if r == nil || r.Type == "" {
			return nil, fmt.Errorf("parse template %s: resource %s has no type", name, id)
		}
		r.LogicalID, r.Stack = id, s
		r.Path, _ = r.Metadata["aws:cdk:path"].(string)
	}
	s.assembly = &Assembly{Stacks: []*Stack{s}}
	return s, nil
}

// All lists the stack's resources of a type by logical id; an empty type lists every resource.
func (s *Stack) All(resourceType string) []*Resource {
	var list []*Resource
	for _, id := range slices.Sorted(maps.Keys(s.Resources)) {
		if r := s.Resources[id]; resourceType == "" || r.Type == resourceType {
			list = append(list, r)
		}
	}
	return list
}
