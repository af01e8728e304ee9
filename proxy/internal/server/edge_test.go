package server_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/test/harness"
)

// clients are the ways to speak to a server: HTTP/1.1, the same over TLS, and HTTP/2.
func clients(t *testing.T, s *running) map[string]func(method, path string, fields ...string) *http.Response {
	t.Helper()
	made := map[string]func(string, string, ...string) *http.Response{}
	for name, h2 := range map[string]bool{"HTTP/1.1": false, "HTTP/1.1 over TLS": false, "HTTP/2": true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: h2, DisableCompression: true}
		t.Cleanup(transport.CloseIdleConnections)
		origin := "http://" + s.address()
		if name != "HTTP/1.1" {
			origin = "https://" + s.Addr("https").String()
		}
		made[name] = func(method, path string, fields ...string) *http.Response {
			t.Helper()
			r, err := http.NewRequest(method, origin+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range fields {
				key, value, _ := strings.Cut(line, ": ")
				r.Header.Add(key, value)
			}
			answer, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			t.Cleanup(func() { _ = answer.Body.Close() })
			if h2 != (answer.ProtoMajor == 2) {
				t.Fatalf("%s: spoke %s", name, answer.Proto)
			}
			return answer
		}
	}
	return made
}

// TestFiles serves files of several sizes, whole and in part, over each protocol: by sendfile
// where there is no TLS.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	large := make([]byte, 3<<20+17)
	for i := range large {
		large[i] = byte(rand.Uint32())
	}
	for name, text := range map[string][]byte{"large.bin": large, "small.txt": []byte("small"), "empty": nil, "64k": large[:64<<10]} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := startSecure(t, "edge: {static: [{path: \"/files/*\", directory: "+dir+"}]}\n")
	for name, ask := range clients(t, s) {
		for _, tt := range []struct {
			method, path, ranges string
			status               int
			want                 []byte
		}{
			{"GET", "/files/large.bin", "", 200, large},
			{"GET", "/files/large.bin", "bytes=1000000-2999999", 206, large[1000000:3000000]},
			{"GET", "/files/large.bin", "bytes=-10", 206, large[len(large)-10:]},
			{"HEAD", "/files/large.bin", "", 200, nil},
			{"GET", "/files/64k", "", 200, large[:64<<10]},
			{"GET", "/files/small.txt", "", 200, []byte("small")},
			{"GET", "/files/empty", "", 200, nil},
			{"GET", "/files/none", "", 404, nil},
			{"PUT", "/files/none", "", 405, nil},
		} {
			var fields []string
			if tt.ranges != "" {
				fields = append(fields, "Range: "+tt.ranges)
			}
			answer := ask(tt.method, tt.path, fields...)
			body, err := io.ReadAll(answer.Body)
			if err != nil || answer.StatusCode != tt.status || tt.status < 400 && !bytes.Equal(body, tt.want) {
				t.Errorf("%s: %s %s: %d, %d bytes, %v", name, tt.method, tt.path, answer.StatusCode, len(body), err)
			}
			if n := answer.ContentLength; tt.method == "HEAD" && n != int64(len(large)) {
				t.Errorf("%s: HEAD tells of %d bytes", name, n)
			}
			if tt.status == 405 && answer.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s: 405 with %v", name, answer.Header)
			}
		}
	}
	// One connection serves one file after the other.
	c := harness.Dial(t, s.address(), harness.Dialing{})
	for range 3 {
		c.Send([]byte("GET /files/large.bin HTTP/1.1\r\nHost: app.test\r\n\r\n"))
		if response, err := c.ReadResponse("GET"); err != nil || !bytes.Equal(response.Body, large) {
			t.Fatalf("%v", err)
		}
	}
}

// TestEdgeIsReloaded takes pages and folders as they are when the file is read again, and leaves
// all as it was when they cannot be.
func TestEdgeIsReloaded(t *testing.T) {
	s := start(t, basic)
	page := filepath.Join(filepath.Dir(s.file), "503.html")
	with := basic + "edge: {error_pages: {\"503\": 503.html}}\n"
	if err := os.WriteFile(page, []byte("later"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, body := s.get("/"); body == "later" {
		t.Fatal("a page that nobody asked for")
	}
	if err := s.Reload(s.write(with)); err != nil {
		t.Fatal(err)
	}
	if status, body := s.get("/"); status != 503 || body != "later" {
		t.Errorf("%d %q", status, body)
	}
	if err := os.Remove(page); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(s.write(with)); err == nil || !strings.Contains(err.Error(), "edge.error_pages.503: cannot be read") {
		t.Errorf("a page that is gone: %v", err)
	}
	if _, body := s.get("/"); body != "later" {
		t.Errorf("%q after a reload that was refused", body)
	}
}

// TestCompressedStream decodes events while they come, over each protocol.
func TestCompressedStream(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	s := startSecure(t, "edge: {compression: {enabled: true, types: [text/event-stream]}}\n", a)
	until(t, "the target to be healthy", s.healthy(1))
	for name, ask := range clients(t, s) {
		a.SetAnswer(harness.Answer{Parts: [][]byte{
			[]byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n"),
			[]byte("9\r\ndata: 2\n\n\r\n0\r\n\r\n"),
		}})
		answer := ask("GET", "/", "Accept-Encoding: gzip")
		body, err := gzip.NewReader(answer.Body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		first := make([]byte, 9)
		if _, err := io.ReadFull(body, first); err != nil || string(first) != "data: 1\n\n" {
			t.Errorf("%s: %q, %v", name, first, err)
		}
		a.Release()
		if rest, err := io.ReadAll(body); err != nil || string(rest) != "data: 2\n\n" {
			t.Errorf("%s: %q, %v", name, rest, err)
		}
	}
}

// TestCutAnswersAreNotCompressedForEver has the target break off many compressed answers, to
// requests whose bodies are counted: there are encoders for the next one.
func TestCutAnswersAreNotCompressedForEver(t *testing.T) {
	a := harness.NewTarget(t, "a", nil)
	text := strings.Replace(basic, "    port: 80\n    deregistration", "    port: 80\n    proxy_only: {max_request_body: 1000}\n    deregistration", 1)
	s := start(t, text+"edge: {compression: {enabled: true, types: [text/html], minimum_size: 100}}\n", a)
	until(t, "the target to be healthy", s.healthy(1))
	a.SetAnswer(harness.Answer{Parts: [][]byte{[]byte("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100000\r\n\r\n<html>")}, Close: true})
	for range 300 { // more than there are encoders
		c := harness.Dial(t, s.address(), harness.Dialing{})
		c.Send([]byte("POST / HTTP/1.1\r\nHost: app.test\r\nAccept-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"))
		if got, _ := io.ReadAll(c.Conn()); !strings.HasPrefix(string(got), "HTTP/1.1 200 OK") {
			t.Fatalf("got %.40q", got)
		}
		c.Close()
	}
	a.SetAnswer(harness.Answer{Parts: [][]byte{answerOf("Content-Type: text/html\r\n", strings.Repeat("x", 1000))}})
	c := harness.Dial(t, s.address(), harness.Dialing{})
	c.Send([]byte("GET / HTTP/1.1\r\nHost: app.test\r\nAccept-Encoding: gzip\r\n\r\n"))
	r, err := c.ReadResponse("GET")
	if err != nil || !strings.Contains(fmt.Sprint(r.Fields), "gzip") {
		t.Errorf("the answer is not compressed: %v, %v", r, err)
	}
}
