package http1_test

import (
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http1"
)

const unknown = exchange.Unknown

func TestFrame(t *testing.T) {
	for _, tt := range []struct {
		lines  string // the version and the header
		status int
		length int64
		close  bool
	}{
		{"1.1", 0, 0, false},
		{"1.1\r\nContent-Length: 5", 0, 5, false},
		{"1.1\r\nContent-Length: 0", 0, 0, false},
		{"1.1\r\nContent-Length: 007", 0, 7, false},
		{"1.1\r\nContent-Length: 9223372036854775807", 0, 1<<63 - 1, false},
		{"1.0\r\nContent-Length: 5", 0, 5, true},
		{"1.1\r\nContent-Length: 5\r\ncontent-length: 5", 0, 5, false},
		{"1.1\r\nTransfer-Encoding: chunked", 0, unknown, false},
		{"1.1\r\nTransfer-Encoding: \tChunked ", 0, unknown, false},
		{"1.5\r\nTransfer-Encoding: chunked", 0, unknown, false},
		{"1.1 \r\nTransfer-Encoding: chunked", 0, unknown, false},
		{"1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", 0, unknown, true},
		{"1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", 0, unknown, true},
		{"1.1\r\nTransfer-Encoding: identity", 0, 0, false},
		{"1.1\r\nTransfer-Encoding: identity\r\nContent-Length: 5", 0, 5, true},

		{"1.1\r\nContent-Length: 5\r\nContent-Length: 6", 400, 0, false},
		{"1.1\r\nContent-Length: 5\r\nContent-Length: 05", 400, 0, false},
		{"1.1\r\nContent-Length: 5, 5", 400, 0, false},
		{"1.1\r\nContent-Length: 5,6", 400, 0, false},
		{"1.1\r\nContent-Length: +5", 400, 0, false},
		{"1.1\r\nContent-Length: -0", 400, 0, false},
		{"1.1\r\nContent-Length: 0x5", 400, 0, false},
		{"1.1\r\nContent-Length: 5 5", 400, 0, false},
		{"1.1\r\nContent-Length: 5.0", 400, 0, false},
		{"1.1\r\nContent-Length: 1_0", 400, 0, false},
		{"1.1\r\nContent-Length: \x0b5", 400, 0, false},
		{"1.1\r\nContent-Length: \xa05", 400, 0, false},
		{"1.1\r\nContent-Length: \xd9\xa5", 400, 0, false},
		{"1.1\r\nContent-Length:", 400, 0, false},
		{"1.1\r\nContent-Length:\r\nContent-Length: 5", 400, 0, false},
		{"1.1\r\nContent-Length: 9223372036854775808", 400, 0, false},
		{"1.1\r\nContent-Length: 18446744073709551621", 400, 0, false},
		{"1.1\r\nContent-Length: x\r\nTransfer-Encoding: chunked", 400, 0, false},

		{"1.1\r\nTransfer-Encoding: gzip", 501, 0, false},
		{"1.1\r\nTransfer-Encoding: gzip, chunked", 501, 0, false},
		{"1.1\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked", 501, 0, false},
		{"1.1\r\nTransfer-Encoding: compress", 501, 0, false},
		{"1.1\r\nTransfer-Encoding: deflate;q=1", 501, 0, false},
		{"1.1\r\nTransfer-Encoding: chunked, gzip", 400, 0, false},
		{"1.1\r\nTransfer-Encoding: chunked, chunked", 400, 0, false},
		{"1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400, 0, false},
		{"1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: gzip", 400, 0, false},
		{"1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity", 400, 0, false},
		{"1.1\r\nTransfer-Encoding: identity, chunked", 400, 0, false},
		{"1.1\r\nTransfer-Encoding: identity, identity", 400, 0, false},
		{"1.1\r\nTransfer-Encoding:", 400, 0, false},
		{"1.1\r\nTransfer-Encoding: ,chunked", 400, 0, false},
		{"1.1\r\nTransfer-Encoding: chunked,", 400, 0, false},
		{"1.1\r\nTransfer-Encoding: \x0bchunked", 400, 0, false},
		{"1.1\r\nTransfer-Encoding: chunked\x0b", 400, 0, false},
		{"1.1\r\nTransfer-Encoding: \xa0chunked", 400, 0, false},
		{"1.1\r\nTransfer-Encoding: xchunked", 400, 0, false},
		{"1.1\r\nTransfer-Encoding: x chunked", 400, 0, false},
		{"1.1\r\nTransfer-Encoding: \"chunked\"", 400, 0, false},
		{"1.1\r\nTransfer-Encoding: chunked;a=b", 400, 0, false},
		{"1.1\r\nTransfer-Encoding: chun\u212aed", 400, 0, false},
		{"1.0\r\nTransfer-Encoding: chunked", 400, 0, false},
		{"1.0\r\nTransfer-Encoding: identity", 400, 0, false},
		{"1.x\r\nTransfer-Encoding: chunked", 400, 0, false},
		{"0.9\r\nContent-Length: 5", 400, 0, false},
		{"0.9\r\nTransfer-Encoding: chunked", 400, 0, false},

		{"1.1\r\nTransfer-Encoding\x0b: chunked", 400, 0, false},
		{"1.1\r\n\x01Transfer-Encoding: chunked", 400, 0, false},
		{"1.1\r\nTransfer Encoding: chunked", 400, 0, false},
		{"1.1\r\nTran\u017ffer-Encoding: chunked", 400, 0, false},
		{"1.1\r\nTransfer-Encod\u0131ng: chunked", 400, 0, false},
		{"1.1\r\ncontent length: 5", 400, 0, false},
		{"1.1\r\nContent-Length\x7f: 5", 400, 0, false},
		{"1.1\r\n'Content-Length': 5", 400, 0, false},
		// The caller drops these, and nobody reads those as another name.
		{"1.1\r\nTransfer_Encoding: chunked", 0, 0, false},
		{"1.1\r\nContent.Length: 5", 0, 0, false},
		{"1.1\r\nContentLength: 5", 0, 0, false},
		{"1.1\r\nX-Content-Length: 5", 0, 0, false},
		{"1.1\r\nContent Length X: 5", 0, 0, false},
	} {
		head := "POST / HTTP/" + tt.lines + "\r\n\r\n"
		r, n, err := parseRequest(head)
		if n == 0 || err != nil {
			t.Errorf("%q: %d, %v", head, n, err)
			continue
		}
		err = http1.Frame(&r)
		if got := status(t, err); got != tt.status {
			t.Errorf("%q: status %d (%v), want %d", tt.lines, got, err, tt.status)
		} else if err == nil && (r.ContentLength != tt.length || r.Chunked != (tt.length == unknown) || r.Close != tt.close) {
			t.Errorf("%q: length %d, chunked %v, close %v", tt.lines, r.ContentLength, r.Chunked, r.Close)
		}
	}
}

// TestEveryByteInTransferEncoding puts each byte around the one value there is.
func TestEveryByteInTransferEncoding(t *testing.T) {
	for c := range 256 {
		for _, value := range []string{"%chunked", "chunked%", "chu%nked"} {
			value = strings.ReplaceAll(value, "%", string([]byte{byte(c)}))
			r, n, _ := parseRequest("POST / HTTP/1.1\r\nTransfer-Encoding: " + value + "\r\n\r\n")
			want := (c == ' ' || c == '\t') && value[3] != byte(c)
			if got := n > 0 && http1.Frame(&r) == nil; got != want {
				t.Errorf("%q: accepted %v", value, got)
			}
		}
	}
}

// TestBodyDoesNotUpgrade: bytes after the head are the body's or the new protocol's.
func TestBodyDoesNotUpgrade(t *testing.T) {
	const upgrade = "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
	for lines, want := range map[string]bool{
		"":                               true,
		"Content-Length: 0\r\n":          true,
		"Content-Length: 1\r\n":          false,
		"Transfer-Encoding: chunked\r\n": false,
	} {
		r, _, err := parseRequest(upgrade + lines + "\r\n")
		if err != nil || !r.Upgrade {
			t.Fatal(err, r.Upgrade)
		}
		if err := http1.Frame(&r); err != nil || r.Upgrade != want {
			t.Errorf("%q: upgrade %v, %v", lines, r.Upgrade, err)
		}
	}
}
