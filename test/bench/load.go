package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// connections is how many clients there are, but for HTTP/2 and WebSocket.
const connections = 64

// loaded is how many requests were answered, and the time that 99 % of them took at most,
// where the load generator says it.
type loaded struct {
	requests int
	p99      time.Duration
}

var (
	requestsLine = regexp.MustCompile(`(\d+) requests in`)
	p99Line      = regexp.MustCompile(`(?m)^\s+99%\s+(\S+)\s*$`)
	errorsLine   = regexp.MustCompile(`(?m)(Socket errors|Non-2xx).*$`)
	http2Line    = regexp.MustCompile(`requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed`)
	http2Status  = regexp.MustCompile(`status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx`)
	echoedLine   = regexp.MustCompile(`(\d+) echoed`)
)

// load sends a case's requests to a proxy for length.
func load(ctx context.Context, dir string, p *process, c benchCase, length time.Duration) (loaded, error) {
	switch {
	case c.tunnel:
		return loadTunnels(ctx, p, length)
	case c.http2:
		return loadHTTP2(ctx, p, c, length)
	}
	return loadHTTP1(ctx, dir, p, c, length)
}

// onLoadCore runs a program on the core that load and target share.
func onLoadCore(ctx context.Context, command ...string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, "taskset", append([]string{"-c", loadCore}, command...)...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", command[0], err, out)
	}
	return out, nil
}

// count reads a number that must be there and not be zero.
func count(line *regexp.Regexp, out []byte) (int, error) {
	found := line.FindSubmatch(out)
	if found == nil {
		return 0, fmt.Errorf("there is no %q in %q", line, out)
	}
	n, err := strconv.Atoi(string(found[1]))
	if err == nil && n == 0 {
		err = fmt.Errorf("nothing was answered: %s", out)
	}
	return n, err
}

func loadHTTP1(ctx context.Context, dir string, p *process, c benchCase, length time.Duration) (l loaded, err error) {
	command := []string{"wrk", "--latency", "-t", "1", "-c", strconv.Itoa(connections), "-d", length.String(), "-H", "Host: " + benchHost}
	if c.fresh {
		command = append(command, "-H", "Connection: close")
	}
	if p.cookie != "" {
		command = append(command, "-H", "Cookie: "+p.cookie)
	}
	if c.upload > 0 {
		script := filepath.Join(dir, "upload.lua")
		text := fmt.Sprintf("wrk.method = \"POST\"\nwrk.body = string.rep(\"x\", %d)\n", c.upload)
		if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
			return l, err
		}
		command = append(command, "-s", script)
	}
	out, err := onLoadCore(ctx, append(command, p.url(c))...)
	if err != nil {
		return l, err
	}
	// wrk takes the end of a connection for an error.
	if bad := errorsLine.Find(out); bad != nil && !c.fresh {
		return l, fmt.Errorf("wrk saw errors: %s", bad)
	}
	if l.requests, err = count(requestsLine, out); err != nil {
		return l, err
	}
	p99 := p99Line.FindSubmatch(out)
	if p99 == nil {
		return l, fmt.Errorf("wrk: no percentile in %q", out)
	}
	l.p99, err = time.ParseDuration(string(p99[1]))
	return l, err
}

func loadHTTP2(ctx context.Context, p *process, c benchCase, length time.Duration) (l loaded, err error) {
	out, err := onLoadCore(ctx, "h2load", "-c", strconv.Itoa(http2Connections), "-m", strconv.Itoa(http2Streams), "-D", strconv.Itoa(int(length.Seconds())), "-H", ":authority: "+benchHost, p.url(c))
	if err != nil {
		return l, err
	}
	if http2Status.Find(out) == nil {
		return l, fmt.Errorf("h2load saw errors: %s", http2Line.Find(out))
	}
	l.requests, err = count(http2Line, out)
	return l, err
}

func loadTunnels(ctx context.Context, p *process, length time.Duration) (l loaded, err error) {
	self, err := os.Executable()
	if err != nil {
		return l, err
	}
	out, err := onLoadCore(ctx, self, "-role", "talk", "-listen", p.address, "-length", length.String())
	if err != nil {
		return l, err
	}
	l.requests, err = count(echoedLine, out)
	return l, err
}
