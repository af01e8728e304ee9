package server_test

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/test/harness"
)

// caused is basic with short timeouts, and one target.
func caused(t *testing.T, more string, targets ...*harness.Target) *running {
	t.Helper()
	text := strings.Replace(basic, "load_balancer:\n", "load_balancer:\n  attributes: {idle_timeout: 1s}\n", 1)
	return start(t, strings.Replace(text, "    deregistration_delay: 30s\n", "    deregistration_delay: 0s\n"+more, 1), targets...)
}

// totals are those of the first group.
func (r *running) totals() telemetry.Totals { return r.Stats().TargetGroups[0].Telemetry.Totals }

// TestTimeoutsAreTold lets each timeout cut a request, and nothing else be counted.
func TestTimeoutsAreTold(t *testing.T) {
	const ok, upgrade = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
	for _, c := range []struct {
		name, more string
		answer     harness.Answer
		request    string
		ready      int // answers that go well before the one that is cut
		want       telemetry.Cuts
	}{
		{
			"answer", "    proxy_only: {read_timeout: 100ms}\n",
			harness.Answer{Silent: true},
			"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0,
			telemetry.Cuts{Answer: 1},
		},
		{
			"body", "    proxy_only: {read_timeout: 100ms}\n",
			harness.Answer{Parts: [][]byte{[]byte(ok + "a"), []byte("bcd")}},
			"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0,
			telemetry.Cuts{Body: 1},
		},
		{
			"body, moved inside the kernel", "    proxy_only: {read_timeout: 100ms}\n",
			harness.Answer{Parts: [][]byte{[]byte("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\na"), []byte("b")}},
			"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0,
			telemetry.Cuts{Body: 1},
		},
		{
			"client", "",
			harness.Answer{},
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\na", 0,
			telemetry.Cuts{Client: 1},
		},
		{
			"tunnel", "",
			harness.Answer{Parts: [][]byte{[]byte(upgrade)}, Echo: true},
			"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", 0,
			telemetry.Cuts{Tunnel: 1},
		},
		{
			"kept", "",
			harness.Answer{Parts: [][]byte{{}}, Reset: true},
			"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1,
			telemetry.Cuts{Kept: 1},
		},
		{
			"reset, of a new connection", "",
			harness.Answer{Parts: [][]byte{{}}, Reset: true},
			"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0,
			telemetry.Cuts{},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			one := harness.NewTarget(t, "one", nil)
			s := caused(t, c.more, one)
			until(t, "the target to be healthy", s.healthy(1))
			for range c.ready {
				s.get("/")
			}
			until(t, "their connections to be kept", func() bool { return s.totals().Requests == uint64(c.ready) })
			one.SetAnswer(c.answer)
			client := harness.Dial(t, s.address(), harness.Dialing{})
			client.Send([]byte(c.request))
			until(t, "the end", func() bool { return s.totals().Requests == uint64(c.ready+1) })
			if got := s.totals(); got.Cuts != c.want || got.Cookies != (telemetry.Cookies{}) {
				t.Errorf("got %+v and %+v", got.Cuts, got.Cookies)
			}
		})
	}
}

// TestTimeoutsOnTheWayToATarget that does not accept, or does not read.
func TestTimeoutsOnTheWayToATarget(t *testing.T) {
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = deaf.Close() })
	for name, c := range map[string]struct {
		address, request string
		want             telemetry.Cuts
	}{
		"connect": {harness.Unanswered(t), "GET / HTTP/1.1\r\nHost: a\r\n\r\n", telemetry.Cuts{Connect: 1}},
		"send":    {deaf.Addr().String(), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n", telemetry.Cuts{Send: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			_, port, err := net.SplitHostPort(c.address)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Replace(basic, "%TARGETS%", fmt.Sprintf("[{id: one, address: 127.0.0.1, port: %s}]", port), 1)
			s := start(t, strings.Replace(text, "    deregistration_delay: 30s\n", "    proxy_only: {connect_timeout: 100ms, send_timeout: 100ms}\n", 1))
			client := harness.Dial(t, s.address(), harness.Dialing{})
			client.Send([]byte(c.request))
			go func() { // until the proxy has had enough of it
				for data := make([]byte, 1<<20); ; {
					if _, err := client.Conn().Write(data); err != nil {
						return
					}
				}
			}()
			until(t, "the end", func() bool { return s.totals().Requests == 1 })
			if got := s.totals(); got.Cuts != c.want {
				t.Errorf("got %+v", got.Cuts)
			}
		})
	}
}

var cookieLine = regexp.MustCompile(`(?i)\r\nset-cookie: (AWSALB=[^;]+);`)

// TestCookiesAreTold sends cookies that hold and such that do not.
func TestCookiesAreTold(t *testing.T) {
	one, two := harness.NewTarget(t, "one", nil), harness.NewTarget(t, "two", nil)
	const sticky = "    stickiness: {type: lb_cookie, duration: 1h}\n"
	s := caused(t, sticky, one, two)
	until(t, "the targets to be healthy", s.healthy(2))
	send := func(cookie string) string {
		t.Helper()
		c := harness.Dial(t, s.address(), harness.Dialing{})
		defer c.Close()
		c.Send([]byte("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + cookie + "\r\n"))
		answer := string(c.ReadAll())
		m := cookieLine.FindStringSubmatch(answer)
		if m == nil {
			t.Fatalf("no cookie in %q", answer)
		}
		return "Cookie: " + m[1] + "\r\n"
	}
	cookies := []string{send(""), send("")}
	for _, cookie := range cookies {
		send(cookie)
	}
	send("Cookie: AWSALB=" + strings.Repeat("A", 128) + "\r\n")
	send("Cookie: AWSALB=\r\n")
	if err := s.Reload(s.write(strings.Replace(basic, "    deregistration_delay: 30s\n", "    deregistration_delay: 0s\n"+sticky, 1), one)); err != nil {
		t.Fatal(err)
	}
	until(t, "the target to be gone", func() bool { return len(s.Status().TargetGroups[0].Targets) == 1 })
	before := s.totals().Cookies
	for _, cookie := range cookies {
		send(cookie)
	}
	until(t, "all to be counted", func() bool { return s.totals().Cookies.Total() == before.Total()+2 })
	got := s.totals().Cookies
	if got.Held != before.Held+1 || got.Gone != 1 {
		t.Errorf("before %+v, now %+v", before, got)
	}
}
