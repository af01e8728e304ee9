package answer_test

import (
	"fmt"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/routing"
)

func grpcCall() *exchange.Exchange {
	x := exchangeOf("POST", "content-type", "application/grpc", "user-agent", chrome)
	x.Request.Version = exchange.HTTP2
	return x
}

func TestErrorOfGRPC(t *testing.T) {
	for status, want := range map[int]string{
		502: "14 unavailable", 503: "14 unavailable", 504: "14 unavailable", 429: "14 unavailable",
		400: "13 internal", 401: "16 unauthenticated", 403: "7 permission denied", 404: "12 unimplemented",
		405: "2 unknown", 463: "2 unknown", 464: "2 unknown", 500: "2 unknown", 507: "2 unknown",
	} {
		x := grpcCall()
		body := maker.Error(x, status, date)
		got := value(t, x, "grpc-status") + " " + value(t, x, "grpc-message")
		r := &x.Response
		if got != want || body != nil || r.Status != status || r.ContentLength != 0 || value(t, x, "Content-Length") != "0" ||
			value(t, x, "Content-Type") != "application/grpc" || value(t, x, "Server") != "awselb/2.0" {
			t.Errorf("%d: %q %q, %q", status, got, r.Fields, body)
		}
	}
}

func TestWhatIsGRPC(t *testing.T) {
	for _, tt := range []struct {
		contentType string
		version     exchange.Version
		want        bool
	}{
		{"application/grpc", exchange.HTTP2, true},
		{"Application/GRPC", exchange.HTTP2, true},
		{"application/grpc+proto", exchange.HTTP2, true},
		{"application/grpc;charset=utf-8", exchange.HTTP2, true},
		{"application/grpc ;charset=utf-8", exchange.HTTP2, true},
		{"application/grpc-web", exchange.HTTP2, false},
		{"application/grp", exchange.HTTP2, false},
		{"application/json", exchange.HTTP2, false},
		{"", exchange.HTTP2, false},
		{"application/grpc", exchange.HTTP11, false},
	} {
		x := exchangeOf("POST", "content-type", tt.contentType)
		x.Request.Version = tt.version
		body := maker.Error(x, 502, date)
		if got := value(t, x, "grpc-status") != ""; got != tt.want || (body == nil) != tt.want {
			t.Errorf("%q over %d: %v", tt.contentType, tt.version, got)
		}
	}
}

// TestActionsAnswerGRPCPlainly: a rule's own answer is the same for every client.
func TestActionsAnswerGRPCPlainly(t *testing.T) {
	x := grpcCall()
	if body := maker.Fixed(x, &routing.FixedResponse{Status: 503, Body: []byte("down")}, date); string(body) != "down" || value(t, x, "grpc-status") != "" {
		t.Errorf("%q %q", body, x.Response.Fields)
	}
	x = grpcCall()
	if body := maker.Redirect(x, 301, []byte("/"), date); len(body) != 134 || value(t, x, "grpc-status") != "" {
		t.Errorf("%q %q", body, x.Response.Fields)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	fixed := &routing.FixedResponse{Status: 200, ContentType: "text/plain; charset=utf-8", Body: []byte("ok")}
	location := []byte("https://a.com:443/")
	for name, run := range map[string]func(x *exchange.Exchange){
		"error":    func(x *exchange.Exchange) { maker.Error(x, 502, date) },
		"empty":    func(x *exchange.Exchange) { maker.Error(x, 464, date) },
		"plain":    func(x *exchange.Exchange) { maker.PlainHTTP(x, date) },
		"redirect": func(x *exchange.Exchange) { maker.Redirect(x, 301, location, date) },
		"fixed":    func(x *exchange.Exchange) { maker.Fixed(x, fixed, date) },
	} {
		for _, x := range []*exchange.Exchange{exchangeOf("GET", "User-Agent", chrome), grpcCall()} {
			if n := testing.AllocsPerRun(100, func() { x.Arena.Reset(); run(x) }); n != 0 {
				t.Errorf("%s over %d: %v allocations", name, x.Request.Version, n)
			}
		}
	}
}

// BenchmarkError makes the page that a browser gets while all targets are down.
func BenchmarkError(b *testing.B) {
	for _, x := range []*exchange.Exchange{exchangeOf("GET", "User-Agent", chrome), grpcCall()} {
		b.Run(fmt.Sprint(x.Request.Version), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.Arena.Reset()
				maker.Error(x, 503, date)
			}
		})
	}
}
