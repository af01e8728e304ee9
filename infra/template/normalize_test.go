package template_test

import (
	"os"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/infra/template"
)

func normalize(t *testing.T, raw []byte) string {
	t.Helper()
	got, err := template.Normalize(raw)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestNormalize(t *testing.T) {
	raw, err := os.ReadFile("testdata/synthesized.json")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/normalized.json")
	if err != nil {
		t.Fatal(err)
	}
	got := normalize(t, raw)
	if got != string(want) {
		t.Errorf("normalized\n%s\nwant\n%s", got, want)
	}
	if again := normalize(t, []byte(got)); again != got {
		t.Errorf("normalized twice\n%s\nonce\n%s", again, got)
	}
}

// TestNormalizeForgetsCodeOnly: another build of the same code's place is no difference; any
// other change of the template is one.
func TestNormalizeForgetsCodeOnly(t *testing.T) {
	raw, err := os.ReadFile("testdata/synthesized.json")
	if err != nil {
		t.Fatal(err)
	}
	once := normalize(t, raw)
	for _, hash := range []struct{ old, new string }{
		{"dab4b9e943d0aa32c0f1bf92ff44e36ca598252311f00325e9b9cc78881904d1", strings.Repeat("0123456789abcdef", 4)},
		{"5dd5db37400b8f9d0dd118618a4bbaf4", strings.Repeat("0123456789abcdef", 2)},
	} {
		if again := normalize(t, []byte(strings.ReplaceAll(string(raw), hash.old, hash.new))); again != once {
			t.Errorf("another %s is a difference:\n%s", hash.old, again)
		}
	}
	for _, change := range []struct{ old, new string }{
		{"provided.al2023", "provided.al2"},
		{`"live"`, `"dead"`},
		{"FnServiceRole", "FnOtherRole"},
		{"9007199254740993", "9007199254740992"},
		{"a < b & c", "a > b & c"},
		{`"kept"`, `"lost"`},
	} {
		if !strings.Contains(string(raw), change.old) {
			t.Fatalf("the template has no %s", change.old)
		}
		if again := normalize(t, []byte(strings.ReplaceAll(string(raw), change.old, change.new))); again == once {
			t.Errorf("%s in place of %s is no difference", change.new, change.old)
		}
	}
}

func TestNormalizeRefusesWhatIsNoTemplate(t *testing.T) {
	if got, err := template.Normalize([]byte("Resources:")); err == nil {
		t.Errorf("normalized to %s", got)
	}
}
