//go:build !race

package edge_test

import (
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// TestHeadersAllocateNothing: an answer on which only fields are set costs no memory.
func TestHeadersAllocateNothing(t *testing.T) {
	site := siteOf(t, spec.Edge{ResponseHeaders: map[string]string{"x_xss_protection": "1; mode=block", "x_robots_tag": "none"}})
	x := request(t, &silentClient{}, "GET /a/path")
	fields := fieldsOf("Server: app", "X-XSS-Protection: 0", "Content-Length: 5", "Content-Type: text/html", "a-name-of-more-than-thirty-two-characters: x")
	room := make([]exchange.Field, 0, 16)
	if n := testing.AllocsPerRun(100, func() {
		site.Wrap(x)
		if site.Match(x.Request.Path) != nil {
			t.Error("a behaviour for no path")
		}
		x.Response = exchange.Response{Status: 200, Fields: append(room, fields...), ContentLength: 5}
		if err := x.Client.WriteHead(&x.Response, fields[0].Value, false); err != nil {
			t.Error(err)
		}
		site.Unwrap(x)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
