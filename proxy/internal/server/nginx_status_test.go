package server_test

import (
	"testing"

	"github.com/evenkeel/evenkeel/test/harness"
)

// TestNginxStatusCountsByWhatConnectionsDo has one connection wait, one send half a head, and
// one be answered.
func TestNginxStatusCountsByWhatConnectionsDo(t *testing.T) {
	one := harness.NewTarget(t, "one", nil)
	s := start(t, basic, one)
	until(t, "the target to be healthy", s.healthy(1))
	dial := func(text string) *harness.Client {
		c := harness.Dial(t, s.address(), harness.Dialing{})
		t.Cleanup(func() { c.Close() })
		c.Send([]byte(text))
		return c
	}
	waiting := dial("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
	if _, err := waiting.ReadResponse("GET"); err != nil {
		t.Fatal(err)
	}
	one.SetAnswer(harness.Answer{Hold: true, Parts: [][]byte{[]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")}})
	busy := dial("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
	dial("GET / HTT")
	until(t, "each to do what it does", func() bool {
		n := s.NginxStatus()
		return n.Active == 3 && n.Reading == 1 && n.Writing == 1 && n.Waiting == 1
	})
	one.Release()
	if _, err := busy.ReadResponse("GET"); err != nil {
		t.Fatal(err)
	}
	until(t, "the requests to be counted", func() bool { return s.NginxStatus().Requests == 2 })
	if n := s.NginxStatus(); n.Accepted != 3 || n.Handled != 3 {
		t.Errorf("got %+v, want 3 connections", n)
	}
}
