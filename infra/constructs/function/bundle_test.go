package function_test

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"os"
	"path/filepath"
	"testing"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"

	"github.com/evenkeel/evenkeel/infra/constructs/function"
)

// bundle compiles the probe as a deployment would, and returns the program's file.
func bundle(t *testing.T) string {
	t.Helper()
	env := environment(t)
	out := t.TempDir()
	app := cdk.NewApp(&cdk.AppProps{Outdir: &out})
	function.New(cdk.NewStack(app, new("Test"), nil), "Probe", props(env))
	app.Synth(nil)
	found, err := filepath.Glob(filepath.Join(out, "asset.*", "bootstrap"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the assets have %d programs called bootstrap, want 1 (%v)", len(found), err)
	}
	return found[0]
}

func TestBundleRunsOnLambda(t *testing.T) {
	name := bundle(t)
	program, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	if program.Machine != elf.EM_AARCH64 {
		t.Errorf("the program is for %v", program.Machine)
	}
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program needs a dynamic linker")
		}
	}
	if program.Section(".symtab") != nil || program.Section(".debug_info") != nil || program.Section(".zdebug_info") != nil {
		t.Error("the program carries symbols")
	}
	info, err := buildinfo.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range info.Settings {
		got[s.Key] = s.Value
	}
	for key, want := range map[string]string{"GOOS": "linux", "GOARCH": "arm64", "CGO_ENABLED": "0", "-tags": "lambda.norpc", "-trimpath": "true"} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
	stat, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if stat.Mode().Perm()&0o111 != 0o111 {
		t.Errorf("the program has mode %v, and Lambda runs it as another user", stat.Mode())
	}
}

// TestBundleIsItsSourceAlone: an asset that says where or from which commit it was made is
// another one on every machine and after every commit, and is deployed again.
func TestBundleIsItsSourceAlone(t *testing.T) {
	first, second := bundle(t), bundle(t)
	if a, b := filepath.Base(filepath.Dir(first)), filepath.Base(filepath.Dir(second)); a != b {
		t.Errorf("the same source is %s and %s", a, b)
	}
	program, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(program, []byte(root)) {
		t.Errorf("the program says that it was made in %s", root)
	}
	info, err := buildinfo.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range info.Settings {
		if len(s.Key) >= 3 && s.Key[:3] == "vcs" {
			t.Errorf("the program has %s=%s", s.Key, s.Value)
		}
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		t.Errorf("the program has the version %s", info.Main.Version)
	}
}
