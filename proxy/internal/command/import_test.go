package command_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/command"
)

func TestImport(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	clean := write("clean.conf", "# a site\nserver { listen 80; location / { proxy_set_header Host $http_host; proxy_pass http://192.0.2.1; } }\n")
	lossy := write("lossy.cfg", "defaults\n mode http\nfrontend f\n bind :80\n http-request auth\n default_backend b\nbackend b\n server s 192.0.2.1:80 check inter 5s\nlisten stats\n bind 127.0.0.1:8404\n stats enable\n stats auth admin:hunter2\n")
	broken := write("broken.conf", "http {\n gzip on\n}\n")
	twice := write("twice.conf", "http { server { listen 80; "+strings.Repeat("location /a { return 200; } ", 101)+"} }\n")
	write("empty", "# nothing\n")
	out, report := filepath.Join(dir, "out.yaml"), filepath.Join(dir, "report")
	for _, c := range []struct {
		args           []string
		status         int
		stdout, stderr string
	}{
		{[]string{clean}, 0, "default_action", "4 mapped"},
		{[]string{clean, "--from=nginx"}, 0, "default_action", "4 mapped"},
		{[]string{clean, "--from=haproxy"}, 2, "", "clean.conf:2: unknown keyword"},
		{[]string{clean, "--from=apache"}, 2, "", "apache"},
		{[]string{lossy}, 1, "env:EVENKEEL_USER_ADMIN", "lossy.cfg:5: not mapped: http-request auth"},
		{[]string{lossy, "-o", out, "--report", report}, 1, "", ""},
		{[]string{lossy, "-o", out}, 2, "", "out.yaml is there already"},
		{[]string{broken}, 2, "", `broken.conf:2: directive "gzip" is not terminated by ";"`},
		{[]string{twice}, 1, "priority: 1010", "error: load_balancer.listeners"},
		{[]string{filepath.Join(dir, "empty")}, 2, "", "says nothing"},
		{[]string{filepath.Join(dir, "none.conf")}, 2, "", "no such file"},
		{[]string{dir}, 2, "", "is no file"},
	} {
		var stdout, stderr strings.Builder
		status := command.Main(append([]string{"import"}, c.args...), &stdout, &stderr)
		if status != c.status || !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) {
			t.Errorf("import %q: exit status %d, want %d with %q in\n%s\nand %q in\n%s", c.args, status, c.status, c.stdout, stdout.String(), c.stderr, stderr.String())
		}
		if c.status == 2 && stdout.Len() > 0 {
			t.Errorf("import %q: wrote what has no answer:\n%s", c.args, stdout.String())
		}
		if strings.Contains(stdout.String()+stderr.String(), "hunter2") {
			t.Errorf("import %q: a password is copied:\n%s%s", c.args, stdout.String(), stderr.String())
		}
	}
	for _, file := range []string{out, report} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "hunter2") || !strings.Contains(string(text), "admin") {
			t.Errorf("%s:\n%s", file, text)
		}
	}
	var stdout, stderr strings.Builder
	if status := command.Main([]string{"check", out}, &stdout, &stderr); status != 0 {
		t.Errorf("what was imported is not valid:\n%s%s", stdout.String(), stderr.String())
	}
}
