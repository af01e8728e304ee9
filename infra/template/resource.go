package template

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Resource is one resource of a template.
type Resource struct {
	// LogicalID is the resource's name in its template.
	LogicalID string `json:"-"`
	// Path is the construct's, from the stack's id on, such as prod-data/Database/Resource;
	// empty where the assembly does not tell.
	Path string `json:"-"`
	// Stack is the one that the resource is in.
	Stack *Stack `json:"-"`

	Type                string
	Properties          map[string]any
	DependsOn           Names
	Condition           string
	DeletionPolicy      string
	UpdateReplacePolicy string
	CreationPolicy      map[string]any
	UpdatePolicy        map[string]any
	Metadata            map[string]any
}

// Names is a list that CloudFormation also lets be a single string.
type Names []string

// UnmarshalJSON reads both forms.
func (n *Names) UnmarshalJSON(raw []byte) error {
	if bytes.HasPrefix(raw, []byte(`"`)) {
		*n = make(Names, 1)
		return json.Unmarshal(raw, &(*n)[0])
	}
	var list []string
	err := json.Unmarshal(raw, &list)
	*n = list
	return err
}

// Name is what people call the resource: its path without CDK's words for "the resource
// itself", or its stack and logical id.
func (r *Resource) Name() string {
	if r.Path == "" {
		return r.Stack.Name + "/" + r.LogicalID
	}
	return strings.TrimSuffix(strings.TrimSuffix(r.Path, "/Resource"), "/Default")
}

// Get is the value of a property, such as `Listeners[0].Port`, or nil if there is none on the
// way. It is what the template says: a string, a float64, a bool, a list, or a map, which may
// be an intrinsic function. A path that cannot be one is a mistake in the program and panics.
func (r *Resource) Get(path string) any {
	var value any = r.Properties
	for part := range strings.SplitSeq(path, ".") {
		name, indexes, indexed := strings.Cut(part, "[")
		if name == "" {
			panic(fmt.Sprintf("template: %q is no path of a property", path))
		}
		m, _ := value.(map[string]any)
		value = m[name]
		if !indexed {
			continue
		}
		for text := range strings.SplitSeq(indexes, "[") {
			text, closed := strings.CutSuffix(text, "]")
			i, err := strconv.Atoi(text)
			if err != nil || !closed || i < 0 {
				panic(fmt.Sprintf("template: %q is no path of a property", path))
			}
			list, _ := value.([]any)
			value = nil
			if i < len(list) {
				value = list[i]
			}
		}
	}
	return value
}

// Has tells whether the property is there.
func (r *Resource) Has(path string) bool { return r.Get(path) != nil }

// String is a property as text: a number in digits, a reference as Assembly.Render shows it;
// empty if there is none.
func (r *Resource) String(path string) string {
	value := r.Get(path)
	if value == nil {
		return ""
	}
	return r.Stack.assembly.Render(r.Stack, value)
}

// Number is a property as a number, which CloudFormation also takes as text. It is 0 if there
// is none, and not a number (which equals nothing) if the property is something else.
func (r *Resource) Number(path string) float64 {
	switch value := r.Get(path).(type) {
	case nil:
		return 0
	case float64:
		return value
	case string:
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			return n
		}
	}
	return math.NaN()
}

// Bool tells whether a property is true, which CloudFormation also takes as text.
func (r *Resource) Bool(path string) bool {
	value := r.Get(path)
	return value == true || value == "true"
}

// List is a list property; a single value is a list of one, as in IAM's policies.
func (r *Resource) List(path string) []any {
	switch value := r.Get(path).(type) {
	case nil:
		return nil
	case []any:
		return value
	default:
		return []any{value}
	}
}

// Attribute is the value in a list of keys and values, the form in which load balancers and
// target groups have their attributes: Attribute("LoadBalancerAttributes", "idle_timeout.timeout_seconds").
func (r *Resource) Attribute(path, key string) (value string, ok bool) {
	for _, element := range r.List(path) {
		pair, _ := element.(map[string]any)
		if pair["Key"] == key && pair["Value"] != nil {
			return r.Stack.assembly.Render(r.Stack, pair["Value"]), true
		}
	}
	return "", false
}
