package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/test/harness"
)

// TestReloadDuringAHead has the target group renamed between the halves of a request head.
func TestReloadDuringAHead(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	s := start(t, basic, a)
	c := harness.Dial(t, s.address(), harness.Dialing{})
	c.Send([]byte("GET / HTTP/1.1\r\n"))
	until(t, "the connection to be counted", func() bool { return s.Status().Listeners != nil })
	if err := s.Reload(s.write(strings.ReplaceAll(strings.ReplaceAll(basic, "target_group: web", "target_group: other"), "name: web", "name: other"), a)); err != nil {
		t.Fatal(err)
	}
	c.Send([]byte("Host: app.test\r\n\r\n"))
	if r, err := c.ReadResponse("GET"); err != nil || r.Status != 200 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestReloadOfTimeoutsCutsNothing has a tunnel open while timeouts change, and the
// deregistration delay pass.
func TestReloadOfTimeoutsCutsNothing(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	a.SetAnswer(harness.Answer{Parts: [][]byte{[]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")}, Echo: true})
	text := strings.Replace(basic, "deregistration_delay: 30s", "deregistration_delay: 0s", 1)
	s := start(t, text, a)
	c := harness.Dial(t, s.address(), harness.Dialing{})
	c.Send([]byte("GET / HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))
	if r, err := c.ReadResponse("GET"); err != nil || r.Status != 101 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, change := range []string{
		"  attributes: {idle_timeout: 61s}\n  listeners:",
		"  attributes: {idle_timeout: 7s}\n  listeners:",
	} {
		if err := s.Reload(s.write(strings.Replace(text, "  listeners:", change, 1), a)); err != nil {
			t.Fatal(err)
		}
		if !c.Quiet(50 * time.Millisecond) {
			t.Fatal("the tunnel was cut")
		}
		c.Send([]byte("still there?"))
		if got, err := c.Read(12); err != nil || string(got) != "still there?" {
			t.Errorf("%q, %v", got, err)
		}
	}
}
