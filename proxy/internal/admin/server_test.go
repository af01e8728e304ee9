package admin_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/aggregate"
	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/targethealth"
)

// process is a source that says what a test makes it say.
type process struct {
	status admin.Status
	stats  admin.Stats
	// orders and signIns are what it was told; change and orderError are what it makes of them.
	orders     []admin.Order
	signIns    []bool
	orderError error
	ready      bool
	reload     func(ctx context.Context) error
	purged     []string
}

func (p *process) Status() admin.Status { return p.status }
func (p *process) Stats() admin.Stats   { return p.stats }
func (p *process) SignedIn(ok bool)     { p.signIns = append(p.signIns, ok) }
func (p *process) Ready() bool          { return p.ready }

func (p *process) NginxStatus() admin.NginxStatus {
	return admin.NginxStatus{Accepted: 16630950, Handled: 16630948, Requests: 31070465, Active: 291, Reading: 6, Writing: 179, Waiting: 106}
}

func (p *process) Order(o admin.Order) (admin.Change, error) {
	p.orders = append(p.orders, o)
	return admin.Change{Before: "ready", After: o.Action}, p.orderError
}

func (p *process) Aggregate(method string) *aggregate.Answer {
	return &aggregate.Answer{Status: http.StatusServiceUnavailable, Header: map[string]string{"X-Method": method}, Body: []byte("down")}
}

func (p *process) Reload(ctx context.Context) error {
	if p.reload == nil {
		return nil
	}
	return p.reload(ctx)
}

func (p *process) Purge(path string) (int, error) {
	if path != "/a/*" {
		return 0, errors.New("no such path")
	}
	p.purged = append(p.purged, path)
	return 3, nil
}

// handler is what answers for p on the listener's default address.
func handler(p *process) http.Handler {
	return admin.New(admin.Options{Listen: "127.0.0.1:8404", Source: p, NginxStatusAllow: netip.Addr.IsLoopback, Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "alb_request_count_total 1\n")
	})}).Handler()
}

// ask makes a request; fields are names and values in turn.
func ask(t *testing.T, h http.Handler, method, path string, fields ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	r.Host = "127.0.0.1:8404"
	for i := 0; i < len(fields); i += 2 {
		if fields[i] == "Host" {
			r.Host = fields[i+1]
			continue
		}
		r.Header.Set(fields[i], fields[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestEndpoints(t *testing.T) {
	well := &process{ready: true}
	ill := &process{reload: func(context.Context) error { return errors.New("site.yaml:1:1: app: is missing\nsite.yaml:2:2: more") }}
	for _, c := range []struct {
		process      *process
		method, path string
		status       int
		body         string
	}{
		{ill, "GET", "/healthz", 200, "ok\n"}, // it lives all the same
		{well, "HEAD", "/healthz", 200, "ok\n"},
		{well, "GET", "/readyz", 200, "ready\n"},
		{ill, "GET", "/readyz", 503, "not ready: no target group is able to serve, or the process is shutting down\n"},
		{well, "POST", "/reload", 204, ""},
		{ill, "POST", "/reload", 422, "site.yaml:1:1: app: is missing\nsite.yaml:2:2: more\n"},
		{well, "GET", "/reload", 405, "Method Not Allowed\n"},
		{well, "GET", "/metrics", 200, "alb_request_count_total 1\n"},
		{well, "POST", "/healthz", 405, "Method Not Allowed\n"},
		{well, "GET", "/debug/pprof/", 404, "404 page not found\n"},
		{well, "GET", "/nothing", 404, "404 page not found\n"},
	} {
		if w := ask(t, handler(c.process), c.method, c.path); w.Code != c.status || w.Body.String() != c.body {
			t.Errorf("%s %s: got %d %q, want %d %q", c.method, c.path, w.Code, w.Body, c.status, c.body)
		}
	}
	without := admin.New(admin.Options{Listen: "127.0.0.1:8404", Source: well}).Handler()
	if w := ask(t, without, "GET", "/metrics"); w.Code != 404 {
		t.Errorf("without metrics: got %d", w.Code)
	}
}

// TestIndexNamesEveryEndpoint follows the links.
func TestIndexNamesEveryEndpoint(t *testing.T) {
	h := handler(&process{ready: true})
	index := ask(t, h, "GET", "/")
	if got := index.Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("the index is %s", got)
	}
	for _, path := range []string{"/status", "/metrics", "/healthz", "/readyz"} {
		if !strings.Contains(index.Body.String(), `<a href="`+path+`">`) {
			t.Errorf("the index has no link to %s", path)
		}
		if w := ask(t, h, "GET", path); w.Code != 200 {
			t.Errorf("%s: got %d", path, w.Code)
		}
	}
}

// sample is a status with something of everything.
func sample() admin.Status {
	started := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return admin.Status{
		Version: "1.2.3", Environment: "prod", Started: started, Draining: true,
		Listeners: []admin.Listener{{Name: "https", Protocol: "HTTPS", Port: 443, Address: "0.0.0.0:8443"}},
		TargetGroups: []admin.TargetGroup{
			{Name: "web", ARN: "arn:web", Protocol: "HTTP", Algorithm: "round_robin", FailOpen: true, Targets: []admin.Target{
				{ID: "web-1", Address: "10.0.1.1:80", Zone: "a", State: targethealth.Healthy, Administrative: "ready", Outstanding: 2, Requests: 9},
				{ID: "web-2", Address: "10.0.1.2:80", State: targethealth.Unhealthy, Reason: targethealth.ReasonTimeout, Description: "Request timed out", Administrative: "drain"},
			}},
			{Name: "idle", ARN: "arn:idle", Protocol: "HTTP", Algorithm: "weighted_random", Targets: []admin.Target{}},
		},
		Reloads: admin.Reloads{Count: 3, LastError: "bad", LastTime: started.Add(time.Hour)},
	}
}

func TestStatusIsJSON(t *testing.T) {
	w := ask(t, handler(&process{status: sample()}), "GET", "/status")
	const want = `{
  "version": "1.2.3",
  "environment": "prod",
  "started": "2026-03-01T12:00:00Z",
  "draining": true,
  "listeners": [
    {
      "name": "https",
      "protocol": "HTTPS",
      "port": 443,
      "address": "0.0.0.0:8443"
    }
  ],
  "target_groups": [
    {
      "name": "web",
      "arn": "arn:web",
      "protocol": "HTTP",
      "algorithm": "round_robin",
      "fail_open": true,
      "targets": [
        {
          "id": "web-1",
          "address": "10.0.1.1:80",
          "zone": "a",
          "state": "healthy",
          "administrative": "ready",
          "outstanding": 2,
          "requests": 9
        },
        {
          "id": "web-2",
          "address": "10.0.1.2:80",
          "state": "unhealthy",
          "reason": "Target.Timeout",
          "description": "Request timed out",
          "administrative": "drain",
          "outstanding": 0,
          "requests": 0
        }
      ]
    },
    {
      "name": "idle",
      "arn": "arn:idle",
      "protocol": "HTTP",
      "algorithm": "weighted_random",
      "fail_open": false,
      "targets": []
    }
  ],
  "reloads": {
    "count": 3,
    "last_error": "bad",
    "last_time": "2026-03-01T13:00:00Z"
  }
}
`
	if diff := cmp.Diff(want, w.Body.String()); diff != "" || w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("got %d, %s\n%s", w.Code, w.Header().Get("Content-Type"), diff)
	}
}

// TestStatusHasListsWhereThereIsNothing wants [] and no time where no reload was tried.
func TestStatusHasListsWhereThereIsNothing(t *testing.T) {
	body := ask(t, handler(&process{}), "GET", "/status").Body.String()
	for _, want := range []string{`"listeners": [],`, `"target_groups": [],`, "\"reloads\": {\n    \"count\": 0\n  }"} {
		if !strings.Contains(body, want) {
			t.Errorf("there is no %s in\n%s", want, body)
		}
	}
}

// TestForeignHostsAreRefused plays a page whose name an attacker points at the listener.
func TestForeignHostsAreRefused(t *testing.T) {
	reloaded := 0
	p := &process{reload: func(context.Context) error { reloaded++; return nil }}
	for listen, hosts := range map[string]map[string]bool{
		"127.0.0.1:8404": {
			"127.0.0.1:8404": true, "127.0.0.1": true, "localhost:8404": true, "LOCALHOST": true, "localhost.": true,
			"[::1]:8404": true, "[::1]": true, "10.1.2.3:80": true,
			"evil.example": false, "evil.example:8404": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false,
			"": false, ".": false, "2130706433": false, "0x7f.1": false, "127.1": false, "[evil.example]": false, "a\x00b": false,
		},
		"admin.internal:8404": {"admin.internal:8404": true, "Admin.Internal.": true, "localhost": true, "internal": false, "x.admin.internal": false},
		":8404":               {"localhost": true, "10.1.2.3:8404": true, "": false, "evil.example": false},
	} {
		h := admin.New(admin.Options{Listen: listen, Source: p}).Handler()
		for host, fine := range hosts {
			reloaded = 0
			get, post := ask(t, h, "GET", "/status", "Host", host).Code, ask(t, h, "POST", "/reload", "Host", host).Code
			want := []int{421, 421, 0}
			if fine {
				want = []int{200, 204, 1}
			}
			if got := []int{get, post, reloaded}; !cmp.Equal(got, want) {
				t.Errorf("listening on %s, asked for %q: got %v, want %v", listen, host, got, want)
			}
		}
	}
}

// TestPostsOfOtherSitesAreRefused plays a page of another site in the operator's browser.
func TestPostsOfOtherSitesAreRefused(t *testing.T) {
	reloaded := 0
	h := handler(&process{reload: func(context.Context) error { reloaded++; return nil }})
	for name, c := range map[string]struct {
		fields []string
		status int
	}{
		"a command":         {nil, 204},
		"our own page":      {[]string{"Sec-Fetch-Site", "same-origin"}, 204},
		"our own origin":    {[]string{"Origin", "http://127.0.0.1:8404"}, 204},
		"typed in":          {[]string{"Sec-Fetch-Site", "none"}, 204},
		"another site":      {[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		"another subdomain": {[]string{"Sec-Fetch-Site", "same-site"}, 403},
		"another origin":    {[]string{"Origin", "https://evil.example"}, 403},
		"another port":      {[]string{"Origin", "http://127.0.0.1:9999"}, 403},
		"no origin":         {[]string{"Origin", "null"}, 403},
	} {
		reloaded = 0
		if got := ask(t, h, "POST", "/reload", c.fields...).Code; got != c.status || reloaded == 1 != (c.status == 204) {
			t.Errorf("%s: got %d and %d reloads, want %d", name, got, reloaded, c.status)
		}
		if got := ask(t, h, "GET", "/status", c.fields...).Code; got != 200 {
			t.Errorf("%s reads: got %d; its page cannot see it", name, got)
		}
	}
}

// TestEveryAnswerIsGuarded wants the fields for browsers on answers and refusals alike.
func TestEveryAnswerIsGuarded(t *testing.T) {
	h := handler(&process{reload: func(context.Context) error { return errors.New("no") }})
	for name, w := range map[string]*httptest.ResponseRecorder{
		"index":         ask(t, h, "GET", "/"),
		"status":        ask(t, h, "GET", "/status"),
		"metrics":       ask(t, h, "GET", "/metrics"),
		"not ready":     ask(t, h, "GET", "/readyz"),
		"refused":       ask(t, h, "POST", "/reload"),
		"foreign host":  ask(t, h, "GET", "/", "Host", "evil.example"),
		"foreign POST":  ask(t, h, "POST", "/reload", "Origin", "https://evil.example"),
		"not found":     ask(t, h, "GET", "/nothing"),
		"wrong method":  ask(t, h, "DELETE", "/status"),
		"another's CSP": ask(t, h, "GET", "/metrics", "Origin", "https://evil.example"),
	} {
		for field, want := range map[string]string{
			"Cache-Control":                "no-store",
			"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Referrer-Policy":              "no-referrer",
			"X-Content-Type-Options":       "nosniff",
			"X-Frame-Options":              "DENY",
			"Access-Control-Allow-Origin":  "",
		} {
			if got := w.Header().Get(field); got != want {
				t.Errorf("%s: %s is %q, want %q", name, field, got, want)
			}
		}
	}
}

// TestReloadOutlivesItsClient wants who asked to be free to leave, and the reload to end.
func TestReloadOutlivesItsClient(t *testing.T) {
	p := &process{reload: func(ctx context.Context) error {
		if err := ctx.Err(); err != nil {
			t.Errorf("the reload is over before it begins: %v", err)
		}
		if _, ok := ctx.Deadline(); !ok {
			t.Error("the reload may take forever")
		}
		return nil
	}}
	gone, leave := context.WithCancel(t.Context())
	leave()
	r := httptest.NewRequestWithContext(gone, "POST", "/reload", nil)
	r.Host = "localhost"
	w := httptest.NewRecorder()
	handler(p).ServeHTTP(w, r)
	if w.Code != 204 {
		t.Errorf("got %d", w.Code)
	}
}

// serve runs a server and returns where, and what Serve comes to.
func serve(t *testing.T, p *process) (*admin.Server, string, <-chan error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := admin.New(admin.Options{Listen: ln.Addr().String(), Source: p})
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ln) }()
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	return s, ln.Addr().String(), ended
}

func TestServeUntilShutdown(t *testing.T) {
	s, address, ended := serve(t, &process{})
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprintf(nc, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	answer, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); string(body) != "ok\n" || err != nil || answer.StatusCode != 200 {
		t.Errorf("got %d %q, %v", answer.StatusCode, body, err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("it still listens")
	}
}

// TestShutdownCutsWhatTakesTooLong has a reload that does not end in the time that is left.
func TestShutdownCutsWhatTakesTooLong(t *testing.T) {
	begun, never := make(chan struct{}), make(chan struct{})
	defer close(never)
	s, address, ended := serve(t, &process{reload: func(context.Context) error { close(begun); <-never; return nil }})
	asked := make(chan error, 1)
	go func() { asked <- admin.Client{Addr: address}.Reload(context.Background()) }()
	<-begun
	now, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(now); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-asked; err == nil {
		t.Error("the client was answered")
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestServeSaysWhichListenerFailed(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	err = admin.New(admin.Options{Listen: ln.Addr().String(), Source: &process{}}).Serve(ln)
	if !errors.Is(err, net.ErrClosed) || !strings.HasPrefix(err.Error(), "admin listener: ") {
		t.Errorf("got %v", err)
	}
}

// TestAggregateIsPassedOn as the package that makes it says.
func TestAggregateIsPassedOn(t *testing.T) {
	h := admin.New(admin.Options{Listen: "127.0.0.1:8404", Source: &process{}}).Handler()
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
		r := httptest.NewRequest(method, "http://127.0.0.1:8404/health/aggregate", nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("X-Method") != method || w.Body.String() != "down" {
			t.Errorf("%s: %d %v %q", method, w.Code, w.Header(), w.Body)
		}
	}
}
