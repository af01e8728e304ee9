package desync_test

import (
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/desync"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// cases are requests that take every path through Classify.
func cases() map[string]*exchange.Request {
	return map[string]*exchange.Request{
		"typical": request("GET",
			"Host", "www.example.com",
			"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
			"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
			"Accept-Language", "en-GB,en;q=0.9,de;q=0.8",
			"Accept-Encoding", "gzip, deflate, br, zstd",
			"Connection", "keep-alive",
			"Cookie", "session=0123456789abcdef0123456789abcdef; theme=dark",
			"Referer", "https://www.example.com/"),
		"body":   request("POST", "Host", "a", "Content-Length", "280"),
		"severe": request("G(T", "A B", "\x01", "", "", "Transfer_Encoding", "gzip, chunked", "Content-Length", "5", "Content-Length", "6"),
	}
}

func TestClassifyDoesNotAllocate(t *testing.T) {
	for name, r := range cases() {
		if n := testing.AllocsPerRun(100, func() { desync.Classify(r) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkClassify(b *testing.B) {
	for name, r := range cases() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				desync.Classify(r)
			}
		})
	}
}
