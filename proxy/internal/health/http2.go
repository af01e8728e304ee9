package health

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http2"
)

// maxGRPCBody bounds what is read of a gRPC answer on the way to its trailers.
const maxGRPCBody = 64 << 10

// http2Transport makes client connections; it keeps none.
var http2Transport = &http2.Transport{AllowHTTP: true, DisableCompression: true}

// askHTTP2 makes one request over HTTP/2.
func askHTTP2(ctx context.Context, c *check) (int, Failure) {
	request := &http.Request{Method: http.MethodGet, Header: http.Header{"User-Agent": {userAgent}}}
	return c.overHTTP2(ctx, request, func(response *http.Response) (int, Failure) {
		return response.StatusCode, Passed
	})
}

// askGRPC calls a method with an empty message. That the method is not implemented (12)
// passes by default: the target has answered in gRPC.
func askGRPC(ctx context.Context, c *check) (int, Failure) {
	request := &http.Request{
		Method: http.MethodPost,
		Header: http.Header{"User-Agent": {userAgent}, "Content-Type": {"application/grpc"}, "Te": {"trailers"}},
		// A message of no bytes, not compressed.
		Body: io.NopCloser(strings.NewReader("\x00\x00\x00\x00\x00")),
	}
	return c.overHTTP2(ctx, request, func(response *http.Response) (int, Failure) {
		if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, maxGRPCBody)); err != nil {
			return noStatus, failureOf(ctx, err)
		}
		text := response.Trailer.Get("Grpc-Status")
		if text == "" {
			text = response.Header.Get("Grpc-Status") // an answer of trailers only
		}
		status, err := strconv.Atoi(text)
		if err != nil || status < 0 {
			return noStatus, GRPCStatusEmpty
		}
		return status, Passed
	})
}

// overHTTP2 sends a request over a connection of its own and has the answer read before
// that is closed.
func (c *check) overHTTP2(ctx context.Context, r *http.Request, read func(*http.Response) (int, Failure)) (int, Failure) {
	conn, err := c.dial(ctx, http2.NextProtoTLS)
	if err != nil {
		return noStatus, failureOf(ctx, err)
	}
	defer conn.Close()
	client, err := http2Transport.NewClientConn(conn)
	if err != nil {
		return noStatus, failureOf(ctx, err)
	}
	// Opaque keeps path and query as they are written in the environment file.
	r.URL = &url.URL{Scheme: "http", Host: c.host, Opaque: "//" + c.host + c.path}
	if c.https {
		r.URL.Scheme = "https"
	}
	r.Host = c.host
	response, err := client.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return noStatus, failureOf(ctx, err)
	}
	defer response.Body.Close()
	return read(response)
}
