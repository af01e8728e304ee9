package spec_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/spec"
)

// TestWrite writes what is not so by default, with comments that end with their line.
func TestWrite(t *testing.T) {
	env := spec.Default[spec.Environment]()
	env.App = "shop"
	env.Proxy.AccessLog.Format = spec.LogFormatCombined
	g := spec.Default[spec.TargetGroup]()
	g.Name, g.Port = "web", 80
	g.Targets = []spec.Target{{ID: "a", Address: "192.0.2.1", ProxyOnly: spec.TargetProxyOnly{Weight: 1}}}
	env.TargetGroups = []spec.TargetGroup{g}
	var out bytes.Buffer
	err := spec.Write(&out, &env, "made by hand\nevil: \x1b[31m\u2028x: 1", map[string]string{
		"app":                             "one\ntwo",
		"target_groups[0]":                "here",
		"target_groups[0].slow_start":     "by default",
		"target_groups[0].targets[0]":     "there",
		"proxy.access_log.format":         "# as before",
		"load_balancer.attributes.nobody": "nothing",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `# made by hand
# evil: ?[31m?x: 1
app: shop # one two
target_groups:
# here
- name: web
  port: 80
  slow_start: 0s # by default
  targets:
  - {id: a, address: 192.0.2.1} # there
proxy:
  access_log:
    format: combined # # as before
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestWriteIsRead: what is written of the fullest environment loads to the same.
func TestWriteIsRead(t *testing.T) {
	before := load(t, filepath.Join("testdata", "whole.yaml"))
	var out bytes.Buffer
	if err := spec.Write(&out, before, "", nil); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "whole.yaml")
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, d := range spec.Diff(before, load(t, file)) {
		if !strings.Contains(d.Path, "stickiness_keys") && !strings.Contains(d.Path, "users") && !strings.Contains(d.Path, "credentials") {
			t.Errorf("%s: %s is %s after writing", d.Path, d.A, d.B)
		}
	}
}
