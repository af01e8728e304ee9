// Command bench measures the CPU that evenkeel, nginx and HAProxy spend on a proxied
// request, side by side in one run: every proxy has one core and one worker, load and
// target share the other core, and rounds are interleaved so that a noisy machine is noisy
// for all. CPU time over requests is steadier than requests over seconds.
//
// It writes docs/reference/benchmarks.md. It installs nothing and names what is missing;
// Caddy alone, which is not packaged, is built from its module.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	rounds  int
	seconds int
	out     string
	binary  string
	only    string
	profile string
	role    string
	listen  string
	length  time.Duration
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "interleaved rounds")
	flag.IntVar(&o.seconds, "seconds", 3, "length of one measurement, in seconds")
	flag.StringVar(&o.out, "out", "docs/reference/benchmarks.md", "where the table goes")
	flag.StringVar(&o.binary, "evenkeel", "dist/evenkeel", "the program under test")
	flag.StringVar(&before, "before", "", "another evenkeel to measure in the same rounds, in place of Caddy; writes nothing")
	flag.StringVar(&o.only, "case", "", "measure this case alone, and write nothing")
	flag.StringVar(&o.profile, "profile", "", "folder for CPU profiles of a program that was built with -tags profile")
	flag.StringVar(&o.role, "role", "", "what to be for another bench: relay, echo, talk or slow-targets")
	flag.StringVar(&o.listen, "listen", "", "address of the role")
	flag.DurationVar(&o.length, "length", time.Second, "how long the role lasts, where it ends")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := act(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// profiles is the folder for profiles, if any.
var profiles string

// act runs the benchmark, or one of the programs that it starts for itself.
func act(ctx context.Context, o options) error {
	switch o.role {
	case "":
		return run(ctx, o)
	case "relay":
		return runRelay(o.listen, targetAddress)
	case "echo":
		return runEcho(o.listen)
	case "talk":
		return runTalk(o.listen, o.length)
	case "slow-targets":
		return runSlowTargets()
	}
	return fmt.Errorf("role %q: want relay, echo, talk or slow-targets", o.role)
}

// packages says which Debian package brings a program.
var packages = map[string]string{
	"nginx": "nginx-light", "haproxy": "haproxy", "wrk": "wrk", "h2load": "nghttp2-client", "taskset": "util-linux",
}

// results are what the report tells of.
type results struct {
	cases     []result
	idle      idleMemory
	latency   added
	tails     []tailed
	change    change
	scale     []scaled
	functions []functionStart
}

func run(ctx context.Context, o options) error {
	var missing []error
	for program, pkg := range packages {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, fmt.Errorf("%s is missing: apt-get install %s", program, pkg))
		}
	}
	if err := errors.Join(append(missing, enoughFiles())...); err != nil {
		return err
	}
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "evenkeel-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.profile != "" {
		if profiles, err = filepath.Abs(o.profile); err != nil {
			return err
		}
	}
	if err := writeCertificate(dir); err != nil {
		return err
	}
	all, err := measureAll(ctx, dir, binary, o)
	if err != nil || o.only != "" || o.profile != "" || before != "" {
		return err
	}
	return os.WriteFile(o.out, []byte(report(all, o.rounds, time.Duration(o.seconds)*time.Second)), 0o644)
}

// measureAll prints each result when it is there.
func measureAll(ctx context.Context, dir, binary string, o options) (all results, err error) {
	length := time.Duration(o.seconds) * time.Second
	names := []string{idleCase, latencyCase, tailCase, changeCase, scaleCase, functionCase}
	for _, c := range cases {
		names = append(names, c.name)
		if o.only != "" && o.only != c.name {
			continue
		}
		r, err := measure(ctx, dir, binary, c, o.rounds, length)
		if err != nil {
			return all, fmt.Errorf("case %s: %w", c.name, err)
		}
		fmt.Println(r)
		all.cases = append(all.cases, r)
	}
	if o.only != "" && !slices.Contains(names, o.only) {
		slices.Sort(names)
		return all, fmt.Errorf("case %q: want one of %s", o.only, names)
	}
	others := []struct {
		name    string
		measure func() error
	}{
		{idleCase, func() (err error) { all.idle, err = measureIdle(ctx, dir, binary); return show(err, all.idle) }},
		{latencyCase, func() (err error) {
			all.latency, err = measureLatency(ctx, dir, binary, o.rounds, length)
			return show(err, all.latency)
		}},
		{tailCase, func() (err error) {
			all.tails, err = measureTail(ctx, dir, binary, o.rounds, length)
			return show(err, all.tails...)
		}},
		{changeCase, func() (err error) {
			all.change, err = measureChange(ctx, dir, binary, o.rounds, length)
			return show(err, all.change)
		}},
		{scaleCase, func() (err error) { all.scale, err = measureScale(ctx); return show(err, all.scale...) }},
		{functionCase, func() (err error) {
			all.functions, err = measureFunctions(ctx, dir)
			return show(err, all.functions...)
		}},
	}
	for _, other := range others {
		if o.only != "" && o.only != other.name {
			continue
		}
		if err := other.measure(); err != nil {
			return all, fmt.Errorf("case %s: %w", other.name, err)
		}
	}
	return all, nil
}

func show[T fmt.Stringer](err error, all ...T) error {
	if err == nil {
		for _, one := range all {
			fmt.Println(one)
		}
	}
	return err
}

// enoughFiles reports whether the connections of the case with most of them can be open;
// Go has raised the soft limit to the hard one.
func enoughFiles() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if want := uint64(2*idleConnections + 1000); limit.Cur < want {
		return fmt.Errorf("a process may open %d files and the benchmark needs %d: raise it by ulimit -n", limit.Cur, want)
	}
	return nil
}
