package conformance_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/test/harness"
)

// systemPlan is what has to run for a case: cases with the same plan share a system.
type systemPlan struct {
	environment  tree
	targets      map[string]targetPlan
	certificates map[string]certificatePlan
	files        map[string]string
	ipv6         bool
}

// system is a load balancer that runs, with its targets. It lives longer than the case that
// starts it, and what goes wrong is the current case's.
type system struct {
	testing.TB // of the current case
	mu         sync.Mutex
	ends       []func()
	ready      bool

	plan      systemPlan
	dir       string
	process   *harness.Process
	listeners map[string]string // addresses
	secure    map[string]bool   // listeners that speak TLS
	admin     string
	targets   map[string]*harness.Target
	addresses map[string]string // of targets
	// environment is the one that is in force.
	environment tree
	certificate map[string][]byte // what a certificate is, by name
}

// Cleanup keeps f for the end of the system.
func (s *system) Cleanup(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends = append(s.ends, f)
}

// Failed is false for the parts of the harness: a case that fails shows what the process
// wrote meanwhile, not all of it.
func (s *system) Failed() bool { return false }

// runs reports whether the system has come up and is still there.
func (s *system) runs() bool {
	if !s.ready {
		return false
	}
	ended, _ := s.process.Ended()
	return !ended
}

// stop ends what was started, the last first.
func (s *system) stop() {
	for _, f := range slices.Backward(s.ends) {
		f()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// certificates are made once for all systems: making RSA keys takes a while.
var certificates struct {
	sync.Mutex
	made map[string]tls.Certificate
}

func certificateOf(tb testing.TB, p certificatePlan) tls.Certificate {
	certificates.Lock()
	defer certificates.Unlock()
	key := fmt.Sprint(p)
	c, ok := certificates.made[key]
	if !ok {
		c = harness.NewCertificate(tb, p.RSA, p.Names...)
		if certificates.made == nil {
			certificates.made = map[string]tls.Certificate{}
		}
		certificates.made[key] = c
	}
	return c
}

// start runs the plan and waits until the load balancer serves and has looked at every
// target.
func (s *system) start() {
	var err error
	if s.dir, err = os.MkdirTemp(scratch, "system"); err != nil {
		s.Fatal(err)
	}
	s.listeners, s.secure, s.addresses = map[string]string{}, map[string]bool{}, map[string]string{}
	s.targets, s.certificate = map[string]*harness.Target{}, map[string][]byte{}
	s.admin = freeAddress(s, false)
	plans := maps.Clone(s.plan.certificates)
	if plans == nil {
		plans = map[string]certificatePlan{}
	}
	if _, ok := plans["local"]; !ok {
		plans["local"] = certificatePlan{Names: many[string]{"localhost"}}
	}
	for name, p := range plans {
		c := certificateOf(s, p)
		harness.WriteCertificate(s, s.dir, name, c)
		s.certificate[name] = c.Certificate[0]
	}
	s.writeFiles()
	s.environment = s.plan.environment
	s.startTargets()
	s.write()
	s.process = harness.Start(s, program, "serve", "--no-watch", s.file())
	for _, address := range s.listeners {
		s.process.WaitListening(address)
	}
	s.process.WaitListening(s.admin)
	s.waitChecked()
	s.ready = true
}

// modified is when the files of all cases were last modified.
var modified = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// writeFiles makes the files that the environment names, in its folder.
func (s *system) writeFiles() {
	for name, text := range s.plan.files {
		text, err := variables{}.exact(text)
		if err != nil {
			s.Fatal(err)
		}
		path := filepath.Join(s.dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644), os.Chtimes(path, modified, modified)); err != nil {
			s.Fatal(err)
		}
	}
}

func (s *system) file() string { return filepath.Join(s.dir, "conformance.yaml") }

func (s *system) logPath(log string) string { return filepath.Join(s.dir, log+".log") }

func (s *system) write() {
	next := s.file() + ".next"
	if err := os.WriteFile(next, s.fill(s.environment), 0o600); err != nil {
		s.Fatal(err)
	}
	if err := os.Rename(next, s.file()); err != nil {
		s.Fatal(err)
	}
}

// startTargets starts the targets that the environment names and that do not run yet.
func (s *system) startTargets() {
	for _, id := range s.environment.targetIDs() {
		if s.addresses[id] != "" {
			continue
		}
		p := s.plan.targets[id]
		switch {
		case p.Refuses:
			s.addresses[id] = freeAddress(s, false)
			continue
		case p.Unanswered:
			s.addresses[id] = harness.Unanswered(s)
			continue
		}
		var secure *tls.Config
		if p.TLS {
			c := certificateOf(s, certificatePlan{Names: many[string]{"nobody.invalid"}})
			secure = &tls.Config{Certificates: []tls.Certificate{c}}
		}
		var t *harness.Target
		switch p.Speaks {
		case "http2":
			t = harness.NewHTTP2Target(s, id, secure)
		case "", "http1":
			t = harness.NewTarget(s, id, secure)
		default:
			s.Fatalf("target %s speaks %q", id, p.Speaks)
		}
		if p.Health != nil {
			t.SetHealth(*p.Health)
		}
		s.targets[id], s.addresses[id] = t, t.Address()
	}
}

// waitChecked waits until every target of a group in use has been checked, and is healthy
// when it says so.
func (s *system) waitChecked() {
	s.process.Until("all targets checked", func() bool {
		for _, group := range s.status().TargetGroups {
			for _, t := range group.Targets {
				p := s.plan.targets[t.ID]
				switch {
				case p.Refuses, p.Unanswered, t.State == "unused", t.State == "draining":
				case p.Health != nil && *p.Health != http.StatusOK:
					if len(s.targets[t.ID].Checks()) == 0 {
						return false
					}
				case t.State != "healthy":
					return false
				}
			}
		}
		return true
	})
}

// status is what the load balancer says of itself.
type status struct {
	TargetGroups []struct {
		Name     string `json:"name"`
		FailOpen bool   `json:"fail_open"`
		Targets  []struct {
			ID     string `json:"id"`
			State  string `json:"state"`
			Reason string `json:"reason"`
		} `json:"targets"`
	} `json:"target_groups"`
	Reloads struct {
		Count     uint64    `json:"count"`
		LastError string    `json:"last_error"`
		LastTime  time.Time `json:"last_time"`
	} `json:"reloads"`
}

func (s *system) status() status {
	var st status
	if err := json.Unmarshal(s.ask("/status"), &st); err != nil {
		s.Fatal(err)
	}
	return st
}

func (s *system) ask(path string) []byte {
	ctx, cancel := context.WithTimeout(s.Context(), harness.Patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.admin+path, http.NoBody)
	if err != nil {
		s.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatalf("admin listener: %v\n%s", err, s.process.Output())
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		s.Fatal(err)
	}
	return b
}

// reload lays a piece over the environment and has the load balancer read it.
func (s *system) reload(over tree, fails bool) {
	s.environment = over.over(s.environment)
	s.startTargets()
	before := s.status().Reloads.LastTime
	s.write()
	s.process.Signal(syscall.SIGHUP)
	s.process.Until("reloaded", func() bool { return !s.status().Reloads.LastTime.Equal(before) })
	if text := s.status().Reloads.LastError; (text != "") != fails {
		s.Fatalf("reload: %q", text)
	}
}

// states returns the state of every target, and its reason when it has one.
func (s *system) states() states {
	out := states{}
	for _, group := range s.status().TargetGroups {
		out[group.Name] = map[string]string{}
		for _, t := range group.Targets {
			out[group.Name][t.ID] = strings.TrimSpace(t.State + " " + t.Reason)
		}
	}
	return out
}

// metrics returns the sum of the series whose name and labels begin as asked.
func (s *system) metrics(names []string) map[string]float64 {
	sums := map[string]float64{}
	for line := range bytes.Lines(s.ask("/metrics")) {
		at := bytes.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		series := string(line[:at])
		var value float64
		if _, err := fmt.Sscan(string(line[at+1:]), &value); err != nil {
			continue
		}
		for _, name := range names {
			want, labels, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
			got, has, _ := strings.Cut(series, "{")
			if got == want && (labels == "" || strings.Contains(has, labels)) {
				sums[name] += value
			}
		}
	}
	return sums
}

// log returns the lines of a log.
func (s *system) log(name string) []string {
	b, err := os.ReadFile(s.logPath(name))
	if err != nil && !os.IsNotExist(err) {
		s.Fatal(err)
	}
	text := string(b)
	whole := strings.LastIndexByte(text, '\n') + 1
	return strings.Split(strings.TrimSuffix(text[:whole], "\n"), "\n")
}
