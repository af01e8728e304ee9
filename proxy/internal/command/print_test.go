package command_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/spec"
)

func TestPrintGivesTheEffectiveFile(t *testing.T) {
	dir := folder(t, "base.yaml", good, "a.yaml", "extends: base.yaml\nproxy: {max_connections: 7}\n")
	status, out, errs := run(t, dir, "print", "DIR/a.yaml")
	if status != 0 || errs != "" {
		t.Fatalf("status %d\n%s", status, errs)
	}
	for _, want := range []string{"app: shop\n", "max_connections: 7\n", "idle_timeout: 60s\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "extends") {
		t.Errorf("it still extends:\n%s", out)
	}
	printed := filepath.Join(dir, "printed", "a.yaml")
	if err := os.Mkdir(filepath.Dir(printed), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(printed, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, dir, "diff DIR/a.yaml DIR/printed/a.yaml", 0, "", "")
}

func TestPrintMasksSecrets(t *testing.T) {
	secret := strings.Repeat("hush", 10)
	dir := folder(t, "a.yaml", good+"proxy: {stickiness_keys: ["+secret+", \"env:KEY\"]}\n")
	status, out, errs := run(t, dir, "print", "DIR/a.yaml")
	if status != 0 || strings.Contains(out+errs, "hush") || !strings.Contains(out, "********") || !strings.Contains(out, "env:KEY") {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
}

func TestPrintOfAFileWithProblems(t *testing.T) {
	dir := folder(t, "a.yaml", "app: Shop\nproxy: {max_connections: 0}\n")
	expect(t, dir, "print DIR/a.yaml", 1, "", `DIR/a.yaml:1:6: app: is not allowed (got "Shop", want lower-case letters, digits and hyphens, at most 20, a letter first)
DIR/a.yaml:2:26: proxy.max_connections: is not allowed (got 0, want 1 to 10000000)
`)
	expect(t, dir, "print DIR/b.yaml", 1, "", "DIR/b.yaml: cannot be read: no such file or directory\n")
}

func TestSchemaIsThatOfSpec(t *testing.T) {
	status, out, errs := run(t, t.TempDir(), "schema")
	if status != 0 || errs != "" {
		t.Fatalf("status %d\n%s", status, errs)
	}
	want, err := spec.Schema()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out); diff != "" {
		t.Error(diff)
	}
}
