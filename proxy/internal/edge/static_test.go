package edge_test

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/edge"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// modified is when all files of tests were.
var modified = time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)

const modifiedText = "Fri, 02 Jan 2026 03:04:05 GMT"

// filesOf compiles an edge of folders of files.
func filesOf(t testing.TB, dir string, e spec.Edge) *edge.Site {
	t.Helper()
	if err := filepath.WalkDir(dir, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.Type()&os.ModeSymlink != 0 {
			return err
		}
		return os.Chtimes(name, modified, modified)
	}); err != nil {
		t.Fatal(err)
	}
	site, err := edge.New(&spec.Environment{Edge: e}, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// ask puts a request to the edge and returns what the client got and the status that is left to
// the load balancer.
func ask(t testing.TB, site *edge.Site, lines ...string) (*fakeClient, int) {
	t.Helper()
	c := &fakeClient{}
	x := request(t, c, lines...)
	site.Wrap(x)
	defer site.Unwrap(x)
	b := site.Match(x.Request.Path)
	if b == nil {
		t.Fatalf("no behaviour for %s", x.Request.Path)
	}
	status := b.Serve(x, &exchange.Origin{
		Forward: func(*exchange.Exchange) int { t.Error("a request for a file is forwarded"); return 0 },
		Server:  "awselb/2.0", Date: []byte(modifiedText), Managed: fieldsOf("X-Frame-Options: DENY"),
	})
	if status == 0 && (!c.ended || c.aborted || x.Record.Status != c.status) {
		t.Errorf("%q: ended %v, aborted %v, %d is in the record", lines, c.ended, c.aborted, x.Record.Status)
	}
	if status != 0 {
		if c.fields != nil {
			t.Errorf("%q: two answers", lines)
		}
		x.Response = exchange.Response{Status: status}
		if err := x.Client.WriteHead(&x.Response, nil, false); err != nil {
			t.Fatal(err)
		}
	}
	return c, status
}

func TestStatic(t *testing.T) {
	dir := folder(t, "static/css/site.css", "0123456789", "static/empty.txt", "", "robots.txt", "none", "static/my file.JSON", "{}", "static/what", "?")
	site := filesOf(t, dir, spec.Edge{
		Static: []spec.Static{
			{Path: "/robots.txt", Directory: "."},
			{Path: "/static/*", Directory: "static", CacheControl: "public, max-age=60", Expires: time.Hour},
			{Path: "/absolute-?/*", Directory: filepath.Join(dir, "static")},
		},
		ResponseHeaders: map[string]string{"cache_control": "no-store", "x_a": "b"},
	})
	for path, want := range map[string][3]string{ // body, type, Cache-Control
		"/static/css/site.css":   {"0123456789", "text/css; charset=utf-8", "public, max-age=60"},
		"/static/empty.txt":      {"", "text/plain; charset=utf-8", "public, max-age=60"},
		"/static/my%20file.JSON": {"{}", "application/json", "public, max-age=60"},
		"/static/what":           {"?", "application/octet-stream", "public, max-age=60"},
		"/robots.txt":            {"none", "text/plain; charset=utf-8", "no-store"},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			c, status := ask(t, site, method+" "+path, "User-Agent: x")
			body := want[0]
			if method == "HEAD" {
				body = ""
			}
			if status != 0 || c.status != 200 || c.body.String() != body || c.reason != "OK" {
				t.Errorf("%s %s: %d, %d %q", method, path, status, c.status, c.body.String())
				continue
			}
			for name, value := range map[string]string{
				"Content-Type": want[1], "Cache-Control": want[2], "Content-Length": fmt.Sprint(len(want[0])), "Last-Modified": modifiedText,
				"Accept-Ranges": "bytes", "Server": "awselb/2.0", "Date": modifiedText, "X-Frame-Options": "DENY", "X-A": "b",
				"Etag": fmt.Sprintf(`"%x-%x"`, modified.UnixNano(), len(want[0])),
			} {
				if got := c.fields[name]; len(got) != 1 || got[0] != value {
					t.Errorf("%s %s: %s is %q, want %q", method, path, name, got, value)
				}
			}
			expires, err := http.ParseTime(c.fields.Get("Expires"))
			if in := time.Until(expires); strings.HasPrefix(path, "/static/") != (err == nil && in > 50*time.Minute && in <= time.Hour) {
				t.Errorf("%s %s: expires %v", method, path, c.fields["Expires"])
			}
			if c.fields["Vary"] != nil || c.noBody != (method == "HEAD") {
				t.Errorf("%s %s: Vary %q, no body %v", method, path, c.fields["Vary"], c.noBody)
			}
		}
	}
	// The prefix is what stands before the first wildcard.
	if _, status := ask(t, site, "GET /absolute-1/site.css"); status != 404 {
		t.Errorf("status %d", status)
	}
}

// TestStaticMethods: files are read, and nothing else is done with them.
func TestStaticMethods(t *testing.T) {
	site := filesOf(t, folder(t, "a", "b"), spec.Edge{Static: []spec.Static{{Path: "/*", Directory: "."}}})
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get", "PROPFIND"} {
		if c, status := ask(t, site, method+" /a"); status != 405 || c.fields.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: status %d, Allow %q", method, status, c.fields["Allow"])
		}
	}
}

// TestStaticStaysInside makes all that could lead out of a folder, or be no file.
func TestStaticStaysInside(t *testing.T) {
	dir := folder(t, "secret", "s", "www/a", "file", "www/.env", "s", "www/d/index.html", "i", "www/locked", "l")
	www := filepath.Join(dir, "www")
	for link, to := range map[string]string{"out": "../secret", "absolute": filepath.Join(dir, "secret"), "up": "..", "loop": "loop", "dangling": "nothing", "in": "d/index.html", "hidden": ".env"} {
		if err := os.Symlink(to, filepath.Join(www, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(www, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	site := filesOf(t, www, spec.Edge{Static: []spec.Static{{Path: "/f/*", Directory: "."}}})
	for path, want := range map[string]int{
		"/f/a": 200, "/f/in": 200, "/f/d/index.html": 200,
		"/f/hidden": 200, // by the name that who put the link there gave it
		"/f/out":    404, "/f/absolute": 404, "/f/up/secret": 404, "/f/loop": 404, "/f/dangling": 404, "/f/pipe": 404,
		"/f/.env": 404, "/f/d": 404, "/f/d/": 404, "/f/": 404, "/f/a/": 404, "/f/a/b": 404, "/f/none": 404, "/f//a": 404,
		"/f/" + strings.Repeat("x", 300): 404, "/f/" + strings.Repeat("x/", 5000) + "x": 404, "/f/%2E%2E/secret": 404, "/f/..%2Fsecret": 404,
	} {
		if c, status := ask(t, site, "GET "+path); c.status != want || status != 0 && status != want {
			t.Errorf("%.40s: status %d, %d", path, c.status, status)
		}
	}
}

func TestStaticMovesWithItsFolder(t *testing.T) {
	dir := folder(t, "1/a", "one", "2/a", "two")
	current := filepath.Join(dir, "current")
	if err := os.Symlink("1", current); err != nil {
		t.Fatal(err)
	}
	site := filesOf(t, dir, spec.Edge{Static: []spec.Static{{Path: "/*", Directory: "current"}}})
	for _, want := range []string{"one", "two"} {
		if c, _ := ask(t, site, "GET /a"); c.body.String() != want {
			t.Errorf("%q, want %q", c.body.String(), want)
		}
		if err := os.Remove(current); err != nil {
			t.Fatal(err)
		}
		if want == "one" {
			if err := os.Symlink("2", current); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, status := ask(t, site, "GET /a"); status != 404 {
		t.Errorf("a folder that is gone: status %d", status)
	}
}

func TestStaticFoldersThatCannotBeServed(t *testing.T) {
	dir := folder(t, "file", "")
	_, err := edge.New(&spec.Environment{Edge: spec.Edge{Static: []spec.Static{
		{Path: "/a/*", Directory: "none"}, {Path: "/b/*", Directory: "file"}, {Path: "/c/*", Directory: "."},
	}}}, dir, nil)
	const want = `edge.static[0].directory: cannot be read: no such file or directory (got "none", want a folder of files)
edge.static[1].directory: cannot be read: not a directory (got "file", want a folder of files)`
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}

// TestStaticConditions holds conditional and range requests to RFC 9110, sections 13 and 14.
func TestStaticConditions(t *testing.T) {
	site := filesOf(t, folder(t, "a.txt", "0123456789"), spec.Edge{Static: []spec.Static{{Path: "/*", Directory: ".", CacheControl: "max-age=5"}}})
	tag := fmt.Sprintf(`"%x-a"`, modified.UnixNano())
	for _, tt := range []struct {
		fields string // with bars between them
		status int
		body   string
		ranges string
	}{
		{"", 200, "0123456789", ""},
		{"If-None-Match: " + tag, 304, "", ""},
		{"if-none-match: W/" + tag, 304, "", ""},
		{`If-None-Match: "x", ` + tag, 304, "", ""},
		{`If-None-Match: "x"|If-None-Match: ` + tag, 304, "", ""},
		{"If-None-Match: *", 304, "", ""},
		{`If-None-Match: "x"`, 200, "0123456789", ""},
		{`If-None-Match: "x"|If-Modified-Since: ` + modifiedText, 200, "0123456789", ""}, // the tag decides
		{"If-Modified-Since: " + modifiedText, 304, "", ""},
		{"If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT", 200, "0123456789", ""},
		{"If-Modified-Since: yesterday", 200, "0123456789", ""},
		{"If-Match: " + tag, 200, "0123456789", ""},
		{"If-Match: *", 200, "0123456789", ""},
		{`If-Match: "x"`, 412, "", ""},
		{"If-Match: W/" + tag, 412, "", ""},
		{"If-Unmodified-Since: " + modifiedText, 200, "0123456789", ""},
		{"If-Unmodified-Since: Thu, 01 Jan 2026 00:00:00 GMT", 412, "", ""},
		{"Range: bytes=0-0", 206, "0", "bytes 0-0/10"},
		{"Range: bytes=2-4", 206, "234", "bytes 2-4/10"},
		{"Range: bytes=8-", 206, "89", "bytes 8-9/10"},
		{"Range: bytes=8-100", 206, "89", "bytes 8-9/10"},
		{"Range: bytes=-3", 206, "789", "bytes 7-9/10"},
		{"Range: bytes=-100", 206, "0123456789", "bytes 0-9/10"},
		{"Range: bytes=10-", 416, "", "bytes */10"},
		{"Range: bytes=5-2", 416, "", ""}, // malformed, for which net/http says no length
		{"Range: bytes=x", 416, "", ""},
		{"Range: lines=1-2", 416, "", ""},
		{"Range: bytes=2-4|If-Range: " + tag, 206, "234", "bytes 2-4/10"},
		{`Range: bytes=2-4|If-Range: "x"`, 200, "0123456789", ""},
		{"Range: bytes=2-4|If-Range: W/" + tag, 200, "0123456789", ""},
		{"Range: bytes=2-4|If-Range: " + modifiedText, 206, "234", "bytes 2-4/10"},
		{"Range: bytes=2-4|If-Range: Thu, 01 Jan 2026 00:00:00 GMT", 200, "0123456789", ""},
		{"Range: bytes=2-4|If-None-Match: " + tag, 304, "", ""},
		{"Range: bytes=" + strings.Repeat("0-0,", 31) + "0-0", 200, "0123456789", ""}, // as much as the whole
		{"Range: bytes=" + strings.Repeat("0-0,", 40) + "0-0", 200, "0123456789", ""},
	} {
		lines := []string{"GET /a.txt"}
		if tt.fields != "" {
			lines = append(lines, strings.Split(tt.fields, "|")...)
		}
		c, _ := ask(t, site, lines...)
		if c.status != tt.status || c.body.String() != tt.body || c.fields.Get("Content-Range") != tt.ranges {
			t.Errorf("%s: %d, %q, Content-Range %q", tt.fields, c.status, c.body.String(), c.fields.Get("Content-Range"))
		}
		if tt.status < 400 && (c.fields.Get("Etag") != tag || c.fields.Get("Cache-Control") != "max-age=5") {
			t.Errorf("%s: %v", tt.fields, c.fields)
		}
		if tt.status == 304 && (c.fields["Content-Length"] != nil || c.fields["Content-Type"] != nil || !c.noBody) {
			t.Errorf("%s: %v", tt.fields, c.fields)
		}
	}
	// A range is GET's alone.
	if c, _ := ask(t, site, "HEAD /a.txt", "Range: bytes=0-0"); c.status != 200 || c.fields.Get("Content-Length") != "10" {
		t.Errorf("HEAD of a range: %d, %v", c.status, c.fields)
	}
}

func TestStaticSeveralRanges(t *testing.T) {
	site := filesOf(t, folder(t, "a.txt", strings.Repeat("0123456789", 30000)), spec.Edge{Static: []spec.Static{{Path: "/*", Directory: "."}}})
	c, _ := ask(t, site, "GET /a.txt", "Range: bytes=1-3, 100000-199999,-2")
	kind, params, err := mime.ParseMediaType(c.fields.Get("Content-Type"))
	if err != nil || kind != "multipart/byteranges" || c.status != 206 || fmt.Sprint(c.body.Len()) != c.fields.Get("Content-Length") {
		t.Fatalf("%d, %v, %d bytes: %v", c.status, c.fields, c.body.Len(), err)
	}
	parts := multipart.NewReader(&c.body, params["boundary"])
	for _, want := range []string{"123", strings.Repeat("0123456789", 10000), "89"} {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(part)
		if err != nil || string(body) != want || part.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%d bytes, %v, %v", len(body), part.Header, err)
		}
	}
	if _, err := parts.NextPart(); err != io.EOF {
		t.Errorf("after the last part: %v", err)
	}
}

func TestStaticCompressedBeforehand(t *testing.T) {
	site := filesOf(t, folder(t, "a.css", "as it is", "a.css.br", "brotli", "a.css.gz", "zipped", "b.js", "as it is", "b.js.gz", "zipped", "c.svg", "as it is", "d.css.br", "alone"),
		spec.Edge{Static: []spec.Static{{Path: "/*", Directory: "."}}})
	for _, tt := range []struct{ path, accept, body, coding, vary string }{
		{"/a.css", "", "as it is", "", "Accept-Encoding"},
		{"/a.css", "gzip, deflate, br", "brotli", "br", "Accept-Encoding"},
		{"/a.css", "gzip", "zipped", "gzip", "Accept-Encoding"},
		{"/a.css", "br;q=0.5, gzip", "zipped", "gzip", "Accept-Encoding"},
		{"/a.css", "br;q=0, gzip;q=0", "as it is", "", "Accept-Encoding"},
		{"/a.css", "zstd", "as it is", "", "Accept-Encoding"},
		{"/a.css", "identity, br;q=0.1", "as it is", "", "Accept-Encoding"},
		{"/b.js", "br, gzip;q=0.1", "zipped", "gzip", "Accept-Encoding"},
		{"/c.svg", "br, gzip", "as it is", "", ""},
		{"/a.css.br", "br", "brotli", "", ""}, // by its own name it is a file as any other
	} {
		lines := []string{"GET " + tt.path}
		if tt.accept != "" {
			lines = append(lines, "Accept-Encoding: "+tt.accept)
		}
		c, _ := ask(t, site, lines...)
		if c.body.String() != tt.body || c.fields.Get("Content-Encoding") != tt.coding || c.fields.Get("Vary") != tt.vary || c.fields.Get("Content-Length") != fmt.Sprint(len(tt.body)) {
			t.Errorf("%s %q: %q, %v", tt.path, tt.accept, c.body.String(), c.fields)
		}
		if kind := c.fields.Get("Content-Type"); tt.path == "/a.css" && kind != "text/css; charset=utf-8" {
			t.Errorf("%s %q: type %s", tt.path, tt.accept, kind)
		}
	}
	// Variants have validators of their own, and ranges are of the variant.
	plain, _ := ask(t, site, "GET /a.css")
	br, _ := ask(t, site, "GET /a.css", "Accept-Encoding: br")
	gz, _ := ask(t, site, "GET /a.css", "Accept-Encoding: gzip")
	tags := []string{plain.fields.Get("Etag"), br.fields.Get("Etag"), gz.fields.Get("Etag")}
	if tags[0] == tags[1] || tags[1] == tags[2] || tags[0] == tags[2] {
		t.Errorf("variants share a tag: %q", tags)
	}
	if c, _ := ask(t, site, "GET /a.css", "Accept-Encoding: gzip", "If-None-Match: "+tags[2]); c.status != 304 || c.fields.Get("Vary") != "Accept-Encoding" {
		t.Errorf("%d, %v", c.status, c.fields)
	}
	if c, _ := ask(t, site, "GET /a.css", "Accept-Encoding: br", "Range: bytes=0-1", "If-Range: "+tags[1]); c.status != 206 || c.body.String() != "br" || c.fields.Get("Content-Encoding") != "br" || c.fields.Get("Content-Length") != "2" {
		t.Errorf("%d, %v, %q", c.status, c.fields, c.body.String())
	}
	if c, _ := ask(t, site, "HEAD /a.css", "Accept-Encoding: br"); c.fields.Get("Content-Length") != "6" || c.body.Len() > 0 {
		t.Errorf("%v", c.fields)
	}
	if _, status := ask(t, site, "GET /d.css", "Accept-Encoding: br"); status != 404 {
		t.Errorf("only compressed: status %d", status)
	}
}

// TestStaticClientGone: a client that has left is not read for any more.
func TestStaticClientGone(t *testing.T) {
	site := filesOf(t, folder(t, "a.bin", strings.Repeat("x", 4<<20)), spec.Edge{Static: []spec.Static{{Path: "/*", Directory: "."}}})
	c := &fakeClient{fail: io.ErrClosedPipe}
	x := request(t, c, "GET /a.bin")
	site.Wrap(x)
	if status := site.Match(x.Request.Path).Serve(x, &exchange.Origin{}); status != 0 || !c.aborted || c.body.Len() > 128<<10 {
		t.Errorf("status %d, aborted %v, %d bytes", status, c.aborted, c.body.Len())
	}
}

// TestStaticOrder: the first path that matches decides, and paths are matched with their case.
func TestStaticOrder(t *testing.T) {
	site := filesOf(t, folder(t, "1/a", "one", "2/a", "two"), spec.Edge{Static: []spec.Static{{Path: "/x/*", Directory: "1"}, {Path: "/*", Directory: "2"}}})
	for path, want := range map[string]string{"/x/a": "one", "/a": "two"} {
		if c, _ := ask(t, site, "GET "+path); c.body.String() != want {
			t.Errorf("%s: %q", path, c.body.String())
		}
	}
	if _, status := ask(t, site, "GET /X/a"); status != 404 {
		t.Errorf("status %d", status)
	}
}
