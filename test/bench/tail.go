package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// The targets of this case: eight, of which the last takes ten times as long.
const (
	tailTargets   = 8
	tailFirstPort = 18110
	tailFast      = 2 * time.Millisecond
	tailSlow      = 10 * tailFast
)

// tailed is a proxy's 99th percentile with an algorithm.
type tailed struct {
	proxy, algorithm string
	p99              time.Duration
	rate             float64
}

func (t tailed) String() string {
	return fmt.Sprintf("%s  one target of %d takes %v in place of %v: %-9s %-27s p99 %-10v %7.0f requests/s", tailCase, tailTargets, tailSlow, tailFast, t.proxy, t.algorithm, t.p99, t.rate)
}

// runSlowTargets answers on every address after its time. It never returns.
func runSlowTargets() error {
	ended := make(chan error)
	for i := range tailTargets {
		wait := tailFast
		if i == tailTargets-1 {
			wait = tailSlow
		}
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", tailFirstPort+i))
		if err != nil {
			return err
		}
		s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(wait)
			_, _ = io.WriteString(w, "ok")
		})}
		go func() { ended <- s.Serve(ln) }()
	}
	return <-ended
}

// measureTail loads eight targets, one of which is slow, by every algorithm.
func measureTail(ctx context.Context, dir, binary string, rounds int, length time.Duration) (all []tailed, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	targets, err := startProcess(ctx, loadCore, fmt.Sprintf("127.0.0.1:%d", tailFirstPort), nil, self, "-role", "slow-targets")
	if err != nil {
		return nil, err
	}
	defer targets.stop()
	type contender struct {
		proxy, algorithm string
		start            func() (*process, error)
	}
	var contenders []contender
	for _, algorithm := range []string{"round robin", "least_conn", "random two least_conn"} {
		contenders = append(contenders, contender{"nginx", algorithm, func() (*process, error) { return tailNginx(ctx, dir, algorithm) }})
	}
	for _, algorithm := range []string{"roundrobin", "leastconn", "random(2)"} {
		contenders = append(contenders, contender{"haproxy", algorithm, func() (*process, error) { return tailHAProxy(ctx, dir, algorithm) }})
	}
	for _, algorithm := range []string{"round_robin", "least_outstanding_requests", "weighted_random"} {
		contenders = append(contenders, contender{"evenkeel", algorithm, func() (*process, error) { return tailEvenkeel(ctx, dir, binary, "algorithm: "+algorithm) }})
	}
	for _, algorithm := range []string{"power_of_two_choices", "least_time"} {
		contenders = append(contenders, contender{"evenkeel", algorithm, func() (*process, error) {
			return tailEvenkeel(ctx, dir, binary, "proxy_only: {algorithm: "+algorithm+"}")
		}})
	}
	for _, c := range contenders {
		t, err := tailOf(ctx, dir, c.start, rounds, length)
		if err != nil {
			return nil, fmt.Errorf("%s with %s: %w", c.proxy, c.algorithm, err)
		}
		t.proxy, t.algorithm = c.proxy, c.algorithm
		all = append(all, t)
	}
	return all, nil
}

func tailOf(ctx context.Context, dir string, start func() (*process, error), rounds int, length time.Duration) (t tailed, err error) {
	p, err := start()
	if err != nil {
		return t, err
	}
	defer p.stop()
	var p99 []time.Duration
	var rate []float64
	for range rounds {
		l, loadErr := load(ctx, dir, p, benchCase{}, length)
		err = errors.Join(err, loadErr)
		p99, rate = append(p99, l.p99), append(rate, float64(l.requests)/length.Seconds())
	}
	return tailed{p99: median(p99), rate: median(rate)}, err
}

// tailLines are the targets in a proxy's words.
func tailLines(line string) string {
	var b strings.Builder
	for i := range tailTargets {
		fmt.Fprintf(&b, line, i, tailFirstPort+i)
	}
	return b.String()
}

func tailNginx(ctx context.Context, dir, algorithm string) (*process, error) {
	path, err := write(dir, "tail-nginx.conf", fmt.Sprintf(nginxCommon+`http { access_log off; keepalive_requests 1000000000;
  upstream targets { %[4]s
%[5]s    keepalive 64; }
  server { listen %[3]s; location / { proxy_pass http://targets; proxy_http_version 1.1; proxy_set_header Connection ""; } } }
`, dir, "nginx", nginxAddress, when(algorithm != "round robin", algorithm+";"), tailLines("    # %d\n    server 127.0.0.1:%d;\n")))
	if err != nil {
		return nil, err
	}
	return startProcess(ctx, proxyCore, nginxAddress, nil, "nginx", "-c", path, "-p", dir)
}

func tailHAProxy(ctx context.Context, dir, algorithm string) (*process, error) {
	path, err := write(dir, "tail-haproxy.cfg", fmt.Sprintf(`global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
listen l
  bind %s
  balance %s
%s`, haproxyAddress, algorithm, tailLines("  server t%d 127.0.0.1:%d\n")))
	if err != nil {
		return nil, err
	}
	return startProcess(ctx, proxyCore, haproxyAddress, nil, "haproxy", "-f", path)
}

func tailEvenkeel(ctx context.Context, dir, binary, algorithm string) (*process, error) {
	path, err := write(dir, "tail.yaml", fmt.Sprintf(`app: bench
load_balancer:
  listeners: [{name: web, port: 80, protocol: HTTP, default_action: {forward: [{target_group: web}]}}]
target_groups:
  - name: web
    port: 80
    %s
    deregistration_delay: 0s
    targets:
%sproxy:
  bind: {web: "%s"}
  admin: {listen: "%s"}
  access_log: {path: "off"}
`, algorithm, tailLines("      - {id: t%d, address: 127.0.0.1, port: %d}\n"), evenkeelAddress, adminAddress))
	if err != nil {
		return nil, err
	}
	return startProcess(ctx, proxyCore, evenkeelAddress, []string{"GOMAXPROCS=1"}, binary, "serve", path)
}
