package spec_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/spec"
)

func TestParseHeaderValue(t *testing.T) {
	for _, c := range []struct {
		value string
		want  []spec.HeaderPart
		wrong string
	}{
		{"plain", []spec.HeaderPart{{Text: "plain"}}, ""},
		{"{client_ip}", []spec.HeaderPart{{Placeholder: "client_ip"}}, ""},
		{"for={client_ip}; by {host}!", []spec.HeaderPart{{Text: "for="}, {Placeholder: "client_ip"}, {Text: "; by "}, {Placeholder: "host"}, {Text: "!"}}, ""},
		{"{header:X-A}{cookie:a.b}", []spec.HeaderPart{{Placeholder: "header", Name: "X-A"}, {Placeholder: "cookie", Name: "a.b"}}, ""},
		{"{{a}} {{{port}", []spec.HeaderPart{{Text: "{a}} {"}, {Placeholder: "port"}}, ""},
		{"}", []spec.HeaderPart{{Text: "}"}}, ""},
		{"{user}", nil, "{user}"},
		{"{Host}", nil, "{Host}"},
		{"{}", nil, "{}"},
		{"{host:a}", nil, "{host:a}"},
		{"{header}", nil, "{header}"},
		{"{header:}", nil, "{header:}"},
		{"{header:a b}", nil, "{header:a b}"},
		{"a {host", nil, "{host"},
		{"{", nil, "{"},
	} {
		got, wrong := spec.ParseHeaderValue(c.value)
		if wrong != c.wrong || !cmp.Equal(got, c.want) {
			t.Errorf("%q: got %+v, %q, want %+v, %q", c.value, got, wrong, c.want, c.wrong)
		}
	}
}

// FuzzParseHeaderValue puts what was parsed together again.
func FuzzParseHeaderValue(f *testing.F) {
	for _, seed := range []string{"a", "{host}", "{{{{{host}}", "{header:X}{cookie:y}", "{"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		parts, wrong := spec.ParseHeaderValue(value)
		if wrong != "" {
			if !strings.Contains(value, wrong) || parts != nil {
				t.Fatalf("%q: %q is wrong", value, wrong)
			}
			return
		}
		var b strings.Builder
		for _, p := range parts {
			switch {
			case p.Placeholder == "":
				b.WriteString(strings.ReplaceAll(p.Text, "{", "{{"))
			case p.Name != "":
				b.WriteString("{" + p.Placeholder + ":" + p.Name + "}")
			default:
				b.WriteString("{" + p.Placeholder + "}")
			}
		}
		if b.String() != value {
			t.Fatalf("%q is taken apart into %q", value, b.String())
		}
	})
}
