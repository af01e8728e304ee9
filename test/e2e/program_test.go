//go:build e2e

package e2e_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/test/harness"
)

// program is the evenkeel command, built of the tree as it is.
var program string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "evenkeel-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if program, err = harness.Build(filepath.Join("..", ".."), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// site is an environment file in a folder of its own, with a certificate and free ports.
type site struct {
	t         *testing.T
	dir, file string
	// plain, secure and admin are the addresses of its listeners.
	plain, secure, admin string
	targets              []*mirror
}

// newSite writes a file. In its text %PLAIN%, %SECURE% and %ADMIN% become addresses, %DIR%
// the folder, and %TARGETS% the list of targets.
func newSite(t *testing.T, text string, targets ...*mirror) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), targets: targets}
	s.file = filepath.Join(s.dir, "site.yaml")
	ports := freePorts(t, 3)
	s.plain, s.secure, s.admin = loopback(ports[0]), loopback(ports[1]), loopback(ports[2])
	harness.WriteCertificate(t, s.dir, "site", harness.NewCertificate(t, false, "localhost", "127.0.0.1"))
	s.write(text)
	return s
}

func loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// write replaces the file as editors and deployments do: at once.
func (s *site) write(text string) {
	s.t.Helper()
	if err := os.WriteFile(s.file+".new", []byte(s.fill(text)), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(s.file+".new", s.file); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) fill(text string) string {
	list := make([]string, len(s.targets))
	for i, m := range s.targets {
		list[i] = m.entry()
	}
	return strings.NewReplacer(
		"%PLAIN%", s.plain, "%SECURE%", s.secure, "%ADMIN%", s.admin, "%DIR%", s.dir,
		"%TARGETS%", "["+strings.Join(list, ", ")+"]",
	).Replace(text)
}

// serve starts a process that serves the file, with more variables in its environment, and
// waits until it does.
func (s *site) serve(variables ...string) *balancer {
	s.t.Helper()
	b := &balancer{Process: harness.Start(s.t, tool(s.t, "env", "coreutils"), append(variables, program, "serve", s.file)...), site: s}
	b.Until("serving", func() bool { return strings.Contains(b.Output(), `"listener":"admin"`) })
	return b
}

// balancer is a process that serves a site.
type balancer struct {
	*harness.Process
	site *site
}

// healthy waits until n targets of all groups together are healthy.
func (b *balancer) healthy(n int) {
	b.site.t.Helper()
	b.Until(fmt.Sprintf("%d targets healthy", n), func() bool { return b.metric("alb_healthy_host_count") == float64(n) })
}

// metric sums up a metric over its labels.
func (b *balancer) metric(name string) float64 {
	b.site.t.Helper()
	answer, err := http.Get("http://" + b.site.admin + "/metrics")
	if err != nil {
		b.site.t.Fatal(err)
	}
	defer answer.Body.Close()
	sum := 0.0
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		sample, value, _ := strings.Cut(lines.Text(), " ")
		if before, _, _ := strings.Cut(sample, "{"); before != name {
			continue
		}
		if i := strings.LastIndexByte(lines.Text(), ' '); i >= 0 {
			value = lines.Text()[i+1:]
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			b.site.t.Fatalf("metric %s: %v", name, err)
		}
		sum += n
	}
	return sum
}

// memory returns what the process has in memory now and had at most, in MiB.
func (b *balancer) memory() (now, most int) {
	b.site.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.PID()))
	if err != nil {
		b.site.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		switch key {
		case "VmRSS":
			now = n >> 10
		case "VmHWM":
			most = n >> 10
		}
	}
	if most == 0 {
		b.site.t.Fatalf("/proc says nothing of the memory of %d", b.PID())
	}
	return now, most
}

// descriptors counts the files and sockets that the process has open.
func (b *balancer) descriptors() int {
	b.site.t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.PID()))
	if err != nil {
		b.site.t.Fatal(err)
	}
	return len(list)
}

// untrusting is a client's TLS: the certificates here are nobody's.
func untrusting(protocols ...string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: protocols}
}
