package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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

// clockTick is the unit of the times in /proc/PID/stat on Linux.
const clockTick = 10 * time.Millisecond

// process is a running proxy.
type process struct {
	cmd *exec.Cmd
	url string
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
	p := &process{cmd: cmd, url: "http://" + address + "/"}
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
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	killer := time.AfterFunc(3*time.Second, func() { _ = p.cmd.Process.Kill() })
	_ = p.cmd.Wait()
	killer.Stop()
}

// cpu returns user and system time spent so far, of the process and of its children: the
// worker is a child in the case of nginx.
func (p *process) cpu() (time.Duration, error) {
	pids := []string{strconv.Itoa(p.cmd.Process.Pid)}
	children, err := os.ReadFile(filepath.Join("/proc", pids[0], "task", pids[0], "children"))
	if err == nil {
		pids = append(pids, strings.Fields(string(children))...)
	}
	var total time.Duration
	for _, pid := range pids {
		stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
		if err != nil {
			return 0, err
		}
		// The fields after the command's closing parenthesis start with the third.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		for _, f := range fields[11:13] {
			ticks, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				return 0, err
			}
			total += time.Duration(ticks) * clockTick
		}
	}
	return total, nil
}

var (
	requestsLine = regexp.MustCompile(`(\d+) requests in`)
	p99Line      = regexp.MustCompile(`(?m)^\s+99%\s+(\S+)$`)
	errorsLine   = regexp.MustCompile(`(?m)(Socket errors|Non-2xx).*$`)
)

// loaded is how many requests were answered, and the time that 99 % of them took at most.
type loaded struct {
	requests int
	p99      time.Duration
}

// load runs wrk.
func load(ctx context.Context, url string, c benchCase, length time.Duration) (loaded, error) {
	var l loaded
	args := []string{"-c", loadCore, "wrk", "--latency", "-t", "1", "-c", "64", "-d", length.String()}
	if c.header != "" {
		args = append(args, "-H", c.header)
	}
	out, err := exec.CommandContext(ctx, "taskset", append(args, url)...).CombinedOutput()
	if err != nil {
		return l, fmt.Errorf("wrk: %w: %s", err, out)
	}
	if bad := errorsLine.Find(out); bad != nil && c.header == "" {
		return l, fmt.Errorf("wrk saw errors: %s", bad)
	}
	count, p99 := requestsLine.FindSubmatch(out), p99Line.FindSubmatch(out)
	if count == nil || p99 == nil {
		return l, fmt.Errorf("wrk: no count or no percentile in %q", out)
	}
	if l.requests, err = strconv.Atoi(string(count[1])); err != nil {
		return l, err
	}
	if l.requests == 0 {
		return l, fmt.Errorf("no request was answered: %s", out)
	}
	l.p99, err = time.ParseDuration(string(p99[1]))
	return l, err
}
