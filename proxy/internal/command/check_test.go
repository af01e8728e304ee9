package command_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/command"
	"github.com/evenkeel/evenkeel/proxy/internal/tlspolicy"
	"github.com/evenkeel/evenkeel/spec"
)

// good is an environment file without a fault.
const good = `app: shop
load_balancer:
  listeners:
    - {name: http, port: 8080, protocol: HTTP, default_action: {fixed_response: {status_code: 200}}}
`

// secure is one whose listener has the security policy %s, in line 4 and column 53.
const secure = `app: shop
load_balancer:
  listeners:
    - {name: https, port: 8443, protocol: HTTPS, ssl_policy: %s, certificates: [c],
       default_action: {fixed_response: {status_code: 200}}}
certificates: {c: {files: {certificate: c.pem, private_key: k.pem}}}
`

// folder writes files, by name and text in turn, and returns where they are.
func folder(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// run runs a command line; DIR in it stands for dir, and in its output again.
func run(t *testing.T, dir string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err strings.Builder
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "DIR", dir)
	}
	status = command.Main(args, &out, &err)
	return status, strings.ReplaceAll(out.String(), dir, "DIR"), strings.ReplaceAll(err.String(), dir, "DIR")
}

// expect runs a command line and holds it to all that it says.
func expect(t *testing.T, dir, args string, status int, stdout, stderr string) {
	t.Helper()
	gotStatus, gotOut, gotErr := run(t, dir, strings.Fields(args)...)
	if gotStatus != status || gotOut != stdout || gotErr != stderr {
		t.Errorf("evenkeel %s\ngot  status %d\n%s%s\nwant status %d\n%s%s", args, gotStatus, gotOut, gotErr, status, stdout, stderr)
	}
}

func TestCheckSaysOK(t *testing.T) {
	dir := folder(t, "a.yaml", good, "b.yaml", good)
	expect(t, dir, "check DIR/a.yaml", 0, "DIR/a.yaml: ok\n", "")
	expect(t, dir, "check DIR/a.yaml DIR/b.yaml", 0, "DIR/a.yaml: ok\nDIR/b.yaml: ok\n", "")
}

func TestCheckPrintsAllProblemsOfAllFiles(t *testing.T) {
	dir := folder(t, "a.yaml", "app: Shop\nproxy: {max_connections: 0}\n", "b.yaml", good, "c.yaml", "extends: none.yaml\n")
	expect(t, dir, "check DIR/a.yaml DIR/b.yaml DIR/c.yaml DIR/d.yaml", 1, `DIR/a.yaml:1:6: app: is not allowed (got "Shop", want lower-case letters, digits and hyphens, at most 20, a letter first)
DIR/a.yaml:2:26: proxy.max_connections: is not allowed (got 0, want 1 to 10000000)
DIR/a.yaml:1:1: warning: load_balancer.listeners: nothing listens
DIR/b.yaml: ok
DIR/c.yaml:1:10: extends: cannot be read: no such file or directory (got "none.yaml", want a file beside this one)
DIR/d.yaml: cannot be read: no such file or directory
`, "")
}

// TestCheckSaysOfABaseOnce checks two files of which both extend what has the fault.
func TestCheckSaysOfABaseOnce(t *testing.T) {
	dir := folder(t, "base.yaml", good+"proxy: {max_connections: 0}\n", "a.yaml", "extends: base.yaml\n", "b.yaml", "extends: base.yaml\n")
	expect(t, dir, "check DIR/a.yaml DIR/b.yaml", 1, "DIR/base.yaml:5:26: proxy.max_connections: is not allowed (got 0, want 1 to 10000000)\n", "")
}

func TestCheckWarnsWithoutFailing(t *testing.T) {
	dir := folder(t, "a.yaml", good+"target_groups: [{name: web, port: 80}]\n")
	expect(t, dir, "check DIR/a.yaml", 0, `DIR/a.yaml:5:17: warning: target_groups[0]: no rule forwards to this target group, so its targets are not used (got "web")
DIR/a.yaml: ok
`, "")
}

// TestFilesOfTheEdge: where a file is checked only, what it names need not be there; where it
// is served, it must.
func TestFilesOfTheEdge(t *testing.T) {
	dir := folder(t, "a.yaml", good+"edge:\n  error_pages: {\"503\": 503.html, \"404\": 404.html}\n", "404.html", "gone")
	const problem = `edge.error_pages.503: cannot be read: no such file or directory%s (got "503.html", want a file of at most 1048576 bytes)`
	expect(t, dir, "check DIR/a.yaml", 0, "DIR/a.yaml:6:24: warning: "+fmt.Sprintf(problem, " here")+"\nDIR/a.yaml: ok\n", "")
	status, _, stderr := run(t, dir, "serve", "DIR/a.yaml")
	if want := "DIR/a.yaml:6:24: " + fmt.Sprintf(problem, ""); status != 1 || !strings.Contains(stderr, want) {
		t.Errorf("status %d: %s\nwant %s", status, stderr, want)
	}
}

func TestCheckWarnsOfWhatAPolicyLacks(t *testing.T) {
	at := `DIR/a.yaml:4:62: warning: load_balancer.listeners[0].ssl_policy: `
	for policy, want := range map[string]string{
		"ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09": "",
		"ELBSecurityPolicy-TLS13-1-2-2021-06": at + "is offered without ECDHE-ECDSA-AES256-SHA384, ECDHE-RSA-AES256-SHA384: " +
			"clients that have nothing else cannot connect (got \"ELBSecurityPolicy-TLS13-1-2-2021-06\")\n",
		"ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04": at + "is offered with TLS_CHACHA20_POLY1305_SHA256 as well, " +
			"which the policy does not have (got \"ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04\")\n",
		"ELBSecurityPolicy-TLS13-1-2-RFC9151-FIPS-2023-07": at + "is offered without TLS_AES_256_GCM_SHA384: " +
			"clients that have nothing else cannot connect (got \"ELBSecurityPolicy-TLS13-1-2-RFC9151-FIPS-2023-07\")\n",
	} {
		dir := folder(t, "a.yaml", fmt.Sprintf(secure, policy))
		expect(t, dir, "check DIR/a.yaml", 0, want+"DIR/a.yaml: ok\n", "")
	}
}

func TestCheckRefusesAPolicyOfWhichNothingIsLeft(t *testing.T) {
	const policy = "ELBSecurityPolicy-TLS13-1-3-RFC9151-FIPS-2023-07"
	want := `DIR/a.yaml:4:62: load_balancer.listeners[0].ssl_policy: has nothing that this program can offer (got "` + policy + `", want ` +
		tlspolicy.Nearest(policy) + ", which is nearest)\n"
	expect(t, folder(t, "a.yaml", fmt.Sprintf(secure, policy)), "check DIR/a.yaml", 1, want, "")

	base := fmt.Sprintf(strings.Replace(secure, "app: shop", "app: Shop", 1), policy)
	expect(t, folder(t, "a.yaml", base, "b.yaml", "extends: a.yaml\n"), "check DIR/b.yaml", 1,
		`DIR/a.yaml:1:6: app: is not allowed (got "Shop", want lower-case letters, digits and hyphens, at most 20, a letter first)`+"\n"+want, "")

	unknown := fmt.Sprintf(secure, "ELBSecurityPolicy-2099-01")
	if status, out, _ := run(t, folder(t, "a.yaml", unknown), "check", "DIR/a.yaml"); status != 1 || strings.Count(out, "\n") != 1 {
		t.Errorf("an unknown policy: status %d\n%s", status, out)
	}
}

// TestCheckAndSpecKnowTheSamePolicies holds the two lists of AWS's names together.
func TestCheckAndSpecKnowTheSamePolicies(t *testing.T) {
	names := spec.SSLPolicies()
	for _, name := range names {
		if !tlspolicy.Known(name) {
			t.Errorf("package tlspolicy does not know %s", name)
		}
	}
	if got := len(tlspolicy.Names()); got != len(names) {
		t.Errorf("package tlspolicy knows %d policies, spec %d", got, len(names))
	}
	if !tlspolicy.Known(spec.DefaultSSLPolicy) {
		t.Errorf("package tlspolicy does not know the default, %s", spec.DefaultSSLPolicy)
	}
}
