package conformance_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"sync"
	"testing"

	"github.com/evenkeel/evenkeel/test/harness"
)

var (
	update = flag.Bool("update", false, "write docs/reference/conformance.md from this run")

	program string // the real one
	scratch string // a directory for everything that runs
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := func() int {
		var err error
		if scratch, err = os.MkdirTemp("", "conformance"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(scratch)
		if program, err = harness.Build("../..", scratch); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}()
	os.Exit(code)
}

// atOnce is how many systems run at once. Most of the time of a case is waiting.
const atOnce = 6

// TestConformance runs every case under its feature/name.
func TestConformance(t *testing.T) {
	s, err := load()
	if err != nil {
		t.Fatal(err)
	}
	batches := make(chan *batch)
	results := &results{passed: map[*testCase]bool{}}
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for b := range batches {
				b.run(t, results)
			}
		})
	}
	for _, b := range s.batches() {
		batches <- b
	}
	close(batches)
	workers.Wait()
	s.report(t, results)
}

// results are the cases that passed.
type results struct {
	sync.Mutex
	passed map[*testCase]bool
}

// batch is cases that share a system, one after the other.
type batch struct {
	plan  systemPlan
	cases []*testCase
}

// batches sorts the cases by what they need to run.
func (s *suite) batches() []*batch {
	var list []*batch
	byPlan := map[string]*batch{}
	for _, f := range s.features {
		for _, c := range f.cases() {
			p := s.plan(c)
			b := byPlan[p.key()]
			if b == nil || c.alone() {
				b = &batch{plan: p}
				list = append(list, b)
				if !c.alone() {
					byPlan[p.key()] = b
				}
			}
			b.cases = append(b.cases, c)
		}
	}
	return list
}

// plan is what runs for a case: the base, its file's additions, its own.
func (s *suite) plan(c *testCase) systemPlan {
	p := systemPlan{
		environment: c.Environment.over(c.file.Environment.over(s.base)),
		targets:     map[string]targetPlan{}, certificates: map[string]certificatePlan{},
		files: c.file.Files,
		ipv6:  c.IPv6 || c.file.IPv6,
	}
	for _, targets := range []map[string]targetPlan{c.file.Targets, c.Targets} {
		for id, t := range targets {
			if t.standing() {
				p.targets[id] = targetPlan{Speaks: t.Speaks, TLS: t.TLS, Refuses: t.Refuses, Unanswered: t.Unanswered, Health: t.Health}
			}
		}
	}
	for _, plans := range []map[string]certificatePlan{c.file.Certificates, c.Certificates} {
		maps.Copy(p.certificates, plans)
	}
	return p
}

func (p systemPlan) key() string {
	b, err := json.Marshal(struct {
		E tree
		T map[string]targetPlan
		C map[string]certificatePlan
		F map[string]string
		I bool
	}{p.environment, p.targets, p.certificates, p.files, p.ipv6})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// alone reports whether a case needs a system that no other case has used.
func (c *testCase) alone() bool {
	if c.Fresh {
		return true
	}
	for _, st := range c.Steps {
		if st.Reload != nil || len(st.Connections) > 0 || len(st.Metrics) > 0 || st.LogLine != "" || st.ConnLogLine != "" || st.CheckLogLine != "" || st.WAFLogLine != "" {
			return true
		}
	}
	return false
}

func (b *batch) run(t *testing.T, results *results) {
	var s *system
	stop := func() {
		if s != nil {
			s.TB = t // the cases' own are over
			s.stop()
			s = nil
		}
	}
	defer stop()
	for _, c := range b.cases {
		t.Run(c.file.feature+"/"+c.Name, func(own *testing.T) {
			if s != nil && !s.runs() {
				stop()
			}
			if s == nil {
				s = &system{TB: own, plan: b.plan}
				s.start()
			}
			s.TB = own
			run(own, s, c)
			if !own.Failed() {
				results.Lock()
				defer results.Unlock()
				results.passed[c] = true
			}
		})
	}
}
