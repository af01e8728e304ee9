package sticky_test

import (
	"regexp"
	"slices"
	"testing"
)

func TestAliases(t *testing.T) {
	both := sealer(t, secret('a'), secret('b')).Aliases(scope, address)
	if len(both) != 2 || both[0] == both[1] {
		t.Fatalf("got %q, want one for each secret", both)
	}
	for i, c := range []byte{'a', 'b'} {
		if got := sealer(t, secret(c)).Aliases(scope, address); !slices.Equal(got, both[i:i+1]) {
			t.Errorf("secret %c alone makes %q, and %q beside another", c, got, both[i])
		}
	}
	shape := regexp.MustCompile(`^[0-9a-f]{16}$`)
	seen := map[string]string{}
	for _, c := range [][2]string{{scope, address}, {scope + "2", address}, {scope, "10.0.1.2:8000"}, {"a", "bc"}, {"ab", "c"}, {"", "abc"}, {"abc", ""}} {
		alias := sealer(t, secret('a')).Aliases(c[0], c[1])[0]
		if other, twice := seen[alias]; twice {
			t.Errorf("%q and %s have the same alias", c, other)
		}
		if seen[alias] = c[0] + ", " + c[1]; !shape.MatchString(alias) {
			t.Errorf("%q: got %q", c, alias)
		}
	}
	if a, b := sealer(t).Aliases(scope, address), sealer(t).Aliases(scope, address); a[0] == b[0] {
		t.Error("without secrets two processes make the same alias: anybody can")
	}
}
