package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// result is the median of a case's rounds, by proxy.
type result struct {
	c      benchCase
	micros map[string]float64 // CPU microseconds per request
	rate   map[string]float64 // requests per second
	p99    map[string]time.Duration
	// against is the median of each round's ratio to the better of nginx and HAProxy in that
	// round, gained that to the evenkeel of before.
	against, gained float64
}

func (r result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", r.c.name, r.c.title)
	for _, p := range inCase(r.c) {
		fmt.Fprintf(&b, "   %-9s %7.1f µs CPU per request  %8.0f requests/s  p99 %v\n", p.name, r.micros[p.name], r.rate[p.name], r.p99[p.name])
	}
	fmt.Fprintf(&b, "   ratio to the better of nginx and HAProxy: %.2f (the aim: %.2f)", r.against, r.c.bar)
	if before != "" {
		fmt.Fprintf(&b, "\n   ratio to the evenkeel of before: %.3f", r.gained)
	}
	return b.String()
}

// measure runs all proxies of a case at once and loads one after the other, round by round, so
// that a noisy machine is noisy for all. Each round has processes of its own: where the kernel puts
// one's memory moves what it costs by several percent for as long as it lives.
func measure(ctx context.Context, dir, binary string, c benchCase, rounds int, length time.Duration) (result, error) {
	r := result{c: c, micros: map[string]float64{}, rate: map[string]float64{}, p99: map[string]time.Duration{}}
	stopTarget, err := startTarget(ctx, dir, c)
	if err != nil {
		return r, err
	}
	defer stopTarget()
	micros, rate, p99 := map[string][]float64{}, map[string][]float64{}, map[string][]time.Duration{}
	var ratios, gains []float64
	order := inCase(c)
	for range rounds {
		slices.Reverse(order) // nobody always has the same before it
		spent, err := measureRound(ctx, dir, binary, c, order, length)
		if err != nil {
			return r, err
		}
		for name, s := range spent {
			micros[name] = append(micros[name], s.micros)
			rate[name] = append(rate[name], float64(s.requests)/length.Seconds())
			p99[name] = append(p99[name], s.p99)
		}
		ratios = append(ratios, spent["evenkeel"].micros/min(spent["nginx"].micros, spent["haproxy"].micros))
		if before != "" {
			gains = append(gains, spent["evenkeel"].micros/spent["before"].micros)
		}
	}
	for name := range micros {
		r.micros[name], r.rate[name], r.p99[name] = median(micros[name]), median(rate[name]), median(p99[name])
	}
	r.against = median(ratios)
	if before != "" {
		r.gained = median(gains)
	}
	return r, nil
}

// spent is what one load cost a proxy.
type spent struct {
	loaded
	micros float64 // CPU microseconds per request
}

// warmUp is how long a proxy is loaded before it is measured.
const warmUp = time.Second

// measureRound starts proxies, measures them in this order, and stops them.
func measureRound(ctx context.Context, dir, binary string, c benchCase, order []proxy, length time.Duration) (map[string]spent, error) {
	running := make([]*process, len(order))
	for i, p := range order {
		proc, err := p.start(ctx, dir, binary, c)
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", p.name, err)
		}
		defer proc.stop()
		running[i] = proc
		if c.policy {
			if proc.cookie, err = firstCookie(ctx, proc.url(c)); err != nil {
				return nil, fmt.Errorf("cookie of %s: %w", p.name, err)
			}
		}
		if _, err := load(ctx, dir, proc, c, warmUp); err != nil {
			return nil, fmt.Errorf("warm %s: %w", p.name, err)
		}
	}
	all := map[string]spent{}
	for i, p := range order {
		one, err := cost(ctx, dir, running[i], c, length)
		if err != nil {
			return nil, fmt.Errorf("load %s: %w", p.name, err)
		}
		all[p.name] = one
	}
	return all, nil
}

// cost is what one load costs.
func cost(ctx context.Context, dir string, p *process, c benchCase, length time.Duration) (spent, error) {
	before, err := p.cpu()
	if err != nil {
		return spent{}, err
	}
	l, err := load(ctx, dir, p, c, length)
	if err != nil {
		return spent{}, err
	}
	after, err := p.cpu()
	return spent{loaded: l, micros: float64((after - before).Microseconds()) / float64(l.requests)}, err
}

// firstCookie is what a new client is given and sends from then on.
func firstCookie(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	request.Host = benchHost
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	var pairs []string
	for _, c := range answer.Cookies() {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	if len(pairs) == 0 {
		return "", errors.New("none is set")
	}
	return strings.Join(pairs, "; "), nil
}

func median[T cmp.Ordered](v []T) T {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
