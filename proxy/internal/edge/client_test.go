package edge_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/edge"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
	"github.com/evenkeel/evenkeel/spec"
)

// fakeClient keeps what is written to it.
type fakeClient struct {
	status  int
	reason  string
	fields  http.Header
	length  int64
	noBody  bool
	body    bytes.Buffer
	pieces  []int // how much of the body each write brought
	ended   bool
	aborted bool
	spliced int64
	// fail is what writing gives.
	fail error
}

func (c *fakeClient) ReadBody([]byte) (int, error)          { return 0, io.EOF }
func (c *fakeClient) Buffered() (int, bool)                 { return 0, true }
func (c *fakeClient) Trailers() []exchange.Field            { return nil }
func (c *fakeClient) WriteInterim(*exchange.Response) error { return nil }
func (c *fakeClient) StopBody()                             {}
func (c *fakeClient) Abort()                                { c.aborted = true }
func (c *fakeClient) Gone() bool                            { return false }

// SendFile sends a file as a connection would.
func (c *fakeClient) SendFile(f *os.File, n int64) (int64, error) {
	if c.fail != nil {
		return 0, c.fail
	}
	sent, err := io.CopyN(&c.body, f, n)
	c.spliced += sent
	return sent, err
}

func (c *fakeClient) Spliceable() bool { return c.length != exchange.Unknown }
func (c *fakeClient) SpliceBody(_ *wire.Conn, n int64, _ time.Duration) (int64, error) {
	c.spliced += n
	return n, nil
}

func (c *fakeClient) WriteHead(r *exchange.Response, body []byte, more bool) error {
	if c.fields != nil {
		return errors.New("a second head")
	}
	c.status, c.reason, c.length, c.noBody, c.fields = r.Status, string(r.Reason), r.ContentLength, r.NoBody, http.Header{}
	for _, f := range r.Fields {
		if f.ID != exchange.Identify(f.Name) {
			return errors.New("field " + string(f.Name) + " is taken for " + f.ID.String())
		}
		c.fields.Add(string(f.Name), string(f.Value))
	}
	c.ended = !more
	if len(body) > 0 {
		return c.WriteBody(body)
	}
	return c.fail
}

func (c *fakeClient) WriteBody(p []byte) error {
	c.body.Write(p)
	c.pieces = append(c.pieces, len(p))
	return c.fail
}

func (c *fakeClient) Finish([]exchange.Field) error {
	c.ended = true
	return c.fail
}

// silentClient takes everything and allocates nothing.
type silentClient struct{ fakeClient }

func (*silentClient) WriteHead(*exchange.Response, []byte, bool) error { return nil }

// siteOf compiles an edge.
func siteOf(t testing.TB, e spec.Edge) *edge.Site {
	t.Helper()
	site, err := edge.New(&spec.Environment{Edge: e}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// request is an exchange for a request whose lines are given, as the listener would match it.
func request(t testing.TB, client exchange.Client, lines ...string) *exchange.Exchange {
	t.Helper()
	x := &exchange.Exchange{Client: client, Conn: &exchange.Connection{}}
	method, path, _ := strings.Cut(lines[0], " ")
	x.Request.Method, x.Request.Path, x.Request.Version = []byte(method), []byte(path), exchange.HTTP11
	x.Request.Fields = fieldsOf(lines[1:]...)
	return x
}

func fieldsOf(lines ...string) []exchange.Field {
	var fields []exchange.Field
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		fields = append(fields, exchange.Field{ID: exchange.Identify([]byte(name)), Name: []byte(name), Value: []byte(value)})
	}
	return fields
}

// answer writes an answer of one piece, as a target's comes.
func answer(x *exchange.Exchange, status int, body string, lines ...string) error {
	x.Response = exchange.Response{Status: status, Fields: fieldsOf(append(lines, "Content-Length: "+strconv.Itoa(len(body)))...), ContentLength: int64(len(body))}
	if string(x.Request.Method) == http.MethodHead {
		x.Response.NoBody, x.Response.ContentLength, body = true, 0, ""
	}
	return x.Client.WriteHead(&x.Response, []byte(body), false)
}

func TestNoEdge(t *testing.T) {
	if site := siteOf(t, spec.Default[spec.Edge]()); site != nil {
		t.Errorf("an environment without an edge has %v", site)
	}
}

func TestResponseHeaders(t *testing.T) {
	site := siteOf(t, spec.Edge{ResponseHeaders: map[string]string{"x_xss_protection": "1; mode=block", "server": "app", "x_robots_tag": "none"}})
	for range 2 { // the second time with what the first has used
		c := &fakeClient{}
		x := request(t, c, "GET /")
		site.Wrap(x)
		if err := answer(x, 200, "hello", "X-XSS-PROTECTION: 0", "server: nginx", "X-XSS-Protection: 1", "X-Other: yes"); err != nil {
			t.Fatal(err)
		}
		site.Unwrap(x)
		if x.Client != c {
			t.Error("the edge stays between the exchange and its client")
		}
		for name, want := range map[string]string{"X-Xss-Protection": "1; mode=block", "Server": "app", "X-Robots-Tag": "none", "X-Other": "yes", "Content-Length": "5"} {
			if got := c.fields[name]; len(got) != 1 || got[0] != want {
				t.Errorf("%s is %q, want %q once", name, got, want)
			}
		}
		if c.body.String() != "hello" || len(c.fields) != 5 {
			t.Errorf("%v and %q", c.fields, c.body.String())
		}
	}
}

// TestHeadersLetBodiesBeSpliced: what changes no body leaves it to the kernel.
func TestHeadersLetBodiesBeSpliced(t *testing.T) {
	site := siteOf(t, spec.Edge{ResponseHeaders: map[string]string{"x_a": "b"}})
	c := &fakeClient{}
	x := request(t, c, "GET /")
	site.Wrap(x)
	x.Response = exchange.Response{Status: 200, ContentLength: 1 << 20}
	if err := x.Client.WriteHead(&x.Response, nil, true); err != nil {
		t.Fatal(err)
	}
	s, ok := x.Client.(interface {
		Spliceable() bool
		SpliceBody(*wire.Conn, int64, time.Duration) (int64, error)
	})
	if !ok || !s.Spliceable() {
		t.Fatal("the body cannot be spliced")
	}
	if n, err := s.SpliceBody(nil, 1<<20, 0); n != 1<<20 || err != nil || c.spliced != n {
		t.Errorf("%d, %v", n, err)
	}
}
