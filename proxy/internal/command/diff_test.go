package command_test

import (
	"strings"
	"testing"
)

func TestDiffOfTheSame(t *testing.T) {
	// Said otherwise and in another place, the same holds.
	dir := folder(t, "a.yaml", good, "b.yaml", "extends: a.yaml\nload_balancer: {name: shop-a, attributes: {idle_timeout: 60s}}\n")
	expect(t, dir, "diff DIR/a.yaml DIR/b.yaml", 0, "", "")
	expect(t, dir, "diff DIR/a.yaml DIR/a.yaml", 0, "", "")
}

func TestDiffSaysWhatDiffers(t *testing.T) {
	dir := folder(t, "a.yaml", good, "b.yaml", "extends: a.yaml\nload_balancer: {name: shop-a, attributes: {idle_timeout: 30s}}\ndomain: example.com\n"+
		"certificates: {c: {acm: {domain: example.com}}}\n")
	const want = `domain: "" -> example.com
load_balancer.attributes.idle_timeout: 60s -> 30s
certificates.c: (nothing) -> {acm: {domain: example.com}}
`
	expect(t, dir, "diff DIR/a.yaml DIR/b.yaml", 1, want, "")
	expect(t, dir, "diff DIR/b.yaml DIR/a.yaml", 1, `domain: example.com -> ""
load_balancer.attributes.idle_timeout: 30s -> 60s
certificates.c: {acm: {domain: example.com}} -> (nothing)
`, "")
}

func TestDiffKeepsSecrets(t *testing.T) {
	key := func(word string) string {
		return good + "proxy: {stickiness_keys: [" + strings.Repeat(word, 10) + "]}\n"
	}
	dir := folder(t, "a.yaml", key("hush"), "b.yaml", key("psst"))
	status, out, errs := run(t, dir, "diff", "DIR/a.yaml", "DIR/b.yaml")
	if status != 1 || strings.Contains(out+errs, "hush") || strings.Contains(out+errs, "psst") || !strings.Contains(out, "proxy.stickiness_keys: ") {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
}

func TestDiffWithoutAnAnswer(t *testing.T) {
	dir := folder(t, "a.yaml", good, "b.yaml", "app: Shop\n")
	const problem = `DIR/b.yaml:1:6: app: is not allowed (got "Shop", want lower-case letters, digits and hyphens, at most 20, a letter first)` + "\n"
	expect(t, dir, "diff DIR/a.yaml DIR/b.yaml", 2, "", problem)
	expect(t, dir, "diff DIR/b.yaml DIR/c.yaml", 2, "", problem+"DIR/c.yaml: cannot be read: no such file or directory\n")
}
