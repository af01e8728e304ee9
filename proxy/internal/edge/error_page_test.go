package edge_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/proxy/internal/edge"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// folder writes files, by name and text in turn, and returns where they are.
func folder(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(dir, files[i])
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(files[i+1]), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func pagesOf(t *testing.T) *edge.Site {
	t.Helper()
	dir := folder(t, "503.html", "<p>later", "page", "raw")
	site, err := edge.New(&spec.Environment{Edge: spec.Edge{ErrorPages: map[string]string{"503": "503.html", "404": filepath.Join(dir, "page")}}}, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return site
}

func TestErrorPage(t *testing.T) {
	site := pagesOf(t)
	for _, tt := range []struct {
		method string
		status int
		fields []string
		want   http.Header
		body   string
	}{
		{"GET", 503, []string{"Content-Type: text/plain", "Server: app"}, http.Header{"Content-Type": {"text/html; charset=utf-8"}, "Content-Length": {"8"}, "Server": {"app"}, "Cache-Control": {"no-store"}}, "<p>later"},
		{"HEAD", 503, nil, http.Header{"Content-Type": {"text/html; charset=utf-8"}, "Content-Length": {"8"}, "Cache-Control": {"no-store"}}, ""},
		{
			"GET", 404,
			[]string{"cache-control: private", "content-encoding: gzip", "accept-ranges: bytes", "age: 4", "Vary: Cookie"},
			http.Header{"Content-Type": {"application/octet-stream"}, "Content-Length": {"3"}, "cache-control": {"private"}, "Vary": {"Cookie"}},
			"raw",
		},
		{"GET", 500, []string{"Content-Type: text/plain"}, http.Header{"Content-Type": {"text/plain"}, "Content-Length": {"3"}}, "own"},
		{"GET", 200, nil, http.Header{"Content-Length": {"3"}}, "own"},
		{"GET", 999, nil, http.Header{"Content-Length": {"3"}}, "own"},
	} {
		c := &fakeClient{}
		x := request(t, c, tt.method+" /")
		site.Wrap(x)
		if err := answer(x, tt.status, "own", tt.fields...); err != nil {
			t.Fatal(err)
		}
		site.Unwrap(x)
		want := http.Header{}
		for name, values := range tt.want {
			want[http.CanonicalHeaderKey(name)] = values
		}
		if diff := cmp.Diff(want, c.fields); diff != "" || c.body.String() != tt.body || c.status != tt.status || !c.ended || c.noBody != (tt.method == "HEAD") {
			t.Errorf("%s %d: %d %q, ended %v, no body %v: %s", tt.method, tt.status, c.status, c.body.String(), c.ended, c.noBody, diff)
		}
	}
}

// TestErrorPageInPlaceOfALongAnswer has the target go on with an answer that is replaced, and
// fail in the end: the client has its page already.
func TestErrorPageInPlaceOfALongAnswer(t *testing.T) {
	site := pagesOf(t)
	c := &fakeClient{}
	x := request(t, c, "GET /")
	site.Wrap(x)
	x.Response = exchange.Response{Status: 503, ContentLength: 50000, Fields: fieldsOf("Content-Length: 50000")}
	if err := x.Client.WriteHead(&x.Response, []byte("first"), true); err != nil {
		t.Fatal(err)
	}
	if s := x.Client.(interface{ Spliceable() bool }); s.Spliceable() {
		t.Error("the rest would be spliced behind the page")
	}
	if err := x.Client.WriteBody(make([]byte, 1000)); err != nil {
		t.Error(err)
	}
	x.Client.Abort()
	if err := x.Client.Finish(nil); err != nil {
		t.Error(err)
	}
	site.Unwrap(x)
	if c.aborted || c.body.String() != "<p>later" || !c.ended {
		t.Errorf("aborted %v, ended %v, %q", c.aborted, c.ended, c.body.String())
	}
	for _, length := range []int64{exchange.Unknown, 1 << 20} {
		c := &fakeClient{}
		x := request(t, c, "GET /")
		site.Wrap(x)
		x.Response = exchange.Response{Status: 503, ContentLength: length}
		if err := x.Client.WriteHead(&x.Response, []byte("first"), true); err == nil {
			t.Errorf("an answer of length %d is read on for nobody", length)
		}
		if x.Client.Abort(); c.aborted || !c.ended || c.length != 8 {
			t.Errorf("aborted %v, ended %v, length %d", c.aborted, c.ended, c.length)
		}
	}
	// The next exchange of the same client knows nothing of it.
	x = request(t, &fakeClient{}, "GET /")
	site.Wrap(x)
	x.Client.Abort()
	if !exchange.Innermost(x.Client).(*fakeClient).aborted {
		t.Error("an answer without a page is not cut")
	}
}

func TestErrorPageThatCannotBeWritten(t *testing.T) {
	site := pagesOf(t)
	c := &fakeClient{fail: errors.New("gone")}
	x := request(t, c, "GET /")
	site.Wrap(x)
	if err := answer(x, 503, "own"); !errors.Is(err, c.fail) {
		t.Errorf("error %v", err)
	}
	if x.Client.Abort(); !c.aborted {
		t.Error("half a page passes for a whole one")
	}
}

func TestNoErrorPageInGRPC(t *testing.T) {
	site := pagesOf(t)
	c := &fakeClient{}
	x := request(t, c, "POST /pkg.Service/Method", "Content-Type: application/grpc+proto")
	x.Request.Version = exchange.HTTP2
	site.Wrap(x)
	if err := answer(x, 503, "", "Content-Type: application/grpc", "grpc-status: 14"); err != nil {
		t.Fatal(err)
	}
	if c.fields.Get("Content-Type") != "application/grpc" || c.body.Len() > 0 {
		t.Errorf("%v and %q", c.fields, c.body.String())
	}
}

func TestErrorPagesThatCannotBeServed(t *testing.T) {
	dir := folder(t, "large.html", strings.Repeat("x", spec.MaxErrorPage+1), "most.html", strings.Repeat("x", spec.MaxErrorPage), "folder/file", "")
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"most.html":  "",
		"large.html": `edge.error_pages.503: is larger than 1048576 bytes (got "large.html", want a file of at most 1048576 bytes)`,
		"none.html":  `edge.error_pages.503: cannot be read: no such file or directory (got "none.html", want a file of at most 1048576 bytes)`,
		"folder":     `edge.error_pages.503: is no ordinary file (got "folder", want a file of at most 1048576 bytes)`,
		"pipe":       `edge.error_pages.503: is no ordinary file (got "pipe", want a file of at most 1048576 bytes)`,
	} {
		_, err := edge.New(&spec.Environment{Edge: spec.Edge{ErrorPages: map[string]string{"503": file}}}, dir, nil)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
}
