package http1

import (
	"strconv"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// Framing of chunked bodies (RFC 9112, 7.1).
const (
	// ChunkEnd follows the data of a chunk.
	ChunkEnd = "\r\n"
	// LastChunk ends a body without trailers.
	LastChunk = "0\r\n\r\n"
)

// AppendStatusLine appends a status line. The space before the reason stays when there is
// none (RFC 9112, 4). The version is HTTP/1.0 for that and HTTP/1.1 for every other.
func AppendStatusLine(b []byte, v exchange.Version, status int, reason []byte) []byte {
	if v == exchange.HTTP10 {
		b = append(b, "HTTP/1.0 "...)
	} else {
		b = append(b, "HTTP/1.1 "...)
	}
	b = append(strconv.AppendInt(b, int64(status), 10), ' ')
	return append(append(b, reason...), "\r\n"...)
}

// AppendField appends a header line. It trusts name and value to hold no line end.
func AppendField(b, name, value []byte) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), "\r\n"...)
}

// AppendChunkHeader appends the line before n bytes of chunk data; n is not 0, which would
// end the body. It takes up to 18 bytes, and no more than 6 for n below 64 KiB.
func AppendChunkHeader(b []byte, n int) []byte {
	return append(strconv.AppendInt(b, int64(n), 16), "\r\n"...)
}

// AppendLastChunk appends the end of a body with its trailers.
func AppendLastChunk(b []byte, trailers []exchange.Field) []byte {
	b = append(b, "0\r\n"...)
	for i := range trailers {
		b = AppendField(b, trailers[i].Name, trailers[i].Value)
	}
	return append(b, "\r\n"...)
}
