//go:build e2e

package e2e_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// memoryLimit is what Go's runtime is told to keep to.
	memoryLimit = "GOMEMLIMIT=64MiB"
	// mostMemory bounds what the kernel counts, in MiB. Go's limit is a soft one for its own
	// memory: the program's text, up to 20 MiB once touched, is on top, and so is what is
	// allocated faster than a collection takes on a busy machine. An attack whose memory
	// grows with its time, at the rate of a loopback, goes through this in a second or two.
	mostMemory = 128
	// idleTimeout of the load balancer under attack. A deadline may be a quarter further out.
	idleTimeout = 2 * time.Second
	// cutTime is when a slow client must be gone: two timeouts, one of which may have begun
	// late, and time for a busy machine.
	cutTime = 2*idleTimeout + 2*time.Second
)

const attackFile = `app: siege
domain: app.test
load_balancer:
  attributes: {idle_timeout: %IDLE%}
  listeners:
    - name: http
      port: 80
      protocol: HTTP
      rules: [{name: poison, priority: 1, conditions: [{path_pattern: [/poison/*]}], action: {fixed_response: {status_code: 403}}}]
      default_action: {forward: [{target_group: web}]}
    - name: https
      port: 443
      protocol: HTTPS
      ssl_policy: ELBSecurityPolicy-TLS13-1-2-2021-06
      certificates: [site]
      rules: [{name: poison, priority: 1, conditions: [{path_pattern: [/poison/*]}], action: {fixed_response: {status_code: 403}}}]
      default_action: {forward: [{target_group: web}]}
certificates: {site: {files: {certificate: site.crt, private_key: site.key}}}
target_groups:
  - name: web
    port: 80
    health_check: {path: /health/, interval: 5s, timeout: 4s, healthy_threshold: 2, unhealthy_threshold: 2}
    targets: %TARGETS%
proxy:
  bind: {http: "%PLAIN%", https: "%SECURE%"}
  admin: {listen: "%ADMIN%"}
  access_log: {path: "%DIR%/access.log", format: alb}
`

// siege is a load balancer with little memory, a target, and clients that mean well.
type siege struct {
	*balancer
	t      *testing.T
	mirror *mirror
	// goroutines and files are how many there were in peace.
	goroutines, files int
}

func besiege(t *testing.T) *siege {
	t.Helper()
	return besiegeIdle(t, idleTimeout)
}

func besiegeIdle(t *testing.T, idle time.Duration) *siege {
	t.Helper()
	m := newMirror(t, "web-1")
	site := newSite(t, strings.ReplaceAll(attackFile, "%IDLE%", fmt.Sprintf("%ds", int(idle.Seconds()))), m)
	s := &siege{balancer: site.serve(memoryLimit), t: t, mirror: m}
	s.healthy(1)
	for _, c := range s.citizens() { // warm, with what is opened once
		for n := range 20 {
			if err := c.ask(questions("warm", n)); err != nil {
				t.Fatal(err)
			}
		}
		c.close()
	}
	s.goroutines, s.files = int(s.metric("go_goroutines")), s.descriptors()
	return s
}

// attackTime is how long an attack goes on that does not end by itself.
func attackTime() time.Duration {
	if os.Getenv("SOAK") == "1" {
		return 10 * time.Second
	}
	return 1500 * time.Millisecond
}

// citizens are the clients that mean well: one of each sort.
func (s *siege) citizens() []asker {
	return []asker{
		&keeper{address: s.site.plain},
		&keeper{address: s.site.plain, once: true},
		&keeper{address: s.site.secure, secure: untrusting("http/1.1")},
		&streamer{address: s.site.secure},
	}
}

// under lets an attack happen while the citizens go on asking, and then sees what is left:
// every answer must have been right, the process must live in its memory, and whatever the
// attack made it hold must be given back.
func (s *siege) under(attack func(until time.Time)) {
	s.t.Helper()
	stop := make(chan struct{})
	var asking sync.WaitGroup
	asked := make([]int, len(s.citizens()))
	for i, c := range s.citizens() {
		asking.Go(func() {
			defer c.close()
			for n := 0; ; n++ {
				select {
				case <-stop:
					asked[i] = n
					return
				case <-time.After(5 * time.Millisecond):
				}
				if err := c.ask(questions(fmt.Sprintf("good-%d", i), n)); err != nil {
					s.t.Errorf("a good client's request failed: %v", err)
					asked[i] = n
					return
				}
			}
		})
	}
	began := time.Now()
	attack(began.Add(attackTime()))
	took := time.Since(began)
	for range 50 { // and a little after it, on the connections to the target that it used
		time.Sleep(2 * time.Millisecond)
	}
	close(stop)
	asking.Wait()

	if ended, err := s.Ended(); ended {
		s.t.Fatalf("the process ended: %v", err)
	}
	now, most := s.memory()
	goroutines, files := s.settled()
	s.t.Logf("%.1f s; good requests %v; memory %d MiB, at most %d; goroutines %d, before %d; descriptors %d, before %d",
		took.Seconds(), asked, now, most, goroutines, s.goroutines, files, s.files)
	for i, n := range asked {
		if n < 10 {
			s.t.Errorf("good client %d came through %d requests only", i, n)
		}
	}
	if most > mostMemory {
		s.t.Errorf("the process took %d MiB of memory, more than %d", most, mostMemory)
	}
	if out := s.Output(); strings.Contains(out, "panic") {
		s.t.Errorf("something panicked")
	}
}

// settled waits until goroutines and descriptors are back where they were, but for idle
// connections to the target and of the admin listener.
func (s *siege) settled() (goroutines, files int) {
	s.t.Helper()
	const slackGoroutines, slackFiles = 10, 40
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		goroutines, files = int(s.metric("go_goroutines")), s.descriptors()
		if goroutines <= s.goroutines+slackGoroutines && files <= s.files+slackFiles {
			return goroutines, files
		}
		if time.Now().After(deadline) {
			s.t.Errorf("%d goroutines and %d descriptors are left, before there were %d and %d", goroutines, files, s.goroutines, s.files)
			return goroutines, files
		}
	}
}

// dial connects as an attacker, with TLS when protocols are given. Reading and writing end
// at some time, come what may.
func (s *siege) dial(address string, protocols ...string) (net.Conn, error) {
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(patience + attackTime()))
	if len(protocols) == 0 {
		return c, nil
	}
	secure := tls.Client(c, untrusting(protocols...))
	if err := secure.Handshake(); err != nil {
		_ = c.Close()
		return nil, err
	}
	return secure, nil
}

// attackers runs n at once, each on a connection of its own.
func (s *siege) attackers(n int, address string, protocols []string, attack func(i int, c net.Conn)) {
	s.t.Helper()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			c, err := s.dial(address, protocols...)
			if err != nil {
				s.t.Errorf("attacker %d cannot connect: %v", i, err)
				return
			}
			defer c.Close()
			attack(i, c)
		})
	}
	all.Wait()
}

// flood writes what next makes until the time is over or the connection is. It returns how
// much was written.
func flood(c net.Conn, until time.Time, next func() []byte) (written int) {
	_ = c.SetWriteDeadline(until)
	for time.Now().Before(until) {
		n, err := c.Write(next())
		written += n
		if err != nil {
			return written
		}
	}
	return written
}

// ended reads all that comes until the server ends the connection, and reports whether it
// did within the time.
func ended(c net.Conn, within time.Duration) (said []byte, ok bool) {
	_ = c.SetReadDeadline(time.Now().Add(within))
	b := make([]byte, 4<<10)
	for {
		n, err := c.Read(b)
		if len(said) < 64<<10 {
			said = append(said, b[:n]...)
		}
		if err != nil {
			return said, !errors.Is(err, os.ErrDeadlineExceeded)
		}
	}
}

// dripper sends a piece now and then until the server ends the connection, and reports how
// long that took; it gives up after cutTime.
func dripper(c net.Conn, every time.Duration, piece []byte) (took time.Duration, said []byte, cut bool) {
	began := time.Now()
	stop := make(chan struct{})
	var dripping sync.WaitGroup
	dripping.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(every):
				_, _ = c.Write(piece) // who is gone shows in reading
			}
		}
	})
	said, cut = ended(c, cutTime)
	took = time.Since(began)
	close(stop)
	dripping.Wait()
	return took, said, cut
}

// smallWindow makes the kernel take little for a client that does not read.
func smallWindow(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err == nil {
		_ = raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
	}
}
