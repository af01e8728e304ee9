package server_test

import (
	"crypto/tls"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/test/harness"
)

// retrying sends a request again when a target closes the connection, to the backup: as often
// as 1% of the traffic.
func retrying(t *testing.T, a, b *harness.Target) *running {
	t.Helper()
	text := strings.NewReplacer(
		"    port: 80\n    deregistration", "    port: 80\n    proxy_only: {retries: {attempts: 1, on: [reset, connect_error], budget: 1%}}\n    deregistration",
		"%TARGETS%", fmt.Sprintf("[{id: a, address: 127.0.0.1, port: %d}, {id: b, address: 127.0.0.1, port: %d, proxy_only: {backup: true}}]", a.Port(), b.Port()),
	).Replace(basic)
	s := start(t, text)
	until(t, "the targets to be healthy", s.healthy(2))
	return s
}

// TestRetriesEndWithTheirBudget asks a target that fails every request, until retries are used
// up: the last request has the failure's answer, and none beyond the budget came to the other.
func TestRetriesEndWithTheirBudget(t *testing.T) {
	a, b := harness.NewTarget(t, "a", nil), harness.NewTarget(t, "b", nil)
	a.SetAnswer(harness.Answer{Parts: [][]byte{{}}, Close: true})
	s := retrying(t, a, b)
	const most = 1000 // 1% of so many is less than what is always allowed
	retried := 0
	for range most {
		status, body := s.get("/")
		if status == 502 {
			break
		}
		if status != 200 || body != "b" {
			t.Fatalf("got %d %q", status, body)
		}
		retried++
	}
	load := s.Gauges().Loads[0]
	if retried < 10 || retried == most || load.Retried != float64(retried) || load.RetriesRefused != 1 {
		t.Errorf("%d requests were retried, load %+v", retried, load)
	}
	if got := len(a.Requests()); got != retried+1 {
		t.Errorf("a got %d requests, want %d", got, retried+1)
	}
	if got := len(b.Requests()); got != retried {
		t.Errorf("b got %d requests, want %d", got, retried)
	}
	a.SetAnswer(harness.Answer{})
	if status, body := s.get("/"); status != 200 || body != "a" {
		t.Errorf("got %d %q", status, body)
	}
}

// TestRetriedRequestIsTheSame compares what the first target got with what the second did.
func TestRetriedRequestIsTheSame(t *testing.T) {
	a, b := harness.NewTarget(t, "a", nil), harness.NewTarget(t, "b", nil)
	a.SetAnswer(harness.Answer{Parts: [][]byte{{}}, Close: true})
	s := retrying(t, a, b)
	for i, body := range []string{"", "hello", strings.Repeat("x", 10_000)} {
		c := harness.Dial(t, s.address(), harness.Dialing{})
		c.Send([]byte("PUT /path?a=b HTTP/1.1\r\nHost: app.test\r\nX-Long: " + strings.Repeat("y", 5000) + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body))
		if r, err := c.ReadResponse("PUT"); err != nil || r.Status != 200 {
			t.Fatalf("got %+v, %v", r, err)
		}
		first, second := a.Requests()[i], b.Requests()[i]
		if string(first.Wire) != string(second.Wire) || string(second.Body) != body {
			t.Errorf("a got\n%s\nb got\n%s", first.Wire, second.Wire)
		}
	}
}

// TestRetryKeepsTheVersion changes the version of a group while a target has a request: the
// ones of the new version do not get it, since its body is at hand in the old one's bytes.
func TestRetryKeepsTheVersion(t *testing.T) {
	a, b := harness.NewTarget(t, "a", nil), harness.NewHTTP2Target(t, "b", nil)
	a.SetAnswer(harness.Answer{Hold: true, Parts: [][]byte{{}}, Close: true})
	dir := t.TempDir()
	harness.WriteCertificate(t, dir, "site", harness.NewCertificate(t, false, "app.test"))
	only := strings.NewReplacer(
		"{name: http, port: 80, protocol: HTTP,", "{name: http, port: 443, protocol: HTTPS, certificates: [site],",
		"target_groups:", "certificates:\n  site: {files: {certificate: "+dir+"/site.crt, private_key: "+dir+"/site.key}}\ntarget_groups:",
		"    port: 80\n    deregistration", "    port: 80\n    %VERSION%\n    proxy_only: {retries: {attempts: 1, on: [reset], budget: 100%}}\n    deregistration",
	).Replace(basic)
	s := start(t, strings.ReplaceAll(only, "%VERSION%", ""), a)
	until(t, "the target to be healthy", s.healthy(1))
	c := harness.Dial(t, s.address(), harness.Dialing{TLS: &tls.Config{InsecureSkipVerify: true}})
	c.Send([]byte("PUT / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\n\r\nhello"))
	a.WaitRequests(1)
	if err := s.Reload(s.write(strings.ReplaceAll(only, "%VERSION%", "protocol_version: HTTP2"), b)); err != nil {
		t.Fatal(err)
	}
	until(t, "the new target to be healthy", s.healthy(1))
	a.Release()
	if r, err := c.ReadResponse("PUT"); err != nil || r.Status != 502 {
		t.Errorf("got %+v, %v", r, err)
	}
	if n := len(b.Requests()); n != 0 {
		t.Errorf("the target of the other version got %d requests", n)
	}
	until(t, "nothing to be in flight", func() bool { return s.Stats().TargetGroups[0].Outstanding == 0 })
}
