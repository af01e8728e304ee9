package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
)

// idleConnections is how many clients are connected and silent.
const idleConnections = 5000

// idleMemory is what an idle connection costs each proxy, in bytes.
type idleMemory map[string]int64

func (m idleMemory) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  memory per idle keep-alive connection, of %d", idleCase, idleConnections)
	for _, p := range inCase(benchCase{}) {
		fmt.Fprintf(&b, "\n   %-9s %6.1f KiB", p.name, float64(m[p.name])/1024)
	}
	return b.String()
}

// measureIdle has clients send one request each and stay.
func measureIdle(ctx context.Context, dir, binary string) (idleMemory, error) {
	m := idleMemory{}
	c := benchCase{body: small}
	stopTarget, err := startTarget(ctx, dir, c)
	if err != nil {
		return nil, err
	}
	defer stopTarget()
	for _, p := range inCase(c) {
		proc, err := p.start(ctx, dir, binary, c)
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", p.name, err)
		}
		m[p.name], err = idleOf(proc)
		proc.stop()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return m, nil
}

func idleOf(p *process) (int64, error) {
	// The first connections make what every process makes once.
	warm, err := connectIdle(p.address, connections)
	defer closeAll(warm)
	if err != nil {
		return 0, err
	}
	before, err := p.memory()
	if err != nil {
		return 0, err
	}
	idle, err := connectIdle(p.address, idleConnections)
	defer closeAll(idle)
	if err != nil {
		return 0, err
	}
	after, err := p.memory()
	return (after - before) / idleConnections, err
}

func closeAll(conns []net.Conn) {
	for _, c := range conns {
		_ = c.Close()
	}
}

// connectIdle connects n clients, each of which gets one answer.
func connectIdle(address string, n int) (all []net.Conn, err error) {
	b := make([]byte, 4096)
	for range n {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return all, err
		}
		all = append(all, c)
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: "+benchHost+"\r\n\r\n"); err != nil {
			return all, err
		}
		for got := 0; ; {
			n, err := c.Read(b[got:])
			if err != nil {
				return all, err
			}
			got += n
			if _, body, ok := strings.Cut(string(b[:got]), "\r\n\r\n"); ok && len(body) >= small {
				break
			}
		}
	}
	return all, nil
}
