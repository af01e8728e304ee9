package http2

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/http2"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/wire"
)

// attempt is one Do, known to the goroutines that x/net/http2 runs for it.
type attempt struct {
	client exchange.Client
	conn   atomic.Pointer[targetConn]
	fresh  atomic.Bool
	// connected says that the target is waited for; making the connection has its own limits.
	connected atomic.Bool
	sent      atomic.Int64 // when the head went out, since epoch; 0: not yet
	wait      idleTimer
	body      requestBody
	early     interim
}

// use notes the connection that the request goes out on.
func (a *attempt) use(tc *targetConn, fresh bool) {
	a.conn.Store(tc)
	if fresh {
		a.fresh.Store(true)
	}
	a.wait.progress()
	if !a.connected.Swap(true) {
		a.wait.enter()
	}
}

type attemptKey struct{}

// Timeouts are how long nothing may move. Read is 0 for any time, and Send for the same as
// Read.
type Timeouts struct {
	// Send is for a target that does not take the body's next bytes.
	Send time.Duration
	// Read is for one that does not answer, or does not go on.
	Read time.Duration
}

// Do sends x.Request to the target with fields as its header fields: all of them final,
// in any order. The pseudo-header fields come from Method, from Path and Query, and from
// a host field or, without one, from Host and Port. The body is streamed from x.Client
// while the answer is streamed to it, unbuffered both ways, trailers included.
//
// onHead is called with the target's head in x.Response before it goes to the client and
// may change it; its error ends the exchange and is Do's. When Do returns an error after
// that, the answer is cut: x.Client has been told to Abort. Before that, nothing was sent to
// the client except 1xx answers.
//
// idle ends an exchange on which nothing moves in either direction; ctx ends it at once.
// Errors wrap one of the Err values of this package. Do repeats nothing itself; x/net/http2
// repeats a request without body that the target declares unprocessed.
//
// Do sets x.Interim when it sends 1xx answers on, and Dispatched, Answered, NewTargetConn,
// TargetBytesIn and TargetBytesOut of x.Record.
func (c *TargetConns) Do(ctx context.Context, x *exchange.Exchange, fields []exchange.Field, idle Timeouts, onHead func(*exchange.Response) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if cl, ok := exchange.Innermost(x.Client).(interface{ Context() context.Context }); ok {
		defer context.AfterFunc(cl.Context(), func() { cancel(ErrClient) })()
	}
	a := &attempt{client: x.Client}
	a.early.client = x.Client
	if idle.Send != idle.Read && idle.Send > 0 && x.Request.ContentLength != 0 {
		a.wait.special = func() (time.Duration, bool) { return idle.Send, a.body.sending() }
		a.wait.often = idle.Send
	}
	a.wait.start(idle.Read, func() { cancel(a.idleCause()) })
	defer a.wait.stop()

	res, err := c.transport.RoundTrip(c.request(ctx, x, fields, a))
	if a.connected.Swap(false) {
		a.wait.leave()
	}
	x.Interim = a.early.stop() || x.Interim
	a.note(x)
	if err != nil {
		err = a.classify(ctx, err)
		cancel(err)
		a.finish(x)
		if errors.Is(err, ErrTimeout) {
			a.dropSilent()
		}
		return err
	}
	x.Record.Answered = time.Now()
	a.wait.progress()
	err = a.answer(ctx, x, res, onHead)
	cancel(err)
	_ = res.Body.Close()
	a.finish(x)
	return err
}

// idleCause says whose turn it was when nothing moved.
func (a *attempt) idleCause() error {
	if a.body.waiting() {
		return fmt.Errorf("%w: %w", ErrClient, os.ErrDeadlineExceeded)
	}
	return ErrTimeout
}

// note copies to the record what other goroutines found out.
func (a *attempt) note(x *exchange.Exchange) {
	x.Record.NewTargetConn = a.fresh.Load()
	if at := a.sent.Load(); at != 0 {
		x.Record.Dispatched = epoch.Add(time.Duration(at))
	}
}

// finish waits until nothing touches the client's request body any more.
func (a *attempt) finish(x *exchange.Exchange) {
	a.body.stop()
	x.Record.TargetBytesOut += a.body.sent.Load()
}

// dropSilent closes the connection when the target has not sent a byte on it since the
// request went out: the host is gone, and every other exchange would wait for it too.
func (a *attempt) dropSilent() {
	tc, sent := a.conn.Load(), a.sent.Load()
	if tc != nil && sent != 0 && tc.heard.Load() < sent {
		_ = tc.Close()
	}
}

// request builds the request for x/net/http2.
func (c *TargetConns) request(ctx context.Context, x *exchange.Exchange, fields []exchange.Field, a *attempt) *http.Request {
	q := &x.Request
	host := string(q.Host)
	if len(q.Port) > 0 {
		host += ":" + string(q.Port)
	}
	h := make(http.Header, len(fields)+1)
	var trailer http.Header
	size := len(q.Method) + len(q.Path) + len(q.Query)
	for _, f := range fields {
		size += len(f.Name) + len(f.Value)
		switch f.ID {
		case exchange.FieldHost:
			host = string(f.Value)
			continue
		case exchange.FieldConnection, exchange.FieldKeepAlive, exchange.FieldProxyConnection,
			exchange.FieldTransferEncoding, exchange.FieldUpgrade, exchange.FieldContentLength:
			continue
		case exchange.FieldTrailer:
			trailer = trailerKeys(trailer, f.Value)
			continue
		}
		key := headerKey(f)
		h[key] = append(h[key], string(f.Value))
	}
	if _, ok := h["User-Agent"]; !ok {
		// Otherwise x/net/http2 would give its own.
		h["User-Agent"] = nil
	}
	if host == "" {
		host = c.cfg.Address
	}
	x.Record.TargetBytesOut += int64(size)

	req := &http.Request{
		Method:        string(q.Method),
		URL:           &url.URL{Scheme: "http", Host: c.cfg.Address},
		Host:          host,
		Header:        h,
		Trailer:       trailer,
		ContentLength: q.ContentLength,
	}
	if c.cfg.TLS != nil {
		req.URL.Scheme = "https"
	}
	req.URL.Opaque = opaque(host, q)
	if q.ContentLength != 0 {
		a.body.attempt, a.body.trailer = a, trailer
		req.Body = &a.body
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders:   func() { a.sent.Store(int64(time.Since(epoch))); a.wait.progress() },
		Got1xxResponse: a.early.add,
	})
	return req.WithContext(context.WithValue(ctx, attemptKey{}, a))
}

// opaque makes url.URL give back path and query byte for byte: its own path would be
// escaped anew. What begins with // comes out as an absolute URL, whose scheme and host
// x/net/http2 takes off again.
func opaque(host string, q *exchange.Request) string {
	var b strings.Builder
	if len(q.Path) > 1 && q.Path[1] == '/' {
		b.WriteString("//" + host)
	}
	b.Write(q.Path)
	if q.HasQuery {
		b.WriteByte('?')
		b.Write(q.Query)
	}
	return b.String()
}

// trailerKeys announces the trailers that a trailer field names.
func trailerKeys(t http.Header, value []byte) http.Header {
	for name := range bytes.SplitSeq(value, []byte{','}) {
		key := http.CanonicalHeaderKey(string(bytes.TrimSpace(name)))
		switch key {
		case "", "Transfer-Encoding", "Trailer", "Content-Length":
			continue
		}
		if t == nil {
			t = http.Header{}
		}
		t[key] = nil
	}
	return t
}

// answer sends the target's answer to the client.
func (a *attempt) answer(ctx context.Context, x *exchange.Exchange, res *http.Response, onHead func(*exchange.Response) error) error {
	a.response(x, res)
	if err := onHead(&x.Response); err != nil {
		return err
	}
	more := !x.Response.NoBody
	if err := x.Client.WriteHead(&x.Response, nil, more); err != nil {
		x.Client.Abort()
		return fmt.Errorf("%w: %w", ErrClient, err)
	}
	a.wait.progress()
	if !more {
		return nil
	}
	buf := wire.Heads.Get()
	defer wire.Heads.Put(buf)
	for {
		a.wait.enter()
		n, err := res.Body.Read(buf.Bytes)
		a.wait.leave()
		if n > 0 {
			a.wait.progress()
			x.Record.TargetBytesIn += int64(n)
			if werr := x.Client.WriteBody(buf.Bytes[:n]); werr != nil {
				x.Client.Abort()
				return fmt.Errorf("%w: %w", ErrClient, werr)
			}
			a.wait.progress()
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			x.Client.Abort()
			return a.classify(ctx, err)
		}
	}
	if err := x.Client.Finish(a.fields(x, nil, res.Trailer)); err != nil {
		return fmt.Errorf("%w: %w", ErrClient, err)
	}
	return nil
}

// response fills x.Response from the target's head. Field names are lower-case and
// sorted; their order is not to be had from x/net/http2.
func (a *attempt) response(x *exchange.Exchange, res *http.Response) {
	r := &x.Response
	r.Status, r.Version, r.ContentLength = res.StatusCode, exchange.HTTP2, res.ContentLength
	r.Fields = a.fields(x, r.Fields[:0], res.Header)
	r.HeadBytes = len(":status200")
	for _, f := range r.Fields {
		r.HeadBytes += len(f.Name) + len(f.Value)
	}
	x.Record.TargetBytesIn += int64(r.HeadBytes)
	if len(res.Trailer) > 0 {
		names := make([]string, 0, len(res.Trailer))
		for name := range res.Trailer {
			names = append(names, strings.ToLower(name))
		}
		slices.Sort(names)
		r.Fields = append(r.Fields, exchange.Field{Name: trailerName, Value: x.Arena.CopyString(strings.Join(names, ", ")), ID: exchange.FieldTrailer})
	}
	// Without the field, a length of 0 means that the stream ended with the head. With it,
	// trailers may follow.
	_, sized := res.Header["Content-Length"]
	r.NoBody = string(x.Request.Method) == http.MethodHead ||
		res.StatusCode == http.StatusNoContent || res.StatusCode == http.StatusNotModified ||
		res.ContentLength == 0 && !sized
}

// fields appends net/http's map of fields to dst, in the exchange's arena.
func (a *attempt) fields(x *exchange.Exchange, dst []exchange.Field, h http.Header) []exchange.Field {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, canonical := range names {
		b := append(x.Arena.Begin(), canonical...)
		for i, c := range b {
			b[i] = exchange.Lower(c)
		}
		f := exchange.Field{Name: x.Arena.End(b)}
		f.ID = exchange.Identify(f.Name)
		for _, v := range h[canonical] {
			f.Value = x.Arena.CopyString(v)
			dst = append(dst, f)
		}
	}
	return dst
}

// classify wraps an error of x/net/http2 in one of this package's.
func (a *attempt) classify(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		if isOurs(cause) {
			return cause
		}
		return fmt.Errorf("%w: %w", ErrClient, cause)
	}
	if isOurs(err) {
		return err
	}
	if rerr := a.body.failure(); rerr != nil {
		return fmt.Errorf("%w: %w", ErrClient, rerr)
	}
	var (
		stream http2.StreamError
		conn   http2.ConnectionError
		goAway http2.GoAwayError
		op     *net.OpError
	)
	switch {
	case errors.As(err, &stream):
		if stream.Cause != nil && stream.Cause.Error() == "received from peer" {
			return fmt.Errorf("%w: %w", ErrReset, err)
		}
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	case errors.As(err, &conn):
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	case errors.As(err, &goAway), errors.As(err, &op), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET),
		strings.HasPrefix(err.Error(), "http2: client conn"), strings.Contains(err.Error(), "GOAWAY"):
		return fmt.Errorf("%w: %w", ErrReset, err)
	}
	return fmt.Errorf("%w: %w", ErrMalformed, err)
}

func isOurs(err error) bool {
	for _, e := range []error{ErrConnect, ErrConnectTimeout, ErrTLS, ErrTLSTimeout, ErrTimeout, ErrReset, ErrMalformed, ErrClient} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
