// Package template reads what CDK synthesizes: the directory with a manifest and one template
// a stack. It says which resource a property refers to, across stacks; makes of a template what
// stays the same when only assets change; and tells which changes replace what holds state.
//
// https://docs.aws.amazon.com/cdk/v2/guide/deploy.html
package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Assembly is all that one synthesis made.
type Assembly struct {
	// Stacks are in the order in which they can be deployed: each after those it depends on,
	// and by name where that leaves a choice.
	Stacks []*Stack
}

// manifest is the part of a cloud assembly's manifest.json that we need.
type manifest struct {
	Artifacts map[string]artifact `json:"artifacts"`
}

type artifact struct {
	Type         string   `json:"type"`
	Environment  string   `json:"environment"`
	Dependencies []string `json:"dependencies"`
	Properties   struct {
		StackName    string `json:"stackName"`
		TemplateFile string `json:"templateFile"`
	} `json:"properties"`
	// MetadataFile holds what Metadata held before the manifest grew too large for it.
	MetadataFile string                `json:"additionalMetadataFile"`
	Metadata     map[string][]metadata `json:"metadata"`
}

// metadata is what CDK notes about a construct, which is found by its path.
type metadata struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

const (
	stackArtifact    = "aws:cloudformation:stack"
	assemblyArtifact = "cdk:cloud-assembly"
	logicalID        = "aws:cdk:logicalId"
)

// Load reads a cloud assembly: the directory that `cdk synth --output` or App.Synth wrote.
func Load(dir string) (*Assembly, error) {
	var m manifest
	if err := readJSON(filepath.Join(dir, "manifest.json"), &m); err != nil {
		return nil, fmt.Errorf("load cloud assembly: %w", err)
	}
	stacks := map[string]*Stack{}
	var problems []error
	for id, made := range m.Artifacts {
		switch made.Type {
		case assemblyArtifact:
			problems = append(problems, fmt.Errorf("%s: stages are not read, got a nested assembly %s", dir, id))
		case stackArtifact:
			stack, err := loadStack(dir, id, made)
			if err != nil {
				problems = append(problems, fmt.Errorf("load stack %s: %w", id, err))
				continue
			}
			stacks[id] = stack
		}
	}
	if len(stacks) == 0 && len(problems) == 0 {
		problems = append(problems, fmt.Errorf("%s: the assembly has no stack", dir))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	order, err := inOrder(m.Artifacts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	a := &Assembly{}
	for _, id := range order {
		a.add(stacks[id])
	}
	return a, nil
}

// Assemble makes an assembly of stacks that were parsed one by one, in the order given.
func Assemble(stacks ...*Stack) *Assembly {
	a := &Assembly{}
	for _, s := range stacks {
		a.add(s)
	}
	return a
}

func (a *Assembly) add(s *Stack) {
	s.assembly = a
	a.Stacks = append(a.Stacks, s)
}

func loadStack(dir, id string, made artifact) (*Stack, error) {
	raw, err := os.ReadFile(filepath.Join(dir, made.Properties.TemplateFile))
	if err != nil {
		return nil, err
	}
	name := made.Properties.StackName
	if name == "" {
		name = id
	}
	stack, err := Parse(name, raw)
	if err != nil {
		return nil, err
	}
	// aws://ACCOUNT/REGION
	stack.Account, stack.Region, _ = strings.Cut(strings.TrimPrefix(made.Environment, "aws://"), "/")
	notes := made.Metadata
	if made.MetadataFile != "" {
		if err := readJSON(filepath.Join(dir, made.MetadataFile), &notes); err != nil {
			return nil, err
		}
	}
	for path, list := range notes {
		for _, note := range list {
			var id string
			if note.Type != logicalID || json.Unmarshal(note.Data, &id) != nil {
				continue
			}
			if r := stack.Resources[id]; r != nil {
				r.Path = strings.TrimPrefix(path, "/")
			}
		}
	}
	return stack, nil
}

// inOrder lists the stacks' artifacts, each after those that it depends on.
func inOrder(artifacts map[string]artifact) ([]string, error) {
	waiting := map[string][]string{}
	for id, made := range artifacts {
		if made.Type != stackArtifact {
			continue
		}
		waiting[id] = slices.DeleteFunc(slices.Clone(made.Dependencies), func(on string) bool {
			return artifacts[on].Type != stackArtifact
		})
	}
	var order []string
	for len(waiting) > 0 {
		var next string
		for id, on := range waiting {
			ready := !slices.ContainsFunc(on, func(other string) bool { _, still := waiting[other]; return still })
			if ready && (next == "" || id < next) {
				next = id
			}
		}
		if next == "" {
			return nil, errors.New("the stacks depend on each other in a circle")
		}
		order = append(order, next)
		delete(waiting, next)
	}
	return order, nil
}

func readJSON(file string, v any) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// Stack is the stack of that name, or nil.
func (a *Assembly) Stack(name string) *Stack {
	for _, s := range a.Stacks {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// All lists the resources of a type, such as AWS::SQS::Queue, stack by stack and in each by
// logical id. An empty type lists every resource.
func (a *Assembly) All(resourceType string) []*Resource {
	var list []*Resource
	for _, s := range a.Stacks {
		list = append(list, s.All(resourceType)...)
	}
	return list
}
