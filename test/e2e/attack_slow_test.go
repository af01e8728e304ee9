//go:build e2e

package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// doors are the ways in that HTTP/1 has.
func (s *siege) doors() map[string][]string {
	return map[string][]string{s.site.plain: nil, s.site.secure: {"http/1.1"}}
}

// TestSlowHead has clients that never come to the end of their request head (slowloris).
func TestSlowHead(t *testing.T) {
	s := besiege(t)
	s.under(func(time.Time) {
		var both sync.WaitGroup
		for address, protocols := range s.doors() {
			both.Go(func() {
				s.attackers(100, address, protocols, func(i int, c net.Conn) {
					fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: app.test\r\n")
					took, said, cut := dripper(c, 100*time.Millisecond, []byte("X-A: b\r\n"))
					if !cut {
						t.Errorf("client %d of %s is still there after %v", i, address, took)
					} else if !bytes.HasPrefix(said, []byte("HTTP/1.1 408 ")) {
						t.Errorf("client %d of %s was told %.40q", i, address, said)
					}
				})
			})
		}
		both.Wait()
	})
	if n := s.mirror.running.Load(); n > 0 {
		t.Errorf("%d requests are still with the target", n)
	}
}

// TestSlowBody has clients that send their body a byte at a time (R-U-Dead-Yet).
func TestSlowBody(t *testing.T) {
	for name, framing := range map[string][2]string{
		"counted": {"Content-Length: 1000000\r\n\r\n", "x"},
		"chunked": {"Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := besiege(t)
			s.under(func(time.Time) {
				var both sync.WaitGroup
				for address, protocols := range s.doors() {
					both.Go(func() {
						s.attackers(50, address, protocols, func(i int, c net.Conn) {
							fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: app.test\r\n%s", framing[0])
							if took, _, cut := dripper(c, 100*time.Millisecond, []byte(framing[1])); !cut {
								t.Errorf("client %d of %s is still there after %v", i, address, took)
							}
						})
					})
				}
				both.Wait()
			})
		})
	}
}

// TestSlowRead has clients that ask for much and read a little now and then. What they see
// tells little, since the kernel holds some of the answer for them, even after a reset: the
// target knows when it was relieved of them.
func TestSlowRead(t *testing.T) {
	s := besiege(t)
	s.under(func(time.Time) {
		const each = 40
		relieved := make(chan struct{})
		var both sync.WaitGroup
		for address, protocols := range s.doors() {
			both.Go(func() {
				s.attackers(each, address, protocols, func(_ int, c net.Conn) {
					smallWindow(c)
					fmt.Fprintf(c, "GET /large?size=100000000 HTTP/1.1\r\nHost: app.test\r\n\r\n")
					readSlowly(c, relieved)
				})
			})
		}
		began := time.Now()
		s.Until("all slow readers with the target", func() bool { return s.mirror.large.Load() == 2*each })
		for s.mirror.large.Load() > 0 && time.Since(began) < 2*cutTime {
			time.Sleep(10 * time.Millisecond)
		}
		if n := s.mirror.large.Load(); n > 0 {
			t.Errorf("%d of %d slow readers are still served after %v", n, 2*each, time.Since(began))
		}
		t.Logf("all slow readers were cut after %.1f s", time.Since(began).Seconds())
		close(relieved)
		both.Wait()
	})
}

// readSlowly reads 5 KiB a second until it is told to stop or the connection ends.
func readSlowly(c net.Conn, stop <-chan struct{}) {
	b := make([]byte, 512)
	for {
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
		if _, err := c.Read(b); err != nil {
			return
		}
	}
}

// TestNeverRead has clients that ask and ask and read nothing.
func TestNeverRead(t *testing.T) {
	s := besiege(t)
	requests := []byte(strings.Repeat("GET /large?size=50000 HTTP/1.1\r\nHost: app.test\r\n\r\n", 100))
	s.under(func(until time.Time) {
		var both sync.WaitGroup
		var written atomic.Int64
		for address, protocols := range s.doors() {
			both.Go(func() {
				s.attackers(30, address, protocols, func(i int, c net.Conn) {
					smallWindow(c)
					written.Add(int64(flood(c, until, func() []byte { return requests })))
					time.Sleep(time.Until(until.Add(cutTime)))
					if _, cut := ended(c, time.Second); !cut {
						t.Errorf("client %d of %s is still there", i, address)
					}
				})
			})
		}
		both.Wait()
		t.Logf("%d KiB of requests were taken, most of them by the kernel", written.Load()>>10)
	})
}

// TestIdleConnections keeps two thousand clients waiting, a quarter of them over TLS.
func TestIdleConnections(t *testing.T) {
	s := besiegeIdle(t, 60*time.Second)
	const plain, secure = 1500, 500
	s.under(func(time.Time) {
		var conns []net.Conn
		var mu sync.Mutex
		var open, all sync.WaitGroup
		open.Add(plain + secure)
		done := make(chan struct{})
		hold := func(i int, c net.Conn) {
			k := &keeper{}
			k.use(c)
			if err := k.ask(question{method: "GET", path: "/", id: fmt.Sprint(i)}); err != nil {
				t.Errorf("connection %d: %v", i, err)
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			open.Done()
			<-done
		}
		all.Go(func() { s.attackers(plain, s.site.plain, nil, hold) })
		all.Go(func() { s.attackers(secure, s.site.secure, []string{"http/1.1"}, hold) })
		open.Wait()
		now, _ := s.memory()
		t.Logf("%d idle connections: %d MiB, %.0f goroutines", len(conns), now, s.metric("go_goroutines"))
		for i, c := range conns {
			_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("idle connection %d was not kept: %v", i, err)
				break
			}
			if i == 20 {
				break
			}
		}
		close(done)
		all.Wait()
	})
}
