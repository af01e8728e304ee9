package server_test

import (
	"compress/gzip"
	"crypto/tls"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/test/harness"
)

// cached is an edge that keeps answers below /c.
const cached = "edge: {cache: [{path: \"/c*\", default_ttl: 1h, key: {query: [q]}}], compression: {enabled: true, minimum_size: 100, types: [text/html]}}\n"

// answerOf is a 200 with a body.
func answerOf(head, body string) []byte {
	return []byte("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n" + head + "\r\n" + body)
}

// read returns what X-Cache-Status and body are.
func read(t *testing.T, answer *http.Response) (status, body string) {
	t.Helper()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Header.Get("X-Cache-Status"), string(b)
}

// TestCachedOverEachProtocol has each protocol fill and use what is kept for its listener.
func TestCachedOverEachProtocol(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	large := strings.Repeat("0123456789", 200<<10)
	s := startSecure(t, cached, a)
	until(t, "the target to be healthy", s.healthy(1))
	asks := clients(t, s)
	for name, ask := range asks {
		path := "/c/" + strings.ReplaceAll(name, " ", "-")
		a.SetAnswer(harness.Answer{Parts: [][]byte{answerOf("Content-Type: text/html\r\nETag: \"v1\"\r\n", large)}})
		before := len(a.Requests())
		for i, want := range []string{"MISS", "HIT", "HIT"} {
			answer := ask("GET", path+"?unkeyed="+strconv.Itoa(i))
			if status, body := read(t, answer); status != want || body != large || answer.StatusCode != 200 {
				t.Errorf("%s: %d: %s with %d bytes, want %s", name, i, status, len(body), want)
			}
			if age := answer.Header.Get("Age"); (age != "") != (want == "HIT") {
				t.Errorf("%s: %d: age %q", name, i, age)
			}
		}
		answer := ask("HEAD", path)
		if status, _ := read(t, answer); status != "HIT" || answer.ContentLength != int64(len(large)) {
			t.Errorf("%s: HEAD is %s with %v", name, status, answer.Header)
		}
		answer = ask("GET", path, "If-None-Match: \"v1\"")
		if status, body := read(t, answer); status != "HIT" || answer.StatusCode != 304 || body != "" {
			t.Errorf("%s: conditional is %d %s", name, answer.StatusCode, status)
		}
		answer = ask("GET", path, "Range: bytes=10-14")
		if status, body := read(t, answer); status != "HIT" || answer.StatusCode != 206 || body != "01234" {
			t.Errorf("%s: range is %d %s %q", name, answer.StatusCode, status, body)
		}
		// What is kept is the target's; it is compressed for the client on its way out. A client
		// that takes it has a key of its own.
		for _, want := range []string{"MISS", "HIT"} {
			answer = ask("GET", path, "Accept-Encoding: gzip")
			z, err := gzip.NewReader(answer.Body)
			if err != nil {
				t.Fatalf("%s: %v: %v", name, err, answer.Header)
			}
			if body, err := io.ReadAll(z); err != nil || string(body) != large || answer.Header.Get("X-Cache-Status") != want {
				t.Errorf("%s: compressed: %d bytes, %v, %v, want %s", name, len(body), err, answer.Header, want)
			}
		}
		// What a client takes beside gzip and Brotli is in no key, and still counts on the way out.
		for _, want := range []string{"MISS", "HIT"} {
			answer = ask("GET", path+"?q=2", "Accept-Encoding: gzip, br, zstd")
			if got := answer.Header.Get("Content-Encoding"); got != "zstd" || answer.Header.Get("X-Cache-Status") != want {
				t.Errorf("%s: %s is %v", name, want, answer.Header)
			}
		}
		if n := len(a.Requests()) - before; n != 3 {
			t.Errorf("%s: target was asked %d times, want 3", name, n)
		}
		// A write takes it away before it is answered.
		if status, _ := read(t, ask("POST", path)); status != "" {
			t.Errorf("%s: POST is %s", name, status)
		}
		if status, _ := read(t, ask("GET", path)); status != "MISS" {
			t.Errorf("%s: %s after a POST", name, status)
		}
		if status, _ := read(t, ask("GET", "/other")); status != "" {
			t.Errorf("%s: %s on another path", name, status)
		}
	}
}

// TestRequestsAreCollapsed sends many at once, over each protocol, of which the target gets one.
func TestRequestsAreCollapsed(t *testing.T) {
	const n = 40
	a := harness.NewTarget(t, "a", nil)
	s := startSecure(t, cached, a)
	until(t, "the target to be healthy", s.healthy(1))
	for name, h2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		a.SetAnswer(harness.Answer{Hold: true, Parts: [][]byte{answerOf("", name)}})
		before := len(a.Requests())
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: h2}
		statuses, failures := make(chan string, n), make(chan error, n)
		var all sync.WaitGroup
		for range n {
			all.Go(func() {
				answer, err := (&http.Client{Transport: transport}).Get("https://" + s.Addr("https").String() + "/c?q=" + name)
				if err != nil {
					failures <- err
					return
				}
				defer answer.Body.Close()
				if body, err := io.ReadAll(answer.Body); err != nil || string(body) != name || h2 != (answer.ProtoMajor == 2) {
					t.Errorf("%s: %q, %v, %s", name, body, err, answer.Proto)
				}
				statuses <- answer.Header.Get("X-Cache-Status")
			})
		}
		until(t, "all to be there", func() bool {
			return s.NginxStatus().Writing == n && len(a.Requests()) > before || len(failures) > 0
		})
		a.Release()
		all.Wait()
		transport.CloseIdleConnections()
		close(statuses)
		close(failures)
		for err := range failures {
			t.Errorf("%s: %v", name, err)
		}
		count := map[string]int{}
		for status := range statuses {
			count[status]++
		}
		if asked := len(a.Requests()) - before; asked != 1 || count["MISS"] != 1 || count["HIT"] != n-1 {
			t.Errorf("%s: target was asked %d times, and there was %v", name, asked, count)
		}
	}
}

// TestConfusedPaths: no spelling of a path is one thing for the cache and another for the
// target (web cache deception), and the target sees no cookie by which it could tell clients
// apart on a path that is cached.
func TestConfusedPaths(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	a.SetAnswer(harness.Answer{Parts: [][]byte{answerOf("", "page")}})
	s := start(t, basic+"edge: {cache: [{path: \"/static/*\", default_ttl: 1h}, {path: \"/account*.css\", default_ttl: 1h}]}\n", a)
	until(t, "the target to be healthy", s.healthy(1))
	c := harness.Dial(t, s.address(), harness.Dialing{})
	for _, tt := range []struct {
		target string
		status int
		cached bool
		path   string
	}{
		{"/static/../account", 200, false, "/account"},
		{"/static/%2e%2e/account", 200, false, "/account"},
		{"/static/..%2faccount", 400, false, ""},
		{"/static/..%5caccount", 400, false, ""},
		{"/static/..;/account", 400, false, ""},
		{"/account/%2e%2e/static/a", 200, true, "/static/a"},
		{"/account?x.css", 200, false, "/account?x.css"},
		{"/account%3fx.css", 200, true, "/account%3Fx.css"},
		{"/account;x.css", 200, true, "/account;x.css"},
		{"/account%00x.css", 400, false, ""},
		{"/account/x.css", 200, true, "/account/x.css"},
	} {
		before := len(a.Requests())
		c.Send([]byte("GET " + tt.target + " HTTP/1.1\r\nHost: app.test\r\nCookie: session=1\r\n\r\n"))
		answer, err := c.ReadResponse("GET")
		if err != nil {
			t.Fatal(err)
		}
		if answer.Status == 400 {
			c = harness.Dial(t, s.address(), harness.Dialing{})
		}
		requests := a.Requests()[before:]
		if kept := answer.Fields.Get("X-Cache-Status") != ""; answer.Status != tt.status || kept != tt.cached || (len(requests) == 1) != (tt.status == 200) {
			t.Errorf("%s: %d with %v, and the target was asked %d times", tt.target, answer.Status, answer.Fields, len(requests))
			continue
		}
		if len(requests) == 0 {
			continue
		}
		if got := requests[0]; got.Line != "GET "+tt.path+" HTTP/1.1" || (got.Fields.Get("Cookie") == "") != tt.cached {
			t.Errorf("%s: target got %s with %v", tt.target, got.Line, got.Fields)
		}
	}
}

// TestCacheOverReloads: what is kept outlives a reload, and neither another key nor the end of
// caching.
func TestCacheOverReloads(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	text := basic + "edge: {cache: [{path: \"/c\", default_ttl: 1h}]}\n"
	s := start(t, text, a)
	until(t, "the target to be healthy", s.healthy(1))
	want := func(path, want string) {
		t.Helper()
		answer, err := http.Get("http://" + s.address() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if status, _ := read(t, answer); status != want {
			t.Errorf("%s is %q, want %q", path, status, want)
		}
	}
	reload := func(text string) {
		t.Helper()
		if err := s.Reload(s.write(text, a)); err != nil {
			t.Fatal(err)
		}
	}
	want("/c?x=1", "MISS")
	reload(text)
	want("/c?x=2", "HIT")
	reload(strings.Replace(text, "1h}", "1h, key: {query: [x]}}", 1))
	want("/c?x=2", "MISS")
	want("/c?x=2", "HIT")
	reload(text)
	want("/c?x=2", "MISS")
	reload(basic)
	want("/c?x=2", "")
	reload(text)
	want("/c?x=2", "MISS")
}

// TestPurgeByOperator drops by path, and shows what the cache did.
func TestPurgeByOperator(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, strings.Replace(basic, `"127.0.0.2:0"`, `"127.0.0.2:0", users: {alice: "`+string(hash)+`"}`, 1)+cached, a)
	until(t, "the target to be healthy", s.healthy(1))
	for _, path := range []string{"/c/a", "/c/b?q=1", "/c/b?q=2", "/c/d", "/c/d"} {
		s.get(path)
	}
	operator := admin.Client{Addr: s.AdminAddr().String(), User: "alice", Password: "secret"}
	if _, err := (admin.Client{Addr: operator.Addr}).Purge(t.Context(), "/*"); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a stranger's purge: %v", err)
	}
	for path, want := range map[string]int{"/c/b": 2, "/c/a*": 1, "/none": 0} {
		if got, err := operator.Purge(t.Context(), path); err != nil || got.Answers != want {
			t.Errorf("%s: %+v, %v, want %d", path, got, err, want)
		}
	}
	if _, err := operator.Purge(t.Context(), "c"); err == nil || !strings.Contains(err.Error(), "path does not begin with a slash (got \"c\")") {
		t.Errorf("%v", err)
	}
	answer, err := http.Get("http://" + operator.Addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	_, text := read(t, answer)
	for _, want := range []string{
		`evenkeel_cache_requests_total{load_balancer="%",status="miss"} 4`, `evenkeel_cache_requests_total{load_balancer="%",status="hit"} 1`,
		`evenkeel_cache_requests_total{load_balancer="%",status="revalidated"} 0`, `evenkeel_cache_served_bytes_total{load_balancer="%"} 1`,
		`evenkeel_cache_answers{load_balancer="%"} 1`, `evenkeel_cache_evictions_total{load_balancer="%"} 0`, `evenkeel_cache_limit_bytes{load_balancer="%"} 6.7108864e+07`,
	} {
		before, after, _ := strings.Cut(want, "%")
		found := false
		for line := range strings.Lines(text) {
			found = found || strings.HasPrefix(line, before) && strings.HasSuffix(strings.TrimSpace(line), after)
		}
		if !found {
			t.Errorf("there is no %s", want)
		}
	}
}
