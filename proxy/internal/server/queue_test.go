package server_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/metrics"
	"github.com/evenkeel/evenkeel/test/harness"
)

// queued has targets that take one request at a time, a queue before them, and a listener for
// HTTPS beside the one for HTTP.
var queued = strings.NewReplacer(
	"  listeners:\n", "  listeners:\n    - {name: https, port: 443, protocol: HTTPS, certificates: [site], default_action: {forward: [{target_group: web}]}}\n",
	"target_groups:", "certificates:\n  site: {files: {certificate: site.crt, private_key: site.key}}\ntarget_groups:",
	"    port: 80\n    deregistration", "    port: 80\n    proxy_only: {queue: {depth: %DEPTH%, timeout: 10m}}\n    deregistration",
	`bind: {http: "127.0.0.1:0"}`, `bind: {http: "127.0.0.1:0", https: "127.0.0.3:0"}`,
).Replace(basic)

// queuedWith is queued with that depth and those targets, each with room for limit requests.
func queuedWith(dir string, depth, limit int, targets ...*harness.Target) string {
	var list []string
	for _, t := range targets {
		list = append(list, fmt.Sprintf("{id: %s, address: 127.0.0.1, port: %d, proxy_only: {max_connections: %d}}", t.Name(), t.Port(), limit))
	}
	return strings.NewReplacer("%DEPTH%", fmt.Sprint(depth), "%TARGETS%", "["+strings.Join(list, ", ")+"]",
		"certificate: site", "certificate: "+dir+"/site", "private_key: site", "private_key: "+dir+"/site").Replace(queued)
}

// line is a server of queued.
type line struct {
	*running
	dir string
}

func startQueued(t *testing.T, depth, limit int, targets ...*harness.Target) *line {
	t.Helper()
	dir := t.TempDir()
	harness.WriteCertificate(t, dir, "site", harness.NewCertificate(t, false, "app.test"))
	l := &line{running: start(t, queuedWith(dir, depth, limit, targets...)), dir: dir}
	until(t, "the targets to be healthy", l.healthy(len(targets)))
	return l
}

// load is what the only group has to do.
func (l *line) load() metrics.GroupLoad { return l.Gauges().Loads[0] }

// waits waits until n requests do.
func (l *line) waits(n int) {
	l.t.Helper()
	until(l.t, fmt.Sprintf("%d requests in the queue", n), func() bool { return l.load().Queued == float64(n) })
}

// plain sends a request over a new connection.
func (l *line) plain(text string) *harness.Client {
	l.t.Helper()
	c := harness.Dial(l.t, l.address(), harness.Dialing{})
	c.Send([]byte(text))
	return c
}

func (l *line) secure(text string) *harness.Client {
	l.t.Helper()
	c := harness.Dial(l.t, l.Addr("https").String(), harness.Dialing{TLS: &tls.Config{InsecureSkipVerify: true}})
	c.Send([]byte(text))
	return c
}

// two opens a connection for HTTP/2.
func (l *line) two() *harness.HTTP2 {
	l.t.Helper()
	return harness.DialHTTP2(l.t, l.Addr("https").String(), harness.Dialing{TLS: &tls.Config{InsecureSkipVerify: true}})
}

func get(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: app.test\r\n\r\n" }

func get2(path string) harness.HTTP2Request {
	return harness.HTTP2Request{Fields: harness.Fields{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "app.test"}, {Name: ":path", Value: path}}}
}

// ok reads an answer that must be a 200.
func (l *line) ok(c *harness.Client) {
	l.t.Helper()
	if r, err := c.ReadResponse("GET"); err != nil || r.Status != 200 {
		l.t.Errorf("got %+v, %v", r, err)
	}
}

// paths are those of the requests that a target got, in order.
func paths(t *harness.Target) string {
	var got []string
	for _, r := range t.Requests() {
		got = append(got, strings.Split(r.Line, " ")[1])
	}
	return strings.Join(got, " ")
}

// TestQueueKeepsTheOrder lets clients of every kind wait, and some of them leave: who waits
// behind those moves up, and nobody passes by.
func TestQueueKeepsTheOrder(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	a.SetAnswer(harness.Answer{Hold: true})
	l := startQueued(t, 100, 1, a)
	first := l.plain(get("/0"))
	a.WaitRequests(1)

	waiting := 0
	queue := func(c *harness.Client) *harness.Client {
		t.Helper()
		waiting++
		l.waits(waiting)
		return c
	}
	const part = "POST /gone HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1000000\r\n\r\n"
	one := queue(l.plain(get("/1")))
	leaving := []*harness.Client{
		queue(l.plain(get("/gone"))),
		queue(l.plain(part + strings.Repeat("x", 100_000))), // more than the head's buffer takes
		queue(l.plain(get("/gone") + get("/gone"))),
		queue(l.secure(get("/gone"))),
		queue(l.secure(part + "x")),
	}
	h2 := l.two()
	two := h2.Send(get2("/2"))
	queue(nil)
	reset := h2.Send(get2("/gone"))
	queue(nil)
	left := l.two()
	left.Send(get2("/gone"))
	queue(nil)
	three := queue(l.secure(get("/3")))
	four := queue(l.plain(get("/4")))

	for i, c := range leaving {
		if i%2 == 0 {
			c.Close()
		} else {
			c.Reset()
		}
		waiting--
		l.waits(waiting)
	}
	h2.Reset(reset)
	waiting--
	l.waits(waiting)
	left.Close()
	waiting--
	l.waits(waiting)

	a.Release()
	l.ok(first)
	for i, c := range []*harness.Client{one, nil, three, four} {
		a.WaitRequests(i + 2)
		waiting--
		l.waits(waiting) // only one goes on
		a.Release()
		if c != nil {
			l.ok(c)
		} else if r, err := h2.Receive(two); err != nil || r.Status != 200 {
			t.Errorf("got %+v, %v", r, err)
		}
	}
	if got := paths(a); got != "/0 /1 /2 /3 /4" {
		t.Errorf("the target got %s", got)
	}
	if load := l.load(); load.QueueTimeouts != 0 || load.QueueRejected != 0 {
		t.Errorf("load %+v", load)
	}
}

// TestQueueOutlivesChanges reloads and drains while requests wait.
func TestQueueOutlivesChanges(t *testing.T) {
	a, b := harness.NewTarget(t, "a", nil), harness.NewTarget(t, "b", nil)
	a.SetAnswer(harness.Answer{Hold: true})
	l := startQueued(t, 10, 1, a)
	reload := func(text string) {
		t.Helper()
		if err := l.Reload(l.write(text)); err != nil {
			t.Fatal(err)
		}
	}
	var clients []*harness.Client
	for i := range 4 {
		clients = append(clients, l.plain(get(fmt.Sprint("/", i))))
		if i == 0 {
			a.WaitRequests(1)
		}
		l.waits(i)
	}

	reload(queuedWith(l.dir, 1, 2, a)) // room for one more; those who wait stay, however short the queue
	a.WaitRequests(2)
	l.waits(2)
	if r, err := l.plain(get("/rejected")).ReadResponse("GET"); err != nil || r.Status != 503 {
		t.Errorf("beyond the new depth: %+v, %v", r, err)
	}

	reload(queuedWith(l.dir, 10, 1, b)) // a drains, and finishes what it has
	for _, c := range clients[2:] {
		l.ok(c)
	}
	if got := paths(b); got != "/2 /3" {
		t.Errorf("b got %s", got)
	}
	a.Release()
	l.ok(clients[0])
	l.ok(clients[1])

	b.SetAnswer(harness.Answer{Hold: true})
	last := l.plain(get("/last"))
	b.WaitRequests(3)
	waits := l.plain(get("/waits"))
	l.waits(1)
	reload(queuedWith(l.dir, 10, 1)) // nobody is left to wait for
	if r, err := waits.ReadResponse("GET"); err != nil || r.Status != 503 {
		t.Errorf("a request that waits for nobody: %+v, %v", r, err)
	}
	b.Release()
	l.ok(last)
}

// TestShutdownServesTheQueue ends the server while requests wait.
func TestShutdownServesTheQueue(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	a.SetAnswer(harness.Answer{Hold: true})
	l := startQueued(t, 10, 1, a)
	first := l.plain(get("/0"))
	a.WaitRequests(1)
	second := l.plain(get("/1"))
	l.waits(1)
	down := make(chan error, 1)
	go func() { down <- l.Shutdown(context.Background()) }()
	until(t, "the server to drain", func() bool { return l.Status().Draining })
	a.Release()
	l.ok(first)
	a.WaitRequests(2)
	a.Release()
	l.ok(second)
	if err := <-down; err != nil {
		t.Error(err)
	}
}

// TestQueueBehindTheCache has clients leave whose answers would have been kept.
func TestQueueBehindTheCache(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	a.SetAnswer(harness.Answer{Hold: true})
	l := startQueued(t, 100, 1, a)
	if err := l.Reload(l.write(queuedWith(l.dir, 100, 1, a) + "edge: {cache: [{path: \"/c*\", default_ttl: 1h}]}\n")); err != nil {
		t.Fatal(err)
	}
	first := l.plain(get("/0"))
	a.WaitRequests(1)
	for i, ask := range []func(string) *harness.Client{l.plain, l.secure} {
		c := ask(get(fmt.Sprintf("/c%d", i)))
		l.waits(1)
		c.Close()
		l.waits(0)
	}
	a.Release()
	l.ok(first)
}

// TestFullQueueIsBounded fills a queue with requests whose bodies are not read yet. Each sends
// more than the head's buffer takes, and no more than the kernel does, behind which the end of
// a connection could not be seen.
func TestFullQueueIsBounded(t *testing.T) {
	const depth = 300
	a := harness.NewTarget(t, "a", nil)
	a.SetAnswer(harness.Answer{Hold: true})
	l := startQueued(t, depth, 1, a)
	first := l.plain(get("/0"))
	a.WaitRequests(1)

	memory := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before, goroutines := memory(), runtime.NumGoroutine()
	text := "POST /waits HTTP/1.1\r\nHost: app.test\r\nContent-Length: 100000000\r\n\r\n" + strings.Repeat("x", 30_000)
	var clients []net.Conn
	for i := range depth {
		c, err := net.Dial("tcp", l.address())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
		l.waits(i + 1)
	}
	// Of each there is the buffer of its head, a goroutine, and one that watches for its leaving.
	if grown := int64(memory()) - int64(before); grown > depth*64<<10 {
		t.Errorf("%d requests that wait take %d bytes each", depth, grown/depth)
	}
	if grown := runtime.NumGoroutine() - goroutines; grown > depth*3 {
		t.Errorf("%d requests that wait take %d goroutines", depth, grown)
	}
	const beyond = 50
	for range beyond {
		c := l.plain(get("/beyond"))
		if r, err := c.ReadResponse("GET"); err != nil || r.Status != 503 {
			t.Fatalf("beyond the queue: %+v, %v", r, err)
		}
		c.Close()
	}
	if load := l.load(); load.Queued != depth || load.QueueRejected != beyond {
		t.Errorf("load %+v", load)
	}
	if load := l.Stats().TargetGroups[0].Load; load != (admin.GroupLoad{Queued: depth, QueueDepth: depth, QueueRejected: beyond}) {
		t.Errorf("the operator's page has %+v", load)
	}
	for _, c := range clients {
		c.Close()
	}
	l.waits(0)
	until(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= goroutines+10 })
	a.Release()
	l.ok(first)
	if got := paths(a); got != "/0" {
		t.Errorf("the target got %s", got)
	}
}
