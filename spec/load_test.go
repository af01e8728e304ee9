package spec

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// environmentFiles are those of the repository and the one that says something of
// everything.
func environmentFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "environments", "*.yaml"))
	if err != nil || len(files) < 6 {
		t.Fatalf("found %q, %v", files, err)
	}
	return append(files, filepath.Join("testdata", "whole.yaml"))
}

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("environment.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("environment.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// merged is a file over its base as JSON has it; nil if there is no such thing.
func merged(path string) any {
	root, problems := read(path)
	if len(problems) > 0 {
		return nil
	}
	var base *node
	if root.kind == mapping {
		if name := root.get("extends"); name != nil && name.tag == "!!str" {
			if base, problems = readBase(path, name); len(problems) > 0 {
				return nil
			}
		}
	}
	return merge(base, root).json()
}

func (n *node) json() any {
	switch {
	case n.kind == mapping:
		m := map[string]any{}
		for i, k := range n.keys {
			m[k.name] = n.children[i].json()
		}
		return m
	case n.kind == list:
		l := make([]any, len(n.children))
		for i, c := range n.children {
			l[i] = c.json()
		}
		return l
	case n.tag == "!!str", n.tag == "!!timestamp":
		if n.tag == "!!timestamp" {
			return nil // a date is no JSON
		}
		return n.value
	case n.tag == "!!null":
		return nil
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(n.value))
	if err != nil {
		return n.value
	}
	return v
}

func TestEnvironmentsLoad(t *testing.T) {
	schema := compiledSchema(t)
	for _, file := range environmentFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			env, problems, warnings := Check(file)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			for _, w := range warnings {
				t.Log(w)
			}
			if want := strings.TrimSuffix(filepath.Base(file), ".yaml"); env.Name != want {
				t.Errorf("the name is %q, want %q", env.Name, want)
			}
			if err := schema.Validate(merged(file)); err != nil {
				t.Errorf("the schema refuses what the validator takes: %v", err)
			}
		})
	}
}

// TestFaults loads files with one fault each. The first line says what is wrong; a second
// one says when it is beyond JSON Schema.
func TestFaults(t *testing.T) {
	schema := compiledSchema(t)
	files, err := filepath.Glob(filepath.Join("testdata", "*.bad.yaml"))
	if err != nil || len(files) < 70 {
		t.Fatalf("found %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".bad.yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			first, rest, _ := strings.Cut(string(text), "\n")
			want, ok := strings.CutPrefix(first, "# want: ")
			if !ok {
				t.Fatal("the first line does not say what is wrong")
			}
			_, err = Load(file)
			var problems Problems
			if !errors.As(err, &problems) || len(problems) != 1 {
				t.Fatalf("got\n%v\nwant one problem with %q", err, want)
			}
			if got := err.Error(); !strings.Contains(got, want) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if p := problems[0]; p.File == "" || p.Line == 0 && !strings.Contains(want, "is empty") && !strings.Contains(want, "is not YAML") &&
				!strings.Contains(want, "several YAML") {
				t.Errorf("the problem has no place: %v", p)
			}
			seen := schema.Validate(merged(file)) != nil
			if blind := strings.HasPrefix(rest, "# schema: cannot see it\n"); seen == blind && merged(file) != nil {
				t.Errorf("the schema sees it: %v, the file says that it does not: %v", seen, blind)
			}
		})
	}
}

// TestAllProblemsAtOnce proves that one mistake does not hide another, and the form of a line.
func TestAllProblemsAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "two.yaml")
	write(t, file, "app: Shop\nproxy:\n  max_connections: 0\n  admin: {listn: x}\n")
	_, err := Load(file)
	want := file + `:1:6: app: is not allowed (got "Shop", want lower-case letters, digits and hyphens, at most 20, a letter first)
` + file + `:3:20: proxy.max_connections: is not allowed (got 0, want 1 to 10000000)
` + file + `:4:11: proxy.admin.listn: is not a key that is known here (got "listn", want listen, did you mean that?)`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	var one Problem
	if !errors.As(err, &one) || one.Line != 1 {
		t.Errorf("errors.As finds %v", one)
	}
}

// TestProblemsOfTheBaseSaySo proves that a value keeps its file.
func TestProblemsOfTheBaseSaySo(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "base.yaml"), "app: shop\nproxy: {max_connections: 0}\n")
	write(t, filepath.Join(dir, "env.yaml"), "extends: base.yaml\nproxy: {server_name: x}\n")
	_, err := Load(filepath.Join(dir, "env.yaml"))
	if want := filepath.Join(dir, "base.yaml") + ":2:26: proxy.max_connections"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s…", err, want)
	}
}

func TestFilesAreBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "large.yaml")
	write(t, file, strings.Repeat("# large\n", MaxFileSize/8)+"app: shop\n")
	if _, err := Load(file); err == nil || !strings.Contains(err.Error(), "is larger than 1048576 bytes") {
		t.Errorf("got %v", err)
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); err == nil || !strings.Contains(err.Error(), "cannot be read: no such file") {
		t.Errorf("got %v", err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDefaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "least.yaml")
	write(t, file, `app: least
load_balancer:
  listeners:
    - {name: http, port: 80, protocol: HTTP, default_action: {forward: [{target_group: web}]}}
    - {name: https, port: 443, protocol: HTTPS, certificates: [c], default_action: {forward: [{target_group: grpc}]}}
certificates: {c: {files: {certificate: a, private_key: b}}}
target_groups:
  - {name: web, port: 80, targets: [{id: a, address: 10.0.0.1}], stickiness: {type: lb_cookie}}
  - {name: grpc, port: 80, protocol_version: GRPC}
`)
	env, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	type facts = map[string]any
	web, grpc := env.TargetGroups[0], env.TargetGroups[1]
	got := facts{
		"name": env.LoadBalancer.Name, "idle": env.LoadBalancer.Attributes.IdleTimeout, "http2": env.LoadBalancer.Attributes.HTTP2,
		"server": env.LoadBalancer.Listeners[0].ServerHeader, "policy": env.LoadBalancer.Listeners[1].SSLPolicy,
		"http policy": env.LoadBalancer.Listeners[0].SSLPolicy, "weight": env.LoadBalancer.Listeners[0].DefaultAction.Forward[0].Weight,
		"target weight": web.Targets[0].ProxyOnly.Weight, "type": web.TargetType, "delay": web.DeregistrationDelay,
		"path": web.HealthCheck.Path, "matcher": web.HealthCheck.Matcher, "grpc path": grpc.HealthCheck.Path, "grpc matcher": grpc.HealthCheck.Matcher,
		"sticky": web.Stickiness.Duration, "idle connections": web.ProxyOnly.IdleConnections,
	}
	want := facts{
		"name": "least-least", "idle": DefaultIdleTimeout, "http2": true, "server": true, "policy": DefaultSSLPolicy, "http policy": "",
		"weight": 1, "target weight": 1, "type": "ip", "delay": DefaultDeregistrationDelay, "path": "/", "matcher": "200",
		"grpc path": "/AWS.ALB/healthcheck", "grpc matcher": "12", "sticky": DefaultStickiness, "idle connections": 32,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// reload prints an environment and loads what was printed.
func reload(t *testing.T, env *Environment) *Environment {
	t.Helper()
	var text bytes.Buffer
	if err := Print(&text, env); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), env.Name+".yaml")
	write(t, file, text.String())
	again, err := Load(file)
	if err != nil {
		t.Fatalf("what was printed does not load: %v\n%s", err, text.String())
	}
	return again
}

func TestPrintLoadsAgain(t *testing.T) {
	for _, file := range environmentFiles(t) {
		env, err := Load(file)
		if err != nil {
			t.Fatal(err)
		}
		again := reload(t, env)
		again.Extends = env.Extends
		if !reflect.DeepEqual(env, again) {
			t.Errorf("%s: printed and loaded again it differs:\n%s", file, cmp.Diff(env, again))
		}
	}
}

func TestPrintMasksSecrets(t *testing.T) {
	env, err := Load(filepath.Join("testdata", "whole.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.Repeat("hush", 10)
	env.Proxy.StickinessKeys = []Secret{Secret(secret), "env:KEY"}
	var text bytes.Buffer
	if err := Print(&text, env); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.String(), "hush") || !strings.Contains(text.String(), "********") || !strings.Contains(text.String(), "env:KEY") {
		t.Errorf("printed\n%s", text.String())
	}
}
