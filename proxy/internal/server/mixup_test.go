package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/test/harness"
)

// crowded has all that recycles or waits: streams, a queue, retries, counted bodies, the cache
// with requests that wait for one another, compression, and targets of both versions.
const crowded = `app: test
domain: app.test
load_balancer:
  listeners:
    - name: https
      port: 443
      protocol: HTTPS
      certificates: [site]
      rules: [{name: two, priority: 1, conditions: [{path_pattern: ["/h2/*"]}], action: {forward: [{target_group: two}]}}]
      default_action: {forward: [{target_group: web}]}
target_groups:
  - name: web
    port: 80
    proxy_only: {queue: {depth: 1000, timeout: 1m}, max_request_body: 10000000, retries: {attempts: 2, on: [reset, connect_error, http_503], budget: 100%}}
    targets: %WEB%
  - name: two
    port: 80
    protocol_version: HTTP2
    proxy_only: {max_request_body: 10000000, retries: {attempts: 1, on: [reset, connect_error, http_503], budget: 100%}}
    targets: [{id: c, address: 127.0.0.1, port: %TWO%}]
certificates: {site: {files: {certificate: %DIR%/site.crt, private_key: %DIR%/site.key}}}
edge: {cache: [{path: "/c*", default_ttl: 1s, key: {query: [key]}, proxy_only: {stale_while_revalidate: 1s}}, {path: "/h2/c*", default_ttl: 1s, key: {query: [key]}}], compression: {enabled: true, types: [text/html], minimum_size: 100}}
proxy:
  bind: {https: "127.0.0.1:0"}
  admin: {listen: "127.0.0.2:0"}
  access_log: {path: %DIR%/access.log}
`

// said is n bytes or a little more that say whose they are.
func said(id string, n int) []byte {
	return bytes.Repeat([]byte(id+";"), n/(len(id)+1)+1)
}

// check returns what is wrong with bytes that should be said's.
func check(id string, got []byte) error {
	want := said(id, len(got))[:len(got)]
	for i := range got {
		if got[i] != want[i] {
			return fmt.Errorf("at %d of %s: %.60q", i, id, got[max(0, i-20):])
		}
	}
	return nil
}

// moody is a target that answers with what its request is called, in one of many ways. wrong
// is told of what a request has of another.
func moody(wrong func(error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.UserAgent(), "ELB-HealthChecker") {
			return
		}
		id, q := r.Header.Get("X-Id"), r.URL.Query()
		size, _ := strconv.Atoi(q.Get("size"))
		if key := q.Get("key"); key != "" {
			id = "key" + key // of a cached answer, whoever asked for it
		} else if q.Get("id") != id || r.UserAgent() != "ua-"+id {
			wrong(fmt.Errorf("request of %s is %s with %v", id, r.RequestURI, r.Header))
		}
		how := q.Get("how")
		if how == "early" {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write(said(id, size))
			return
		}
		body, err := io.ReadAll(r.Body)
		if werr := check(id, body); werr != nil {
			wrong(fmt.Errorf("body of a request: %w", werr))
		}
		if err == nil && r.Method == http.MethodPut && strconv.Itoa(len(body)) != r.Header.Get("X-Length") {
			wrong(fmt.Errorf("body of %s has %d bytes, not %s, and no error", id, len(body), r.Header.Get("X-Length")))
		}
		w.Header().Set("X-Id", id)
		w.Header().Set("Content-Type", "text/html")
		if size%2 == 0 && how != "hint" {
			w.Header().Set("Content-Length", strconv.Itoa(len(said(id, size))))
		}
		switch how {
		case "reset":
			panic(http.ErrAbortHandler)
		case "busy":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "hint":
			w.WriteHeader(http.StatusEarlyHints)
		case "pause":
			select {
			case <-r.Context().Done():
			case <-time.After(time.Duration(rand.IntN(20)) * time.Millisecond):
			}
		}
		all := said(id, size)
		_, _ = w.Write(all[:len(all)/2])
		if how == "cut" {
			panic(http.ErrAbortHandler)
		}
		if how == "flush" {
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = w.Write(all[len(all)/2:])
	}
}

// TestStreamsAreNotMixedUp has many clients ask at once for answers of every kind and give most
// of them up somewhere. What there is of a request, its answer and its line in the log has to
// be its own.
func TestStreamsAreNotMixedUp(t *testing.T) {
	const clients, requests = 6, 150
	var failures atomic.Int32
	wrong := func(err error) {
		if failures.Add(1) < 10 {
			t.Error(err)
		}
	}
	dir := t.TempDir()
	harness.WriteCertificate(t, dir, "site", harness.NewCertificate(t, false, "app.test"))
	var list []string
	for i := range 2 {
		s := httptest.NewServer(moody(wrong))
		t.Cleanup(s.Close)
		list = append(list, fmt.Sprintf("{id: t%d, address: 127.0.0.1, port: %d, proxy_only: {max_connections: 8}}", i, s.Listener.Addr().(*net.TCPAddr).Port))
	}
	two := httptest.NewUnstartedServer(moody(wrong))
	two.Config.Protocols = new(http.Protocols)
	two.Config.Protocols.SetUnencryptedHTTP2(true)
	two.Start()
	t.Cleanup(two.Close)
	s := start(t, strings.NewReplacer("%DIR%", dir, "%WEB%", "["+strings.Join(list, ", ")+"]",
		"%TWO%", strconv.Itoa(two.Listener.Addr().(*net.TCPAddr).Port)).Replace(crowded))
	address := s.Addr("https").String()

	var all sync.WaitGroup
	var next atomic.Int64
	for range clients {
		all.Go(func() {
			tr := &http.Transport{DisableCompression: true, ForceAttemptHTTP2: true, MaxConnsPerHost: 1, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
			defer tr.CloseIdleConnections()
			room := make(chan struct{}, 30)
			for range requests {
				room <- struct{}{}
				all.Go(func() {
					defer func() { <-room }()
					askAndLeave(t.Context(), tr, "https://"+address, "id"+strconv.FormatInt(next.Add(1), 10), wrong)
				})
			}
		})
	}
	all.Wait()
	// Those that clients have left end too.
	until(t, "the last request to end", func() bool { return s.NginxStatus().Writing == 0 })
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	lines, err := os.ReadFile(filepath.Join(dir, "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	logged := map[string]bool{}
	for line := range strings.Lines(string(lines)) {
		_, rest, _ := strings.Cut(line, "?id=")
		id, _, _ := strings.Cut(rest, "&")
		if !strings.Contains(line, `"ua-`+id+`"`) || logged[id] {
			wrong(fmt.Errorf("line of %s: %s", id, line))
		}
		logged[id] = true
	}
}

// askAndLeave sends one request and checks as much of the answer as it waits for.
func askAndLeave(ctx context.Context, tr http.RoundTripper, origin, id string, wrong func(error)) {
	paths := []string{"/", "/", "/h2/", "/c", "/h2/c"}
	hows := []string{"", "", "", "reset", "busy", "hint", "pause", "pause", "cut", "flush", "early"}
	path := paths[rand.IntN(len(paths))]
	target := origin + path + "?id=" + id + "&how=" + hows[rand.IntN(len(hows))] + "&size=" + strconv.Itoa(rand.IntN(100)<<rand.IntN(12))
	method, length, body := http.MethodGet, 0, io.Reader(nil)
	want := id
	switch {
	case strings.HasSuffix(path, "c"):
		key := strconv.Itoa(rand.IntN(20))
		want = "key" + key
		target += "&key=" + key
	case rand.IntN(2) == 0:
		method = http.MethodPut
		all := said(id, rand.IntN(100)<<rand.IntN(12))
		length, body = len(all), bytes.NewReader(all)
		if rand.IntN(2) == 0 {
			body = io.MultiReader(body) // of a length that the head does not say
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if rand.IntN(2) == 0 {
		defer time.AfterFunc(time.Duration(rand.IntN(20_000))*time.Microsecond, cancel).Stop()
	}
	r, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		wrong(err)
		return
	}
	r.Header.Set("X-Id", id)
	r.Header.Set("X-Length", strconv.Itoa(length))
	r.Header.Set("User-Agent", "ua-"+id)
	if rand.IntN(4) == 0 && method == http.MethodPut {
		r.Header.Set("Expect", "100-continue")
	}
	answer, err := tr.RoundTrip(r)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return
	}
	if got := answer.Header.Get("X-Id"); got != "" && got != want {
		wrong(fmt.Errorf("the answer to %s is %s's", want, got))
	}
	reading := io.Reader(answer.Body)
	if rand.IntN(4) == 0 {
		reading = io.LimitReader(reading, int64(rand.IntN(100_000))) // and is closed then
	}
	got, err := io.ReadAll(reading)
	if werr := check(want, got); werr != nil {
		wrong(fmt.Errorf("an answer: %w", werr))
	}
	if n, _ := strconv.Atoi(answer.Header.Get("Content-Length")); err == nil && reading == answer.Body && n > 0 && n != len(got) {
		wrong(fmt.Errorf("%d bytes of %d of %s, and no error", len(got), n, want))
	}
}
