package health

import (
	"context"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/http1"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

var methodGET = []byte("GET")

// askHTTP1 makes one request over HTTP/1.1. The answer is the head: a body is not waited
// for, and a redirect not followed.
func askHTTP1(ctx context.Context, c *check) (int, Failure) {
	conn, err := c.dial(ctx)
	if err != nil {
		return noStatus, failureOf(ctx, err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := conn.Write(c.request()); err != nil {
		return noStatus, failureOf(ctx, err)
	}
	b := wire.Bodies.Get() // holds the largest head
	defer wire.Bodies.Put(b)
	var parser http1.ResponseParser
	var response exchange.Response
	from, to := 0, 0
	for {
		n, err := parser.Parse(b.Bytes[from:to], methodGET, &response)
		switch {
		case err != nil:
			return noStatus, InternalError
		case n > 0 && response.Status >= 200:
			return response.Status, Passed
		case n > 0: // 1xx announces the answer
			from += n
			parser.Reset()
			response = exchange.Response{Fields: response.Fields[:0]}
			continue
		case to == len(b.Bytes):
			return noStatus, InternalError
		}
		m, err := conn.Read(b.Bytes[to:])
		to += m
		if m == 0 && err != nil {
			return noStatus, failureOf(ctx, err)
		}
	}
}

// request is what an ALB sends.
func (c *check) request() []byte {
	b := append([]byte("GET "), c.path...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, c.host...)
	b = append(b, "\r\nConnection: close\r\nUser-Agent: "+userAgent+"\r\nAccept-Encoding: gzip, compressed\r\n\r\n"...)
	return b
}
