package http1_test

import (
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http1"
)

// What a browser and an application server send.
const (
	typicalRequest = "GET /products/42?ref=home&utm_source=newsletter HTTP/1.1\r\n" +
		"Host: www.example.com\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" +
		"Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n" +
		"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
		"Connection: keep-alive\r\n" +
		"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n" +
		"Referer: https://www.example.com/\r\n\r\n"
	typicalResponse = "HTTP/1.1 200 OK\r\n" +
		"Server: app/1.0\r\n" +
		"Date: Mon, 01 Jan 2026 00:00:00 GMT\r\n" +
		"Content-Type: application/json; charset=utf-8\r\n" +
		"Content-Length: 280\r\n" +
		"Cache-Control: private, max-age=0\r\n" +
		"Connection: keep-alive\r\n\r\n"
	typicalChunks = "10\r\n0123456789abcdef\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"
)

// work is what happens to each request, by name: a step that must not allocate.
func work(tb testing.TB) map[string]func() {
	var (
		requests  http1.RequestParser
		responses http1.ResponseParser
		chunks    http1.ChunkDecoder
		request   exchange.Request
		response  exchange.Response
	)
	head, answer, body := []byte(typicalRequest), []byte(typicalResponse), []byte(typicalChunks)
	trailers := []byte("1\r\nx\r\n0\r\nServer-Timing: a\r\n\r\n")
	refused := []byte("GET / HTTP/1.1\r\nA: \x00\r\n\r\n")
	get := []byte("GET")
	out := make([]byte, 0, 1024)
	decode := func(body []byte) {
		chunks.Reset()
		for used := 0; !chunks.Done(); {
			_, n, err := chunks.Decode(body[used:])
			if err != nil {
				tb.Fatal(err)
			}
			used += n
		}
	}
	return map[string]func(){
		"request": func() {
			requests.Reset()
			if n, err := requests.Parse(head, &request); n != len(head) || err != nil {
				tb.Fatal(n, err)
			}
		},
		"frame": func() {
			if err := http1.Frame(&request); err != nil {
				tb.Fatal(err)
			}
		},
		"refused": func() {
			requests.Reset()
			if _, err := requests.Parse(refused, &request); err == nil {
				tb.Fatal("no error")
			}
		},
		"response": func() {
			responses.Reset()
			if n, err := responses.Parse(answer, get, &response); n != len(answer) || err != nil {
				tb.Fatal(n, err)
			}
		},
		"chunks":   func() { decode(body) },
		"trailers": func() { decode(trailers) },
		"names": func() {
			for i := range request.Fields {
				f := &request.Fields[i]
				if !http1.ValidFieldName(f.Name) || http1.AliasOf(f.Name) != exchange.FieldOther {
					tb.Fatalf("%s", f.Name)
				}
				http1.Protected(f)
			}
		},
		"write": func() {
			b := http1.AppendStatusLine(out, exchange.HTTP11, response.Status, response.Reason)
			for i := range response.Fields {
				b = http1.AppendField(b, response.Fields[i].Name, response.Fields[i].Value)
			}
			b = http1.AppendChunkHeader(b, 4096)
			http1.AppendLastChunk(b, nil)
		},
	}
}

// order is that in which the steps of work build on each other.
var order = []string{"request", "frame", "names", "response", "write", "chunks", "trailers", "refused"}

func TestNothingAllocates(t *testing.T) {
	steps := work(t)
	for _, name := range order {
		if n := testing.AllocsPerRun(100, steps[name]); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkHTTP1(b *testing.B) {
	for _, name := range order {
		b.Run(name, func(b *testing.B) {
			steps := work(b)
			steps["request"]() // the others work on what these two parsed
			steps["response"]()
			b.ReportAllocs()
			for b.Loop() {
				steps[name]()
			}
		})
	}
}

// BenchmarkDribble has a head come in single bytes: the time for it must not grow with the
// square of its size.
func BenchmarkDribble(b *testing.B) {
	head := []byte(headOf(60 << 10))
	var p http1.RequestParser
	var r exchange.Request
	b.ReportAllocs()
	for b.Loop() {
		p.Reset()
		for i := 1; i <= len(head); i++ {
			if _, err := p.Parse(head[:i], &r); err != nil {
				b.Fatal(err)
			}
		}
	}
}
