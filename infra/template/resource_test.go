package template_test

import (
	"math"
	"reflect"
	"testing"
)

func TestGet(t *testing.T) {
	queue := load(t).All("AWS::SQS::Queue")[0]
	for _, test := range []struct {
		path string
		want any
	}{
		{"QueueName", "app-drain"},
		{"MaximumMessageSize", 262144.0},
		{"SqsManagedSseEnabled", true},
		{"Tags[0].Value", "edge"},
		{"Nested[1][0]", 3.0},
		{"Nested[1][1].Deep", "value"},
		{"Nested[0]", []any{1.0, 2.0}},
		{"Nested[2]", nil},
		{"Nope", nil},
		{"Nope.Deeper[3].Still", nil},
		{"QueueName.Deeper", nil},
		{"QueueName[0]", nil},
	} {
		if got := queue.Get(test.path); !reflect.DeepEqual(got, test.want) {
			t.Errorf("Get(%q) = %v, want %v", test.path, got, test.want)
		}
		if got := queue.Has(test.path); got != (test.want != nil) {
			t.Errorf("Has(%q) = %v", test.path, got)
		}
	}
}

func TestGetPanicsOnWhatIsNoPath(t *testing.T) {
	queue := load(t).All("AWS::SQS::Queue")[0]
	for _, path := range []string{"", "A..B", "Tags[", "Tags[x]", "Tags[-1]", "Tags[0]x", "[0]"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Get(%q) did not panic", path)
				}
			}()
			queue.Get(path)
		}()
	}
}

func TestPropertiesByType(t *testing.T) {
	queue := load(t).All("AWS::SQS::Queue")[0]
	for path, want := range map[string]string{
		"QueueName": "app-drain", "MaximumMessageSize": "262144", "SqsManagedSseEnabled": "true", "Nope": "", "Tags[0]": `{"Key":"team","Value":"edge"}`,
	} {
		if got := queue.String(path); got != want {
			t.Errorf("String(%q) = %q, want %q", path, got, want)
		}
	}
	for path, want := range map[string]float64{"DelaySeconds": 30, "MaximumMessageSize": 262144, "Nope": 0} {
		if got := queue.Number(path); got != want {
			t.Errorf("Number(%q) = %v, want %v", path, got, want)
		}
	}
	for _, path := range []string{"QueueName", "Tags", "SqsManagedSseEnabled"} {
		if got := queue.Number(path); !math.IsNaN(got) {
			t.Errorf("Number(%q) = %v, want none", path, got)
		}
	}
	for path, want := range map[string]bool{"SqsManagedSseEnabled": true, "QueueName": false, "Nope": false} {
		if got := queue.Bool(path); got != want {
			t.Errorf("Bool(%q) = %v", path, got)
		}
	}
	for path, want := range map[string]int{"Tags": 2, "QueueName": 1, "Nope": 0} {
		if got := len(queue.List(path)); got != want {
			t.Errorf("List(%q) has %d elements, want %d", path, got, want)
		}
	}
}

func TestAttribute(t *testing.T) {
	queue := load(t).All("AWS::SQS::Queue")[0]
	if got, ok := queue.Attribute("Tags", "team"); got != "edge" || !ok {
		t.Errorf("Attribute team = %q, %v", got, ok)
	}
	if got, ok := queue.Attribute("Tags", "nope"); ok {
		t.Errorf("Attribute nope = %q", got)
	}
	if got, ok := queue.Attribute("Nope", "team"); ok {
		t.Errorf("Attribute of nothing = %q", got)
	}
}
