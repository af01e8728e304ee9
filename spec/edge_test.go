package spec_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/evenkeel/evenkeel/spec"
)

// TestExpiresCompletesCacheControl: what nginx's expires does to Cache-Control, unless that is
// said.
func TestExpiresCompletesCacheControl(t *testing.T) {
	file := filepath.Join(t.TempDir(), "edge.yaml")
	const text = `app: edge
edge:
  static:
    - {path: /a/*, directory: a, expires: 24h}
    - {path: /b/*, directory: b, expires: 24h, cache_control: private}
    - {path: /c/*, directory: c}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env, err := spec.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"max-age=86400", "private", ""} {
		if got := env.Edge.Static[i].CacheControl; got != want {
			t.Errorf("%s: Cache-Control %q, want %q", env.Edge.Static[i].Path, got, want)
		}
	}
}
