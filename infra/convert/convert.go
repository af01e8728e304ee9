// Package convert is where plain Go becomes what jsii takes: pointers, numbers that are all
// float64, lists behind pointers. Strings and truth values need no help: new("name"), new(true).
//
// https://docs.aws.amazon.com/cdk/v2/guide/work-with-cdk-go.html
package convert

import (
	"maps"
	"slices"
	"time"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// List is a list property of plain values.
func List[T any](values ...T) *[]T { return &values }

// Union is a list property that CloudFormation also lets be a token, which jsii gives the
// type any. An empty list is left out of the template.
func Union[T any](values ...T) any {
	if len(values) == 0 {
		return nil
	}
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	return &list
}

// Strings is a list of strings; an empty one is left out of the template.
func Strings(values []string) *[]*string {
	if len(values) == 0 {
		return nil
	}
	return jsii.Strings(values...)
}

// References is a list property of ids or ARNs, which jsii takes as any because a construct
// may stand in a reference's place. An empty list is left out of the template.
func References(ids []string) *[]any {
	if len(ids) == 0 {
		return nil
	}
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = id
	}
	return &list
}

// Optional is a string that an empty one leaves out of the template.
func Optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Seconds is d as CloudFormation's properties count: whole seconds.
func Seconds(d time.Duration) *float64 { return jsii.Number(int(d / time.Second)) }

// Duration is d for constructs that take CDK's own type.
func Duration(d time.Duration) cdk.Duration { return cdk.Duration_Seconds(Seconds(d)) }

// Map is a map of strings behind pointers; an empty one is left out of the template.
func Map(m map[string]string) *map[string]*string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]*string, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out[k] = new(m[k])
	}
	return &out
}
