package http1_test

import (
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http1"
)

// padded returns before, x's and after, size bytes in all.
func padded(before, after string, size int) string {
	return before + strings.Repeat("x", size-len(before)-len(after)) + after
}

// headOf returns a request head of exactly size bytes, in lines well below their limit.
func headOf(size int) string {
	const first, last, line = "GET / HTTP/1.1\r\n", "\r\n", 8000
	head := first
	for size-len(head)-len(last) > 2*line {
		head += padded("A: ", "\r\n", line)
	}
	rest := size - len(head) - len(last)
	return head + padded("A: ", "\r\n", rest/2) + padded("A: ", "\r\n", rest-rest/2) + last
}

func TestRequestLimits(t *testing.T) {
	const start, end = "GET / HTTP/1.1\r\n", "\r\n\r\n"
	for _, tt := range []struct {
		name   string
		head   string
		status int
	}{
		{"request line below the limit", padded("GET /", " HTTP/1.1", 16<<10-1) + end, 0},
		{"request line at the limit", padded("GET /", " HTTP/1.1", 16<<10) + end, 414},
		{"header line below the limit", start + padded("A: ", "", 16<<10-1) + end, 0},
		{"header line at the limit", start + padded("A: ", "", 16<<10) + end, 400},
		{"header name below the limit", start + padded("A", ": b", 16<<10-1) + end, 0},
		{"header name at the limit", start + padded("A", ": b", 16<<10) + end, 400},
		{"head at the limit", headOf(64 << 10), 0},
		{"head over the limit", headOf(64<<10 + 1), 400},
		{"most fields", start + strings.Repeat("A:\r\n", 1000) + "\r\n", 0},
		{"too many fields", start + strings.Repeat("A:\r\n", 1001) + "\r\n", 400},
		{"empty lines", strings.Repeat("\r\n", 4) + start + "\r\n", 0},
		{"too many empty lines", strings.Repeat("\r\n", 5) + start + "\r\n", 400},
	} {
		_, n, err := parseRequest(tt.head)
		if got := status(t, err); got != tt.status {
			t.Errorf("%s: status %d (%v), want %d", tt.name, got, err, tt.status)
		}
		if tt.status == 0 && n != len(tt.head) {
			t.Errorf("%s: n = %d of %d", tt.name, n, len(tt.head))
		}
		if _, m, err := parseRequestInSteps([]byte(tt.head), 509); m != n || status(t, err) != tt.status {
			t.Errorf("%s, in pieces: n = %d, %v", tt.name, m, err)
		}
	}
}

// TestRequestIsRefusedEarly has heads that never end: they are refused before more of them
// is read than the limit.
func TestRequestIsRefusedEarly(t *testing.T) {
	for _, tt := range []struct {
		name   string
		part   string
		limit  int
		status int
	}{
		{"request line", "GET /", 16 << 10, 414},
		{"header line", "GET / HTTP/1.1\r\nA: ", 16<<10 + len("GET / HTTP/1.1\r\n"), 400},
		{"no HTTP at all", "\x16\x03\x01\x02", 1, 400},
		{"an empty line that is none", "\r ", 2, 400},
		{"preface", "PRI * HTTP/2.0\r\n", len("PRI * HTTP/2.0\r\n"), 505},
	} {
		head := []byte(padded(tt.part, "", 1<<17))
		var p http1.RequestParser
		var r exchange.Request
		for i := 1; ; i++ {
			n, err := p.Parse(head[:i], &r)
			if n != 0 {
				t.Fatalf("%s: n = %d", tt.name, n)
			}
			if err != nil {
				if status(t, err) != tt.status || i != tt.limit {
					t.Errorf("%s: refused at %d with %v, want %d with %d", tt.name, i, err, tt.limit, tt.status)
				}
				break
			}
		}
	}
	head := []byte(headOf(64 << 10))
	var p http1.RequestParser
	var r exchange.Request
	if n, err := p.Parse(head[:len(head)-1], &r); n != 0 || err != nil {
		t.Errorf("a byte before the end: %d, %v", n, err)
	}
	p.Reset()
	head[len(head)-1] = 'x'
	if n, err := p.Parse(head, &r); n != 0 || status(t, err) != 400 {
		t.Errorf("at the limit and no end: %d, %v", n, err)
	}
}

func TestResponseLimits(t *testing.T) {
	const start = "HTTP/1.1 200 OK\r\n"
	for _, tt := range []struct {
		name   string
		head   string
		status int
	}{
		{"head at the limit", start + padded("A: ", "\r\n\r\n", 32<<10-len(start)), 0},
		{"head over the limit", start + padded("A: ", "\r\n\r\n", 32<<10-len(start)+1), 502},
		{"status line over the limit", padded("HTTP/1.1 200 ", "", 32<<10), 502},
		{"most fields", start + strings.Repeat("A:\r\n", 1000) + "\r\n", 0},
		{"too many fields", start + strings.Repeat("A:\r\n", 1001) + "\r\n", 502},
	} {
		_, n, err := parseResponse("GET", tt.head)
		if got := status(t, err); got != tt.status || tt.status == 0 && n != len(tt.head) {
			t.Errorf("%s: n = %d of %d, status %d (%v), want %d", tt.name, n, len(tt.head), got, err, tt.status)
		}
	}
	var p http1.ResponseParser
	var r exchange.Response
	endless := []byte(padded(start+"A: ", "", 32<<10))
	if _, err := p.Parse(endless[:len(endless)-1], nil, &r); err != nil {
		t.Errorf("below the limit: %v", err)
	}
	if _, err := p.Parse(endless, nil, &r); status(t, err) != 502 {
		t.Errorf("at the limit and no end: %v", err)
	}
}
