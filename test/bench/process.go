package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Cores: the proxy under test has one to itself.
const (
	proxyCore = "0"
	loadCore  = "1"
)

// process is a running proxy.
type process struct {
	cmd     *exec.Cmd
	address string
	// cookie is what clients send, if anything.
	cookie string
	// profile is the file that a profile is written to, if any.
	profile string
}

// url is where a case's requests go.
func (p *process) url(c benchCase) string {
	if c.tls {
		return "https://" + p.address + "/"
	}
	return "http://" + p.address + "/"
}

// startProcess runs a command pinned to a core and waits until address accepts.
func startProcess(ctx context.Context, core, address string, env []string, command ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", core}, command...)...)
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, address: address}
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = conn.Close()
			return p, nil
		}
		if time.Now().After(deadline) {
			p.stop()
			return nil, fmt.Errorf("%s does not listen on %s: %s", command[0], address, stderr.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (p *process) stop() {
	p.finishProfile()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	killer := time.AfterFunc(3*time.Second, func() { _ = p.cmd.Process.Kill() })
	_ = p.cmd.Wait()
	killer.Stop()
}

// pids are the process and its children: the worker is a child in the case of nginx.
func (p *process) pids() []string {
	pids := []string{strconv.Itoa(p.cmd.Process.Pid)}
	children, err := os.ReadFile(filepath.Join("/proc", pids[0], "task", pids[0], "children"))
	if err == nil {
		pids = append(pids, strings.Fields(string(children))...)
	}
	return pids
}

// memory is what the process and its children hold, in bytes; a page that several share
// counts in parts.
func (p *process) memory() (int64, error) {
	var total int64
	for _, pid := range p.pids() {
		rollup, err := os.ReadFile(filepath.Join("/proc", pid, "smaps_rollup"))
		if err != nil {
			return 0, err
		}
		_, rest, _ := strings.Cut(string(rollup), "\nPss:")
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			return 0, fmt.Errorf("process %s tells no Pss", pid)
		}
		kib, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return 0, err
		}
		total += kib << 10
	}
	return total, nil
}

// cpu returns user and system time spent so far, of the process and of its children. It is summed up
// over threads, since their times are told in nanoseconds and a process's in hundredths of a second.
func (p *process) cpu() (time.Duration, error) {
	var total time.Duration
	for _, pid := range p.pids() {
		threads, err := filepath.Glob(filepath.Join("/proc", pid, "task", "*", "schedstat"))
		if err != nil {
			return 0, err
		}
		if len(threads) == 0 {
			return 0, fmt.Errorf("process %s is gone, or its kernel counts no time of threads (CONFIG_SCHED_INFO)", pid)
		}
		for _, path := range threads {
			stat, err := os.ReadFile(path)
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
				continue // a thread that has just ended
			}
			if err != nil {
				return 0, err
			}
			spent, _, _ := strings.Cut(string(stat), " ")
			nanos, err := strconv.ParseInt(spent, 10, 64)
			if err != nil {
				return 0, err
			}
			total += time.Duration(nanos)
		}
	}
	return total, nil
}

// finishProfile has the profile written and waits for it.
func (p *process) finishProfile() {
	if p.profile == "" {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGUSR1)
	for range 100 {
		if i, err := os.Stat(p.profile); err == nil && i.Size() > 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
