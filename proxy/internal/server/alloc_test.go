//go:build !race

// The race detector makes sync.Pool forget on purpose, so that nothing can be said of
// allocations under it: `make test` runs this file without.

package server_test

import (
	"net"
	"runtime"
	"strings"
	"testing"
)

// TestWarmPathAllocatesNothing sends requests over one connection once all pools are warm,
// with sticky cookies, rules and the access log on; and then with all that bounds, watches and
// repeats requests, while nothing is wrong.
func TestWarmPathAllocatesNothing(t *testing.T) {
	t.Run("plain", func(t *testing.T) { warmPath(t, "stickiness: {type: lb_cookie}", "") })
	t.Run("guarded", func(t *testing.T) {
		warmPath(t, "stickiness: {type: lb_cookie}\n    proxy_only: {queue: {depth: 5, timeout: 1s}, passive_health: {max_fails: 3, fail_timeout: 10s}, retries: {attempts: 1, on: [reset], budget: 10%}}",
			", proxy_only: {max_connections: 5}")
	})
	t.Run("cookie", func(t *testing.T) {
		warmPath(t, "proxy_only: {cookie: {name: SERVERID, indirect: true, nocache: true}}", "")
	})
	t.Run("cookie with dates", func(t *testing.T) {
		warmPath(t, "proxy_only: {cookie: {name: SERVERID, nocache: true, max_idle: 1h, max_life: 8h, domain: app.test, same_site: Lax}}", "")
	})
}

// warmPath counts with a group and a target that have more keys.
func warmPath(t *testing.T, group, target string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	answer := []byte("HTTP/1.1 200 OK\r\nServer: app\r\nContent-Type: text/html\r\nContent-Length: 280\r\n\r\n" + strings.Repeat("x", 280))
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 16<<10)
				for {
					if _, err := c.Read(b); err != nil {
						return
					}
					if _, err := c.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	text := strings.NewReplacer(
		"%TARGETS%", "[{id: a, address: 127.0.0.1, port: "+port+target+"}]",
		"path: off", "path: /dev/null",
		"default_action:", `rules: [{name: other, priority: 1, conditions: [{path_pattern: ["/other/*"]}], action: {forward: [{target_group: web}]}}], default_action:`,
		"    port: 80\n    deregistration", "    port: 80\n    "+group+"\n    deregistration",
	).Replace(basic)
	s := start(t, text)
	until(t, "the target to be healthy", s.healthy(1))

	c, err := net.Dial("tcp", s.address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	request := []byte("GET /path?query=1 HTTP/1.1\r\nHost: app.test\r\nUser-Agent: test\r\nAccept: */*\r\nX-Forwarded-For: 10.1.2.3\r\nCookie: x=1; SERVERID=a; y=2\r\n\r\n")
	b := make([]byte, 16<<10)
	ask := func() {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		for got := 0; got < 280+200; {
			n, err := c.Read(b[got:])
			if err != nil {
				t.Fatal(err)
			}
			if got += n; strings.HasSuffix(string(b[got-4:got]), "xxxx") {
				break
			}
		}
	}
	for range 2000 {
		ask()
	}
	const requests = 5000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range requests {
		ask()
	}
	runtime.ReadMemStats(&after)
	// The clock's second, the cookie's and the log's are formatted now and then, and the
	// collector may empty a pool.
	if each := float64(after.Mallocs-before.Mallocs) / requests; each > 0.05 {
		t.Errorf("%.3f allocations for each request, want none", each)
	}
}
