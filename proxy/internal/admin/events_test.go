package admin_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/targethealth"
)

// changing is a process whose stats a test changes.
type changing struct {
	process
	mu sync.Mutex
}

func (c *changing) Stats() admin.Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	// A copy: what is read outside the lock must not change.
	body, _ := json.Marshal(c.stats)
	var stats admin.Stats
	_ = json.Unmarshal(body, &stats)
	return stats
}

func (c *changing) change(f func(*admin.Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.stats)
}

// events are the events of a stream.
type events struct {
	t      *testing.T
	lines  *bufio.Reader
	status int
	header http.Header
}

// next returns an event's name and data; empty ones at the end of the stream.
func (e *events) next() (name, data string) {
	e.t.Helper()
	for {
		line, err := e.lines.ReadString('\n')
		if err != nil {
			return "", ""
		}
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "event: "); ok {
			name = rest
		}
		if rest, ok := strings.CutPrefix(line, "data: "); ok {
			data = rest
		}
		if line == "" {
			return name, data
		}
	}
}

// pulse is what a test looks at of one.
type pulse struct {
	Connections int64
	Targets     []struct {
		Group, Target int
		Now           struct{ State targethealth.State }
		Point         []float64
		Timeline      []telemetry.Transition
	}
}

func (e *events) pulse() pulse {
	e.t.Helper()
	name, data := e.next()
	var p pulse
	if err := json.Unmarshal([]byte(data), &p); name != "pulse" || err != nil {
		e.t.Fatalf("got %s %s, %v", name, data, err)
	}
	return p
}

// stream listens to the events of h without a network, as its clock is not ours.
func stream(ctx context.Context, t *testing.T, h http.Handler) *events {
	t.Helper()
	client, server := net.Pipe()
	s := &http.Server{Handler: h}
	go s.Serve(&one{conn: server, closed: ctx.Done()})
	go func() { <-ctx.Done(); _ = client.Close(); _ = s.Close() }()
	if _, err := client.Write([]byte("GET /stats/events HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &events{t, bufio.NewReader(answer.Body), answer.StatusCode, answer.Header}
}

// settle leaves and waits until nobody looks for changes any more.
func settle(leave func()) {
	leave()
	time.Sleep(2 * time.Second)
}

// one is a listener of one connection.
type one struct {
	conn   net.Conn
	closed <-chan struct{}
	once   sync.Once
}

func (o *one) Accept() (c net.Conn, err error) {
	o.once.Do(func() { c = o.conn })
	if c != nil {
		return c, nil
	}
	<-o.closed
	return nil, net.ErrClosed
}
func (o *one) Close() error   { return nil }
func (o *one) Addr() net.Addr { return o.conn.LocalAddr() }

// TestEvents wants the whole first, and then each second what has changed.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		defer settle(leave)
		c := &changing{process: process{stats: sampleStats()}}
		e := stream(ctx, t, admin.New(admin.Options{Listen: "127.0.0.1:8404", Source: c}).Handler())
		if e.status != 200 || e.header.Get("Content-Type") != "text/event-stream; charset=utf-8" || e.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v", e.status, e.header)
		}
		name, data := e.next()
		var all admin.Stats
		if err := json.Unmarshal([]byte(data), &all); name != "whole" || err != nil || len(all.TargetGroups) != 2 || len(all.TargetGroups[0].Targets[0].Series.Requests) != 3 {
			t.Fatalf("%s %s, %v", name, data, err)
		}
		began := time.Now()
		if p := e.pulse(); len(p.Targets) != 0 || p.Connections != 3 {
			t.Errorf("nothing has changed: %+v", p)
		}
		if since := time.Since(began); since != time.Second {
			t.Errorf("a pulse after %v", since)
		}
		c.change(func(s *admin.Stats) {
			s.Connections = 4
			one := &s.TargetGroups[0].Targets[1]
			one.State = targethealth.Healthy
			one.Timeline = append(one.Timeline, telemetry.Transition{Time: s.Time, From: targethealth.Unhealthy, To: targethealth.Healthy})
			one.Series.Steps++
			one.Series.Requests, one.Series.Errors, one.Series.P95 = []uint32{2, 3, 40}, []uint32{0, 1, 2}, []float64{2, 300, 4.5}
		})
		p := e.pulse()
		if p.Connections != 4 || len(p.Targets) != 1 {
			t.Fatalf("got %+v", p)
		}
		got := p.Targets[0]
		if got.Group != 0 || got.Target != 1 || got.Now.State != targethealth.Healthy || len(got.Timeline) != 3 || len(got.Point) != 3 || got.Point[0] != 40 || got.Point[1] != 2 || got.Point[2] != 4.5 {
			t.Errorf("got %+v", got)
		}
		if p := e.pulse(); len(p.Targets) != 0 {
			t.Errorf("it is said twice: %+v", p)
		}
		c.change(func(s *admin.Stats) { s.TargetGroups[0].Targets = s.TargetGroups[0].Targets[:1] })
		if name, data := e.next(); name != "whole" || strings.Contains(data, "web-2") {
			t.Errorf("other targets: %s %s", name, data)
		}
	})
}

// TestStreamsAreBounded and their places are free again.
func TestStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		defer settle(leave)
		h := admin.New(admin.Options{Listen: "127.0.0.1:8404", Source: &changing{}}).Handler()
		first, leaveFirst := context.WithCancel(ctx)
		go io.Copy(io.Discard, stream(first, t, h).lines)
		for range 31 {
			go io.Copy(io.Discard, stream(ctx, t, h).lines)
		}
		if e := stream(ctx, t, h); e.status != 503 || e.header.Get("Retry-After") == "" {
			t.Errorf("one too many: %d", e.status)
		}
		leaveFirst()
		synctest.Wait()
		if e := stream(ctx, t, h); e.status != 200 {
			t.Errorf("in the place of one that left: %d", e.status)
		}
	})
}

// TestSlowReadersAreDropped: one that reads nothing holds up nobody.
func TestSlowReadersAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		defer settle(leave)
		h := admin.New(admin.Options{Listen: "127.0.0.1:8404", Source: &changing{process: process{stats: sampleStats()}}}).Handler()
		slow, quick := stream(ctx, t, h), stream(ctx, t, h)
		quick.next()
		for range 60 {
			quick.pulse()
		}
		n := 0
		for name, _ := slow.next(); name != ""; name, _ = slow.next() {
			n++
		}
		if n > 6 {
			t.Errorf("%d events waited for a slow reader", n)
		}
	})
}

// TestSignedOutStreamsEnd even while nobody asks for anything.
func TestSignedOutStreamsEnd(t *testing.T) {
	d := newDesk(t)
	signed := d.signIn().Header.Get("Set-Cookie")
	id, _, _ := strings.Cut(strings.TrimPrefix(signed, "evenkeel_session="), ";")
	ctx, leave := context.WithTimeout(t.Context(), time.Minute)
	defer leave()
	r, err := http.NewRequestWithContext(ctx, "GET", d.server.URL+"/stats/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := d.browser.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	e := &events{t: t, lines: bufio.NewReader(answer.Body)}
	if name, _ := e.next(); name != "whole" {
		t.Fatalf("got %q", name)
	}
	d.door.SignOut(id)
	for name, _ := e.next(); name != ""; name, _ = e.next() {
	}
	if ctx.Err() != nil {
		t.Error("the stream goes on")
	}
}

// TestShutdownEndsStreams rather than wait for them.
func TestShutdownEndsStreams(t *testing.T) {
	s, address, ended := serve(t, &process{stats: sampleStats()})
	answer, err := http.Get("http://" + address + "/stats/events")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "http://localhost/stats/events", nil)
	s.Handler().ServeHTTP(w, r)
	if w.Code != 503 {
		t.Errorf("after the end: %d", w.Code)
	}
}
