package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/server"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/test/harness"
)

// running is a server of an environment file in a folder of its own.
type running struct {
	*server.Server
	t    *testing.T
	file string
}

// start serves an environment file, of which %TARGETS% becomes the targets' list.
func start(t *testing.T, text string, targets ...*harness.Target) *running {
	t.Helper()
	r := &running{t: t, file: filepath.Join(t.TempDir(), "test.yaml")}
	env := r.write(text, targets...)
	s, err := server.New(env, server.Options{Logger: slog.New(slog.DiscardHandler), Dir: filepath.Dir(r.file), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	r.Server = s
	if err := s.Start(env); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // what a test has left open is cut
		_ = s.Shutdown(ctx)
	})
	return r
}

// write replaces the file and loads it.
func (r *running) write(text string, targets ...*harness.Target) *spec.Environment {
	r.t.Helper()
	var list []string
	for _, t := range targets {
		list = append(list, fmt.Sprintf("{id: %s, address: 127.0.0.1, port: %d}", t.Name(), t.Port()))
	}
	text = strings.ReplaceAll(text, "%TARGETS%", "["+strings.Join(list, ", ")+"]")
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	env, err := spec.Load(r.file)
	if err != nil {
		r.t.Fatal(err)
	}
	return env
}

// address of the listener named http.
func (r *running) address() string { return r.Addr("http").String() }

// get asks for a path over a new connection and returns the body.
func (r *running) get(path string) (int, string) {
	r.t.Helper()
	c := harness.Dial(r.t, r.address(), harness.Dialing{})
	defer c.Close()
	c.Send([]byte("GET " + path + " HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n"))
	response, err := c.ReadResponse("GET")
	if err != nil {
		r.t.Fatalf("GET %s: %v", path, err)
	}
	return response.Status, string(response.Body)
}

// basic is one listener and one group; bind and admin take any free port.
const basic = `app: test
domain: app.test
load_balancer:
  listeners:
    - {name: http, port: 80, protocol: HTTP, default_action: {forward: [{target_group: web}]}}
target_groups:
  - name: web
    port: 80
    deregistration_delay: 30s
    targets: %TARGETS%
proxy:
  bind: {http: "127.0.0.1:0"}
  admin: {listen: "127.0.0.2:0"}
  access_log: {path: off}
`

// until waits for a condition that other goroutines bring about.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(harness.Patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestRequestsGoRound(t *testing.T) {
	a, b := harness.NewTarget(t, "a", nil), harness.NewTarget(t, "b", nil)
	s := start(t, basic, a, b)
	until(t, "both targets to be healthy", s.healthy(2))
	var got strings.Builder
	for range 6 {
		_, body := s.get("/")
		got.WriteString(body)
	}
	if g := got.String(); g != "ababab" && g != "bababa" {
		t.Errorf("requests went to %s, want a and b in turn", g)
	}
}

// healthy reports whether n targets of the first group are healthy.
func (r *running) healthy(n int) func() bool {
	return func() bool {
		healthy := 0
		for _, t := range r.Status().TargetGroups[0].Targets {
			if t.State == "healthy" {
				healthy++
			}
		}
		return healthy == n
	}
}

// TestAggregateIsOfThePresent: the document names the groups of the file and how they stand.
func TestAggregateIsOfThePresent(t *testing.T) {
	r := start(t, basic, harness.NewTarget(t, "one", nil))
	answer := r.Aggregate("GET")
	var document struct {
		App          string
		Status       string
		TargetGroups []struct {
			Name    string
			Targets map[string]int
		} `json:"target_groups"`
	}
	if err := json.Unmarshal(answer.Body, &document); err != nil {
		t.Fatal(err)
	}
	if len(document.TargetGroups) != 1 || document.TargetGroups[0].Name != "web" || document.TargetGroups[0].Targets["initial"]+document.TargetGroups[0].Targets["healthy"] != 1 {
		t.Errorf("%s", answer.Body)
	}
	if refused := r.Aggregate("POST"); refused.Status != 405 {
		t.Errorf("POST is answered with %d", refused.Status)
	}
}

func TestReloadSwapsRulesUnderOpenConnections(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	s := start(t, basic, a)
	c := harness.Dial(t, s.address(), harness.Dialing{})
	ask := func() string {
		c.Send([]byte("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"))
		r, err := c.ReadResponse("GET")
		if err != nil {
			t.Fatal(err)
		}
		return string(r.Body)
	}
	if got := ask(); got != "a" {
		t.Errorf("got %q", got)
	}
	fixed := strings.Replace(basic, "default_action: {forward: [{target_group: web}]}",
		"default_action: {fixed_response: {status_code: 200, message_body: fixed}}", 1)
	if err := s.Reload(s.write(fixed, a)); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got != "fixed" {
		t.Errorf("after the reload: %q", got)
	}
	if got := s.Status().Reloads; got.Count != 1 || got.LastError != "" {
		t.Errorf("%+v", got)
	}
}

// TestFailedReloadChangesNothing has a second listener whose port is taken.
func TestFailedReloadChangesNothing(t *testing.T) {
	a, b := harness.NewTarget(t, "a", nil), harness.NewTarget(t, "b", nil)
	s := start(t, basic, a)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	more := strings.Replace(basic, "  listeners:\n", "  listeners:\n    - {name: more, port: 81, protocol: HTTP, default_action: {forward: [{target_group: web}]}}\n", 1)
	more = strings.Replace(more, `bind: {`, fmt.Sprintf(`bind: {more: %q, `, taken.Addr()), 1)
	if err := s.Reload(s.write(more, b)); err == nil {
		t.Fatal("no error")
	}
	if _, got := s.get("/"); got != "a" {
		t.Errorf("requests go to %q, want a", got)
	}
	if got := s.Status(); got.Reloads.Count != 0 || got.Reloads.LastError == "" || len(got.Listeners) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestReloadOpensAndClosesListeners(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	s := start(t, basic, a)
	first := s.address()
	more := strings.Replace(basic, "  listeners:\n", "  listeners:\n    - {name: more, port: 81, protocol: HTTP, default_action: {forward: [{target_group: web}]}}\n", 1)
	more = strings.Replace(more, `bind: {`, fmt.Sprintf(`bind: {more: %q, `, harness.FreeAddress(t)), 1)
	if err := s.Reload(s.write(more, a)); err != nil {
		t.Fatal(err)
	}
	added := s.Addr("more").String()
	idle := harness.Dial(t, added, harness.Dialing{})
	if s.address() != first {
		t.Errorf("the first listener moved from %s to %s", first, s.address())
	}
	if err := s.Reload(s.write(basic, a)); err != nil {
		t.Fatal(err)
	}
	if got := idle.ReadAll(); len(got) != 0 {
		t.Errorf("an idle connection of a closed listener was told %q", got)
	}
	if _, err := harness.TryDial(t, added, harness.Dialing{}); err == nil {
		t.Error("the closed listener accepts")
	}
}

func TestShutdownFinishesWhatIsInFlight(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	a.SetAnswer(harness.Answer{Parts: [][]byte{[]byte("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")}, Hold: true})
	s := start(t, basic, a)
	busy, idle := harness.Dial(t, s.address(), harness.Dialing{}), harness.Dial(t, s.address(), harness.Dialing{})
	busy.Send([]byte("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"))
	a.WaitRequests(1)
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
		defer cancel()
		ended <- s.Shutdown(ctx)
	}()
	if got := idle.ReadAll(); len(got) != 0 {
		t.Errorf("the idle connection was told %q", got)
	}
	a.Release()
	r, err := busy.ReadResponse("GET")
	if err != nil {
		t.Fatal(err)
	}
	if string(r.Body) != "late" || r.Fields.Get("Connection") != "close" {
		t.Errorf("%d %q, Connection: %s", r.Status, r.Body, r.Fields.Get("Connection"))
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestShutdownIsBounded(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	a.SetAnswer(harness.Answer{Silent: true})
	s := start(t, basic, a)
	c := harness.Dial(t, s.address(), harness.Dialing{})
	c.Send([]byte("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"))
	a.WaitRequests(1)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); err == nil {
		t.Error("a drain that cut a request reports none")
	}
	_ = c.ReadAll() // ends
}

func TestTooManyConnectionsAreRefused(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	s := start(t, strings.Replace(basic, "proxy:\n", "proxy:\n  max_connections: 2\n", 1), a)
	var held []*harness.Client
	for range 2 {
		c := harness.Dial(t, s.address(), harness.Dialing{})
		c.Send([]byte("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"))
		if _, err := c.ReadResponse("GET"); err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	third := harness.Dial(t, s.address(), harness.Dialing{})
	if got := third.ReadAll(); len(got) != 0 {
		t.Errorf("a connection too many was told %q", got)
	}
	held[0].Close()
	until(t, "room for another connection", func() bool {
		c := harness.Dial(t, s.address(), harness.Dialing{})
		defer c.Close()
		c.Send([]byte("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"))
		_, err := c.ReadResponse("GET")
		return err == nil
	})
}

// TestHandOver has a second server take the listening sockets of the first.
func TestHandOver(t *testing.T) {
	a, b := harness.NewTarget(t, "a", nil), harness.NewTarget(t, "b", nil)
	text := strings.Replace(basic, "proxy:\n", fmt.Sprintf("proxy:\n  handover_socket: %s\n", filepath.Join(t.TempDir(), "handover")), 1)
	text = strings.Replace(text, `http: "127.0.0.1:0"`, fmt.Sprintf("http: %q", harness.FreeAddress(t)), 1)
	old := start(t, text, a)
	next := start(t, text, b)
	if old.address() != next.address() {
		t.Fatalf("%s and %s", old.address(), next.address())
	}
	ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
	defer cancel()
	if err := old.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, got := next.get("/"); got != "b" {
			t.Errorf("requests go to %q, want b", got)
		}
	}
}

func TestTargetLeavesWithTheReload(t *testing.T) {
	a, b := harness.NewTarget(t, "a", nil), harness.NewTarget(t, "b", nil)
	b.SetAnswer(harness.Answer{Parts: [][]byte{[]byte("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb")}, Hold: true})
	s := start(t, basic, b)
	c := harness.Dial(t, s.address(), harness.Dialing{})
	c.Send([]byte("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"))
	b.WaitRequests(1)
	if err := s.Reload(s.write(basic, a)); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if _, got := s.get("/"); got != "a" {
			t.Errorf("a new request went to %q", got)
		}
	}
	states := map[string]string{}
	for _, target := range s.Status().TargetGroups[0].Targets {
		states[target.ID] = string(target.State)
	}
	if states["b"] != "draining" {
		t.Errorf("states are %v", states)
	}
	b.Release()
	if r, err := c.ReadResponse("GET"); err != nil || string(r.Body) != "b" {
		t.Errorf("the request in flight got %v %v", r, err)
	}
}

// TestInterimAnswersEnd has a target that answers 1xx again and again.
func TestInterimAnswersEnd(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	a.SetAnswer(harness.Answer{Parts: [][]byte{[]byte(strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 100) + string(harness.DefaultAnswer("a")))}})
	s := start(t, basic, a)
	c := harness.Dial(t, s.address(), harness.Dialing{})
	c.Send([]byte("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"))
	r, err := c.ReadResponse("GET")
	if err != nil || r.Status != 502 {
		t.Errorf("%+v, %v, want a 502", r, err)
	}
}

// TestShutdownWaitsForListenersThatLeft has a request in flight on a listener that a reload
// removed.
func TestShutdownWaitsForListenersThatLeft(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	a.SetAnswer(harness.Answer{Hold: true})
	more := strings.Replace(basic, "  listeners:\n", "  listeners:\n    - {name: more, port: 81, protocol: HTTP, default_action: {forward: [{target_group: web}]}}\n", 1)
	more = strings.Replace(more, `bind: {`, fmt.Sprintf(`bind: {more: %q, `, harness.FreeAddress(t)), 1)
	s := start(t, more, a)
	c := harness.Dial(t, s.Addr("more").String(), harness.Dialing{})
	c.Send([]byte("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"))
	a.WaitRequests(1)
	if err := s.Reload(s.write(basic, a)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
		defer cancel()
		ended <- s.Shutdown(ctx)
	}()
	select {
	case err := <-ended:
		t.Fatalf("shut down with a request in flight: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	a.Release()
	if r, err := c.ReadResponse("GET"); err != nil || string(r.Body) != "a" {
		t.Errorf("%v, %v", r, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
