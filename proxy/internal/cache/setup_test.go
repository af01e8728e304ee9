package cache_test

import (
	"io"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/cache"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// site is a cache with one behaviour and a target behind it.
type site struct {
	t     *testing.T
	cache *cache.Cache
	h     *cache.Handler
	// target answers; it is called in the goroutine of the request.
	target func(r *seen) reply
	mu     sync.Mutex
	// asked are the requests that the target got.
	asked []*seen
}

// seen is a request as the target sees it.
type seen struct {
	method, uri, host string
	fields            map[string]string
	x                 *exchange.Exchange
}

// reply is what a target answers. A head is "Name: value" lines.
type reply struct {
	status int
	head   string
	body   string
	// unknown has the body come in chunks; cut ends it before its end.
	unknown, cut bool
	trailers     bool
	// elb is the status of an answer that the load balancer makes.
	elb int
}

func ok(head, body string) reply { return reply{status: 200, head: head, body: body} }

func newSite(t *testing.T, b spec.CacheBehavior, target func(r *seen) reply) *site {
	return newSiteOf(t, 1<<20, b, target)
}

func newSiteOf(t *testing.T, memory int64, b spec.CacheBehavior, target func(r *seen) reply) *site {
	t.Helper()
	if b.Path == "" {
		b.Path = "/*"
	}
	if b.MaxTTL == 0 {
		b.MaxTTL = 24 * time.Hour
	}
	c := cache.New(memory, slog.New(slog.DiscardHandler))
	return &site{t: t, cache: c, h: cache.NewHandler(c, cache.NewBehavior(&b)), target: target}
}

// answer is what a client got.
type answer struct {
	status  int
	fields  map[string]string
	body    string
	aborted bool
	cache   string // of the log
	logged  int
}

// client is a test's client.
type client struct {
	mu     sync.Mutex
	head   exchange.Response
	fields map[string]string
	body   strings.Builder
	ended  bool
	failed bool
	gone   bool
	// broken has every write fail.
	broken bool
}

func (c *client) ReadBody([]byte) (int, error)          { return 0, io.EOF }
func (c *client) Buffered() (int, bool)                 { return 0, true }
func (c *client) Trailers() []exchange.Field            { return nil }
func (c *client) WriteInterim(*exchange.Response) error { return nil }
func (c *client) StopBody()                             {}
func (c *client) Abort()                                { c.failed = true }
func (c *client) WriteBody(p []byte) error {
	if c.broken {
		return io.ErrClosedPipe
	}
	c.body.Write(p)
	return nil
}

func (c *client) Gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

func (c *client) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
}

func (c *client) WriteHead(r *exchange.Response, body []byte, more bool) error {
	if c.broken {
		return io.ErrClosedPipe
	}
	c.head = *r
	c.fields = map[string]string{}
	for _, f := range r.Fields {
		name := strings.ToLower(string(f.Name))
		if old, ok := c.fields[name]; ok {
			c.fields[name] = old + " | " + string(f.Value)
		} else {
			c.fields[name] = string(f.Value)
		}
	}
	c.body.Write(body)
	c.ended = !more
	return nil
}

func (c *client) Finish([]exchange.Field) error { c.ended = true; return nil }

// get sends a request: "GET /path" and a head.
func (s *site) get(line string, head ...string) answer {
	return s.by(&client{}, line, head...)
}

func (s *site) by(c *client, line string, head ...string) answer {
	x := newExchange(c, line, head...)
	status := s.serve(x)
	a := answer{status: c.head.Status, fields: c.fields, body: c.body.String(), aborted: c.failed, cache: x.Record.CacheStatus, logged: x.Record.Status}
	if status != 0 {
		a.status = status
	} else if !c.failed && !c.broken && (!c.ended || a.logged != a.status) {
		s.t.Errorf("%s: answer has no end, or is %d and logged as %d", line, a.status, a.logged)
	}
	if n, err := strconv.Atoi(a.fields["content-length"]); err == nil && status == 0 && !c.head.NoBody && !c.failed && !c.broken && n != len(a.body) {
		s.t.Errorf("%s: content-length %d of %d bytes", line, n, len(a.body))
	}
	return a
}

func newExchange(c exchange.Client, line string, head ...string) *exchange.Exchange {
	method, uri, _ := strings.Cut(line, " ")
	path, query, hasQuery := strings.Cut(uri, "?")
	x := &exchange.Exchange{Conn: &exchange.Connection{ListenerPort: 443, Peer: netip.MustParseAddrPort("192.0.2.1:4711")}, Client: c}
	x.Reset()
	x.Record.Priority = 7
	x.Record.Created = time.Now()
	x.Request = exchange.Request{
		Method: []byte(method), Target: []byte(uri), Version: exchange.HTTP11, Fields: fieldsOf(head...),
		Host: []byte("example.com"), Path: []byte(path), Query: []byte(query), HasQuery: hasQuery,
	}
	for _, f := range x.Request.Fields {
		if f.ID == exchange.FieldHost {
			host, port, _ := strings.Cut(strings.ToLower(string(f.Value)), ":")
			x.Request.Host, x.Request.Port = []byte(host), []byte(port)
		}
	}
	return x
}

func fieldsOf(head ...string) []exchange.Field {
	var fields []exchange.Field
	for line := range strings.Lines(strings.Join(head, "\n")) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if ok {
			f := exchange.Field{Name: []byte(name), Value: []byte(strings.TrimSpace(value))}
			f.ID = exchange.Identify(f.Name)
			fields = append(fields, f)
		}
	}
	return fields
}

var managed = fieldsOf("X-Frame-Options: DENY")

func (s *site) serve(x *exchange.Exchange) int {
	return s.h.Serve(x, &exchange.Origin{Route: "web", Managed: managed, Forward: s.forward})
}

// forward is the forward action with s.target as the target.
func (s *site) forward(x *exchange.Exchange) int {
	r := &seen{method: string(x.Request.Method), uri: string(x.Request.Path), host: string(x.Request.Host), fields: map[string]string{}, x: x}
	if x.Request.HasQuery {
		r.uri += "?" + string(x.Request.Query)
	}
	for _, f := range x.Request.Fields {
		name := strings.ToLower(string(f.Name))
		if old, ok := r.fields[name]; ok {
			r.fields[name] = old + " | " + string(f.Value)
		} else {
			r.fields[name] = string(f.Value)
		}
	}
	s.mu.Lock()
	s.asked = append(s.asked, r)
	s.mu.Unlock()
	a := s.target(r)
	if a.elb != 0 {
		return a.elb
	}
	return a.write(x)
}

func (a reply) write(x *exchange.Exchange) int {
	res := &x.Response
	*res = exchange.Response{Status: a.status, Version: exchange.HTTP11, Fields: append(res.Fields[:0], fieldsOf(a.head)...)}
	x.Record.TargetStatus, x.Record.ByTarget, x.Record.Status = a.status, true, a.status
	res.NoBody = a.status == 304 || a.status == 204 || string(x.Request.Method) == "HEAD"
	res.ContentLength = int64(len(a.body))
	if a.unknown || a.trailers {
		res.ContentLength, res.Chunked = exchange.Unknown, true
	} else if a.status != 304 && a.status != 204 {
		res.Fields = append(res.Fields, fieldsOf("Content-Length: "+strconv.Itoa(len(a.body)))...)
	}
	res.Fields = append(res.Fields, managed...)
	if res.NoBody || len(a.body) == 0 {
		if x.Client.WriteHead(res, nil, false) != nil {
			x.Client.Abort()
		}
		return 0
	}
	half := len(a.body) / 2
	err := x.Client.WriteHead(res, []byte(a.body[:half]), true)
	if err == nil && !a.cut {
		if err = x.Client.WriteBody([]byte(a.body[half:])); err == nil {
			var trailers []exchange.Field
			if a.trailers {
				trailers = fieldsOf("Digest: x")
			}
			err = x.Client.Finish(trailers)
		}
	}
	if err != nil || a.cut {
		x.Client.Abort()
	}
	return 0
}

// count is how often the target was asked.
func (s *site) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// want holds an answer's X-Cache-Status and body to what is expected.
func (s *site) want(a answer, status, body string) {
	s.t.Helper()
	if a.fields["x-cache-status"] != status || a.cache != status || a.body != body {
		s.t.Errorf("answer %d is %q (logged %q) with %q, want %q with %q", a.status, a.fields["x-cache-status"], a.cache, a.body, status, body)
	}
}
