package elbv2api_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/proxy/internal/elbv2api"
)

type pair struct {
	Key   string `aws:"required 1..3"`
	Value string
}

type shape struct {
	Name   string `aws:"required"`
	Port   *int   `aws:"1..65535"`
	On     *bool
	Kind   string `aws:"a|b"`
	Pairs  []pair
	Words  []string
	Nested *struct{ Pairs []pair }
}

func TestDecode(t *testing.T) {
	var got shape
	err := elbv2api.Decode("Name=x%20y+z&Port=80&On=true&Kind=b&Pairs.member.2.Key=b&Pairs.member.1.Key=a&Pairs.member.1.Value=%C3%A9&Words=&Nested.Pairs.member.1.Key=n", &got)
	want := shape{
		Name: "x y z", Port: new(80), On: new(true), Kind: "b", Pairs: []pair{{"a", "é"}, {"b", ""}}, Words: []string{},
		Nested: &struct{ Pairs []pair }{[]pair{{"n", ""}}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for form, want := range map[string]string{
		"":                                      "Value null at 'name' failed to satisfy constraint: Member must not be null",
		"Name=x&Nam=y":                          "parameter Nam is not recognized",
		"Name=x&Name=y":                         "stands twice",
		"Name=x&Name.member.1=y":                "stands twice",
		"Name.a=x":                              "Expected a value at name",
		"Name=x&Port=0":                         "Value '0' at 'port' failed to satisfy constraint: Member must have value greater than or equal to 1",
		"Name=x&Port=65536":                     "Member must have value less than or equal to 65535",
		"Name=x&Port=http":                      "Expected an integer at port",
		"Name=x&On=1":                           "Expected true or false at on",
		"Name=x&Kind=c":                         "Member must satisfy enum value set: [a, b]",
		"Name=x&Words=y":                        "Expected a list at words",
		"Name=x&Words.member.2=y":               "not numbered from 1 to 1",
		"Name=x&Words.member.01=y":              "not numbered",
		"Name=x&Words.entry.1=y":                "Expected a list",
		"Name=x&Words.member=y":                 "Expected a list",
		"Name=x&Pairs.member.1=y":               "Expected a structure",
		"Name=x&Pairs.member.1.Value=y":         "'pairs.1.member.key'",
		"Name=x&Pairs.member.1.Key=long":        "Member must have length less than or equal to 3",
		"Name=%zz":                              "syntax error",
		"Name=%ff":                              "syntax error",
		"%=x":                                   "syntax error",
		strings.Repeat("a", 300) + "=x":         "syntax error",
		strings.Repeat("a=b&", 5000) + "Name=x": "more than 4096 parameters",
	} {
		var got shape
		err := elbv2api.Decode(form, &got)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got %v, want %s", form, err, want)
		}
	}
}

// FuzzDecode wants no form to do anything but decode or be refused in AWS's words.
func FuzzDecode(f *testing.F) {
	f.Add("Name=x&Pairs.member.1.Key=a&Nested.Pairs.member.1.Key=n&Words=")
	f.Add("Name=x&a.b=1&a=2&.=&a..b=3")
	f.Fuzz(func(t *testing.T, form string) {
		var got shape
		err := elbv2api.Decode(form, &got)
		var refusal *elbv2api.Error
		if err != nil && (!errors.As(err, &refusal) || refusal.Code != "ValidationError" && refusal.Code != "MalformedQueryString") {
			t.Errorf("got %v", err)
		}
		if err == nil && got.Port != nil && (*got.Port < 1 || *got.Port > 65535) {
			t.Errorf("the port is %d", *got.Port)
		}
	})
}
