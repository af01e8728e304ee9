package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Process is an application that is a process of a known number, or of one that stands in a
// file. The number alone is no name, since the system gives it again: a run is number and
// start.
type Process struct {
	// PID is the process's number; 0 to read PIDFile.
	PID     int
	PIDFile string
	// Signal is what tells it to end.
	Signal syscall.Signal
}

// Current implements Application.
func (p *Process) Current(context.Context) (string, error) {
	pid := p.PID
	if pid == 0 {
		text, err := os.ReadFile(p.PIDFile)
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		if pid, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil || pid <= 0 {
			return "", fmt.Errorf("file %s has %q, want the number of a process", p.PIDFile, text)
		}
	}
	started, err := processStart(pid)
	if err != nil || started == "" {
		return "", err
	}
	return strconv.Itoa(pid) + "@" + started, nil
}

// Alive implements Application.
func (p *Process) Alive(_ context.Context, run string) (bool, error) { return processAlive(run) }

// Quiesce implements Application.
func (p *Process) Quiesce(_ context.Context, run string) error {
	alive, err := processAlive(run)
	if err != nil || !alive {
		return err
	}
	pid, _ := parseRun(run)
	if err := syscall.Kill(pid, p.Signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// processAlive tells whether the process of a run, pid@start, has not ended.
func processAlive(run string) (bool, error) {
	pid, started := parseRun(run)
	if pid == 0 { // an agent with another kind of application wrote it
		return false, nil
	}
	start, err := processStart(pid)
	return err == nil && start == started && start != "", err
}

// parseRun takes a run apart; its number is 0 when it is none of a process.
func parseRun(run string) (pid int, started string) {
	number, started, _ := strings.Cut(run, "@")
	pid, err := strconv.Atoi(number)
	if err != nil {
		return 0, ""
	}
	return pid, started
}

// processStart returns when a process started, in ticks since the system did; empty when
// there is no such process, or only what its parent has not collected.
//
// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func processStart(pid int) (string, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	// The name, in parentheses, may have any character in it. The fields after it are the
	// third, the state, and so on; the 22nd is the start.
	_, rest, _ := strings.Cut(string(text[max(0, strings.LastIndexByte(string(text), ')')):]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return "", fmt.Errorf("/proc/%d/stat is %q", pid, text)
	}
	if state := fields[0]; state == "Z" || state == "X" {
		return "", nil
	}
	return fields[19], nil
}
