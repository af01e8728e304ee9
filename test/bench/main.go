// Command bench measures the CPU that evenkeel, nginx and HAProxy spend on a proxied
// request, side by side in one run: every proxy has one core and one worker, load and
// target share the other core, and rounds are interleaved so that a noisy machine is noisy
// for all. CPU time over requests is steadier than requests over seconds.
//
// It writes docs/reference/benchmarks.md. It installs nothing and names what is missing.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 5, "interleaved rounds")
	seconds := flag.Int("seconds", 3, "length of one measurement")
	out := flag.String("out", "docs/reference/benchmarks.md", "where the table goes")
	binary := flag.String("evenkeel", "dist/evenkeel", "the program under test")
	only := flag.String("case", "", "measure this case alone, and write nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *binary, *out, *only, *rounds, time.Duration(*seconds)*time.Second); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// packages says which Debian package brings a program.
var packages = map[string]string{
	"nginx": "nginx-light", "haproxy": "haproxy", "wrk": "wrk", "taskset": "util-linux",
}

func run(ctx context.Context, binary, out, only string, rounds int, length time.Duration) error {
	var missing []error
	for program, pkg := range packages {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, fmt.Errorf("%s is missing: apt-get install %s", program, pkg))
		}
	}
	if err := errors.Join(missing...); err != nil {
		return err
	}
	binary, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "evenkeel-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	var results []result
	for _, c := range cases {
		if only != "" && c.name != only {
			continue
		}
		r, err := measure(ctx, dir, binary, c, rounds, length)
		if err != nil {
			return fmt.Errorf("case %s: %w", c.name, err)
		}
		fmt.Println(r)
		results = append(results, r)
	}
	var registered registration
	if only == "" || only == registerCase {
		if registered, err = measureRegister(ctx, dir, binary, rounds, length); err != nil {
			return fmt.Errorf("case %s: %w", registerCase, err)
		}
		fmt.Println(registered)
	}
	var starts []functionStart
	if only == "" || only == functionCase {
		if starts, err = measureFunctions(ctx, dir); err != nil {
			return fmt.Errorf("case %s: %w", functionCase, err)
		}
		for _, s := range starts {
			fmt.Println(s)
		}
	}
	if only != "" {
		return nil
	}
	return os.WriteFile(out, []byte(report(results, registered, starts, rounds, length)), 0o644)
}

// benchCase is one kind of load.
type benchCase struct {
	name  string
	title string
	// body is the size of the target's answer.
	body int
	// log turns the proxies' access logs on; evenkeel's is in ALB format.
	log bool
	// header is sent with every request.
	header string
}

var cases = []benchCase{
	{name: "a", title: "keep-alive, 280-byte body, 64 connections", body: 280},
	{name: "b", title: "the same with the access log on", body: 280, log: true},
	{name: "d", title: "keep-alive, 64 KiB body", body: 64 << 10},
	{name: "f", title: "a new connection for every request", body: 280, header: "Connection: close"},
}

// result is the median of a case's rounds, by proxy.
type result struct {
	c      benchCase
	micros map[string]float64 // CPU microseconds per request
	rate   map[string]float64 // requests per second
}

func (r result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", r.c.name, r.c.title)
	for _, p := range proxies {
		fmt.Fprintf(&b, "   %-9s %7.1f µs CPU per request  %8.0f requests/s\n", p.name, r.micros[p.name], r.rate[p.name])
	}
	fmt.Fprintf(&b, "   ratio to the better of nginx and HAProxy: %.2f", r.ratio())
	return b.String()
}

// ratio compares evenkeel with the better of its rivals; below 1 it costs less than both.
func (r result) ratio() float64 {
	return r.micros["evenkeel"] / min(r.micros["nginx"], r.micros["haproxy"])
}

func measure(ctx context.Context, dir, binary string, c benchCase, rounds int, length time.Duration) (result, error) {
	r := result{c: c, micros: map[string]float64{}, rate: map[string]float64{}}
	stopTarget, err := startTarget(ctx, dir, c)
	if err != nil {
		return r, err
	}
	defer stopTarget()
	running := map[string]*process{}
	for _, p := range proxies {
		proc, err := p.start(ctx, dir, binary, c)
		if err != nil {
			return r, fmt.Errorf("start %s: %w", p.name, err)
		}
		defer proc.stop()
		running[p.name] = proc
		if _, err := load(ctx, proc.url, c, time.Second); err != nil {
			return r, fmt.Errorf("warm %s: %w", p.name, err)
		}
	}
	micros, rate := map[string][]float64{}, map[string][]float64{}
	for range rounds {
		for _, p := range proxies {
			proc := running[p.name]
			before, err := proc.cpu()
			if err != nil {
				return r, err
			}
			l, err := load(ctx, proc.url, c, length)
			if err != nil {
				return r, fmt.Errorf("load %s: %w", p.name, err)
			}
			after, err := proc.cpu()
			if err != nil {
				return r, err
			}
			micros[p.name] = append(micros[p.name], float64((after-before).Microseconds())/float64(l.requests))
			rate[p.name] = append(rate[p.name], float64(l.requests)/length.Seconds())
		}
	}
	for _, p := range proxies {
		r.micros[p.name], r.rate[p.name] = median(micros[p.name]), median(rate[p.name])
	}
	return r, nil
}

func median[T cmp.Ordered](v []T) T {
	slices.Sort(v)
	return v[len(v)/2]
}
