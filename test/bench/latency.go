package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// quantiles are the times within which 50, 99 and 99.9 percent of requests are answered.
type quantiles struct {
	p50, p99, p999 time.Duration
}

func quantilesOf(took []time.Duration) quantiles {
	slices.Sort(took)
	at := func(permille int) time.Duration { return took[(len(took)-1)*permille/1000] }
	return quantiles{at(500), at(990), at(999)}
}

// added is what a proxy adds to the target's own times at half load.
type added struct {
	rate   int
	direct quantiles
	by     map[string]quantiles
}

func (a added) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  added latency at %d requests/s (the target alone: %v, %v, %v)", latencyCase, a.rate, a.direct.p50, a.direct.p99, a.direct.p999)
	for _, p := range inCase(benchCase{}) {
		q := a.by[p.name]
		fmt.Fprintf(&b, "\n   %-9s p50 %8v  p99 %8v  p99.9 %8v", p.name, q.p50, q.p99, q.p999)
	}
	fmt.Fprintf(&b, "\n   ratio of p99 to the better of nginx and HAProxy: %.2f", a.ratio())
	return b.String()
}

func (a added) ratio() float64 {
	return float64(a.by["evenkeel"].p99) / float64(min(a.by["nginx"].p99, a.by["haproxy"].p99))
}

// measureLatency sends requests at half the rate that the slowest proxy takes at most,
// whether or not earlier ones are answered.
func measureLatency(ctx context.Context, dir, binary string, rounds int, length time.Duration) (added, error) {
	a := added{by: map[string]quantiles{}}
	c := benchCase{body: small}
	stopTarget, err := startTarget(ctx, dir, c)
	if err != nil {
		return a, err
	}
	defer stopTarget()
	addresses := map[string]*process{"": {address: targetAddress}}
	for _, p := range inCase(c) {
		proc, err := p.start(ctx, dir, binary, c)
		if err != nil {
			return a, fmt.Errorf("start %s: %w", p.name, err)
		}
		defer proc.stop()
		addresses[p.name] = proc
		l, err := load(ctx, dir, proc, c, length)
		if err != nil {
			return a, fmt.Errorf("load %s: %w", p.name, err)
		}
		if half := l.requests / int(2*length.Seconds()); a.rate == 0 || half < a.rate {
			a.rate = half
		}
	}
	took := map[string][]quantiles{}
	for range rounds {
		for name, proc := range addresses {
			q, err := paced(ctx, dir, proc.url(c), a.rate, length)
			if err != nil {
				return a, fmt.Errorf("load %s: %w", name, err)
			}
			took[name] = append(took[name], q)
		}
	}
	a.direct = middle(took[""])
	for _, p := range inCase(c) {
		q := middle(took[p.name])
		a.by[p.name] = quantiles{q.p50 - a.direct.p50, q.p99 - a.direct.p99, q.p999 - a.direct.p999}
	}
	return a, nil
}

// middle takes the median of each quantile.
func middle(all []quantiles) quantiles {
	of := func(f func(quantiles) time.Duration) time.Duration {
		var v []time.Duration
		for _, q := range all {
			v = append(v, f(q))
		}
		return median(v)
	}
	return quantiles{
		of(func(q quantiles) time.Duration { return q.p50 }),
		of(func(q quantiles) time.Duration { return q.p99 }),
		of(func(q quantiles) time.Duration { return q.p999 }),
	}
}

// paced sends rate requests per second and reads the time of each from h2load's log.
func paced(ctx context.Context, dir, url string, rate int, length time.Duration) (quantiles, error) {
	log := filepath.Join(dir, "paced.log")
	if err := os.RemoveAll(log); err != nil {
		return quantiles{}, err
	}
	if _, err := onLoadCore(ctx, "h2load", "--h1", "-c", strconv.Itoa(connections), "-D", strconv.Itoa(int(length.Seconds())),
		"--rps", strconv.FormatFloat(float64(rate)/connections, 'f', 1, 64), "--log-file", log, url); err != nil {
		return quantiles{}, err
	}
	text, err := os.ReadFile(log)
	if err != nil {
		return quantiles{}, err
	}
	var took []time.Duration
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[1] != "200" {
			return quantiles{}, fmt.Errorf("h2load logs %q", line)
		}
		micros, err := strconv.Atoi(fields[2])
		if err != nil {
			return quantiles{}, err
		}
		took = append(took, time.Duration(micros)*time.Microsecond)
	}
	if len(took) == 0 {
		return quantiles{}, fmt.Errorf("h2load logs nothing at %d requests/s", rate)
	}
	return quantilesOf(took), nil
}
