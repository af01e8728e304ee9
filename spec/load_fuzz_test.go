package spec

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzLoad reads whatever it is given: never with a panic, and what loads is printed and
// loads again to the same.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	more, err := filepath.Glob(filepath.Join("..", "environments", "*.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, more...) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		file := filepath.Join(dir, "fuzzed.yaml")
		write(t, file, string(text))
		env, problems, _ := Check(file)
		_ = problems.Error()
		if env == nil {
			if len(problems) == 0 {
				t.Fatal("neither an environment nor a problem")
			}
			return
		}
		if openSecret(env) {
			return // printed masked, it is another
		}
		var printed bytes.Buffer
		if err := Print(&printed, env); err != nil {
			t.Fatal(err)
		}
		write(t, file, printed.String())
		again, err := Load(file)
		if err != nil {
			t.Fatalf("what was printed does not load: %v\n%s", err, printed.String())
		}
		again.Extends = env.Extends
		if !reflect.DeepEqual(env, again) {
			t.Fatalf("printed and loaded again it differs:\n%s", cmp.Diff(env, again))
		}
		if d := Diff(env, again); len(d) > 0 {
			t.Fatalf("equal environments differ: %v", d)
		}
	})
}

func openSecret(env *Environment) bool {
	secrets := append([]Secret{}, env.Proxy.StickinessKeys...)
	for _, s := range env.Proxy.Admin.Users {
		secrets = append(secrets, s)
	}
	for _, s := range env.Proxy.ELBv2API.Credentials {
		secrets = append(secrets, s)
	}
	for _, s := range secrets {
		if !isReference(string(s)) {
			return true
		}
	}
	return false
}
