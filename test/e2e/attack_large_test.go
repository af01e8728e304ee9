//go:build e2e

package e2e_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// endless are requests some part of which does not end: how they begin, and what follows
// again and again.
var endless = map[string][2]string{
	"request line":    {"GET /", strings.Repeat("a", 4096)},
	"header line":     {"GET / HTTP/1.1\r\nHost: app.test\r\nX-A: ", strings.Repeat("a", 4096)},
	"header name":     {"GET / HTTP/1.1\r\nHost: app.test\r\n", strings.Repeat("a", 4096)},
	"header fields":   {"GET / HTTP/1.1\r\nHost: app.test\r\n", strings.Repeat("X-A: bbbbbbbbbbbbbb\r\n", 200)},
	"empty fields":    {"GET / HTTP/1.1\r\nHost: app.test\r\n", strings.Repeat("a:\r\n", 1000)},
	"empty lines":     {"", strings.Repeat("\r\n", 2000)},
	"chunk extension": {"POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n5;a=", strings.Repeat("b", 4096)},
	"extensions of tiny chunks": {
		"POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n",
		strings.Repeat("1;"+strings.Repeat("x", 200)+"\r\nx\r\n", 20),
	},
	"chunk size":     {"POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n", strings.Repeat("0", 4096)},
	"trailer line":   {"POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: ", strings.Repeat("a", 4096)},
	"trailer fields": {"POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", strings.Repeat("X-A: bbbbbbbbbbbbbb\r\n", 200)},
}

// TestEndlessMessages sends each of them on several connections as fast as it goes, and
// anew when it is cut.
func TestEndlessMessages(t *testing.T) {
	for name, parts := range endless {
		t.Run(name, func(t *testing.T) {
			s := besiege(t)
			s.under(func(until time.Time) {
				var both sync.WaitGroup
				var written, cuts atomic.Int64
				piece := []byte(parts[1])
				for address, protocols := range s.doors() {
					both.Go(func() {
						for time.Now().Before(until) && !t.Failed() {
							s.attackers(5, address, protocols, func(i int, c net.Conn) {
								fmt.Fprint(c, parts[0])
								written.Add(int64(flood(c, until, func() []byte { return piece })))
								if said, cut := ended(c, cutTime); !cut {
									t.Errorf("client %d of %s is still there, told %.40q", i, address, said)
								} else if bytes.HasPrefix(said, []byte("HTTP/1.1 2")) {
									t.Errorf("client %d of %s was answered %.40q", i, address, said)
								}
								cuts.Add(1)
							})
						}
					})
				}
				both.Wait()
				t.Logf("%d clients were cut after %d KiB on average", cuts.Load(), written.Load()>>10/max(cuts.Load(), 1))
			})
		})
	}
}

// TestLargeHeads sends heads at the limit, each of which is a fair request, on many
// connections at once.
func TestLargeHeads(t *testing.T) {
	s := besiege(t)
	var head strings.Builder
	head.WriteString("GET / HTTP/1.1\r\nHost: app.test\r\n")
	for i := 0; head.Len() < 60<<10; i++ {
		fmt.Fprintf(&head, "X-%d: %s\r\n", i, strings.Repeat("v", 8000))
	}
	head.WriteString("\r\n")
	s.under(func(until time.Time) {
		var both sync.WaitGroup
		for address, protocols := range s.doors() {
			both.Go(func() {
				s.attackers(100, address, protocols, func(_ int, c net.Conn) {
					_ = c.SetDeadline(until)
					in := bufio.NewReader(c)
					for {
						if _, err := c.Write([]byte(head.String())); err != nil {
							return
						}
						if _, err := in.ReadString('\n'); err != nil {
							return
						}
						if n := in.Buffered(); n > 0 {
							_, _ = in.Discard(n)
						}
					}
				})
			})
		}
		both.Wait()
	})
}

// TestPipelining sends requests without waiting for answers, which it reads: it must get
// them all, in order.
func TestPipelining(t *testing.T) {
	s := besiege(t)
	s.under(func(time.Time) {
		var both sync.WaitGroup
		for address, protocols := range s.doors() {
			both.Go(func() {
				s.attackers(10, address, protocols, func(i int, c net.Conn) {
					const n = 1000
					var writing sync.WaitGroup
					writing.Go(func() {
						var out bytes.Buffer
						for j := range n {
							fmt.Fprintf(&out, "GET /p HTTP/1.1\r\nHost: app.test\r\nX-Id: %d-%d\r\n\r\n", i, j)
						}
						_, _ = c.Write(out.Bytes())
					})
					k := &keeper{}
					k.use(c)
					for j := range n {
						if err := k.answered(question{method: "GET", path: "/p", id: fmt.Sprintf("%d-%d", i, j)}); err != nil {
							t.Errorf("client %d of %s, answer %d: %v", i, address, j, err)
							break
						}
					}
					writing.Wait()
				})
			})
		}
		both.Wait()
	})
}
