package spec

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the files that are generated from the source")

// fresh holds a generated file to what it would be today.
func fresh(t *testing.T, name string, want []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the source makes of it: run go test ./spec -update (%v)", name, err)
	}
}

// comments reads the comments of structs and their fields from the source.
func comments(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, s := range g.Specs {
				s := s.(*ast.TypeSpec)
				structure, ok := s.Type.(*ast.StructType)
				if !ok || !s.Name.IsExported() {
					continue
				}
				found[s.Name.Name] = plain(g.Doc.Text())
				for _, f := range structure.Fields.List {
					for _, id := range f.Names {
						found[s.Name.Name+"."+id.Name] = plain(f.Doc.Text())
					}
				}
			}
		}
	}
	return found
}

// plain is a comment as running text, without the links that follow it.
func plain(comment string) string {
	var paragraphs []string
	for p := range strings.SplitSeq(comment, "\n\n") {
		if p = strings.Join(strings.Fields(p), " "); p != "" && !strings.HasPrefix(p, "http") {
			paragraphs = append(paragraphs, p)
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

func TestDescriptionsAreFresh(t *testing.T) {
	all, wanted := comments(t), map[string]string{}
	for _, n := range nouns() {
		wanted[n.of.Name()] = all[n.of.Name()]
		for f := range n.of.Fields() {
			if yamlKey(f) != "" {
				wanted[n.of.Name()+"."+f.Name] = all[n.of.Name()+"."+f.Name]
			}
		}
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(wanted); err != nil {
		t.Fatal(err)
	}
	fresh(t, "descriptions.json", text.Bytes())
	if *update {
		descriptionsJSON = text.Bytes() // what is generated next is made of it
	}
}

// TestEveryFieldIsDocumented wants a key and a comment on everything that a file can say.
func TestEveryFieldIsDocumented(t *testing.T) {
	all := comments(t)
	for _, n := range nouns() {
		if all[n.of.Name()] == "" {
			t.Errorf("%s has no comment", n.of.Name())
		}
		for f := range n.of.Fields() {
			name := n.of.Name() + "." + f.Name
			switch comment := all[name]; {
			case !f.IsExported():
				t.Errorf("%s is not exported", name)
			case f.Tag.Get("yaml") == "":
				t.Errorf("%s has no yaml tag", name)
			case comment == "":
				t.Errorf("%s has no comment", name)
			case !strings.HasSuffix(comment, "."):
				t.Errorf("%s: the comment is no sentence: %q", name, comment)
			}
		}
	}
}

// TestLimitsAreOfFields keeps limits from naming a key that is gone.
func TestLimitsAreOfFields(t *testing.T) {
	for _, n := range nouns() {
		keys := strings.Join(keysOf(n.of), " ") + " "
		for key, l := range n.limits() {
			if !strings.Contains(" "+keys, " "+key+" ") {
				t.Errorf("%s has a limit on %s, which it has no field for", n.of.Name(), key)
			}
			if l.schema == nil {
				t.Errorf("%s.%s: the limit says nothing of the schema", n.of.Name(), key)
			}
		}
	}
}

// TestDefaultsAreWithinLimits loads the least that a file can say.
func TestDefaultsAreWithinLimits(t *testing.T) {
	for _, n := range nouns() {
		v := defaultsOf(n.of)
		for key, l := range n.limits() {
			f, _ := fieldByKey(v, key)
			if !empty(f) && !l.holds(f) && !f.IsZero() {
				t.Errorf("%s.%s: the default %v is not %s", n.of.Name(), key, f.Interface(), l.want)
			}
		}
	}
}

func TestReferenceIsFresh(t *testing.T) {
	fresh(t, filepath.Join("..", "docs", "reference", "environment-file.md"), reference())
}

func TestSchemaDocumentIsFresh(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	fresh(t, filepath.Join("..", "docs", "reference", "environment-file.schema.json"), text)
}

// reference writes the table of everything that a file can say.
func reference() []byte {
	var descriptions map[string]string
	if err := json.Unmarshal(descriptionsJSON, &descriptions); err != nil {
		panic(err)
	}
	var b bytes.Buffer
	b.WriteString("# The environment file\n\n<!-- Made from the comments in spec/ by `go test ./spec -update`. -->\n\n" +
		"Every key, its type, default and what it may say. A list's elements are marked `[]`, entries under names of your\n" +
		"own `*`. Durations are written `500ms`, `30s`, `5m` or `24h`, percentages `1%`. `evenkeel check` holds a file to all\n" +
		"of this; [environment-file.schema.json](environment-file.schema.json) gives completion in editors.\n")
	for _, n := range nouns() {
		title := strings.Join(n.paths, ", ")
		if title == "" {
			title = "the file"
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| key | type | default | allowed | meaning |\n|---|---|---|---|---|\n", title, cell(descriptions[n.of.Name()]))
		def, all := defaultsOf(n.of), n.limits()
		for i := range n.of.NumField() {
			f := n.of.Field(i)
			key := yamlKey(f)
			if key == "" {
				continue
			}
			l := all[key]
			allowed := l.want
			if key == "ssl_policy" {
				allowed = "a name of [AWS's security policies](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html)"
			}
			if l.required && empty(def.Field(i)) {
				allowed = strings.TrimPrefix("required; "+allowed, " ")
			}
			value := defaultText(def.Field(i))
			if value != "" {
				value = "`" + value + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", key, kindOfField(f.Type), cell(value), cell(strings.TrimSuffix(allowed, "; ")),
				cell(descriptions[n.of.Name()+"."+f.Name]))
		}
	}
	return b.Bytes()
}

// cell fits text into a table.
func cell(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\n\n", " "), "|", `\|`)
	return strings.ReplaceAll(strings.ReplaceAll(s, "<", "&lt;"), "*.", `\*.`)
}

func kindOfField(t reflect.Type) string {
	switch t {
	case durationType:
		return "duration"
	case percentType:
		return "percentage"
	case reflect.TypeFor[Secret]():
		return "secret"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return kindOfField(t.Elem())
	case reflect.Slice:
		return "list of " + plural(kindOfField(t.Elem()))
	case reflect.Map:
		return "names and " + plural(kindOfField(t.Elem()))
	case reflect.Struct:
		return "map"
	case reflect.Int:
		return "number"
	case reflect.Bool:
		return "truth value"
	}
	return "string"
}

func plural(s string) string { return s + "s" }
