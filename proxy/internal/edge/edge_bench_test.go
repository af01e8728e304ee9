package edge_test

import (
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// BenchmarkAnswer passes one answer of 5 kB through an edge.
func BenchmarkAnswer(b *testing.B) {
	for name, row := range map[string]struct {
		change func(*spec.Edge)
		accept string
	}{
		"headers":         {nil, "gzip"},
		"not compressed":  {func(e *spec.Edge) { e.Compression.Enabled = true }, "identity"},
		"compressed/gzip": {func(e *spec.Edge) { e.Compression.Enabled = true }, "gzip"},
		"compressed/br":   {func(e *spec.Edge) { e.Compression.Enabled = true }, "br"},
		"compressed/zstd": {func(e *spec.Edge) { e.Compression.Enabled = true }, "zstd"},
	} {
		b.Run(name, func(b *testing.B) {
			e := spec.Default[spec.Edge]()
			e.ResponseHeaders = map[string]string{"x_xss_protection": "1; mode=block"}
			if row.change != nil {
				row.change(&e)
			}
			site := siteOf(b, e)
			x := request(b, &silentClient{}, "GET /", "Accept-Encoding: "+row.accept)
			fields := fieldsOf("Content-Type: text/html", `ETag: "v1"`)
			room := make([]exchange.Field, 0, 16)
			body := []byte(page)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				x.Arena.Reset()
				site.Wrap(x)
				x.Response = exchange.Response{Status: 200, Fields: append(room, fields...), ContentLength: int64(len(body))}
				if err := x.Client.WriteHead(&x.Response, body, false); err != nil {
					b.Fatal(err)
				}
				site.Unwrap(x)
			}
		})
	}
}
