//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// soakFile is an environment of which a soak has two versions: other rules, other weights,
// another algorithm, a target more or less. Whatever a soak asks for ends at a target in both.
const soakFile = `app: soak
domain: app.test
load_balancer:
  attributes: {idle_timeout: 60s}
  listeners:
    - name: http
      port: 80
      protocol: HTTP
      rules: [%RULES%]
      default_action: {forward: [{target_group: web, weight: %WEIGHT%}, {target_group: canary}]}
    - name: https
      port: 443
      protocol: HTTPS
      certificates: [site]
      rules: [%RULES%]
      default_action: {forward: [{target_group: web, weight: %WEIGHT%}, {target_group: canary}]}
certificates: {site: {files: {certificate: site.crt, private_key: site.key}}}
target_groups:
  - name: web
    port: 80
    algorithm: %ALGORITHM%
    deregistration_delay: %DELAY%
    health_check: {path: /health/, interval: 5s, timeout: 2s, healthy_threshold: 2, unhealthy_threshold: 2}
    targets: [%WEB%]
  - name: canary
    port: 80
    deregistration_delay: %DELAY%
    health_check: {path: /health/, interval: 5s, timeout: 2s, healthy_threshold: 2, unhealthy_threshold: 2}
    targets: [%CANARY%]
proxy:
  bind: {http: "%PLAIN%", https: "%SECURE%"}
  admin: {listen: "%ADMIN%"}
  handover_socket: "%DIR%/handover"
  access_log: {path: "%DIR%/access.log", format: alb}
`

const (
	firstRules = `
        {name: a, priority: 1, conditions: [{path_pattern: ["/q/1*"]}], action: {forward: [{target_group: canary}]}},
        {name: fixed, priority: 2, conditions: [{path_pattern: [/fixed]}], action: {fixed_response: {status_code: 200}}}`
	secondRules = `
        {name: b, priority: 5, conditions: [{path_pattern: ["/q/2*"]}, {http_request_method: [POST]}], action: {forward: [{target_group: web}, {target_group: canary, weight: 3}]}}`
)

// soakSize is how much a soak asks for.
type soakSize struct {
	requests           int64
	reloads, replaces  int
	webSockets         int
	deregistrationTime time.Duration
}

// soakSizes: a WebSocket lives on in a process that was replaced, at most for the longest
// deregistration delay, so that of the long soak is longer than it takes.
func soakSizes() soakSize {
	if os.Getenv("SOAK") == "1" {
		return soakSize{requests: 1_000_000, reloads: 100, replaces: 20, webSockets: 200, deregistrationTime: time.Hour}
	}
	return soakSize{requests: 60_000, reloads: 10, replaces: 3, webSockets: 200, deregistrationTime: 5 * time.Minute}
}

// versions are the two texts of soakFile.
func (z soakSize) versions(m []*mirror) [2]string {
	version := func(rules, weight, algorithm string, web, canary []*mirror) string {
		list := func(m []*mirror) string {
			entries := []string{}
			for _, one := range m {
				entries = append(entries, one.entry())
			}
			return strings.Join(entries, ", ")
		}
		return strings.NewReplacer("%RULES%", rules, "%WEIGHT%", weight, "%ALGORITHM%", algorithm,
			"%DELAY%", fmt.Sprintf("%ds", int(z.deregistrationTime.Seconds())),
			"%WEB%", list(web), "%CANARY%", list(canary)).Replace(soakFile)
	}
	return [2]string{
		version(firstRules, "9", "round_robin", m[:3], m[3:4]),
		version(secondRules, "2", "least_outstanding_requests", []*mirror{m[0], m[2], m[4]}, m[3:4]),
	}
}

// TestSoak asks without pause while the description changes and processes are replaced.
// Nothing may fail, and no WebSocket may be cut.
func TestSoak(t *testing.T) {
	size := soakSizes()
	var mirrors []*mirror
	for i := range 5 {
		mirrors = append(mirrors, newMirror(t, fmt.Sprintf("web-%d", i+1)))
	}
	versions := size.versions(mirrors)
	s := newSite(t, versions[0], mirrors...)
	processes := []*balancer{s.serve()}
	processes[0].healthy(4)

	sockets := newSockets(t, s)
	sockets.open(size.webSockets)
	began := time.Now()
	load := newLoad(s, size.requests)
	load.start()

	// Events are spread over the requests; a replacement now and then falls to a reload.
	events := size.reloads + size.replaces
	version, replaced, reloaded := 0, 0, 0
	for i := range events {
		if !load.wait(size.requests * int64(i+1) / int64(events+1)) {
			break
		}
		now := processes[len(processes)-1]
		if (i+1)*size.replaces/events > replaced {
			processes = append(processes, s.replace(now))
			replaced++
			sockets.open(5) // on the new process
			continue
		}
		version = 1 - version
		s.reload(now, versions[version])
		reloaded++
	}
	load.finish()
	took := time.Since(began)
	sockets.finish()

	for _, line := range load.report() {
		t.Log(line)
	}
	t.Logf("%d requests in %.1f s, %d failed; %d reloads, %d replacements; %d WebSockets, %d echoes, %d cut",
		load.done.Load(), took.Seconds(), load.failed.Load(), reloaded, replaced,
		sockets.opened, sockets.echoes.Load(), sockets.cut.Load())
	if n := load.failed.Load(); n > 0 || load.done.Load() < size.requests {
		t.Errorf("%d of %d requests failed, such as:\n%s", n, load.done.Load(), strings.Join(load.examples, "\n"))
	}
	if reloaded != size.reloads || replaced != size.replaces {
		t.Errorf("%d reloads and %d replacements, want %d and %d", reloaded, replaced, size.reloads, size.replaces)
	}

	last := processes[len(processes)-1]
	last.Signal(syscall.SIGTERM)
	for i, p := range processes {
		if err := p.Wait(); err != nil {
			t.Errorf("process %d of %d: %v", i+1, len(processes), err)
		}
		if out := p.Output(); strings.Contains(out, "refused") || strings.Contains(out, `"level":"ERROR"`) {
			t.Errorf("process %d of %d complained:\n%s", i+1, len(processes), out)
		}
	}
	log, err := os.ReadFile(filepath.Join(s.dir, "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	if lines, want := bytes.Count(log, []byte("\n")), load.done.Load()+int64(sockets.opened); int64(lines) != want {
		t.Errorf("the access log has %d lines for %d requests and WebSockets", lines, want)
	}
}

// reload puts another version in place and tells the process.
func (s *site) reload(b *balancer, text string) {
	s.t.Helper()
	const done = `"msg":"reloaded","cause":"hangup"`
	count := func() int {
		return strings.Count(strings.ReplaceAll(b.Output(), `"cause":"SIGHUP"`, `"cause":"hangup"`), done)
	}
	before := count()
	s.write(text)
	b.Signal(syscall.SIGHUP)
	b.Until("reloaded", func() bool { return count() > before })
}

// replace starts another process on the same file and ends the old one once that serves.
func (s *site) replace(old *balancer) *balancer {
	s.t.Helper()
	next := s.serve()
	old.Signal(syscall.SIGTERM)
	old.Until("draining", func() bool { return strings.Contains(old.Output(), `"msg":"draining"`) })
	return next
}

// load is all clients of a soak that make requests.
type load struct {
	s     *site
	limit int64
	kinds []*kind

	taken, done, failed atomic.Int64
	clients             sync.WaitGroup

	mu       sync.Mutex
	examples []string
}

// kind is one sort of client.
type kind struct {
	name string
	// clients are asked by one goroutine each, streams by four.
	clients []asker
	done    atomic.Int64
}

func newLoad(s *site, limit int64) *load {
	l := &load{s: s, limit: limit}
	from := 10
	kept := func(address string, secure, once bool) asker {
		from++ // a source of its own has all the ports to itself
		k := &keeper{address: address, from: fmt.Sprintf("127.0.0.%d", from), once: once}
		if secure {
			k.secure = untrusting("http/1.1")
		}
		return k
	}
	l.kinds = []*kind{
		{name: "HTTP, kept connections", clients: []asker{kept(s.plain, false, false), kept(s.plain, false, false), kept(s.plain, false, false)}},
		{name: "HTTPS, kept connections", clients: []asker{kept(s.secure, true, false), kept(s.secure, true, false)}},
		{name: "HTTP/2", clients: []asker{&streamer{address: s.secure, from: "127.0.0.5"}, &streamer{address: s.secure, from: "127.0.0.6"}}},
		{name: "HTTP, new connections", clients: []asker{kept(s.plain, false, true), kept(s.plain, false, true)}},
		{name: "HTTPS, new connections", clients: []asker{kept(s.secure, true, true)}},
		{name: "HTTP/2, new connections", clients: []asker{&newStreamer{streamer{address: s.secure, from: "127.0.0.7"}}}},
	}
	return l
}

// newStreamer is a streamer that opens a connection for each request.
type newStreamer struct{ streamer }

func (s *newStreamer) ask(q question) error {
	defer s.close()
	return s.streamer.ask(q)
}

func (l *load) start() {
	for _, k := range l.kinds {
		for i, c := range k.clients {
			goroutines := 1
			if _, ok := c.(*streamer); ok {
				goroutines = 4
			}
			for g := range goroutines {
				who := fmt.Sprintf("%s-%d-%d", strings.Map(word, k.name), i, g)
				l.clients.Go(func() { l.run(k, c, who) })
			}
		}
	}
}

// word keeps what may stand in a header field.
func word(r rune) rune {
	if r == ' ' || r == ',' || r == '/' {
		return '_'
	}
	return r
}

// run asks one question after the other until there have been enough.
func (l *load) run(k *kind, c asker, who string) {
	for n := 0; l.taken.Add(1) <= l.limit; n++ {
		err := c.ask(questions(who, n))
		l.done.Add(1)
		k.done.Add(1)
		if err == nil {
			continue
		}
		if l.failed.Add(1) <= 10 {
			l.mu.Lock()
			l.examples = append(l.examples, time.Now().Format(time.StampMilli)+" "+who+": "+err.Error())
			l.mu.Unlock()
		}
	}
}

// wait waits until n requests are done; it reports false when they do not get done.
func (l *load) wait(n int64) bool {
	for last, deadline := int64(-1), time.Now().Add(patience); l.done.Load() < n; time.Sleep(time.Millisecond) {
		if d := l.done.Load(); d != last {
			last, deadline = d, time.Now().Add(patience)
		}
		if time.Now().After(deadline) {
			l.s.t.Errorf("no request was done for %v", patience)
			return false
		}
	}
	return true
}

func (l *load) finish() {
	l.clients.Wait()
	for _, k := range l.kinds {
		for _, c := range k.clients {
			c.close()
		}
		if k.done.Load() < l.limit/200 {
			l.s.t.Errorf("%s: %d requests are too few to mean anything", k.name, k.done.Load())
		}
	}
}

func (l *load) report() []string {
	var lines []string
	for _, k := range l.kinds {
		dials, moved := int64(0), int64(0)
		for _, c := range k.clients {
			switch c := c.(type) {
			case *keeper:
				dials += int64(c.dials)
			case *streamer:
				dials, moved = dials+c.dials.Load(), moved+c.moved.Load()
			case *newStreamer:
				dials, moved = dials+c.dials.Load(), moved+c.moved.Load()
			}
		}
		lines = append(lines, fmt.Sprintf("%-24s %7d requests over %6d connections, %d moved on by GOAWAY", k.name, k.done.Load(), dials, moved))
	}
	return lines
}

// sockets are WebSockets that stay open and echo now and then.
type sockets struct {
	t           *testing.T
	s           *site
	opened      int
	echoes, cut atomic.Int64

	ctx    context.Context
	end    context.CancelFunc
	echoer sync.WaitGroup
}

func newSockets(t *testing.T, s *site) *sockets {
	w := &sockets{t: t, s: s}
	w.ctx, w.end = context.WithCancel(t.Context())
	t.Cleanup(w.end)
	return w
}

// open opens n more, half of them over TLS.
func (w *sockets) open(n int) {
	w.t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: untrusting("http/1.1")}}
	for i := range n {
		url := "ws://" + w.s.plain + "/ws"
		if i%2 == 1 {
			url = "wss://" + w.s.secure + "/ws"
		}
		ctx, cancel := context.WithTimeout(w.ctx, patience)
		c, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: client})
		cancel()
		if err != nil {
			w.t.Errorf("%s: %v", url, err)
			w.cut.Add(1)
			continue
		}
		w.opened++
		pause := time.Duration(500+w.opened*7%1000) * time.Millisecond
		w.echoer.Go(func() { w.echo(c, pause) })
	}
}

// echo says something every pause, and once more at the end.
func (w *sockets) echo(c *websocket.Conn, pause time.Duration) {
	defer c.CloseNow()
	for n, last := 0, false; !last; n++ {
		select {
		case <-w.ctx.Done():
			last = true
		case <-time.After(pause):
		}
		if err := w.once(c, fmt.Sprintf("%p %d", c, n)); err != nil {
			w.cut.Add(1)
			w.t.Errorf("WebSocket after %d echoes: %v", n, err)
			return
		}
		w.echoes.Add(1)
	}
	_ = c.Close(websocket.StatusNormalClosure, "")
}

func (w *sockets) once(c *websocket.Conn, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		return err
	}
	_, got, err := c.Read(ctx)
	if err == nil && string(got) != text {
		return fmt.Errorf("%w: %q came back as %q", io.ErrUnexpectedEOF, text, got)
	}
	return err
}

func (w *sockets) finish() {
	w.end()
	w.echoer.Wait()
}
