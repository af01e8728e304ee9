//go:build e2e

package e2e_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/test/harness"
)

// movedHost is the name of the site of the examples in test/import.
const movedHost = "syncapp.example.com"

// app is a server of the site that is moved: it answers with its name and what it was asked.
type app struct {
	name    string
	address string
	server  *http.Server
	// requests counts all but health checks; holding counts those that wait for release.
	requests, holding atomic.Int64
	release           chan struct{}
}

func newApp(t *testing.T, name string) *app {
	t.Helper()
	l := listenAt(t, "127.0.0.1:0")
	a := &app{name: name, address: l.Addr().String(), release: make(chan struct{})}
	a.server = &http.Server{Handler: a}
	go a.server.Serve(l)
	t.Cleanup(a.stop)
	return a
}

// stop has every connection refused.
func (a *app) stop() { _ = a.server.Close() }

// ServeHTTP answers by the end of the path: hold, and health with X-Wait, wait for release or the
// client's end, a number is the status, flaky is 503 by the app that is called two, json compresses well, and ws
// echoes. All else, and what these say, is what was asked for.
func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Target", a.name)
	if r.URL.Path == "/health/" && r.Header.Get("X-Forwarded-For") == "" {
		return // a check
	}
	a.requests.Add(1)
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Etag", `"1"`)
	switch end := filepath.Base(r.URL.Path); end {
	case "ws":
		if c, err := websocket.Accept(w, r, nil); err == nil {
			defer c.CloseNow()
			if kind, message, err := c.Read(r.Context()); err == nil {
				_ = c.Write(r.Context(), kind, append([]byte(a.name+": "), message...))
				_, _, _ = c.Read(r.Context())
			}
		}
		return
	case "hold", "health":
		if end == "health" && r.Header.Get("X-Wait") == "" {
			break
		}
		a.holding.Add(1)
		defer a.holding.Add(-1)
		select {
		case <-a.release:
		case <-r.Context().Done():
		}
	case "flaky":
		if a.name == "two" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	case "json":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"items": [`+strings.Repeat(`"item", `, 500)+`"last"]}`)
		return
	default:
		if status, err := strconv.Atoi(end); err == nil && status >= 200 && status < 600 {
			w.WriteHeader(status)
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	fmt.Fprintf(w, "%s %s %s\n%s\n", r.Method, r.RequestURI, r.Host, body)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(w, "%s: %s\n", name, strings.Join(r.Header[name], ", "))
	}
}

// side is one of the two load balancers that are compared.
type side struct {
	name          string
	plain, secure string // addresses
	*harness.Process
}

// inquiry is a request that both get.
type inquiry struct {
	method, path, body string
	plain              bool // not over TLS
	http2              bool
	header             map[string]string
	// from is the client's address; 127.0.0.1 if there is none.
	from string
}

// reply is what a side says to it.
type reply struct {
	status int
	proto  string
	header http.Header
	body   string
}

// client asks a side from an address, over one connection at a time.
func (s *side) client(t *testing.T, from string, http2 bool) *http.Client {
	t.Helper()
	dialer := &net.Dialer{Timeout: patience}
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	transport := &http.Transport{
		DisableCompression: true, ForceAttemptHTTP2: http2, MaxConnsPerHost: 1,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if strings.HasSuffix(address, ":80") {
				return dialer.DialContext(ctx, network, s.plain)
			}
			return dialer.DialContext(ctx, network, s.secure)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (q inquiry) send(t *testing.T, c *http.Client) reply {
	t.Helper()
	scheme := "https://"
	if q.plain {
		scheme = "http://"
	}
	method := q.method
	if method == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(t.Context(), method, scheme+movedHost+q.path, strings.NewReader(q.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	answer, err := c.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, q.path, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, q.path, err)
	}
	return reply{answer.StatusCode, answer.Proto, answer.Header, string(body)}
}

func (s *side) ask(t *testing.T, q inquiry) reply {
	t.Helper()
	return q.send(t, s.client(t, q.from, q.http2))
}

// spread asks n times over one connection, and counts by target.
func (s *side) spread(t *testing.T, n int, q inquiry) map[string]int {
	t.Helper()
	c := s.client(t, q.from, q.http2)
	count := map[string]int{}
	for range n {
		r := q.send(t, c)
		if r.status != http.StatusOK {
			t.Fatalf("%s: %s: status %d: %.200s", s.name, q.path, r.status, r.body)
		}
		count[r.header.Get("X-Target")]++
	}
	return count
}

// connectionHeaders are of one connection and its framing, or of who answers and when.
var connectionHeaders = []string{"Connection", "Keep-Alive", "Date", "Server", "Content-Length", "Transfer-Encoding", "X-Target"}

// ownHeaders are those that an ALB adds for targets.
var ownHeaders = []string{"X-Amzn-Trace-Id", "X-Forwarded-Port", "Connection"}

// comparable is a reply without what must differ: ports of the two sides, the connection.
func (s *side) comparable(r reply, without ...string) []string {
	lines := []string{fmt.Sprintf("status %d", r.status), "by " + r.proto}
	for _, name := range slices.Sorted(maps.Keys(r.header)) {
		if !slices.Contains(connectionHeaders, name) && !slices.Contains(without, name) {
			lines = append(lines, name+": "+s.placeless(strings.Join(r.header[name], " | ")))
		}
	}
	if slices.Contains(without, "body") {
		return lines
	}
	for line := range strings.Lines(r.body) {
		name, _, _ := strings.Cut(line, ":")
		if !slices.Contains(ownHeaders, name) && !slices.Contains(without, name) {
			lines = append(lines, "> "+s.placeless(strings.TrimRight(line, "\n")))
		}
	}
	return lines
}

// placeless has no port that says where a side listens. The port of a scheme's own is as good
// as none: RFC 3986 section 6.2.3.
func (s *side) placeless(text string) string {
	for _, at := range []string{s.plain, s.secure} {
		_, port, _ := net.SplitHostPort(at)
		text = strings.ReplaceAll(text, ":"+port, ":PORT")
	}
	// Files of text are said to be in UTF-8 here, and in nothing by nginx.
	return strings.NewReplacer(movedHost+":443/", movedHost+"/", "; charset=utf-8", "").Replace(text)
}

// same asks both, and holds what they say to be the same but for some headers.
func same(t *testing.T, original, ours *side, q inquiry, without ...string) reply {
	t.Helper()
	want, got := original.ask(t, q), ours.ask(t, q)
	if diff := cmp.Diff(original.comparable(want, without...), ours.comparable(got, without...)); diff != "" {
		t.Errorf("%s %s (-%s +ours):\n%s", q.method, q.path, original.name, diff)
	}
	return got
}

// near holds two spreads to be the same but for as many requests a target.
func near(t *testing.T, what string, want, got map[string]int, tolerance int) {
	t.Helper()
	for name := range maps.Keys(maps.Collect(func(yield func(string, int) bool) {
		for _, m := range []map[string]int{want, got} {
			for k, v := range m {
				if !yield(k, v) {
					return
				}
			}
		}
	})) {
		if d := want[name] - got[name]; d > tolerance || d < -tolerance {
			t.Errorf("%s: spread %v, want %v, but for %d", what, got, want, tolerance)
			return
		}
	}
}

// mapping is which target each of the questions is answered by.
func (s *side) mapping(t *testing.T, questions map[string]inquiry) map[string]string {
	t.Helper()
	m := map[string]string{}
	for key, q := range questions {
		r := s.ask(t, q)
		if r.status != http.StatusOK {
			t.Fatalf("%s: %s: status %d: %.200s", s.name, key, r.status, r.body)
		}
		m[key] = r.header.Get("X-Target")
	}
	return m
}

// shares is how many have which target.
func shares(m map[string]string) map[string]int {
	count := map[string]int{}
	for _, target := range m {
		count[target]++
	}
	return count
}

// echoed speaks WebSocket with a side, and returns the target that echoes.
func (s *side) echoed(t *testing.T, path string, header http.Header) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "wss://"+movedHost+path, &websocket.DialOptions{HTTPClient: s.client(t, "", false), HTTPHeader: header})
	if err != nil {
		t.Fatalf("%s: WebSocket: %v", s.name, err)
	}
	defer c.CloseNow()
	if err := c.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		t.Fatalf("%s: WebSocket: %v", s.name, err)
	}
	_, message, err := c.Read(ctx)
	if err != nil {
		t.Fatalf("%s: WebSocket: %v", s.name, err)
	}
	name, _, _ := strings.Cut(string(message), ": ")
	return name
}

// busy holds a request at a target, and reports where the next n requests go.
func (s *side) busy(t *testing.T, apps []*app, path string, n int) (held string, count map[string]int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	waiting.Go(func() {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+movedHost+path+"hold", nil)
		if err != nil {
			t.Error(err)
			return
		}
		if answer, err := s.client(t, "", false).Do(r); err == nil {
			_ = answer.Body.Close()
		}
	})
	defer func() {
		cancel()
		waiting.Wait()
		s.Until("no request held", func() bool { // HAProxy goes on waiting for a client that left
			running := false
			for _, a := range apps {
				select {
				case a.release <- struct{}{}:
				default:
				}
				running = running || a.holding.Load() > 0
			}
			return !running
		})
	}()
	s.Until("a request that is held", func() bool {
		for _, a := range apps {
			if a.holding.Load() > 0 {
				held = a.name
			}
		}
		return held != ""
	})
	return held, s.spread(t, n, inquiry{path: path})
}

// importedBy runs `evenkeel import` on a text in a folder and returns the environment file's
// text and the report. No directive may be left out.
func importedBy(t *testing.T, dir, name, text string) (environment, report string) {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	made, told := filepath.Join(dir, "made.yaml"), filepath.Join(dir, "report")
	if out, status := evenkeel(t, "import", file, "-o", made, "--report", told); status != 0 {
		t.Fatalf("evenkeel import %s: exit status %d\n%s", file, status, out)
	}
	if out, status := evenkeel(t, "check", made); status != 0 {
		t.Fatalf("evenkeel check: exit status %d\n%s", status, out)
	}
	content := [2]string{}
	for i, f := range []string{made, told} {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		content[i] = string(b)
	}
	return content[0], content[1]
}

// replaced is a text with each of the pairs replaced, all of which must be there.
func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("there is no %q in\n%s", pairs[i], text)
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// sameTLS settles versions, suites and protocols with both, and holds them to be the same.
func sameTLS(t *testing.T, original, ours *side) {
	t.Helper()
	for _, c := range []*tls.Config{
		{MinVersion: tls.VersionTLS13},
		{MaxVersion: tls.VersionTLS12},
		{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}},
		{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}},
		{NextProtos: []string{"h2"}},
		{NextProtos: []string{"http/1.1"}},
	} {
		if want, got := original.handshake(c), ours.handshake(c); want != got {
			t.Errorf("%d to %d %v %v: %s, want %s", c.MinVersion, c.MaxVersion, c.CipherSuites, c.NextProtos, got, want)
		}
	}
}

// handshake is the version, suite and protocol that a side settles on, or that it does not.
func (s *side) handshake(c *tls.Config) string {
	c.ServerName, c.InsecureSkipVerify = movedHost, true
	conn, err := tls.Dial("tcp", s.secure, c)
	if err != nil {
		return "refused"
	}
	defer conn.Close()
	state := conn.ConnectionState()
	suite := tls.CipherSuiteName(state.CipherSuite)
	if state.Version == tls.VersionTLS13 {
		suite = "" // which of the three is as good as another
	}
	return fmt.Sprintf("%s %s %s", tls.VersionName(state.Version), suite, state.NegotiatedProtocol)
}

// resumes tells whether a second connection goes on with the TLS session of the first.
func (s *side) resumes(t *testing.T) bool {
	t.Helper()
	c := &tls.Config{ServerName: movedHost, InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	resumed := false
	for range 2 {
		conn, err := tls.Dial("tcp", s.secure, c)
		if err != nil {
			t.Fatal(err)
		}
		// What a session is resumed with comes before the answer.
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+movedHost+"\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Fatal(err)
		}
		resumed = conn.ConnectionState().DidResume
		_ = conn.Close()
	}
	return resumed
}
