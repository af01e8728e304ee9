// Package harness runs the real program and plays its clients and its targets, byte by
// byte, for tests that look at a load balancer from outside.
package harness

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Patience bounds every wait of the harness. It only ends waits that are in vain; nothing
// is measured by it.
const Patience = 15 * time.Second

// Build compiles the evenkeel command of the module at root into dir and returns its path.
//
// It also looks at every file that the program is made of, so that `go test` does not take
// a result from its cache when one of them has changed.
func Build(root, dir string) (string, error) {
	for _, part := range []string{"proxy", "spec", "targethealth", "environments", "go.mod"} {
		err := filepath.WalkDir(filepath.Join(root, part), func(name string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			_, err = os.Stat(name)
			return err
		})
		if err != nil {
			return "", fmt.Errorf("looking at the program's files: %w", err)
		}
	}
	program := filepath.Join(dir, "evenkeel")
	build := exec.Command("go", slices.Concat([]string{"build"}, buildFlags, []string{"-o", program, "./proxy"})...)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./proxy: %w\n%s", err, out)
	}
	return program, nil
}

// Process is a program that runs.
type Process struct {
	tb     testing.TB
	cmd    *exec.Cmd
	output output
	ended  chan struct{}
	err    error // how it ended; valid once ended is closed
}

// Start runs a program until the test ends. What it wrote is shown when the test fails.
func Start(tb testing.TB, program string, args ...string) *Process {
	tb.Helper()
	p := &Process{tb: tb, cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		tb.Fatalf("%s: %v", program, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	tb.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.ended
		if strings.Contains(p.Output(), "WARNING: DATA RACE") {
			tb.Errorf("%s has data races", filepath.Base(program))
		}
		if tb.Failed() {
			tb.Logf("%s wrote:\n%s", filepath.Base(program), p.Output())
		}
	})
	return p
}

// PID returns the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Output returns what the process has written so far.
func (p *Process) Output() string { return p.output.String() }

// Signal sends a signal.
func (p *Process) Signal(s os.Signal) {
	p.tb.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.tb.Fatalf("signal %v: %v", s, err)
	}
}

// Ended reports whether the process has ended, and how.
func (p *Process) Ended() (bool, error) {
	select {
	case <-p.ended:
		return true, p.err
	default:
		return false, nil
	}
}

// Wait waits for the end of the process and returns its error.
func (p *Process) Wait() error {
	p.tb.Helper()
	select {
	case <-p.ended:
		return p.err
	case <-time.After(Patience):
		p.tb.Fatalf("process still runs:\n%s", p.Output())
		return nil
	}
}

// WaitListening waits until something accepts at address.
func (p *Process) WaitListening(address string) {
	p.tb.Helper()
	p.Until("listening on "+address, func() bool {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return false
		}
		_ = c.Close()
		return true
	})
}

// Until waits for a condition as long as the process runs.
func (p *Process) Until(what string, holds func() bool) {
	p.tb.Helper()
	for deadline := time.Now().Add(Patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if ended, err := p.Ended(); ended {
			p.tb.Fatalf("not %s: process ended: %v\n%s", what, err, p.Output())
		}
		if time.Now().After(deadline) {
			p.tb.Fatalf("not %s\n%s", what, p.Output())
		}
	}
}

// FreeAddress returns a loopback address that nothing listens on.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// output is a buffer that may be read while it is written.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
